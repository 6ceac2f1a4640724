/**
 * What this operator executed of a batch, told by its own ledger: bitmap and own totals come from the postings, never
 * from the terms or the chain, so that a skipped posting shows as a discrepancy (protocol §4).
 */
import { batchSecret } from '../commitment/secrets.ts';
import { executedBitmap, executedDigest, totalsText, type Executed } from '../commitment/executed.ts';
import type { Posting } from '../domains/domain.ts';
import type { Hash, Leg, PairId } from '../model/ids.ts';
import { lostPairTable } from '../recovery/state.ts';
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
  const ownLeg: Leg = record.role === 'initiator' ? 'first' : 'second';
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
    const otherLeg: Leg = ownLeg === 'first' ? 'second' : 'first';
    const other = onUs ? postingOf(flow, view, pair, otherLeg).posting : undefined;
    const { terms } = side;
    executed.push(
      onUs
        ? { leg: otherLeg, asset: other?.asset ?? posting.asset, amount: BigInt(other?.amount ?? '0') }
        : {
            leg: otherLeg,
            asset: otherLeg === 'first' ? terms.firstAsset : terms.secondAsset,
            amount: BigInt(otherLeg === 'first' ? terms.firstAmount : terms.secondAmount),
          },
    );
  });
  const bitmap = executedBitmap(record.batch.count, (index) => bits.has(index));
  return executedDigest(batchSecret(secrets), record.batchId, bitmap, totalsText(executed));
}
