/**
 * A refund is a pair the other way whose terms name the original in `reverses`: same asset, and all refunds of a pair
 * together never exceed it. Each side of an original counts what its refunds take, in flight or committed; both
 * operators count, so neither can be talked past it.
 */
import type { Amount, OperatorId, PairId, UserId } from '../model/ids.ts';
import { toAmount } from '../model/ids.ts';
import type { Terms } from '../model/records.ts';
import { table, type Tx, type View } from '../store/store.ts';
import { loadSide, type PairSide, type Side } from './pair.ts';

/** Refunded so far, in minor units of the original. Key: `<original pairId>!<leg of this operator in the original>`. */
export const refundedTable = table<Amount>('refunded');

const refundKey = (original: Pick<Side, 'pair' | 'leg'>): string => `${original.pair}!${original.leg}`;

/** The leg of the original that is of the operator of this leg of the refund: a refund turns the roles round only if the first user paid. */
const paidFirst = (service: string): boolean => service !== 'request';

/** True where this side's user got the money of the pair. */
export const wasPaid = (side: Side): boolean => (side.leg === 'first') !== paidFirst(side.service);

export function refundable(view: View, original: Side): bigint {
  const taken = view.get(refundedTable, refundKey(original)) ?? '0';
  return BigInt(original.operation.amount) - BigInt(taken);
}

function take(tx: Tx, original: Side, amount: bigint): void {
  const taken = BigInt(tx.get(refundedTable, refundKey(original)) ?? '0');
  tx.put(refundedTable, refundKey(original), toAmount(taken + amount));
}

/** This operator's side of the original that `side` refunds: the payee's for the refund's first leg, the payer's for its second. */
function originalOf(view: View, reverses: PairId, user: UserId, payee: boolean): PairSide | undefined {
  for (const leg of ['first', 'second'] as const) {
    const found = loadSide(view, reverses, leg);
    if (found !== undefined && found.side.user === user && wasPaid(found.side) === payee) return found;
  }
  return undefined;
}

/** The ref by which this side's user knows what `refund` gives back; "" for a pair that is no refund. */
export function originalRef(view: View, refund: Side): string {
  const { reverses } = refund.terms;
  return reverses === '' ? '' : (originalOf(view, reverses, refund.user, refund.leg === 'first')?.side.ref ?? '');
}

export function takeRefund(tx: Tx, original: Side, amount: Amount): void {
  take(tx, original, BigInt(amount));
}

/** The refund came to nothing: what it took of the original can be refunded again. */
export function returnRefund(tx: Tx, refund: Side): void {
  const { reverses } = refund.terms;
  if (reverses === '') return;
  const original = originalOf(tx, reverses, refund.user, refund.leg === 'first');
  if (original !== undefined) take(tx, original.side, -BigInt(refund.operation.amount));
}

/**
 * The original that a proposed refund is of, at the payer's operator; undefined where the terms do not fit: no such pair,
 * not committed, other user, other peer, other asset, or more than is left.
 */
export function refundFits(view: View, terms: Terms, payer: UserId, peer: OperatorId): Side | undefined {
  if (terms.reverses === '') return undefined;
  const original = originalOf(view, terms.reverses, payer, false);
  if (original === undefined || original.state.state !== 'committed' || original.side.peer !== peer) return undefined;
  if (original.side.operation.asset !== terms.secondAsset) return undefined;
  return BigInt(terms.secondAmount) <= refundable(view, original.side) ? original.side : undefined;
}
