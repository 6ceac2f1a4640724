/**
 * The logs of one block, as complete as can be told: where the header's bloom says that our contracts may have logged, the
 * logs are counted again in the receipts. An index of logs can be missing or behind; receipts are what the header commits to.
 */
import { keccak256 } from 'ethers';
import type { Hash, Hex } from '../model/ids.ts';
import type { Endpoint } from './endpoint.ts';
import type { Said } from './endpoints.ts';
import { ask, map, rpcBlockTransactions, rpcLogs, rpcReceipt, type RpcLog } from './wire.ts';

/**
 * By the logs bloom of a header (Yellow Paper §4.3.1): 2,048 bits, three of them set for each address and topic.
 * False only if no log of that address is in the block; true may be a coincidence.
 */
export function mayHoldLogsOf(bloom: Hex, address: string): boolean {
  const bits = Buffer.from(bloom.slice(2), 'hex');
  const digest = Buffer.from(keccak256(address).slice(2), 'hex');
  return [0, 2, 4].every((at) => {
    const bit = digest.readUInt16BE(at) & 2047;
    return ((bits[bits.length - 1 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}

/** In log order. Cannot say while logs and receipts differ. */
export async function blockLogs(
  endpoint: Endpoint,
  blockHash: Hash,
  addresses: readonly string[],
  verify: boolean,
): Promise<Said<readonly RpcLog[]>> {
  const wanted = new Set(addresses.map((address) => address.toLowerCase()));
  const ours = (logs: readonly RpcLog[]): readonly RpcLog[] =>
    logs
      .filter((log) => wanted.has(log.address) && log.blockHash === blockHash && log.removed !== true)
      .map(withoutRemoved)
      .sort((a, b) => a.logIndex - b.logIndex);
  const [indexed, receipts] = await Promise.all([
    ask(endpoint, 'eth_getLogs', [{ address: addresses, blockHash }], rpcLogs),
    verify ? receiptLogs(endpoint, blockHash) : undefined,
  ]);
  if (receipts === undefined || 'unknown' in indexed) return map(indexed, ours);
  if ('unknown' in receipts) return receipts;
  const [found, logged] = [ours(indexed.value), ours(receipts.value)];
  if (JSON.stringify(found) === JSON.stringify(logged)) return { value: found };
  const unknown = `gives ${found.length} logs of block ${blockHash}, its receipts have ${logged.length}`;
  // An index may lack logs for a while; it never has what no receipt has.
  const inReceipts = new Set(logged.map((log) => JSON.stringify(log)));
  const lacks = found.length < logged.length && found.every((log) => inReceipts.has(JSON.stringify(log)));
  return lacks ? { unknown } : { unknown, wrong: true };
}

/** Endpoints say it for some kinds of questions only. */
const withoutRemoved = ({ address, topics, data, blockHash, transactionHash, logIndex }: RpcLog): RpcLog => ({
  address,
  topics,
  data,
  blockHash,
  transactionHash,
  logIndex,
});

async function receiptLogs(endpoint: Endpoint, blockHash: Hash): Promise<Said<readonly RpcLog[]>> {
  const block = await ask(endpoint, 'eth_getBlockByHash', [blockHash, false], rpcBlockTransactions);
  if ('unknown' in block) return block;
  const receipts = await Promise.all(
    block.value.transactions.map((hash) => ask(endpoint, 'eth_getTransactionReceipt', [hash], rpcReceipt)),
  );
  const logs: RpcLog[] = [];
  for (const receipt of receipts) {
    if ('unknown' in receipt) return receipt;
    logs.push(...receipt.value.logs);
  }
  return { value: logs };
}
