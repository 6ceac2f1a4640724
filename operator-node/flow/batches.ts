/**
 * Agreed pairs become batches, and a batch gets its two signatures: stored and sent unsigned, checked and signed by the
 * acceptor, then signed by the initiator and handed over (protocol §3). Each signature is on disk before it leaves, and a
 * node signs one content for a sequence, for good (rule 8).
 */
import type { EventAlarm } from '../alarms/catalogue.ts';
import type { AlarmFacts } from '../alarms/record.ts';
import type { Answer, BatchRefusal, Request } from '../channel/messages.ts';
import { encodeLeaf } from '../commitment/leaf.ts';
import { merkleTree } from '../commitment/merkle.ts';
import { batchIdOf } from '../commitment/typed-data.ts';
import type { Work } from '../engine/engine.ts';
import {
  toUnixSeconds,
  type BatchId,
  type Hash,
  type Hex,
  type OperatorId,
  type PairId,
  type UnixSeconds,
} from '../model/ids.ts';
import { table } from '../store/store.ts';
import { lostLeafOf } from './past.ts';
import { countersignQueue, offerQueue, type BatchItem } from './batch-events.ts';
import { advanceBatch } from './batch-machine.ts';
import {
  createBatch,
  laneBatchKey,
  laneBatchTable,
  laneKey,
  laneTable,
  loadBatch,
  peerCommitmentTable,
  readLane,
  type BatchRecord,
  type BatchState,
  type KnownBatch,
} from './batch.ts';
import type { FlowContext } from './context.ts';
import { noteFault } from './note-fault.ts';
import { advance, advancePair } from './flow.ts';
import { loadSide, type PairSide } from './pair.ts';
import { ownKeyCounts } from './own-key.ts';
import { leafHashes } from './propose.ts';

type Group = readonly (readonly [key: string, item: BatchItem])[];

/** Batches refused for good: the same answer again. Key: batchId. */
export const refusedBatchTable = table<BatchRefusal>('refused-batch');

const rootOf = (leaves: readonly Uint8Array[]): Hash => `0x${merkleTree(leaves).root.toString('hex')}` as Hash;

const signersOf = (flow: FlowContext, operator: OperatorId): readonly Hex[] => flow.peers.get(operator)?.signers ?? [];

/** Whether a key that counts has signed. Two nodes see a rotation a moment apart, so it is looked up again before it is a fault. */
async function isSigned(flow: FlowContext, operator: OperatorId, batchId: BatchId, signature: Hex): Promise<boolean> {
  if (await flow.signer.verify(batchId, signature, signersOf(flow, operator))) return true;
  await flow.peers.refresh();
  return flow.signer.verify(batchId, signature, signersOf(flow, operator));
}

// ---- initiator ----

/** Makes a batch for each lane that is free and has agreed pairs; called by the clock. */
export async function formBatches(flow: FlowContext): Promise<void> {
  // Shown what it does not know, a node gives nothing up (rule 11).
  if (flow.open.halted) return;
  const settles = flow.readiness.notSettling() === undefined;
  const latest = toUnixSeconds(flow.engine.clock.now()) + flow.config.timing.commitMarginSeconds;
  for (const { peer, deadline, pairs } of flow.open.ripe(flow.config.batch.maxPairs)) {
    if (deadline <= latest) {
      // Nobody could say yes any more: given up while it is free.
      await flow.engine.run((work) => {
        for (const pair of pairs) advancePair(flow, work, pair, 'initiator', { type: 'lapsed' });
      });
    } else if (settles && readLane(flow.engine.newest, 'initiator', peer).waitsFor === undefined) {
      await flow.engine.run((work) => {
        formBatch(flow, work, peer, deadline, pairs);
      });
    }
  }
}

function formBatch(
  flow: FlowContext,
  work: Work,
  peer: OperatorId,
  deadline: UnixSeconds,
  pairs: readonly PairId[],
): void {
  const sides: PairSide[] = [];
  const leaves: Uint8Array[] = [];
  for (const pair of pairs) {
    const found = loadSide(work, pair, 'first');
    const second = work.get(peerCommitmentTable, `${pair}!initiator`);
    if (found?.state.state !== 'held' || second === undefined) continue;
    sides.push(found);
    leaves.push(encodeLeaf({ pair, ...leafHashes(found.side, second) }));
  }
  if (sides.length === 0) return;
  const lane = readLane(work, 'initiator', peer);
  const batch = {
    initiator: flow.self,
    acceptor: peer,
    sequence: lane.next,
    deadline,
    count: sides.length,
    root: rootOf(leaves),
  };
  const batchId = batchIdOf(flow.settlement, batch);
  const record: BatchRecord = { batchId, role: 'initiator', peer, batch, pairs: sides.map(({ side }) => side.pair) };
  createBatch(work, work.now, record, { state: 'offered' });
  work.put(laneTable, laneKey('initiator', peer), { next: lane.next, waitsFor: batchId });
  sides.forEach((found, index) => advance(flow, work, found, { type: 'batched', batch: batchId, index }));
  const item: BatchItem = { peer, batchId };
  work.enqueue(offerQueue, batchId, item);
  work.emit({ type: 'batch-formed', batchId, peer, sequence: batch.sequence, count: batch.count });
}

/** Worker of the offer queue: asks until the acceptor has signed or refused, in the order of the lane. */
export async function offerBatches(flow: FlowContext, group: Group): Promise<void> {
  const offers = group
    .map(([key, item]) => ({ key, ...item, known: loadBatch(flow.engine.newest, item.batchId, 'initiator') }))
    .sort((a, b) => (a.known?.record.batch.sequence ?? 0) - (b.known?.record.batch.sequence ?? 0));
  for (const { key, peer, batchId } of offers) {
    const known = loadBatch(flow.engine.newest, batchId, 'initiator');
    if (known === undefined || !wantsSignature(known.state)) {
      await flow.engine.run((work) => {
        work.done(offerQueue, key);
      });
      continue;
    }
    const pairs = known.record.pairs.map((pair) => {
      const firstCommitment = loadSide(flow.engine.newest, pair, 'first')?.side.ownCommitment;
      if (firstCommitment === undefined) throw new Error(`pair ${pair} of batch ${batchId} has no commitment`);
      return { pair, firstCommitment };
    });
    await takeOfferAnswer(flow, known, await flow.channel.call(peer, 'offer', { batch: known.record.batch, pairs }));
  }
}

/** Not signed by the acceptor yet, or by a key of it that counts no more. */
const wantsSignature = ({ state, onlyDead, othersVoid, prepared }: BatchState): boolean =>
  (state === 'offered' && onlyDead !== true) ||
  (state === 'countersigned' && othersVoid === true && prepared === undefined);

async function takeOfferAnswer(flow: FlowContext, known: KnownBatch, answer: Answer<'offer'>): Promise<void> {
  const { batchId, peer } = known.record;
  if (answer.batchId !== batchId) {
    await reportFault(flow, 'answer-for-another-batch', { peer, batchId, found: answer.batchId });
    return;
  }
  if (answer.answer === 'later') return;
  if (answer.answer === 'refused') {
    const forgotten = answer.reason === 'sequence-taken' ? await flow.forgotten.ask(known.record) : undefined;
    await flow.engine.run((work) => {
      batchRefused(flow, work, batchId, answer.reason);
      if (forgotten !== undefined) flow.forgotten.rebuild(work, peer, forgotten);
    });
    return;
  }
  if (!(await isSigned(flow, peer, batchId, answer.signature))) {
    await reportFault(flow, 'wrong-signature', { peer, batchId, role: 'acceptor', signature: answer.signature });
    return;
  }
  if (!(await ownKeyCounts(flow))) return;
  const initiatorSignature = flow.signer.sign(batchId);
  await flow.engine.run((work) => {
    const now = loadBatch(work, batchId, 'initiator');
    if (now === undefined || !wantsSignature(now.state)) return;
    advanceBatch(flow, work, now, { type: 'accepted', acceptorSignature: answer.signature, initiatorSignature });
  });
}

/** Also of a batch that the acceptor gave back after a loss and now does not know. */
export function batchRefused(flow: FlowContext, work: Work, batchId: BatchId, refusal: BatchRefusal): void {
  const known = loadBatch(work, batchId, 'initiator');
  if (known === undefined) return;
  const { peer, batch } = known.record;
  work.done(offerQueue, batchId);
  // What was taken up behind it (rule 11) cannot be anchored either.
  const behind = work.get(laneBatchTable, laneBatchKey('initiator', peer, batch.sequence + 1));
  const isFree = known.state.state === 'offered';
  if (isFree && behind !== undefined && loadBatch(work, behind, 'initiator')?.state.state === 'offered') {
    batchRefused(flow, work, behind, refusal);
  }
  // From the own signature on only the chain ends it (rule 1), whatever the acceptor says of it afterwards.
  advanceBatch(flow, work, known, { type: 'refused', refusal });
}

async function reportFault(flow: FlowContext, what: EventAlarm, facts: AlarmFacts): Promise<void> {
  await flow.engine.run((work) => {
    noteFault(work, what, facts);
  });
}

/** Worker of the countersign queue: hands the own signature over until the acceptor has it. */
export async function handOver(flow: FlowContext, group: Group): Promise<void> {
  for (const [key, { peer, batchId }] of group) {
    const state = loadBatch(flow.engine.newest, batchId, 'initiator')?.state;
    if (state?.ownVoid === true) continue;
    const signature = state?.initiatorSignature;
    // The acceptor needs it for its evidence, also of a batch that is on the chain; but not one by a key that counts no more.
    const counts =
      signature !== undefined &&
      (state?.prepared === undefined || (await isSigned(flow, flow.self, batchId, signature)));
    const answer = !counts ? undefined : (await flow.channel.call(peer, 'countersign', { batchId, signature })).answer;
    if (answer === 'later') return;
    await flow.engine.run((work) => {
      work.done(countersignQueue, key);
      if (answer === undefined || answer === 'stored') return;
      work.fault('signature-not-taken', { peer, batchId, answer });
    });
  }
}

// ---- acceptor ----

type Check =
  /** After a loss a pair may be known by its leaf alone: it stands in the batch without a side, and is not committed. */
  | { readonly ok: true; readonly sides: readonly (PairSide | undefined)[] }
  | { readonly ok: false; readonly refusal: BatchRefusal }
  | { readonly ok: false; readonly later: 'sequence' | 'busy' };

export async function answerOffer(
  flow: FlowContext,
  from: OperatorId,
  request: Request<'offer'>,
): Promise<Answer<'offer'>> {
  const { batch } = request;
  const batchId = batchIdOf(flow.settlement, batch);
  await flow.forgotten.remember(from, batchId, request);
  // Its rotation is not final: what it signed now would count nowhere.
  if (!(await ownKeyCounts(flow))) return { answer: 'later', batchId, reason: 'busy' };
  return flow.engine.run((work): Answer<'offer'> => {
    // Nothing is kept of what was never for this operator to judge.
    if (batch.initiator !== from || batch.acceptor !== flow.self) return { answer: 'refused', batchId, reason: 'lane' };
    const known = loadBatch(work, batchId, 'acceptor');
    if (known !== undefined) {
      const signature = currentSignature(flow, work, known);
      if (signature === undefined) return { answer: 'later', batchId, reason: 'busy' };
      return { answer: 'signed', batchId, signature };
    }
    const refused = work.get(refusedBatchTable, batchId);
    if (refused !== undefined) return { answer: 'refused', batchId, reason: refused };
    const check = checkOffer(flow, work, from, request);
    if (!check.ok && 'later' in check) return { answer: 'later', batchId, reason: check.later };
    if (!check.ok) {
      if (from !== flow.self && !flow.allowance.take(from)) return { answer: 'later', batchId, reason: 'busy' };
      work.put(refusedBatchTable, batchId, check.refusal);
      noteFault(work, 'batch-refused', { peer: from, batchId, refusal: check.refusal });
      return { answer: 'refused', batchId, reason: check.refusal };
    }
    return { answer: 'signed', batchId, signature: signBatch(flow, work, from, batchId, request, check.sides) };
  });
}

/**
 * The same content signed again after a rotation of this operator's key is no second content (rule 8). Of a batch on the
 * chain the signature from before stays, which its block can be checked with; the asker sees the batch there: undefined.
 */
function currentSignature(flow: FlowContext, work: Work, known: KnownBatch): Hex | undefined {
  const signature = flow.signer.sign(known.record.batchId);
  if (known.state.acceptorSignature === signature) return signature;
  if (known.state.prepared !== undefined) return undefined;
  advanceBatch(flow, work, known, { type: 'asked-again', acceptorSignature: signature });
  return signature;
}

function checkOffer(flow: FlowContext, work: Work, from: OperatorId, { batch, pairs }: Request<'offer'>): Check {
  const refuse = (refusal: BatchRefusal): Check => ({ ok: false, refusal });
  if (batch.count !== pairs.length) return refuse('count');
  const lane = readLane(work, 'acceptor', from);
  if (batch.sequence < lane.next) return refuse('sequence-taken');
  if (batch.sequence > lane.next || lane.waitsFor !== undefined) return { ok: false, later: 'sequence' };
  if (batch.deadline > toUnixSeconds(work.now) + flow.config.timing.acceptWindowSeconds) return refuse('deadline');
  // The contract takes no batch of a suspended operator: signed now, it would only block the lane.
  const maySign = flow.readiness.notSettling() === undefined && flow.peers.get(from)?.status === 'active';
  if (!maySign) return { ok: false, later: 'busy' };
  const sides: (PairSide | undefined)[] = [];
  const seen = new Set<PairId>();
  const leaves: Uint8Array[] = [];
  for (const { pair, firstCommitment } of pairs) {
    const found = loadSide(work, pair, 'second');
    const lost = found === undefined ? lostLeafOf(work, pair, 'acceptor') : undefined;
    if (lost !== undefined && !seen.has(pair)) {
      seen.add(pair);
      sides.push(undefined);
      leaves.push(lost);
      continue;
    }
    if (found === undefined || found.side.peer !== from) return refuse('pair-unknown');
    if (seen.has(pair) || found.state.batch !== undefined) return refuse('pair-twice');
    if (found.side.deadline !== batch.deadline) return refuse('deadline');
    seen.add(pair);
    sides.push(found);
    leaves.push(encodeLeaf({ pair, ...leafHashes(found.side, firstCommitment) }));
  }
  return rootOf(leaves) === batch.root ? { ok: true, sides } : refuse('root');
}

function signBatch(
  flow: FlowContext,
  work: Work,
  from: OperatorId,
  batchId: BatchId,
  { batch, pairs }: Request<'offer'>,
  sides: readonly (PairSide | undefined)[],
): Hex {
  const signature = flow.signer.sign(batchId);
  const record: BatchRecord = { batchId, role: 'acceptor', peer: from, batch, pairs: pairs.map(({ pair }) => pair) };
  const pairsHere = sides.filter((found) => found !== undefined).length;
  createBatch(work, work.now, record, { state: 'signed', acceptorSignature: signature }, pairsHere);
  work.put(laneTable, laneKey('acceptor', from), { next: batch.sequence + 1, waitsFor: batchId });
  for (const { pair, firstCommitment } of pairs) work.put(peerCommitmentTable, `${pair}!acceptor`, firstCommitment);
  sides.forEach((found, index) => {
    if (found !== undefined) advance(flow, work, found, { type: 'batched', batch: batchId, index });
  });
  work.emit({ type: 'batch-signed', batchId, peer: from, sequence: batch.sequence, count: batch.count });
  return signature;
}

export async function answerCountersign(
  flow: FlowContext,
  from: OperatorId,
  { batchId, signature }: Request<'countersign'>,
): Promise<Answer<'countersign'>> {
  const known = loadBatch(flow.engine.newest, batchId, 'acceptor');
  if (known?.record.peer !== from) return { batchId, answer: 'unknown-batch' };
  if (!(await isSigned(flow, from, batchId, signature))) {
    // What is kept of it is not the peer's to make endless.
    if (from !== flow.self && !flow.allowance.take(from)) return { batchId, answer: 'later' };
    await reportFault(flow, 'wrong-signature', { peer: from, batchId, role: 'initiator', signature });
    return { batchId, answer: 'wrong-signature' };
  }
  return flow.engine.run((work) => {
    const now = loadBatch(work, batchId, 'acceptor');
    // Another one than before is by a new key, and counts: it has just been compared with the registry (rule 8). On the
    // chain is the one from before.
    const had = now?.state.initiatorSignature;
    if (now !== undefined && had !== signature && (had === undefined || now.state.prepared === undefined)) {
      advanceBatch(flow, work, now, { type: 'handed-over', initiatorSignature: signature });
    }
    return { batchId, answer: 'stored' as const };
  });
}
