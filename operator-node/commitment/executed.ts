/** What both operators attest of a batch (protocol §4), and the masks that a decision is made of (protocol §5). */
import { hash } from 'node:crypto';
import { fromHex } from './bytes.ts';
import type { BatchId, Hash, Hex, Leg } from '../model/ids.ts';

/** `ceil(count/8)` bytes; pair i at byte ⌊i/8⌋, bit of value 2^(i mod 8). */
export function executedBitmap(count: number, executed: (index: number) => boolean): Buffer {
  const bitmap = Buffer.alloc(Math.ceil(count / 8));
  for (let i = 0; i < count; i += 1) {
    if (executed(i)) bitmap[i >>> 3] = (bitmap[i >>> 3] ?? 0) | (1 << (i & 7));
  }
  return bitmap;
}

/** `ceil(count/256)` masks; pair i is the bit of value 2^(i mod 256) in word ⌊i/256⌋. */
export function maskWords(count: number, set: (index: number) => boolean): bigint[] {
  const bitmap = executedBitmap(count, set);
  return Array.from({ length: Math.ceil(count / 256) }, (_, word) => {
    const bytes = Buffer.from(bitmap.subarray(word * 32, (word + 1) * 32)).reverse();
    return BigInt(`0x${bytes.toString('hex')}`);
  });
}

export const wordHex = (word: bigint): Hex => `0x${word.toString(16).padStart(64, '0')}` as Hex;

/** One executed operation: a node's own leg as its ledger has it, the other leg as the terms say. */
export interface Executed {
  readonly leg: Leg;
  readonly asset: string;
  readonly amount: bigint;
}

/** JSON text of `[asset, firstTotal, secondTotal]` with the assets sorted by code unit. */
export function totalsText(executed: Iterable<Executed>): string {
  const totals = new Map<string, { first: bigint; second: bigint }>();
  for (const { leg, asset, amount } of executed) {
    let total = totals.get(asset);
    if (total === undefined) totals.set(asset, (total = { first: 0n, second: 0n }));
    total[leg] += amount;
  }
  const byCodeUnit = [...totals].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(byCodeUnit.map(([asset, { first, second }]) => [asset, `${first}`, `${second}`]));
}

const executedTag = Buffer.from('tandem/executed/1\0');

export const executedDigest = (secret: Hash, batchId: BatchId, bitmap: Uint8Array, totals: string): Hash =>
  `0x${hash('sha256', Buffer.concat([executedTag, fromHex(secret), fromHex(batchId), bitmap, Buffer.from(totals)]), 'hex')}` as Hash;
