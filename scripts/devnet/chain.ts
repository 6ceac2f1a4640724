/**
 * The devnet's chain: anvil, one block a second, without fees unless asked for otherwise. Its state is written every few seconds and at its end, so
 * that the next start goes on with the same chain; what a killed chain had not written is lost with it, and a devnet
 * whose nodes have seen more than the chain remembers must be started with --fresh.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chainId, DevnetError, endpointUrlsOf, root, type Layout } from './layout.ts';
import type { Processes } from './processes.ts';
import { rpc } from './rpc.ts';
import { until } from './wait.ts';

export const blockSeconds = 1;
const stateIntervalSeconds = 5;
const blockGasLimit = 60_000_000;
/**
 * Anvil makes a genesis block at each start, also when it then loads a state with another one, and may later show either:
 * with a fixed time they are the same block. 2026-01-01T00:00:00Z.
 */
const genesisTimestamp = 1_767_225_600;

/** The binary itself: its npm wrapper would be one process more between a signal and the chain. */
export function anvilBinary(): string {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  const file = process.platform === 'win32' ? 'anvil.exe' : 'anvil';
  const path = join(root, 'node_modules', '@foundry-rs', `anvil-${process.platform}-${arch}`, 'bin', file);
  if (!existsSync(path)) throw new DevnetError(`There is no ${path}: remove node_modules and start again.`);
  return path;
}

/** What gas costs, and whether the nodes' keys have money for it. */
export const gasModes = ['free', 'free-empty', 'fees', 'fees-empty'] as const;
export type GasMode = (typeof gasModes)[number];

/** Base fee 0 and gas price 0; or a base fee that begins here and falls while blocks are empty, and a tip of 1 gwei. */
const gasArguments = (gas: GasMode): readonly string[] =>
  gas.startsWith('free') ? ['--gas-price', '0', '--base-fee', '0'] : ['--base-fee', '1000000000'];

export interface ChainOptions {
  readonly gas: GasMode;
  /** False for a chain that is thrown away: nothing is written. */
  readonly keepState: boolean;
}

export async function startChain(processes: Processes, layout: Layout, options: ChainOptions): Promise<void> {
  mkdirSync(layout.chainDir, { recursive: true });
  const args = [
    ...['--host', '127.0.0.1', '--port', String(layout.chainPort), '--chain-id', String(chainId)],
    ...['--accounts', '0', ...gasArguments(options.gas), '--gas-limit', String(blockGasLimit)],
    ...['--timestamp', String(genesisTimestamp), '--no-mining'],
    ...['--hardfork', 'cancun', '--quiet', '--cache-path', join(layout.chainDir, 'cache')],
    ...(options.keepState ? ['--state', layout.chainStateFile, '--state-interval', String(stateIntervalSeconds)] : []),
  ];
  const logFile = join(layout.chainDir, 'chain.log');
  const part = processes.start('chain', anvilBinary(), args, { cwd: layout.chainDir, env: process.env, logFile });
  let dead = false;
  void part.exited.then(() => (dead = true));
  await until(
    async () => {
      if (dead) throw new DevnetError(`The chain ended at once: see ${logFile}.`);
      return rpc<string>(layout.rpcUrl, 'eth_chainId').catch(() => undefined);
    },
    { timeoutMillis: 20_000, failure: () => `The chain does not answer at ${layout.rpcUrl}: see ${logFile}.` },
  );
  // Its clock begins at the genesis block's time.
  await rpc(layout.rpcUrl, 'evm_setTime', [Math.floor(Date.now() / 1000)]);
}

/** The proxies that the nodes use in place of the chain: one process for all of them. */
export async function startEndpoints(processes: Processes, layout: Layout): Promise<void> {
  const { endpointPorts, rpcUrl, chainDir: cwd, endpointsLogFile: logFile } = layout;
  if (endpointPorts.length === 0) return;
  const script = join(import.meta.dirname, 'endpoint-proxy.ts');
  const args = [script, '--target', rpcUrl, '--ports', endpointPorts.join()];
  processes.start('endpoints', process.execPath, args, { cwd, env: process.env, logFile });
  for (const url of endpointUrlsOf(layout)) {
    await until(() => rpc<string>(url, 'eth_chainId').catch(() => undefined), {
      timeoutMillis: 20_000,
      failure: () => `The endpoint ${url} does not answer: see ${logFile}.`,
    });
  }
}

/** A block for each transaction, at once: for setting the chain up. */
export async function mineAtOnce(layout: Layout): Promise<void> {
  await rpc(layout.rpcUrl, 'evm_setAutomine', [true]);
}

/** From here on a block a second, by the machine's clock. */
export async function startBlocks(layout: Layout): Promise<void> {
  await rpc(layout.rpcUrl, 'evm_setIntervalMining', [blockSeconds]);
}

/** Where there is no fee, a balance only spares tools that insist on one. */
export async function fund(layout: Layout, address: string): Promise<void> {
  await rpc(layout.rpcUrl, 'anvil_setBalance', [address, `0x${(10n ** 24n).toString(16)}`]);
}

export async function blockNumber(layout: Layout): Promise<number> {
  return Number(await rpc<string>(layout.rpcUrl, 'eth_blockNumber'));
}
