/** What is done when something happens to a batch; a step returns what its state is then (`batch-machine.ts` writes it). */
import type { Work } from '../engine/engine.ts';
import { legOf } from '../model/ids.ts';
import { laneKey, laneTable, readLane, type BatchRecord, type BatchState, type KnownBatch } from './batch.ts';
import { countersignQueue, offerQueue, type BatchEventOf, type BatchItem, type NextBatch } from './batch-events.ts';
import type { FlowContext } from './context.ts';
import { noteFault } from './note-fault.ts';
import { advance } from './flow.ts';
import { loadSide } from './pair.ts';
import type { SideEvent } from './side-events.ts';

const itemOf = ({ peer, batchId }: BatchRecord): BatchItem => ({ peer, batchId });

/** Its pairs of this operator, in their order. */
function tellPairs(flow: FlowContext, work: Work, { pairs, role }: BatchRecord, event: SideEvent): void {
  for (const pair of pairs) {
    const found = loadSide(work, pair, legOf(role));
    if (found !== undefined) advance(flow, work, found, event);
  }
}

/** Both signatures are stored (or the batch is on chain): the pairs go on, and the batch goes to the chain. */
function goOn(flow: FlowContext, work: Work, record: BatchRecord): void {
  tellPairs(flow, work, record, { type: 'countersigned' });
  work.emit({ type: 'countersigned', batchId: record.batchId, role: record.role, count: record.batch.count });
  work.afterwards(() => {
    flow.duties.wake();
  });
}

/** The lane may go on: its last batch is countersigned, or on chain. */
function freeLane(work: Work, { role, peer, batchId, batch }: BatchRecord): void {
  const lane = readLane(work, role, peer);
  if (lane.waitsFor !== batchId) return;
  work.put(laneTable, laneKey(role, peer), { next: Math.max(lane.next, batch.sequence + 1) });
}

/** The other's signature counts now, whatever was found before. */
const counting = ({ othersVoid }: BatchState): Partial<NextBatch> =>
  othersVoid === undefined ? {} : { othersVoid: false };

export function sign(
  flow: FlowContext,
  work: Work,
  { record, state }: KnownBatch,
  { acceptorSignature, initiatorSignature }: BatchEventOf<'accepted'>,
): NextBatch {
  work.done(offerQueue, record.batchId);
  work.enqueue(countersignQueue, record.batchId, itemOf(record));
  freeLane(work, record);
  goOn(flow, work, record);
  return { state: 'countersigned', acceptorSignature, initiatorSignature, ...counting(state) };
}

/** Nobody has signed this content, so its number is free for another one, and its pairs are free to be given up. */
export function refuse(
  flow: FlowContext,
  work: Work,
  { record }: KnownBatch,
  { refusal }: BatchEventOf<'refused'>,
): NextBatch {
  const { peer, batchId, batch } = record;
  work.put(laneTable, laneKey('initiator', peer), { next: batch.sequence });
  tellPairs(flow, work, record, { type: 'batch-refused' });
  noteFault(work, 'batch-refused', { peer, batchId, refusal });
  return { state: 'refused', refusal, remaining: 0 };
}

export const signAgain = (
  _flow: FlowContext,
  _work: Work,
  { state }: KnownBatch,
  { acceptorSignature }: BatchEventOf<'asked-again'>,
): NextBatch => ({ state: state.state, acceptorSignature });

export function takeSignature(
  flow: FlowContext,
  work: Work,
  { record, state }: KnownBatch,
  { initiatorSignature }: BatchEventOf<'handed-over'>,
): NextBatch {
  freeLane(work, record);
  if (state.state === 'signed') goOn(flow, work, record);
  return { state: 'countersigned', initiatorSignature, ...counting(state) };
}

export function prepare(
  flow: FlowContext,
  work: Work,
  { record, state }: KnownBatch,
  { block, sequence, count }: BatchEventOf<'prepared'>,
): NextBatch {
  const { batchId, role } = record;
  freeLane(work, record);
  if (state.state === 'signed' || state.state === 'offered') goOn(flow, work, record);
  work.emit({ type: 'prepared', batchId, role, block: block.number, count, sequence });
  return { state: 'countersigned', prepared: block };
}

export function countDown(
  _flow: FlowContext,
  work: Work,
  { record: { batchId, role }, state }: KnownBatch,
  { count }: BatchEventOf<'pairs-ended'>,
): NextBatch {
  const remaining = state.remaining - count;
  if (remaining === 0) work.emit({ type: 'batch-ended', batchId, role });
  return { state: state.state, remaining };
}

export function attest(
  _flow: FlowContext,
  work: Work,
  { record: { batchId, role }, state }: KnownBatch,
  { digest }: BatchEventOf<'attested'>,
): NextBatch {
  work.emit({ type: 'attested', batchId, role });
  return { state: state.state, attested: digest };
}

export function reconcile(
  _flow: FlowContext,
  work: Work,
  { record: { batchId, role }, state }: KnownBatch,
  { as }: BatchEventOf<'reconciled'>,
): NextBatch {
  work.emit({ type: as, batchId, role });
  return { state: state.state, reconciled: as };
}

/** Signed now, in its turn, so that its number is used up. */
export function offerDead(_flow: FlowContext, work: Work, { record }: KnownBatch): NextBatch {
  work.enqueue(offerQueue, record.batchId, itemOf(record));
  return { state: 'offered', onlyDead: false };
}

/** The initiator hands a signature over that is new, and asks for one that counts no more. */
export function renew(
  _flow: FlowContext,
  work: Work,
  { record, state }: KnownBatch,
  { othersVoid, ownVoid, signature }: BatchEventOf<'keys-changed'>,
): NextBatch {
  const { role, peer, batchId, batch } = record;
  const next = { state: state.state, othersVoid, ownVoid };
  if (role === 'acceptor') return { ...next, acceptorSignature: signature };
  if (signature !== state.initiatorSignature) work.enqueue(countersignQueue, batchId, itemOf(record));
  if (othersVoid) {
    const lane = readLane(work, role, peer);
    if (lane.waitsFor === undefined && lane.next === batch.sequence + 1) {
      work.put(laneTable, laneKey(role, peer), { ...lane, waitsFor: batchId });
    }
    work.enqueue(offerQueue, batchId, itemOf(record));
    work.emit({ type: 'signed-again', batchId, peer });
  }
  return { ...next, initiatorSignature: signature };
}

export function waitUntilDead(_flow: FlowContext, work: Work, { record, state }: KnownBatch): NextBatch {
  work.done(offerQueue, record.batchId);
  return { state: state.state, onlyDead: true };
}

/** What its pairs come to is read from the chain beside it. */
export function follow(_flow: FlowContext, work: Work, { record }: KnownBatch): NextBatch {
  freeLane(work, record);
  return { state: 'countersigned' };
}
