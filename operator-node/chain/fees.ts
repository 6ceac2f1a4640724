/** Arithmetic of fees, in wei; and their form in the store, where a number is decimal text. */
import type { Fees } from './chain.ts';

export type StoredFees =
  | { readonly kind: 'eip1559'; readonly maxFeePerGas: string; readonly maxPriorityFeePerGas: string }
  | { readonly kind: 'legacy'; readonly gasPrice: string };

export const storeFees = (fees: Fees): StoredFees =>
  fees.kind === 'legacy'
    ? { kind: 'legacy', gasPrice: fees.gasPrice.toString() }
    : {
        kind: 'eip1559',
        maxFeePerGas: fees.maxFeePerGas.toString(),
        maxPriorityFeePerGas: fees.maxPriorityFeePerGas.toString(),
      };

export const loadFees = (fees: StoredFees): Fees =>
  fees.kind === 'legacy'
    ? { kind: 'legacy', gasPrice: BigInt(fees.gasPrice) }
    : {
        kind: 'eip1559',
        maxFeePerGas: BigInt(fees.maxFeePerGas),
        maxPriorityFeePerGas: BigInt(fees.maxPriorityFeePerGas),
      };

/** The most that one unit of gas may cost. */
export const ceiling = (fees: Fees): bigint => (fees.kind === 'legacy' ? fees.gasPrice : fees.maxFeePerGas);

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

export function capped(fees: Fees, cap: bigint): Fees {
  if (fees.kind === 'legacy') return { kind: 'legacy', gasPrice: least(fees.gasPrice, cap) };
  const maxFeePerGas = least(fees.maxFeePerGas, cap);
  return { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas: least(fees.maxPriorityFeePerGas, maxFeePerGas) };
}

/** Pools replace a transaction only by one that offers a tenth more in each field; an eighth leaves no doubt. */
const raised = (value: bigint): bigint => value + value / 8n + 1n;

/** Fees with which a transaction replaces its own older form; undefined when the cap does not allow it. */
export function replacementFees(old: Fees, asked: Fees, cap: bigint): Fees | undefined {
  if (old.kind === 'legacy') {
    const gasPrice = most(raised(old.gasPrice), asked.kind === 'legacy' ? asked.gasPrice : asked.maxFeePerGas);
    return raised(old.gasPrice) > cap ? undefined : { kind: 'legacy', gasPrice: least(gasPrice, cap) };
  }
  if (raised(old.maxFeePerGas) > cap) return undefined;
  const tip = most(raised(old.maxPriorityFeePerGas), asked.kind === 'legacy' ? 0n : asked.maxPriorityFeePerGas);
  const maxFeePerGas = least(most(raised(old.maxFeePerGas), ceiling(asked)), cap);
  return { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas: least(tip, maxFeePerGas) };
}
