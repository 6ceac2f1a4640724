/** The checks of one pair, in the order in which they are made. Each reports; none changes anything. */
import { hash } from 'node:crypto';
import { operationFields } from '../../commitment/schema.ts';
import type { Leg } from '../../model/ids.ts';
import type { PostingLine } from '../disclosures/lines.ts';
import { isTooOldFor, legs, legsOf, otherLeg, postingsOf, type BatchView, type PairView } from './batch-view.ts';
import type { Disclosed } from './disclosed.ts';
import type { BatchCheck } from './findings-of-batch.ts';

type PairCheck = (found: BatchCheck, batch: BatchView, pair: PairView) => void;

/** What one side discloses as posted for one leg of a pair. */
interface Posted {
  readonly side: Disclosed;
  readonly leg: Leg;
  readonly postings: readonly PostingLine[];
  readonly first: PostingLine | undefined;
}

type PostingCheck = (found: BatchCheck, batch: BatchView, pair: PairView, posted: Posted) => void;

const subjectAt = operationFields.indexOf('subject');

/** Who was asked and who asked, tied together by digests (protocol §4), where both are disclosed. */
const counterpartiesMatch: PairCheck = (found, { sides }, { index, leaf, records }) => {
  found.at(undefined, index, leaf?.pair);
  for (const leg of legs) {
    const told = records[leg]?.counterparty;
    if (told === undefined) continue;
    const entries = sides.map(({ lines }) => lines[index]?.[otherLeg(leg)]).find((entry) => entry !== undefined);
    const entry = entries?.[subjectAt];
    if (entry === undefined) continue;
    const digest = entry.startsWith('0x')
      ? Buffer.from(entry.slice(2), 'hex').toString('base64url')
      : hash('sha256', entry, 'base64url');
    if (digest === told) continue;
    const sentence = `the ${leg} record’s counterparty is not the subject of the other record`;
    found.report('terms-contradict', sentence, { leg });
  }
};

const undecidedHasNone: PostingCheck = (found, _, { status }, { first }) => {
  if (status !== 'open' || first === undefined) return;
  found.report('posted-early', `it has a posting, ${first.id}, and is not decided`, { posting: first.id });
};

const abortedHasNone: PostingCheck = (found, _, { status }, { leg, first }) => {
  if (status === 'open' || status === 'committed' || first === undefined) return;
  const [code, how] =
    status === 'expired'
      ? (['executed-though-expired', 'by its deadline'] as const)
      : (['executed-against-decision', 'by its bit'] as const);
  const { id, amount, asset } = first;
  found.report(code, `it is aborted ${how} and has the posting ${id} of ${amount} ${asset}`, { posting: id, leg });
};

const committedHasOne: PostingCheck = (found, batch, pair, { side, leg, postings }) => {
  if (pair.status !== 'committed') return;
  if (postings.length === 0 && !isTooOldFor(batch, side, pair)) {
    const block = batch.outcomes.block(pair.index);
    const sentence = `it is committed in block ${block} and has no posting of the ${leg} leg`;
    found.report('posting-missing', sentence, { leg, block });
  }
  if (postings.length > 1) {
    const ids = postings.map(({ id }) => id).join(', ');
    const sentence = `it has ${postings.length} postings of the ${leg} leg: ${ids}`;
    found.report('posting-doubled', sentence, { leg, postings: postings.length });
  }
};

/** Without its sign. */
export const magnitude = (amount: string): string => (amount.startsWith('-') ? amount.slice(1) : amount);

const postedAsAgreed: PostingCheck = (found, _, { status, records, terms }, { leg, first }) => {
  if (status !== 'committed' || first === undefined) return;
  const record = records[leg];
  const asset = record?.asset ?? terms?.[`${leg}Asset`];
  const amount = record?.amount ?? terms?.[`${leg}Amount`];
  const debit = record?.action === undefined ? undefined : record.action === 'debit';
  const agrees =
    (asset === undefined || first.asset === asset) &&
    (amount === undefined || magnitude(first.amount) === amount) &&
    (debit === undefined || first.amount === '0' || first.amount.startsWith('-') === debit);
  if (agrees) return;
  const should = `${debit === true ? '-' : ''}${amount ?? '?'} ${asset ?? '?'}`;
  const sentence = `the posting ${first.id} is of ${first.amount} ${first.asset}; the operation is of ${should}`;
  found.report('posting-differs', sentence, { posting: first.id, found: first.amount, leg });
};

/** From the decision to the booking. */
export const secondsToPosting = ({ outcomes }: BatchView, index: number, { booked }: PostingLine): number =>
  Date.parse(booked) / 1000 - outcomes.time(index);

const postedInTime: PostingCheck = (found, batch, { index, status }, { first }) => {
  if (status !== 'committed' || first === undefined) return;
  const { clockSeconds, postSeconds } = batch.job.tolerance;
  const after = secondsToPosting(batch, index, first);
  if (after < -clockSeconds) {
    const sentence = `the posting ${first.id} was booked ${-after} s before the decision`;
    found.report('posted-early', sentence, { posting: first.id, seconds: -after });
  }
  if (after > postSeconds) {
    const sentence = `the posting ${first.id} was booked ${after} s after the decision; allowed are ${postSeconds}`;
    found.report('posted-late', sentence, { posting: first.id, seconds: after });
  }
};

/** To attest says that every posting is durable (protocol rule 4). */
const postedBeforeAttested: PostingCheck = (found, { job }, { status }, { side, first }) => {
  if (status !== 'committed' || first === undefined) return;
  const { time = NaN } = job.batch.attestations.find(({ operator }) => operator === side.operator) ?? {};
  const after = Date.parse(first.booked) / 1000 - time;
  if (!(after > job.tolerance.clockSeconds)) return;
  const sentence = `the posting ${first.id} was booked ${after} s after the batch was attested`;
  found.report('attested-early', sentence, { posting: first.id, seconds: after });
};

const postingChecks: readonly PostingCheck[] = [
  undecidedHasNone,
  abortedHasNone,
  committedHasOne,
  postedAsAgreed,
  postedInTime,
  postedBeforeAttested,
];

const postingsMatchDecision: PairCheck = (found, batch, pair) => {
  for (const side of batch.sides) {
    const line = side.lines[pair.index];
    if (line === undefined) continue;
    found.at(side.operator, pair.index, line.leaf.pair);
    const own = legsOf(batch, side.operator);
    for (const leg of own) {
      const postings = postingsOf(line, leg);
      for (const check of postingChecks) check(found, batch, pair, { side, leg, postings, first: postings[0] });
    }
    for (const { id, leg } of line.postings) {
      if (own.includes(leg)) continue;
      const sentence = `the posting ${id} is of the ${leg} leg, which is the other operator’s`;
      found.report('posting-differs', sentence, { posting: id });
    }
  }
};

export const pairChecks: readonly PairCheck[] = [counterpartiesMatch, postingsMatchDecision];
