/** The postings of a batch's pairs: each against decision and operation, and all of them against what was attested. */
import { executedBitmap, executedDigest, totalsText, type Executed } from '../../commitment/executed.ts';
import type { Leg, OperatorId } from '../../model/ids.ts';
import type { PostingLine } from '../disclosures/lines.ts';
import type { Disclosed } from './disclosed.ts';
import type { BatchCheck } from './findings-of-batch.ts';
import type { Outcomes } from './outcome.ts';

/** What a side's digest is made of, and how late the side was. */
export interface SideTotals {
  readonly executed: Executed[];
  readonly bits: Set<number>;
  /** A pair could not be counted: the digest does not recompute, and something else is reported. */
  unknown: boolean;
  stale: boolean;
  posted: number;
  sum: number;
  most: number;
  late: number;
}

export const newTotals = (): SideTotals => ({
  executed: [],
  bits: new Set(),
  unknown: false,
  stale: false,
  posted: 0,
  sum: 0,
  most: 0,
  late: 0,
});

const seconds = (timestamp: string): number => Date.parse(timestamp) / 1000;
/** Without its sign. */
export const magnitude = (amount: string): string => (amount.startsWith('-') ? amount.slice(1) : amount);

/** The postings of one leg against the decision and the operation. */
export function checkPostings(
  check: BatchCheck,
  outcomes: Outcomes,
  side: Disclosed,
  leg: Leg,
  postings: readonly PostingLine[],
  expected: {
    readonly asset: string | undefined;
    readonly amount: string | undefined;
    readonly debit: boolean | undefined;
  },
  totals: SideTotals,
): 'stale' | 'judged' {
  const index = check.index ?? 0;
  const status = outcomes.status(index);
  const [posting] = postings;
  const { tolerance } = check.job;
  if (status === 'open') {
    if (posting !== undefined)
      check.report('posted-early', `it has a posting, ${posting.id}, and is not decided`, { posting: posting.id });
    return 'judged';
  }
  if (status !== 'committed') {
    if (posting === undefined) return 'judged';
    const code = status === 'expired' ? 'executed-though-expired' : 'executed-against-decision';
    check.report(
      code,
      `it is ${status === 'expired' ? 'aborted by its deadline' : 'aborted by its bit'} and has the posting ${posting.id} of ${posting.amount} ${posting.asset}`,
      { posting: posting.id, leg },
    );
    return 'judged';
  }
  if (posting === undefined) {
    // What was decided after the section was written cannot be in it.
    if (outcomes.block(index) > side.section.line.asOf.number) {
      totals.stale = true;
      return 'stale';
    }
    check.report(
      'posting-missing',
      `it is committed in block ${outcomes.block(index)} and has no posting of the ${leg} leg`,
      { leg, block: outcomes.block(index) },
    );
    return 'judged';
  }
  if (postings.length > 1) {
    check.report(
      'posting-doubled',
      `it has ${postings.length} postings of the ${leg} leg: ${postings.map(({ id }) => id).join(', ')}`,
      { leg, postings: postings.length },
    );
  }
  const { asset, amount } = posting;
  const sign = expected.debit === undefined || amount === '0' || amount.startsWith('-') === expected.debit;
  if (
    (expected.asset !== undefined && asset !== expected.asset) ||
    (expected.amount !== undefined && magnitude(amount) !== expected.amount) ||
    !sign
  ) {
    const should = `${expected.debit === true ? '-' : ''}${expected.amount ?? '?'} ${expected.asset ?? '?'}`;
    check.report(
      'posting-differs',
      `the posting ${posting.id} is of ${amount} ${asset}; the operation is of ${should}`,
      { posting: posting.id, found: amount, leg },
    );
  }
  const after = seconds(posting.booked) - outcomes.time(index);
  if (after < -tolerance.clockSeconds) {
    check.report('posted-early', `the posting ${posting.id} was booked ${-after} s before the decision`, {
      posting: posting.id,
      seconds: -after,
    });
  }
  if (after > tolerance.postSeconds) {
    check.report(
      'posted-late',
      `the posting ${posting.id} was booked ${after} s after the decision; allowed are ${tolerance.postSeconds}`,
      { posting: posting.id, seconds: after },
    );
    totals.late += 1;
  }
  totals.posted += 1;
  totals.sum += Math.max(0, after);
  totals.most = Math.max(totals.most, after);
  return 'judged';
}

/** What each operator attested, against its disclosed postings, and one against the other. */
export function checkAttestations(
  check: BatchCheck,
  outcomes: Outcomes,
  sides: readonly Disclosed[],
  totals: ReadonlyMap<OperatorId, SideTotals>,
): void {
  const { batch, final, tolerance } = check.job;
  const operators = [...new Set([batch.initiator, batch.acceptor])];
  for (const operator of operators) {
    check.at(operator);
    const attestation = batch.attestations.find((found) => found.operator === operator);
    if (attestation === undefined) {
      const waits = final.time - outcomes.endedAt;
      if (outcomes.ended && waits > tolerance.attestSeconds) {
        check.report(
          'attestation-missing',
          `it ended ${waits} s ago and is not attested; allowed are ${tolerance.attestSeconds} s`,
          { seconds: waits },
        );
      }
      continue;
    }
    const after = attestation.time - outcomes.endedAt;
    if (outcomes.ended && after > tolerance.attestSeconds) {
      check.report(
        'attested-late',
        `it was attested ${after} s after its end; allowed are ${tolerance.attestSeconds}`,
        { seconds: after },
      );
    }
    const side = sides.find((found) => found.operator === operator);
    const own = totals.get(operator);
    if (side === undefined || own === undefined || own.unknown || own.stale || !side.complete) continue;
    const bitmap = executedBitmap(batch.count, (index) => own.bits.has(index));
    const digest = executedDigest(side.section.line.secret, batch.batchId, bitmap, totalsText(own.executed));
    if (digest !== attestation.digest) {
      check.report('attestation-mismatch', `it attested ${attestation.digest}; its disclosed postings give ${digest}`, {
        attested: attestation.digest,
        recomputed: digest,
        block: attestation.block,
      });
    }
  }
  check.at(undefined);
  const [one, other] = batch.attestations;
  if (batch.reconciled === 'discrepancy' || (one !== undefined && other !== undefined && one.digest !== other.digest)) {
    check.report(
      'attestations-differ',
      `operator ${one?.operator ?? '?'} attested ${one?.digest ?? '?'}, operator ${other?.operator ?? '?'} ${other?.digest ?? '?'}`,
    );
  }
  const [first, second] = sides;
  if (first !== undefined && second !== undefined && first.section.line.secret !== second.section.line.secret) {
    check.report('secret-differs', 'the operators disclose different batch secrets');
  }
}
