/** Whether anything is still under way, as far as it can be asked from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readinessOf, type NodeClient } from '../../operator-node/api/client.ts';
import { rpc } from '../devnet/rpc.ts';
import { readChain } from './anchored.ts';
import { finalityDepth, type ChaosNet } from './net.ts';

const pollMillis = 500;
/** The nodes' own figures are as old as this at most. */
const sampleMillis = 2500;

function sumOf(metrics: string, name: string): number {
  let sum = 0;
  for (const match of metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))) sum += Number(match[1]);
  return sum;
}

async function busy(client: NodeClient, handle: string): Promise<string[]> {
  const readiness = await readinessOf(client);
  if (readiness?.ready !== true) return [`${handle} is not ready: ${JSON.stringify(readiness?.checks ?? 'no answer')}`];
  const { body } = await client.raw('GET', '/metrics', 'admin');
  const [open, outbox] = [sumOf(body, 'tandem_open_pairs'), sumOf(body, 'tandem_outbox_entries')];
  return open + outbox === 0 ? [] : [`${handle} has ${open} open pairs and ${outbox} entries in the outbox`];
}

/** What is still under way; empty when nothing is. */
async function underWay({ devnet, file, handles }: ChaosNet): Promise<string[]> {
  const found: string[] = [];
  for (const [handle, client] of devnet.clients) {
    if (handles.includes(handle)) found.push(...(await busy(client, handle)));
  }
  const chain = await readChain(file.rpcUrl, file.contracts.PairSettlement);
  const open = [...chain.batches.values()].filter(({ reconciled }) => !reconciled).length;
  if (open > 0) found.push(`${open} batches are not reconciled`);
  const head = Number(await rpc<string>(file.rpcUrl, 'eth_blockNumber'));
  // Until then the nodes keep what they have sent.
  if (head < chain.lastBlock + finalityDepth + 2) found.push(`block ${chain.lastBlock} is not final for long`);
  return found;
}

/** Waits until nothing is under way twice in a row. @returns what still is, when `timeoutMillis` are over */
export async function untilQuiet(
  net: ChaosNet,
  timeoutMillis: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const end = performance.now() + timeoutMillis;
  let quiet = 0;
  for (;;) {
    let found: string[];
    try {
      found = await underWay(net);
    } catch (error) {
      found = [String(error)];
    }
    quiet = found.length === 0 ? quiet + 1 : 0;
    if (quiet === 2) return [];
    if (performance.now() > end) return found;
    await sleep(quiet === 0 ? pollMillis : sampleMillis, undefined, { signal });
  }
}
