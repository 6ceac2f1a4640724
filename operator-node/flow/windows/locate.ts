/**
 * Where two operators' books differ: digests of ranges of batches are compared, those that differ are halved, down to the
 * batch and then to the pair. A digest hangs on the secrets of the pairs' terms, so it says nothing to a third party, and
 * to the peer only whether its own books say the same.
 */
import { maxComparedRanges, type Answer, type Request } from '../../channel/messages.ts';
import { TandemError } from '../../errors.ts';
import type { BatchId, Hash, OperatorId, PairId, Role } from '../../model/ids.ts';
import type { LaneRange } from '../../model/records.ts';
import { loadBatch, type KnownBatch } from '../batch.ts';
import type { FlowContext } from '../context.ts';
import { nextWindow } from './close.ts';
import { batchesDigest, batchOfLane, finalPrefix, isFinalBatch, pairsDigest } from './totals.ts';
import { lastWindow } from './window.ts';
import { locateQueue, type LocateItem } from './window-events.ts';

/** Batches of one request, and pairs of one: what can be added up while the other side waits. */
const maxBatchesAsked = 64;
const maxPairsAsked = 4096;
/** More are more of the same. */
const maxFound = 20;

export interface Difference {
  readonly pair: PairId;
  readonly role: Role;
  readonly batchId: BatchId;
  readonly sequence: number;
  readonly index: number;
  /** Whether this operator's own postings are what decision and terms say; then the other's are not. */
  readonly own: 'as-agreed' | 'otherwise';
}

export interface Located {
  readonly differences: readonly Difference[];
  /** Batches that were compared. */
  readonly batches: number;
  /** There may be more than those that are named. */
  readonly more: boolean;
}

const sizeOf = ({ from, to }: LaneRange): number => to - from + 1;

/** Whole parts of a range, none larger than `size`. */
const parts = ({ from, to }: LaneRange, size: number): LaneRange[] => {
  const found: LaneRange[] = [];
  for (let start = from; start <= to; start += size) found.push({ from: start, to: Math.min(to, start + size - 1) });
  return found;
};

type Compared = Pick<Request<'compare'>, 'initiator' | 'acceptor' | 'batchId'>;

/** The single places of `range` where the digests differ, the first ones of them. */
async function narrow(
  flow: FlowContext,
  peer: OperatorId,
  compared: Compared,
  range: LaneRange,
  most: number,
  own: (range: LaneRange) => Promise<Hash | undefined>,
): Promise<{ readonly found: readonly number[]; readonly more: boolean }> {
  const found: number[] = [];
  let open = parts(range, Math.max(1, Math.floor(most / 4)));
  while (open.length > 0 && found.length < maxFound) {
    const asked: LaneRange[] = [];
    let size = 0;
    for (const next of open) {
      if (asked.length === maxComparedRanges || size + sizeOf(next) > most) break;
      asked.push(next);
      size += sizeOf(next);
    }
    open = open.slice(asked.length);
    const answer = await flow.channel.call(peer, 'compare', { ...compared, ranges: asked });
    if (answer.answer === 'unknown') {
      throw new TandemError('not-ready', `Not all of these batches are final yet at operator ${peer}.`);
    }
    const halves: LaneRange[] = [];
    for (const [index, next] of asked.entries()) {
      if (answer.digests[index] === (await own(next))) continue;
      if (next.from === next.to) found.push(next.from);
      else halves.push(...parts(next, Math.ceil(sizeOf(next) / 2)));
    }
    open = [...halves, ...open];
  }
  return { found: found.slice(0, maxFound), more: open.length > 0 };
}

/**
 * Compares with the peer what has moved since the last window that both have signed.
 * @throws {TandemError} `peer-unavailable`; `not-ready` where the peer is behind
 */
export async function locate(flow: FlowContext, peer: OperatorId): Promise<Located> {
  const { self, engine } = flow;
  const last = lastWindow(engine.newest, peer);
  const { from } = nextWindow(self, last);
  const differences: Difference[] = [];
  let batches = 0;
  let more = false;
  for (const role of ['initiator', 'acceptor'] as const) {
    // What was proposed the peer has been asked for; without a proposal everything that is final.
    const content = last?.state === 'differs' || last?.state === 'proposed' ? last.content : undefined;
    const lane = self < peer === (role === 'initiator') ? content?.aToB : content?.bToA;
    const range = { from: from[role], to: lane?.to ?? finalPrefix(engine.newest, role, peer, from[role]) };
    if (sizeOf(range) < 1) continue;
    batches += sizeOf(range);
    const [initiator, acceptor] = role === 'initiator' ? [self, peer] : [peer, self];
    const of: Compared = { initiator, acceptor, batchId: '' };
    const different = await narrow(flow, peer, of, range, maxBatchesAsked, (each) =>
      batchesDigest(flow, role, peer, each),
    );
    more ||= different.more;
    for (const sequence of different.found) {
      const known = batchOfLane(engine.newest, role, peer, sequence);
      if (known === undefined) continue;
      if (differences.length >= maxFound) {
        more = true;
        break;
      }
      const inBatch = await differencesIn(flow, peer, known);
      differences.push(...inBatch.differences);
      more ||= inBatch.more;
    }
  }
  return { differences, batches, more };
}

async function differencesIn(
  flow: FlowContext,
  peer: OperatorId,
  known: KnownBatch,
): Promise<Omit<Located, 'batches'>> {
  const { role, batchId, batch, pairs } = known.record;
  const of: Compared = { initiator: batch.initiator, acceptor: batch.acceptor, batchId };
  const view = flow.engine.newest;
  const all = { from: 0, to: pairs.length - 1 };
  const { found, more } = await narrow(flow, peer, of, all, maxPairsAsked, async (each) =>
    pairsDigest(flow, view, known, each),
  );
  const differences = found.flatMap((index): Difference[] => {
    const pair = pairs[index];
    if (pair === undefined) return [];
    const at = { from: index, to: index };
    const asAgreed = pairsDigest(flow, view, known, at) === pairsDigest(flow, view, known, at, 'agreed');
    const own = asAgreed ? 'as-agreed' : 'otherwise';
    return [{ pair, role, batchId, sequence: batch.sequence, index, own }];
  });
  return { differences, more };
}

/** What the peer cannot answer now staff can ask again. */
async function located(flow: FlowContext, peer: OperatorId): Promise<Located['differences']> {
  try {
    return (await locate(flow, peer)).differences;
  } catch (error) {
    if (error instanceof TandemError && error.code === 'not-ready') return [];
    throw error;
  }
}

/** Worker of the queue: after a window that the peer found other than its own books. */
export async function locateForStaff(
  flow: FlowContext,
  group: readonly (readonly [key: string, item: LocateItem])[],
): Promise<void> {
  for (const [key, { peer }] of group) {
    const differences = await located(flow, peer);
    await flow.engine.run((work) => {
      work.done(locateQueue, key);
      if (differences.length === 0) return;
      const pairs = differences.map(({ pair, own }) => ({ pair, own }));
      work.fault('books-differ', { peer, pairs });
      work.emit({ type: 'alarm', what: 'books-differ', peer, pairs: pairs.map(({ pair }) => pair).join(' ') });
    });
  }
}

/** What a peer compares with its own. Nothing is told of batches that are not these two operators'. */
export async function answerCompare(
  flow: FlowContext,
  from: OperatorId,
  { initiator, acceptor, batchId, ranges }: Request<'compare'>,
): Promise<Answer<'compare'>> {
  const { self, engine } = flow;
  const unknown: Answer<'compare'> = { answer: 'unknown', batchId };
  const role = initiator === self && acceptor === from ? 'initiator' : 'acceptor';
  if (from === self || (role === 'acceptor' && (initiator !== from || acceptor !== self))) return unknown;
  if (ranges.some((range) => sizeOf(range) < 1)) return unknown;
  const most = batchId === '' ? maxBatchesAsked : maxPairsAsked;
  const size = ranges.reduce((sum, range) => sum + sizeOf(range), 0);
  if (size > most) throw new TandemError('unprocessable', `Asked for ${size} at once; at most ${most} are allowed.`);
  const digests: Hash[] = [];
  if (batchId === '') {
    for (const range of ranges) {
      const digest = await batchesDigest(flow, role, from, range);
      if (digest === undefined) return unknown;
      digests.push(digest);
    }
    return { answer: 'digests', batchId, digests };
  }
  const known = loadBatch(engine.newest, batchId, role);
  if (known?.record.peer !== from || !isFinalBatch(known)) return unknown;
  for (const range of ranges) {
    if (range.to >= known.record.pairs.length) return unknown;
    digests.push(pairsDigest(flow, engine.newest, known, range));
  }
  return { answer: 'digests', batchId, digests };
}
