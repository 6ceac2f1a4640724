import { Contract, JsonRpcProvider, Wallet, id, keccak256 } from 'ethers';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { operatorRegistryAbi, pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { type DeployRequest, admitOperator, admitOperators, deployTandem } from '../../scripts/contracts/deploy.ts';
import { gapOf } from '../../scripts/contracts/block-gap.ts';
import { contractNames, networkFile, parseDeployment } from '../../scripts/contracts/deployment.ts';
import { handOver } from '../../scripts/contracts/hand-over.ts';

const chainId = 20261123;
/** The first of the keys that anvil funds. */
const deployer = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const anvilPath = join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'anvil');

let anvil: ChildProcess;
let provider: JsonRpcProvider;
let folder: string;
let request: DeployRequest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-deploy-'));
  const process = spawn(anvilPath, ['--port', '0', '--block-time', '1', '--chain-id', String(chainId)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  anvil = process;
  const rpcUrl = await listeningUrl(process.stdout);
  provider = new JsonRpcProvider(rpcUrl, chainId, { staticNetwork: true });
  request = {
    rpcUrl,
    chainId,
    deployerPrivateKey: deployer.privateKey,
    authority: deployer.address,
    maxWindowSeconds: 3600,
    deploymentDir: join(folder, 'deployment'),
  };
});
afterAll(async () => {
  provider.destroy();
  anvil.kill();
  await once(anvil, 'exit');
  await rm(folder, { recursive: true });
});

async function listeningUrl(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const match = /Listening on (\S+)/.exec(line);
    if (match?.[1] !== undefined) {
      output.resume();
      return `http://${match[1]}`;
    }
  }
  throw new Error('anvil ended before it listened');
}

const operator = (handle: string) => {
  const { address } = new Wallet(id(handle));
  return {
    handle,
    controller: address,
    account: address,
    signer: address,
    pin: id(`pin of ${handle}`),
    endpoint: `https://${handle}.example`,
  };
};

describe('deployTandem', () => {
  it('deploys every contract once, and finds them again from the same folder', async () => {
    const deployment = await deployTandem(request);
    const again = await deployTandem(request);
    expect(again).toEqual(deployment);

    const { contracts, codeHashes } = deployment;
    const genesisHash = (await provider.getBlock(0))?.hash;
    expect(deployment).toMatchObject({ chainId, genesisHash, pinnedBlock: { number: 0, hash: genesisHash } });
    expect(
      parseDeployment(JSON.parse(networkFile(deployment, { finality: { mode: 'finalized' }, maxBlockGapSeconds: 20 }))),
    ).toEqual(deployment);
    const codes = contractNames.map(async (name) => [name, keccak256(await provider.getCode(contracts[name]))]);
    expect(codeHashes).toEqual(Object.fromEntries(await Promise.all(codes)));
    expect(await provider.getCode(contracts.OperatorRegistry, deployment.firstBlock)).not.toBe('0x');
    expect(await provider.getCode(contracts.OperatorRegistry, deployment.firstBlock - 1)).toBe('0x');

    const registry = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, provider);
    const settlement = new Contract(contracts.PairSettlement, pairSettlementAbi, provider);
    expect(await registry.getFunction('owner')()).toBe(deployer.address);
    expect(await registry.getFunction('maxWindow')()).toBe(3600n);
    expect((await registry.getFunction('finality')()).toArray()).toEqual([0n, 0n]);
    expect(await settlement.getFunction('REGISTRY')()).toBe(contracts.OperatorRegistry);
  });

  it('deploys with the finality it is given', async () => {
    const deploymentDir = join(folder, 'other');
    const { contracts } = await deployTandem({ ...request, deploymentDir, finality: { mode: 'finalized' } });
    const registry = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, provider);
    expect((await registry.getFunction('finality')()).toArray()).toEqual([1n, 0n]);
  });

  it('refuses an endpoint of another chain', async () => {
    const deploymentDir = join(folder, 'elsewhere');
    await expect(deployTandem({ ...request, deploymentDir, chainId: 1 })).rejects.toThrow(/chain/i);
  });
});

describe('admitOperators', () => {
  it('admits each handle once and gives its id', async () => {
    const { contracts } = await deployTandem(request);
    const call = {
      rpcUrl: request.rpcUrl,
      registry: contracts.OperatorRegistry,
      authorityPrivateKey: deployer.privateKey,
    };
    const operators = [operator('aurora'), operator('borealis')];
    const ids = new Map([
      ['aurora', 1],
      ['borealis', 2],
    ]);
    expect(await admitOperators({ ...call, operators })).toEqual(ids);
    expect(await admitOperators({ ...call, operators })).toEqual(ids);
    expect(await admitOperator({ ...call, operator: operator('corona') })).toBe(3);
  });
});

describe('a named network', () => {
  const founder = deployer.privateKey;
  const run = async (args: readonly string[], env: Record<string, string> = { TANDEM_FOUNDER_KEY: founder }) => {
    const script = join(import.meta.dirname, '..', '..', 'scripts', 'contracts', 'network.ts');
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    }
    const [exitCode] = (await once(child, 'close')) as [number];
    return { exitCode, output };
  };
  const parameters = () => ({
    name: 'test',
    chainId,
    maxWindowSeconds: 3600,
    finality: { mode: 'depth', depth: 2 },
    governance: { votingDelaySeconds: 1, votingPeriodSeconds: 60, timelockSeconds: 2, emergencySeconds: 100 },
    founders: [operator('delta'), operator('eos')],
  });

  it('is deployed from its parameter file, again without doing anything twice, and handed over in one command', async () => {
    const [dir, file] = [join(folder, 'network'), join(folder, 'parameters.json')];
    await writeFile(file, JSON.stringify(parameters()));
    const common = ['--rpc', request.rpcUrl, '--dir', dir];
    const first = await run(['deploy', ...common, '--parameters', file]);
    expect(first).toMatchObject({ exitCode: 0 });
    const networkPath = join(dir, 'network.json');
    const network = await readFile(networkPath, 'utf8');
    const published = JSON.parse(network) as {
      contracts: Record<string, string>;
      codeHashes: Record<string, string>;
      maxBlockGapSeconds: number;
    };
    for (const name of contractNames) expect(first.output).toContain(published.codeHashes[name]);
    // Measured, written, and left as it is by another run.
    expect(published.maxBlockGapSeconds).toBeGreaterThanOrEqual(10);
    expect(first.output).toContain(`maxBlockGapSeconds: ${published.maxBlockGapSeconds}, ten blocks of`);
    expect(await run(['deploy', ...common, '--parameters', file])).toMatchObject({ exitCode: 0 });
    expect(await readFile(networkPath, 'utf8')).toBe(network);

    const verify = ['verify', '--rpc', request.rpcUrl, '--network', networkPath, '--parameters', file];
    const early = await run(verify, {});
    expect(early.exitCode).toBe(1);
    const { contracts } = published;
    expect(early.output).toContain(
      `WRONG authority over the registry: expected ${contracts.ConsortiumTimelock}, found ${deployer.address}`,
    );
    expect(await run(['hand-over', ...common])).toMatchObject({ exitCode: 0 });
    const again = await run(['hand-over', ...common]);
    expect(again).toMatchObject({ exitCode: 0 });
    const done = await run(verify, {});
    expect(done.output).toMatch(/All \d+ checks passed/);
    expect(done.exitCode).toBe(0);

    await writeFile(file, JSON.stringify({ ...parameters(), maxBlockGapSeconds: 45 }));
    expect(await run(['deploy', ...common, '--parameters', file])).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(await readFile(networkPath, 'utf8'))).toEqual({ ...published, maxBlockGapSeconds: 45 });

    await writeFile(file, JSON.stringify({ ...parameters(), maxWindowSeconds: 7200 }));
    expect((await run(verify, {})).output).toContain('WRONG maxWindow: expected 7200, found 3600');
    const forged = join(folder, 'forged.json');
    const turned = { ...contracts, PairSettlement: contracts.OperatorRegistry };
    await writeFile(forged, JSON.stringify({ ...published, contracts: turned }));
    const wrong = await run(['verify', '--rpc', request.rpcUrl, '--network', forged], {});
    expect(wrong.output).toMatch(/WRONG code hash of PairSettlement/);
    expect(wrong.output).toMatch(/WRONG code of PairSettlement, as compiled here/);
  }, 120_000);

  it.each([
    [['deploy'], '--rpc is missing'],
    [['fly', '--rpc', 'x'], 'usage:'],
  ])('says what is missing: %j', async (args, text) => {
    const { exitCode, output } = await run(args);
    expect([exitCode, output]).toEqual([2, expect.stringContaining(text)]);
  });

  it('refuses a parameter file by the name of the field', async () => {
    const file = join(folder, 'bad.json');
    await writeFile(file, JSON.stringify({ ...parameters(), maxWindowSeconds: 1, surprise: true }));
    const { exitCode, output } = await run(['deploy', '--rpc', request.rpcUrl, '--dir', folder, '--parameters', file]);
    expect(exitCode).toBe(1);
    expect(output).toContain('maxWindowSeconds');
    expect(output).toContain('surprise');
  });
});

describe('gapOf', () => {
  it.each([
    [0, 10],
    [0.5, 10],
    [1, 10],
    [2, 20],
    [12.1, 121],
    [900, 3600],
  ])('proposes for blocks of %s s that the chain may make none for %s s', (seconds, gap) => {
    expect(gapOf(seconds)).toBe(gap);
  });
});

describe('handOver', () => {
  it('refuses a registry without operators, and somebody else’s', async () => {
    const { contracts } = await deployTandem({ ...request, deploymentDir: join(folder, 'empty') });
    const call = { rpcUrl: request.rpcUrl, contracts };
    await expect(handOver({ ...call, authorityPrivateKey: deployer.privateKey })).rejects.toThrow('No operator');
    await expect(handOver({ ...call, authorityPrivateKey: id('somebody') })).rejects.toThrow('to hand over');
  });
});
