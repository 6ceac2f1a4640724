/** Arithmetic of fees, in wei; and their form in the store, where a number is decimal text. */
import type { Fees, FeesAsked } from './chain.ts';

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

/** What the chain may take for a transaction at most. */
export const costOf = (fees: Fees, gasLimit: bigint): bigint => ceiling(fees) * gasLimit;

/** Nothing is to be had here by paying: base fee and price are 0. */
export const asksNothing = ({ offer }: FeesAsked): boolean => ceiling(offer) === 0n;

/**
 * What has to be paid for a unit of gas, as far as that is known before one is refused. Beside a base fee of 0 a tip is only
 * suggested, by what others have given.
 */
export const demanded = ({ offer, baseFee }: FeesAsked): bigint =>
  offer.kind === 'eip1559' && baseFee === 0n ? 0n : ceiling(offer);

/** Above the base fee when that rises by as much as it may in one block. */
const enoughFor = (baseFee: bigint): bigint => baseFee + baseFee / 8n;

/**
 * What is asked, or as much of it as this money pays for so much gas; undefined where that is less than any block takes.
 * Without a base fee a price is a wish, so that nothing is too little to be tried.
 */
export function affordable({ offer, baseFee }: FeesAsked, gasLimit: bigint, money: bigint): Fees | undefined {
  if (costOf(offer, gasLimit) <= money) return offer;
  const each = money <= 0n ? 0n : money / gasLimit;
  return each < enoughFor(baseFee) ? undefined : capped(offer, each);
}

/** Pools replace a transaction only by one that offers a tenth more in each field; an eighth leaves no doubt. */
const raised = (value: bigint): bigint => value + value / 8n + 1n;

/**
 * Fees with which a transaction replaces its own older form; undefined when the cap does not allow it, and where nothing is
 * asked: more than nothing would buy nothing there, and may be refused.
 */
export function replacementFees(old: Fees, asked: Fees, cap: bigint): Fees | undefined {
  if (ceiling(asked) === 0n) return undefined;
  if (old.kind === 'legacy') {
    const gasPrice = most(raised(old.gasPrice), ceiling(asked));
    return raised(old.gasPrice) > cap ? undefined : { kind: 'legacy', gasPrice: least(gasPrice, cap) };
  }
  if (raised(old.maxFeePerGas) > cap) return undefined;
  const tip = most(raised(old.maxPriorityFeePerGas), asked.kind === 'legacy' ? 0n : asked.maxPriorityFeePerGas);
  const maxFeePerGas = least(most(raised(old.maxFeePerGas), ceiling(asked)), cap);
  return { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas: least(tip, maxFeePerGas) };
}
