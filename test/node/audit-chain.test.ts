/** Evidence against real contracts on a real chain, as an auditor has them: a file, a network file and an RPC endpoint. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, id, keccak256 } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBundle, fullPolicy, type BundleInput } from '../../operator-node/audit/bundle.ts';
import { readFacts } from '../../operator-node/audit/facts.ts';
import type { EvidenceBundle } from '../../operator-node/audit/format.ts';
import { operatorRegistryAbi, pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { verify } from '../../operator-node/cli/verify.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { Hash, Hex, OperatorId, UnixSeconds } from '../../operator-node/model/ids.ts';
import type { Network, SettlementDomain, SignedBatch } from '../../operator-node/model/records.ts';
import { admitOperators, deployTandem } from '../../scripts/contracts/deploy.ts';
import { anvilBinary } from '../../scripts/devnet/chain.ts';
import { makePair, signBatch, signers, type StoredPair } from './audit.fixture.ts';

const chainId = 20261123;
/** Keys that anvil funds. */
const deployer = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const account = new Wallet('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d');

const artifactFile = join(import.meta.dirname, '../../artifacts/contracts/PairSettlement.sol/PairSettlement.json');

let folder: string;
let anvil: ChildProcess;
let rpcUrl: string;
let network: Network;
let provider: JsonRpcProvider;

async function startAnvil(): Promise<void> {
  const args = ['--port', '0', '--chain-id', String(chainId), '--state', join(folder, 'state.json')];
  anvil = spawn(anvilBinary(), [...args, '--cache-path', join(folder, 'cache')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (anvil.stdout === null) throw new Error('anvil has an output');
  for await (const line of createInterface({ input: anvil.stdout })) {
    const address = /Listening on (\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    anvil.stdout.resume();
    rpcUrl = `http://${address}`;
    provider = new JsonRpcProvider(rpcUrl, chainId, { staticNetwork: true, cacheTimeout: -1 });
    return;
  }
  throw new Error('anvil ended before it listened');
}

async function stopAnvil(): Promise<void> {
  provider.destroy();
  anvil.kill('SIGTERM');
  if (anvil.exitCode === null) await once(anvil, 'exit');
}

const settlementAt = (address: string, from: Wallet) =>
  new Contract(address, pairSettlementAbi, new NonceManager(from.connect(provider)));

async function send(contract: Contract, method: string, ...args: unknown[]): Promise<number> {
  const transaction = (await contract.getFunction(method).send(...args)) as {
    wait(): Promise<{ blockNumber: number }>;
  };
  return (await transaction.wait()).blockNumber;
}

interface Settled {
  readonly pairs: readonly StoredPair[];
  readonly signed: SignedBatch;
  readonly domain: SettlementDomain;
  readonly preparedBlock: number;
  readonly decisionBlock: number;
}

/** Three pairs: 0 committed, 1 aborted by its bit, 2 left to the deadline, in the contract at `address`. */
async function settle(address: string): Promise<Settled> {
  const latest = await provider.getBlock('latest');
  if (latest === null) throw new Error('the chain has a block');
  const deadline = latest.timestamp + 600;
  const domain = { chainId: BigInt(chainId), contract: address };
  const pairs = [0, 1, 2].map((number) =>
    makePair(number, { initiator: 1, acceptor: 2 }, { terms: { deadline: `${deadline}` } }),
  );
  const signed = signBatch(domain, pairs, {
    initiator: 1 as OperatorId,
    acceptor: 2 as OperatorId,
    sequence: 1,
    deadline: deadline as UnixSeconds,
  });
  const { batch, batchId, initiatorSignature, acceptorSignature } = signed;
  const preparedBlock = await send(
    settlementAt(address, deployer),
    'prepare',
    batch,
    initiatorSignature,
    acceptorSignature,
  );
  const decisionBlock = await send(settlementAt(address, account), 'decide', [[batchId, 0, 1n, 2n]]);
  return { pairs, signed, domain, preparedBlock, decisionBlock };
}

const reader = (of: Network) =>
  new RpcReader({
    endpoints: connect({ network: of, urls: [rpcUrl], clock: systemClock }),
    network: of,
    extraDepth: 0,
  });

async function bundleOf(
  settled: Settled,
  index: number,
  change: Partial<BundleInput> = {},
  of: Network = network,
): Promise<string> {
  const { pairs, signed, domain, preparedBlock, decisionBlock } = settled;
  const pair = pairs[index];
  if (pair === undefined) throw new Error(`no pair ${index}`);
  const facts = await readFacts(reader(of), { signed, index, preparedBlock, decisionBlock });
  return buildBundle({
    domain,
    signed,
    position: { leaves: pairs.map(({ leaf }) => leaf), index },
    terms: pair.terms,
    termsSecret: pair.termsSecret,
    operations: { first: pair.operations.first },
    facts,
    ...change,
  });
}

/** `tandem verify` on that content; by default with the network file and the endpoint. */
async function run(content: string | Uint8Array, args?: readonly string[], against: Network = network) {
  const bundleFile = join(folder, 'bundle.json');
  const networkFile = join(folder, 'network.json');
  await writeFile(bundleFile, content);
  await writeFile(networkFile, JSON.stringify(against));
  const written = { stdout: '', stderr: '' };
  const code = await verify([bundleFile, ...(args ?? ['--network', networkFile, '--rpc', rpcUrl])], {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
  });
  return { code, ...written };
}

let settled: Settled;
let deadlinePassed: number;
let bundle: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-evidence-'));
  await startAnvil();
  const deployment = await deployTandem({
    rpcUrl,
    chainId,
    deployerPrivateKey: deployer.privateKey,
    authority: deployer.address,
    maxWindowSeconds: 3600,
    deploymentDir: join(folder, 'deployment'),
  });
  network = {
    ...(deployment as unknown as Network),
    chainId: `${chainId}`,
    contracts: {
      OperatorRegistry: deployment.contracts.OperatorRegistry.toLowerCase(),
      PairSettlement: deployment.contracts.PairSettlement.toLowerCase(),
    },
    finality: { mode: 'depth', depth: 0 },
  };
  await admitOperators({
    rpcUrl,
    registry: network.contracts.OperatorRegistry,
    authorityPrivateKey: deployer.privateKey,
    operators: (['initiator', 'acceptor'] as const).map((side) => ({
      handle: side,
      controller: side === 'acceptor' ? deployer.address : new Wallet(id('controller of the initiator')).address,
      account: side === 'acceptor' ? account.address : deployer.address,
      signer: signers[side].address,
      pin: id(side),
      endpoint: `https://${side}.example`,
    })),
  });
  settled = await settle(network.contracts.PairSettlement);
  bundle = await bundleOf(settled, 0);
  await provider.send('evm_increaseTime', [601]);
  await provider.send('evm_mine', []);
  deadlinePassed = await provider.getBlockNumber();
});
afterAll(async () => {
  await stopAnvil();
  await rm(folder, { recursive: true });
});

describe('readFacts', () => {
  it('refuses blocks that do not have what the node stored of them', async () => {
    const { signed, preparedBlock, decisionBlock } = settled;
    const facts = (change: object) =>
      readFacts(reader(network), { signed, index: 0, preparedBlock, decisionBlock, ...change });
    await expect(facts({ preparedBlock: decisionBlock })).rejects.toThrow('no BatchPrepared of batch');
    await expect(facts({ decisionBlock: preparedBlock })).rejects.toThrow('neither a decision of pair 0');
    await expect(facts({ index: 2 })).rejects.toThrow('neither a decision of pair 2');
    const forged = { ...signed, acceptorSignature: `0x${'11'.repeat(65)}` as Hex };
    expect(await facts({ signed: forged })).toMatchObject({
      signers: { acceptor: signers.acceptor.address.toLowerCase() },
    });
  });
});

describe('tandem verify', () => {
  it('cannot check without a bundle, with a half-given chain, or with files that are none', async () => {
    for (const args of [[], ['--network', 'n.json'], ['--rpc', 'ws://127.0.0.1'], ['--unknown'], ['another.json']]) {
      const attempt =
        args.length === 0 ? verify([], { stdout: { write: () => 0 }, stderr: { write: () => 0 } }) : undefined;
      expect(attempt === undefined ? (await run(bundle, args)).code : await attempt).toBe(2);
    }
    const absent = join(folder, 'absent.json');
    expect((await run(bundle, ['--network', absent, '--rpc', rpcUrl])).stderr).toContain('ENOENT');
    const networkOfNothing = join(folder, 'nothing.json');
    await writeFile(networkOfNothing, '{}');
    const result = await run(bundle, ['--network', networkOfNothing, '--rpc', rpcUrl]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('genesisHash');
  });

  it('cannot check where the endpoint does not answer', async () => {
    const networkFile = join(folder, 'network.json');
    const result = await run(bundle, ['--network', networkFile, '--rpc', 'http://127.0.0.1:1/secret']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('127.0.0.1:1: no answer');
    expect(result.stderr).not.toContain('secret');
  });

  it('is UNPINNED without a network file', async () => {
    const result = await run(bundle, []);
    expect(result.code).toBe(3);
    expect(result.stdout).toMatch(/^UNPINNED: /m);
    expect(result.stdout).not.toContain('PASS');
  });

  it('fails a bundle of a look-alike contract on the same chain, however it is written', async () => {
    const registry = network.contracts.OperatorRegistry;
    const { bytecode } = JSON.parse(await readFile(artifactFile, 'utf8')) as { bytecode: string };
    const factory = new ContractFactory(pairSettlementAbi, bytecode, deployer.connect(provider));
    const deployed = await factory.deploy(registry);
    await deployed.waitForDeployment();
    const address = (await deployed.getAddress()).toLowerCase();
    const alike = await settle(address);
    const theirs: Network = {
      ...network,
      contracts: { ...network.contracts, PairSettlement: address },
      codeHashes: { ...network.codeHashes, PairSettlement: keccak256(await provider.getCode(address)) as Hash },
    };
    const text = await bundleOf(alike, 0, {}, theirs);
    expect((await run(text, undefined, theirs)).code).toBe(0);

    const result = await run(text);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/^✗ network +the bundle’s contract is 0x/m);
    const renamed = await run(text.replace(address, network.contracts.PairSettlement));
    expect(renamed.stdout).toMatch(/^FAIL: batch-id, prepared, decision, contract$/m);
  });

  it('fails for a changed byte in every part of the bundle, and for bytes that are no text', async () => {
    const parsed = JSON.parse(bundle) as EvidenceBundle;
    const flip = (text: string): string => text.slice(0, -1) + (text.endsWith('1') ? '2' : '1');
    const parts: string[] = [
      parsed.batchId,
      parsed.batch.root,
      parsed.signatures.initiator,
      parsed.signatures.acceptor,
      parsed.signers.initiator,
      parsed.leaf.terms,
      parsed.leaf.second,
      parsed.prepared.transaction,
      parsed.prepared.block.hash,
      parsed.decision.block.hash,
      ...parsed.proof,
      ...parsed.records.terms,
      ...(parsed.records.first ?? []),
    ];
    for (const part of parts) {
      const { code, stdout } = await run(bundle.replace(part, flip(part)));
      expect(code).toBe(1);
      expect(stdout).toMatch(/^✗ /m);
      expect(stdout).toMatch(/^FAIL: \S/m);
    }
    const bytes = Buffer.from(bundle);
    bytes[100] = 0xff;
    expect((await run(bytes)).stdout).toMatch(/^FAIL: form$/m);
  });

  it('passes a committed pair, and says what it found', async () => {
    const result = await run(bundle);
    expect(result.stdout).not.toMatch(/^[✗–]/m);
    expect(result.stdout).toMatch(/^PASS: pair 0190a1b2-\S+ committed, block \d+, \S+Z$/m);
    expect(result.stdout).toMatch(/^ +terms\.firstAmount +"12000"$/m);
    expect(result.code).toBe(0);
  });

  it('passes an aborted pair, one that the deadline aborted, and the acceptor’s record with everything disclosed', async () => {
    const json = async (text: string) => {
      const { code, stdout } = await run(text, ['--network', join(folder, 'network.json'), '--rpc', rpcUrl, '--json']);
      return { code, ...(JSON.parse(stdout) as { verdict: string; statement: { status: string } }) };
    };
    const aborted = await json(await bundleOf(settled, 1));
    expect(aborted).toMatchObject({ code: 0, verdict: 'PASS', statement: { status: 'aborted' } });
    const expired = await bundleOf({ ...settled, decisionBlock: deadlinePassed }, 2);
    expect(JSON.parse(expired)).toMatchObject({ decision: { by: 'deadline' } });
    expect(await json(expired)).toMatchObject({ code: 0, verdict: 'PASS', statement: { status: 'aborted' } });
    const second = settled.pairs[0]?.operations.second;
    if (second === undefined) throw new Error('the pair has a second operation');
    const full = await json(await bundleOf(settled, 0, { operations: { second }, policy: fullPolicy }));
    expect(full).toMatchObject({ code: 0, verdict: 'PASS', statement: { disclosed: { second: second.record } } });
  });

  it('shows no terminal sequence of a discloser', async () => {
    const pair = settled.pairs[0];
    if (pair === undefined) throw new Error('there is a pair');
    const { stdout } = await run(bundle.replace('"format":"', '"format":"\\u001b[2J'));
    expect(stdout).not.toContain('\u001b');
  });

  it('passes after a rotation of keys, and from an endpoint that has let go of old state', async () => {
    const registry = new Contract(
      network.contracts.OperatorRegistry,
      operatorRegistryAbi,
      new NonceManager(deployer.connect(provider)),
    );
    await send(registry, 'rotateSigner', 2, new Wallet(id('new signer')).address, 0);
    expect((await run(bundle)).code).toBe(0);
    await stopAnvil();
    await startAnvil();
    const at = `0x${settled.preparedBlock.toString(16)}`;
    await expect(
      provider.send('eth_call', [{ to: network.contracts.OperatorRegistry, data: '0x' }, at]),
    ).rejects.toThrow();
    const result = await run(bundle);
    expect(result.stdout).toMatch(/^PASS: /m);
    expect(await bundleOf(settled, 0)).toBe(bundle);
    const forged = JSON.parse(bundle) as EvidenceBundle;
    const other = signers.initiator.address.toLowerCase();
    const swapped = bundle.replace(`"acceptor":"${forged.signers.acceptor}"`, `"acceptor":"${other as Hash}"`);
    expect((await run(swapped)).stdout).toMatch(/^FAIL: signers, signatures$/m);
  });
});
