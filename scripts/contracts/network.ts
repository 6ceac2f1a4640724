/**
 * A named network from its parameter file.
 *
 *   network.ts deploy    --rpc URL --parameters FILE --dir DIR   contracts and founders; again: goes on where it ended
 *   network.ts hand-over --rpc URL --dir DIR                     the founder gives its power up, and it is checked
 *   network.ts verify    --rpc URL --network FILE [--parameters FILE]
 *
 * DIR receives `network.json` and Ignition's journal. The founder's key, which pays, is in the environment as
 * TANDEM_FOUNDER_KEY (0x and 64 hex digits); `verify` needs none. Ends with 1 when a check fails.
 */
import { Wallet } from 'ethers';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../../operator-node/json.ts';

import { hiding, isRpcUrl } from '../../operator-node/chain/address.ts';
import { scriptArguments } from '../arguments.ts';
import { parseNetwork } from '../../operator-node/model/network-file.ts';
import { blockSeconds, gapOf } from './block-gap.ts';
import { admitOperators, deployTandem } from './deploy.ts';
import { type Deployment, contractNames, networkFile, parseDeployment, readParameters } from './deployment.ts';
import { handOver } from './hand-over.ts';
import { type Finding, verifyDeployment } from './verify.ts';

const usage = `usage: network.ts deploy    --rpc URL --parameters FILE --dir DIR   contracts and founders
       network.ts hand-over --rpc URL --dir DIR                     the founder gives its power up
       network.ts verify    --rpc URL --network FILE [--parameters FILE]   (npm run verify-deployment -- …)`;
const { positionals, values } = scriptArguments(
  usage,
  { rpc: { type: 'string' }, parameters: { type: 'string' }, network: { type: 'string' }, dir: { type: 'string' } },
  1,
);

/** It was called wrongly. */
class UsageError extends Error {}

function required(name: 'rpc' | 'parameters' | 'network' | 'dir'): string {
  const value = values[name];
  if (value === undefined) throw new UsageError(`--${name} is missing.\n${usage}`);
  if (name === 'rpc' && !isRpcUrl(value)) throw new UsageError(`--rpc is no http or https URL.\n${usage}`);
  return value;
}

function founderKey(): string {
  const key = process.env['TANDEM_FOUNDER_KEY'];
  if (key === undefined || !/^0x[0-9a-fA-F]{64}$/.test(key)) {
    throw new Error('TANDEM_FOUNDER_KEY must be the founder’s private key: 0x and 64 hex digits');
  }
  return key;
}

const readNetwork = (file: string): Deployment => parseDeployment(parseJson(readFileSync(file, 'utf8')));

function print(deployment: Deployment): void {
  for (const name of contractNames) {
    console.log(`${name.padEnd(20)} ${deployment.contracts[name]}  code ${deployment.codeHashes[name]}`);
  }
}

function report(findings: readonly Finding[]): void {
  for (const { check, ok, expected, found } of findings) {
    console.log(ok ? `ok    ${check}: ${found}` : `WRONG ${check}: expected ${expected}, found ${found}`);
  }
  const wrong = findings.filter(({ ok }) => !ok).length;
  console.log(wrong === 0 ? `All ${findings.length} checks passed.` : `${wrong} of ${findings.length} checks failed.`);
  if (wrong !== 0) process.exitCode = 1;
}

async function deploy(): Promise<void> {
  const [rpcUrl, dir, key] = [required('rpc'), required('dir'), founderKey()];
  const parameters = readParameters(required('parameters'));
  const { chainId, maxWindowSeconds, finality, governance, founders } = parameters;
  mkdirSync(dir, { recursive: true });
  const deployment = await deployTandem({
    rpcUrl,
    chainId,
    deployerPrivateKey: key,
    authority: new Wallet(key).address,
    maxWindowSeconds,
    finality,
    governance,
    deploymentDir: join(dir, 'ignition'),
  });
  print(deployment);
  const registry = deployment.contracts.OperatorRegistry;
  const ids = await admitOperators({ rpcUrl, registry, authorityPrivateKey: key, operators: founders });
  for (const [handle, operatorId] of ids) console.log(`operator ${operatorId}: ${handle}`);
  const file = join(dir, 'network.json');
  const maxBlockGapSeconds = parameters.maxBlockGapSeconds ?? (await proposedGap(file, rpcUrl, chainId));
  writeFileSync(file, networkFile(deployment, { finality, maxBlockGapSeconds }));
  console.log(`Written: ${file}`);
}

/** As the file has it already; otherwise ten of the chain's block times, at least 10 s. */
async function proposedGap(file: string, rpcUrl: string, chainId: number): Promise<number> {
  const before = existsSync(file) ? parseNetwork(parseJson(readFileSync(file, 'utf8'))).maxBlockGapSeconds : undefined;
  if (before !== undefined) return before;
  const seconds = await blockSeconds(rpcUrl, chainId);
  const gap = gapOf(seconds);
  console.log(
    `maxBlockGapSeconds: ${gap}, ten blocks of ${seconds.toFixed(1)} s and at least 10 s. Nodes take no orders when the chain makes none for so long; name another in the parameters.`,
  );
  return gap;
}

async function giveUp(): Promise<void> {
  const [rpcUrl, key] = [required('rpc'), founderKey()];
  const deployment = readNetwork(join(required('dir'), 'network.json'));
  await handOver({ rpcUrl, contracts: deployment.contracts, authorityPrivateKey: key });
  report(await verifyDeployment({ rpcUrl, deployment }));
}

async function verify(): Promise<void> {
  const deployment = readNetwork(required('network'));
  const parameters = values.parameters === undefined ? {} : { parameters: readParameters(values.parameters) };
  report(await verifyDeployment({ rpcUrl: required('rpc'), deployment, ...parameters }));
}

const commands: Readonly<Record<string, () => Promise<void>>> = { deploy, 'hand-over': giveUp, verify };
try {
  const name = positionals[0] ?? '';
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new UsageError(usage);
  await command();
} catch (error) {
  console.error(hiding(values.rpc, (error as Error).message));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
