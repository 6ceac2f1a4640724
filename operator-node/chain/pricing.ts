/** Whether a transaction that is in no block yet should have another price, and which. No form is made that cannot be paid. */
import type { Fees, FeesAsked } from './chain.ts';
import { affordable, asksNothing, capped, ceiling, costOf, replacementFees } from './fees.ts';

/** Room for the calls that a key sends most, so that the first form of the next one can be paid. */
const usualGas = 1_000_000n;

/** What a new transaction offers: what is asked, or as much of it as can be paid. */
export const offerOf = (asked: FeesAsked, money: bigint | undefined): Fees =>
  (money === undefined ? undefined : affordable(asked, usualGas, money)) ?? asked.offer;

/** How it stands with a transaction. */
export interface Standing {
  /** A pool says so, or it offers less than the base fee. */
  readonly tooCheap: boolean;
  /** It is the next of its key, and has been in the pool for some blocks. */
  readonly stuck: boolean;
  /** No endpoint takes any of its forms. */
  readonly refused: boolean;
}

export type Repricing =
  | { readonly to: Fees }
  /** It would have to offer more than the cap, or than its key has. */
  | 'fee-cap'
  | 'no-money';

/** A pool that keeps a transaction back is offered more up to so many times what the chain asks: it may not be the price. */
const patience = 4n;

/**
 * `money`: what its key has for it; undefined while that is not known. Undefined: it stays as it is.
 */
export function repriced(
  { fees, gasLimit }: { readonly fees: Fees; readonly gasLimit: bigint },
  asked: FeesAsked,
  money: bigint | undefined,
  cap: bigint,
  { tooCheap, stuck, refused }: Standing,
): Repricing | undefined {
  if (refused) {
    const within = { ...asked, offer: capped(asked.offer, cap) };
    const lower = money === undefined ? within.offer : affordable(within, gasLimit, money);
    if (lower !== undefined && ceiling(lower) < ceiling(fees)) return { to: lower };
    // No block demands a price here, whatever is suggested; and some chains refuse any.
    if (asked.baseFee === 0n && ceiling(fees) > 0n) return { to: capped(fees, 0n) };
  }
  if ((!tooCheap && !stuck) || asksNothing(asked)) return undefined;
  const most = tooCheap ? cap : least(cap, patience * ceiling(asked.offer));
  const raised = replacementFees(fees, asked.offer, most);
  if (raised === undefined) return tooCheap ? 'fee-cap' : undefined;
  if (money === undefined || costOf(raised, gasLimit) <= money) return { to: raised };
  const paid = replacementFees(fees, asked.offer, least(most, money / gasLimit));
  return paid === undefined || ceiling(paid) <= asked.baseFee ? 'no-money' : { to: paid };
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
