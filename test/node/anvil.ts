/** A real chain of its own for one test: blocks are made only when the test says so. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
const file = process.platform === 'win32' ? 'anvil.exe' : 'anvil';
/** The binary itself: killing its npm wrapper would leave it running. */
const binary = join(
  import.meta.dirname,
  `../../node_modules/@foundry-rs/anvil-${process.platform}-${arch}/bin/${file}`,
);

export interface Anvil {
  readonly url: string;
  /** @throws {Error} with the chain's message */
  rpc<T = unknown>(method: string, ...params: readonly unknown[]): Promise<T>;
  mine(blocks?: number): Promise<void>;
  height(): Promise<number>;
  stop(): Promise<void>;
}

export const chainId = 20261123;

/** Without fees and without prefunded accounts, unless `args` says otherwise. */
export async function startAnvil(...args: readonly string[]): Promise<Anvil> {
  const child = spawn(
    binary,
    [
      ...['--port', '0', '--no-mining', '--order', 'fifo', '--chain-id', String(chainId)],
      ...(args.includes('--hardfork') ? [] : ['--hardfork', 'cancun']),
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const url = await listeningUrl(child.stdout);
  let id = 0;
  const rpc = async <T>(method: string, ...params: readonly unknown[]): Promise<T> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params }),
    });
    const answer = (await response.json()) as { readonly result: T; readonly error?: { readonly message: string } };
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
  return {
    url,
    rpc,
    mine: async (blocks = 1) => {
      await rpc('anvil_mine', `0x${blocks.toString(16)}`);
    },
    height: async () => Number(await rpc<string>('eth_blockNumber')),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

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
