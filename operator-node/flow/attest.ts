/**
 * What this operator executed of a batch, told by its own ledger: bitmap and own totals come from the postings, never
 * from the terms or the chain, so that a skipped posting shows as a discrepancy (protocol §4).
 */
import { batchSecret } from '../commitment/secrets.ts';
import { executedBitmap, executedDigest, totalsText, type Executed } from '../commitment/executed.ts';
import type { Posting } from '../domains/domain.ts';
import { legOf, otherLeg, type Hash, type Leg, type PairId } from '../model/ids.ts';
import { moneyOfLeg } from '../model/records.ts';
import { lostPairTable } from './past.ts';
import type { View } from '../store/store.ts';
import type { KnownBatch } from './batch.ts';
import type { FlowContext } from './context.ts';
import { loadSide, type Side } from './pair.ts';

function postingOf(
  flow: FlowContext,
  view: View,
  pair: PairId,
  leg: Leg,
): { readonly side: Side; readonly posting: Posting | undefined } {
  const found = loadSide(view, pair, leg);
  if (found === undefined) throw new RangeError(`pair ${pair} of a stored batch is not in the store`);
  return { side: found.side, posting: flow.domains.get(found.side.domain).posting(view, pair, leg) };
}

export function executedOf(flow: FlowContext, view: View, { record }: KnownBatch): Hash {
  const ownLeg = legOf(record.role);
  const onUs = record.batch.initiator === record.batch.acceptor;
  const executed: Executed[] = [];
  const bits = new Set<number>();
  const secrets: Hash[] = [];
  record.pairs.forEach((pair, index) => {
    const lost = view.get(lostPairTable, `${pair}!${record.role}`);
    if (lost !== undefined) {
      // Known by its leaf alone: nothing was booked here, and that is what is attested.
      secrets.push(lost.termsSecret);
      return;
    }
    const { side, posting } = postingOf(flow, view, pair, ownLeg);
    secrets.push(side.termsSecret);
    if (posting === undefined) return;
    bits.add(index);
    executed.push({ leg: ownLeg, asset: posting.asset, amount: BigInt(posting.amount) });
    const theirLeg = otherLeg(ownLeg);
    const other = onUs ? postingOf(flow, view, pair, theirLeg).posting : undefined;
    const agreed = moneyOfLeg(side.terms, theirLeg);
    executed.push(
      onUs
        ? { leg: theirLeg, asset: other?.asset ?? posting.asset, amount: BigInt(other?.amount ?? '0') }
        : {
            leg: theirLeg,
            asset: agreed.asset,
            amount: BigInt(agreed.amount),
          },
    );
  });
  const bitmap = executedBitmap(record.batch.count, (index) => bits.has(index));
  return executedDigest(batchSecret(secrets), record.batchId, bitmap, totalsText(executed));
}
