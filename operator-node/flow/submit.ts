/**
 * What of batches has to reach the chain: a countersigned batch that is not prepared is carried, a stored decision without
 * a final bit is sent, an ended batch without attestation is attested. How that comes about is `chain/duties.ts`.
 */
import { maxEntriesACall, type Decision, type SettlementCalls } from '../chain/calls.ts';
import { duty, type Duty, type Gate, type Order } from '../chain/duties.ts';
import type { Care } from '../chain/gas-limits.ts';
import { wordHex } from '../commitment/executed.ts';
import { hasPassed } from '../engine/clock.ts';
import { toUnixSeconds, type BatchId, type Hex, type Role, type UnixMillis } from '../model/ids.ts';
import { bitOf, hasBit, wordOf } from '../model/outcome.ts';
import type { SignedBatch } from '../model/records.ts';
import type { View } from '../store/store.ts';
import { executedOf } from './attest.ts';
import { batchKey, batchStateTable, laneKey, loadBatch, type BatchState, type KnownBatch } from './batch.ts';
import type { FlowContext } from './context.ts';
import type { OpenBatch, OpenWork } from './open.ts';
import type { Side, SideState } from './pair.ts';

interface Pending {
  readonly commit: boolean;
  readonly since: UnixMillis;
  /** The transaction that it is under way in. */
  tag: string | undefined;
}

/** Decisions that are stored and not final, in memory: an index of the store. */
export class Decisions {
  readonly #byBatch = new Map<BatchId, Map<number, Pending>>();

  /** As a side is on disk: its decision is to be sent from when it is stored until the chain has ended the pair. */
  sideFound({ role }: Side, { state, batch, index, since }: SideState): void {
    if (role !== 'acceptor' || batch === undefined || index === undefined) return;
    if (state === 'accepted' || state === 'declined') this.#decide(batch, index, state === 'accepted', since);
    else if (state === 'committed' || state === 'aborted') this.#decided(batch, index);
  }

  #decide(batchId: BatchId, index: number, commit: boolean, since: UnixMillis): void {
    let ofBatch = this.#byBatch.get(batchId);
    if (ofBatch === undefined) this.#byBatch.set(batchId, (ofBatch = new Map<number, Pending>()));
    if (!ofBatch.has(index)) ofBatch.set(index, { commit, since, tag: undefined });
  }

  #decided(batchId: BatchId, index: number): void {
    const ofBatch = this.#byBatch.get(batchId);
    ofBatch?.delete(index);
    if (ofBatch?.size === 0) this.#byBatch.delete(batchId);
  }

  /** Since when the oldest of them waits. */
  get oldestSince(): UnixMillis | undefined {
    let oldest: UnixMillis | undefined;
    for (const ofBatch of this.#byBatch.values()) {
      // In the order in which they were made.
      const [first] = ofBatch.values();
      if (first !== undefined && (oldest === undefined || first.since < oldest)) oldest = first.since;
    }
    return oldest;
  }

  get pending(): number {
    let count = 0;
    for (const ofBatch of this.#byBatch.values()) count += ofBatch.size;
    return count;
  }

  has(batchId: BatchId): boolean {
    return this.#byBatch.has(batchId);
  }

  /** By the pair's place in the batch. */
  of(batchId: BatchId): Iterable<readonly [index: number, pending: Readonly<Pending>]> {
    return this.#byBatch.get(batchId) ?? [];
  }

  /** Whether one of them is under way in no transaction. */
  get anyToSend(): boolean {
    for (const ofBatch of this.#byBatch.values()) {
      for (const { tag } of ofBatch.values()) if (tag === undefined) return true;
    }
    return false;
  }

  taken({ entries }: DecideItem, tag: string): void {
    for (const { batchId, word, mask } of entries) {
      const bits = BigInt(mask);
      for (const [index, pending] of this.#byBatch.get(batchId) ?? []) {
        if (wordOf(index) === word && hasBit(bits, index)) pending.tag = tag;
      }
    }
  }

  freed(tag: string): void {
    for (const ofBatch of this.#byBatch.values()) {
      for (const pending of ofBatch.values()) if (pending.tag === tag) pending.tag = undefined;
    }
  }
}

/** Since when the oldest waits of what has to be on the chain in time: a batch that both have signed, a decision. */
export function oldestUnanchored(view: View, open: OpenWork, decisions: Decisions): UnixMillis | undefined {
  let oldest = decisions.oldestSince;
  for (const { batchId, role } of open.allBatches()) {
    const state = stateOf(view, batchId, role);
    if (!isUnprepared(state)) continue;
    if (oldest === undefined || state.since < oldest) oldest = state.since;
  }
  return oldest;
}

const stateOf = (view: View, batchId: BatchId, role: Role): BatchState | undefined =>
  view.get(batchStateTable, batchKey(batchId, role));

/** Both have signed it, and no final block has it. */
const isUnprepared = (state: BatchState | undefined): state is BatchState =>
  state?.state === 'countersigned' && state.prepared === undefined;

const bySequence = (a: OpenBatch, b: OpenBatch): number => a.sequence - b.sequence;

function signedBatch(found: KnownBatch | undefined): SignedBatch | undefined {
  if (found === undefined) return undefined;
  const { record, state } = found;
  const { initiatorSignature, acceptorSignature, othersVoid, ownVoid } = state;
  if (initiatorSignature === undefined || acceptorSignature === undefined) return undefined;
  if (othersVoid === true || ownVoid === true) return undefined;
  return { batchId: record.batchId, batch: record.batch, initiatorSignature, acceptorSignature };
}

function careOf({ peers }: Pick<FlowContext, 'peers'>, gate: Gate, { batchId, batch }: SignedBatch): Care {
  const rotating = [batch.initiator, batch.acceptor].some((id) => (peers.get(id)?.signers.length ?? 0) > 1);
  return { careful: rotating || gate.reverted(batchId) };
}

/** One faulty entry reverts a whole call: what has reverted before goes alone, the rest together. */
function* grouped<T>(gate: Gate, items: readonly T[], batchOf: (item: T) => BatchId): Iterable<readonly T[]> {
  const alone = items.filter((item) => gate.reverted(batchOf(item)));
  const together = items.filter((item) => !alone.includes(item));
  for (const item of alone) yield [item];
  for (let start = 0; start < together.length; start += maxEntriesACall) {
    yield together.slice(start, start + maxEntriesACall);
  }
}

type Needs = Pick<FlowContext, 'self' | 'engine' | 'open' | 'peers' | 'config' | 'chainView' | 'settlement'>;

interface CarryItem {
  readonly batchId: BatchId;
}

/**
 * In order of sequence: whoever carries n carries those before it too. What has reverted is tried alone, and those behind it
 * in its lane wait for it: the chain would take none of them, and each would cost the gas of another revert.
 */
export function carryDuty(flow: Needs, calls: SettlementCalls): Duty {
  const isDue = ({ batchId, role, peer }: OpenBatch, state: BatchState | undefined, gate: Gate): boolean => {
    if (!isUnprepared(state) || !gate.free(batchId)) return false;
    if (state.initiatorSignature === undefined || state.acceptorSignature === undefined) return false;
    if (state.othersVoid === true || state.ownVoid === true) return false;
    // On us the initiator's record carries it.
    if (role === 'acceptor' && peer === flow.self) return false;
    return role === 'initiator' || hasPassed(flow.engine.clock, state.since, flow.config.timing.carrySeconds * 1000);
  };
  const due = (view: View, gate: Gate): readonly OpenBatch[] => {
    const failed = failing(view, gate, flow.open);
    return [...flow.open.allBatches()].filter(
      (open) =>
        isDue(open, stateOf(view, open.batchId, open.role), gate) &&
        open.sequence <= (failed.get(laneOf(open))?.sequence ?? open.sequence),
    );
  };
  return duty<CarryItem>({
    name: 'carry',
    key: 'carrier',
    due: (view, gate) => due(view, gate).length > 0,
    *orders(work, gate) {
      for (const open of due(work, gate).toSorted(bySequence)) {
        const signed = signedBatch(loadBatch(work, open.batchId, open.role));
        if (signed === undefined) continue;
        yield { item: { batchId: open.batchId }, call: calls.prepare(signed, careOf(flow, gate, signed)) };
      }
    },
    subjects: ({ batchId }) => [batchId],
    over: (log) => (log.type === 'BatchPrepared' ? [log.batchId] : []),
  });
}

/** By lane: the number of the first batch that has reverted and is not on the chain. */
function failing(view: View, gate: Gate, open: OpenWork): ReadonlyMap<string, OpenBatch> {
  const found = new Map<string, OpenBatch>();
  for (const batch of open.allBatches()) {
    if (!gate.reverted(batch.batchId) || !isUnprepared(stateOf(view, batch.batchId, batch.role))) continue;
    const first = found.get(laneOf(batch));
    if (first === undefined || batch.sequence < first.sequence) found.set(laneOf(batch), batch);
  }
  return found;
}

const laneOf = ({ role, peer }: OpenBatch): string => laneKey(role, peer);

interface DecideItem {
  readonly entries: readonly { readonly batchId: BatchId; readonly word: number; readonly mask: Hex }[];
  /** The batch that this call also prepares, or only prepares. */
  readonly prepares?: BatchId;
}

/**
 * Of a batch that is not on the chain yet the decision also prepares it, after those before it in its lane, which go from the
 * same account, so that they land first. Pairs are marked one by one: what is decided later goes in another transaction.
 */
export function decideDuty(flow: Needs, calls: SettlementCalls, decisions: Decisions): Duty {
  /** By batch: the transaction that prepares it from the account. */
  const preparing = new Map<BatchId, string>();
  return duty<DecideItem>({
    name: 'decide',
    key: 'account',
    due: () => decisions.anyToSend,
    orders: (work, gate) => decideOrders({ ...flow, calls, decisions, preparing }, work, gate),
    subjects: ({ entries, prepares }) => [
      ...new Set([...entries.map(({ batchId }) => batchId), ...(prepares === undefined ? [] : [prepares])]),
    ],
    enlarge: (item, call, gate) =>
      item.entries.length === 0 ? undefined : calls.enlarged(call, moreDecisions(flow, decisions, item, gate)),
    taken(item, tag) {
      if (item.prepares !== undefined) preparing.set(item.prepares, tag);
      decisions.taken(item, tag);
    },
    freed(tag) {
      for (const [batchId, owner] of preparing) if (owner === tag) preparing.delete(batchId);
      decisions.freed(tag);
    },
  });
}

interface Deciding extends Needs {
  readonly calls: SettlementCalls;
  readonly decisions: Decisions;
  readonly preparing: ReadonlyMap<BatchId, string>;
}

function* decideOrders(deciding: Deciding, work: View, gate: Gate): Iterable<Order<DecideItem>> {
  const { open, chainView, engine, calls, decisions } = deciding;
  const batches = [...open.allBatches()].filter(({ role }) => role === 'acceptor').sort(bySequence);
  const headTime = chainView.headTime ?? toUnixSeconds(engine.clock.now());
  const failed = failing(work, gate, open);
  const anchored: Decision[] = [];
  const prepared = new Set<BatchId>();
  for (const batch of batches) {
    const { batchId, deadline } = batch;
    if (deadline < headTime || !decisions.has(batchId) || gate.waits(batchId)) continue;
    const found = loadBatch(work, batchId, 'acceptor');
    if (found === undefined) continue;
    const entries = entriesOf(decisions, batchId, found.record.batch.count, !gate.reverted(batchId));
    if (entries.length === 0) continue;
    if (found.state.prepared !== undefined) {
      anchored.push(...entries);
      continue;
    }
    const signed = signedBatch(found);
    if (signed === undefined) continue;
    const first = failed.get(laneOf(batch));
    const behind = first !== undefined && first.sequence < batch.sequence;
    const before = behind ? [first] : batches.filter((each) => isBefore(each, batch));
    yield* preparations(deciding, work, gate, before, prepared);
    if (behind) continue;
    prepared.add(batchId);
    yield {
      item: { entries: masksOf(entries), prepares: batchId },
      call: calls.settle(signed, entries, careOf(deciding, gate, signed)),
    };
  }
  for (const entries of grouped(gate, anchored, ({ batchId }) => batchId)) {
    for (const call of calls.decide(entries)) yield { item: { entries: masksOf(entries) }, call };
  }
}

const isBefore = (one: OpenBatch, other: OpenBatch): boolean =>
  one.peer === other.peer && one.sequence < other.sequence;

/** `prepared`: what a call of this round prepares. */
function* preparations(
  deciding: Deciding,
  work: View,
  gate: Gate,
  batches: readonly OpenBatch[],
  prepared: Set<BatchId>,
): Iterable<Order<DecideItem>> {
  for (const { batchId } of batches) {
    const found = loadBatch(work, batchId, 'acceptor');
    if (found === undefined || found.state.prepared !== undefined || gate.waits(batchId)) continue;
    if (deciding.preparing.has(batchId) || prepared.has(batchId)) continue;
    const signed = signedBatch(found);
    if (signed === undefined) continue;
    prepared.add(batchId);
    yield {
      item: { entries: [], prepares: batchId },
      call: deciding.calls.prepare(signed, careOf(deciding, gate, signed)),
    };
  }
}

/**
 * For a transaction that others wait behind: all else that is decided and not final, also what goes in those behind it, which
 * then say it once more and change nothing. Its bits are as they were stored, so a commit stays one. Only of batches that are
 * prepared, and whose deadline is no earlier than its own: no entry makes it fail sooner.
 */
function moreDecisions(
  { open, engine }: Needs,
  decisions: Decisions,
  { entries, prepares }: DecideItem,
  gate: Gate,
): Decision[] {
  const own = new Set(entries.map(({ batchId }) => batchId));
  const acceptors = [...open.allBatches()].filter(({ role }) => role === 'acceptor');
  const earliest = Math.min(...acceptors.flatMap(({ batchId, deadline }) => (own.has(batchId) ? [deadline] : [])));
  return acceptors.flatMap(({ batchId, deadline }) => {
    if (deadline < earliest || gate.reverted(batchId)) return [];
    const found = loadBatch(engine.newest, batchId, 'acceptor');
    if (found === undefined || (found.state.prepared === undefined && batchId !== prepares)) return [];
    return entriesOf(decisions, batchId, found.record.batch.count, false, true);
  });
}

/** `isFresh`: no word of it can be decided in part, as one may be after a revert, or beside what is under way. */
function entriesOf(
  decisions: Decisions,
  batchId: BatchId,
  count: number,
  isFresh: boolean,
  underWayToo = false,
): Decision[] {
  const masks = new Map<number, { commitMask: bigint; abortMask: bigint }>();
  for (const [index, { commit, tag }] of decisions.of(batchId)) {
    if ((tag !== undefined && !underWayToo) || index >= count) continue;
    const word = wordOf(index);
    const mask = masks.get(word) ?? { commitMask: 0n, abortMask: 0n };
    if (commit) mask.commitMask |= bitOf(index);
    else mask.abortMask |= bitOf(index);
    masks.set(word, mask);
  }
  return [...masks].map(([word, mask]) => ({
    ...{ batchId, word, ...mask },
    ...(isFresh ? { pairs: Math.min(count - 256 * word, 256) } : {}),
  }));
}

const masksOf = (entries: readonly Decision[]): DecideItem['entries'] =>
  entries.map(({ batchId, word, commitMask, abortMask }) => ({ batchId, word, mask: wordHex(commitMask | abortMask) }));

interface AttestItem {
  readonly batches: readonly BatchId[];
}

export function attestDuty(flow: FlowContext, calls: SettlementCalls): Duty {
  const due = (view: View, gate: Gate): readonly OpenBatch[] =>
    [...flow.open.allBatches()].filter(({ batchId, role, peer }) => {
      if (role === 'acceptor' && peer === flow.self) return false;
      const state = stateOf(view, batchId, role);
      if (state?.remaining !== 0 || state.prepared === undefined || state.attested !== undefined) return false;
      return gate.free(batchId);
    });
  return duty<AttestItem>({
    name: 'attest',
    key: 'account',
    due: (view, gate) => due(view, gate).length > 0,
    *orders(work, gate) {
      const batches = due(work, gate)
        .toSorted(bySequence)
        .flatMap((open) => loadBatch(work, open.batchId, open.role) ?? []);
      for (const group of grouped(gate, batches, ({ record }) => record.batchId)) {
        const attestations = group.map((found) => ({
          batchId: found.record.batchId,
          executedDigest: executedOf(flow, work, found),
        }));
        const item = { batches: attestations.map(({ batchId }) => batchId) };
        for (const call of calls.attest(flow.self, attestations)) yield { item, call };
      }
    },
    subjects: ({ batches }) => batches,
    over: (log) => (log.type === 'BatchAttested' && log.operator === flow.self ? [log.batchId] : []),
  });
}
