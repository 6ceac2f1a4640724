/**
 * The heads of this node's journal, on the chain at least once an interval and at most so many entries apart (protocol §7).
 * What to send follows from what is stored: a journal that has gone on since its newest checkpoint, and no checkpoint under
 * way (`chain/duties.ts`). What counts as anchored is the event in a final block, as for everything else (rule 2).
 *
 * The chain may have heads that this journal does not: somebody else had the account's key, or the end of the store was
 * lost. Those say from where on the chain takes the next one, and vouch for nothing: what is anchored is what is *held*.
 */
import type { AuditLogCalls, JournalCheckpoint } from '../chain/calls.ts';
import type { Block, ChainLog, PeerRegistry } from '../chain/chain.ts';
import { duty, type Duty } from '../chain/duties.ts';
import { hasPassed } from '../engine/clock.ts';
import type { Work } from '../engine/engine.ts';
import { journalEntry, journalHead } from '../engine/journal.ts';
import { TandemError } from '../errors.ts';
import type { Hash, UnixMillis, UnixSeconds } from '../model/ids.ts';
import { isForgottenPast, recoveryOf } from './past.ts';
import { table, type Store, type View } from '../store/store.ts';
import { halt, type OwnKeys } from './batch.ts';
import type { ChainView, FlowContext } from './context.ts';
import { noteFault } from './note-fault.ts';

/** A head of this operator's journal as a final block has it. */
export interface Anchored {
  /** The head is that after this entry. */
  readonly entry: number;
  readonly head: Hash;
  readonly block: Pick<Block, 'number' | 'hash' | 'timestamp'>;
  /**
   * This journal has that entry with that hash. False where the end of the store was lost, or somebody else anchored
   * it.
   */
  readonly held: boolean;
  /** What counted before it. */
  readonly before?: Counting;
  /** Block in which the operator's controller took it back: it vouches for nothing any more. */
  readonly disowned?: number;
}

/** Entries of the newest heads that count: of all, and of those that the journal holds. */
interface Counting {
  readonly newest?: number;
  readonly held?: number;
}

/** Every head that was anchored. Key: the entry, 12 digits. */
export const checkpointTable = table<Anchored>('checkpoint');
const checkpointKey = (entry: number): string => String(entry).padStart(12, '0');

interface CheckpointState extends Counting {
  /** Where the chain is: it takes the head of a later entry next. */
  readonly last?: number;
  /** When the newest head that the journal holds was anchored: the next one is an interval later. */
  readonly anchoredAt?: UnixMillis;
}

/** Key: `now`. */
export const checkpointStateTable = table<CheckpointState>('checkpoint-state');

const stateOf = (view: View): CheckpointState => view.get(checkpointStateTable, 'now') ?? {};

export const anchoredAt = (view: View, entry: number): Anchored | undefined =>
  view.get(checkpointTable, checkpointKey(entry));

/** The newest head of this journal that the chain has, as this store knows it: what is older is anchored. */
export function newestAnchored(view: View): Anchored | undefined {
  const { held } = stateOf(view);
  return held === undefined ? undefined : anchoredAt(view, held);
}

/** What `/metrics` and `tandem doctor` ask. */
export interface AnchorStatus {
  readonly newest: Anchored | undefined;
  /** Entries that no anchored head covers. */
  readonly entries: number;
  /** For how long the oldest of them waits. */
  readonly waitingMillis: number;
}

export function anchorStatus(view: View, now: UnixMillis): AnchorStatus {
  const newest = newestAnchored(view);
  const from = newest?.entry ?? 0;
  const entries = Math.max(0, journalHead(view).sequence - from);
  const oldest = entries === 0 ? undefined : journalEntry(view, from + 1);
  return { newest, entries, waitingMillis: oldest === undefined ? 0 : Math.max(0, now - oldest.at) };
}

/** The first head that covers that entry, of those that the journal holds. */
export async function anchoredFrom(store: Store, entry: number): Promise<Anchored | undefined> {
  for await (const [, anchored] of store.scan(checkpointTable, { gte: checkpointKey(entry) })) {
    if (anchored.held && anchored.disowned === undefined) return anchored;
  }
  return undefined;
}

const headOf = (hash: string): Hash => `0x${hash}` as Hash;

/**
 * At start: the journal holds the newest head that its store knows to be anchored. @throws {TandemError} `store-damaged`
 */
export function checkAnchored(view: View): void {
  const newest = newestAnchored(view);
  if (newest === undefined) return;
  const entry = journalEntry(view, newest.entry);
  if (entry !== undefined && headOf(entry.hash) === newest.head) return;
  const found = entry === undefined ? 'is not there' : `has the hash ${entry.hash}`;
  throw new TandemError(
    'store-damaged',
    `The journal is not the one whose head was anchored in block ${newest.block.number}: entry ${newest.entry} ${found}; anchored is ${newest.head}. Leave the folder as it is, run tandem doctor, then tandem restore (docs/operations.md).`,
  );
}

/**
 * Two heads are at most so many entries apart. `AuditLog` takes 65,536, and the journal goes on while a transaction is on
 * its way.
 */
export const maxEntriesApart = 60_000;
/** Heads of a backlog that are sent in one transaction: about 2 million gas. */
export const maxHeadsACall = 32;

/**
 * After which entries the heads are that are anchored next, in order: of a journal at `sequence`, on a chain at `last`.
 */
export function headsBetween(last: number, sequence: number): readonly number[] {
  const count = Math.min(maxHeadsACall, Math.ceil((sequence - last) / maxEntriesApart));
  return Array.from({ length: count }, (_, index) => Math.min(sequence, last + (index + 1) * maxEntriesApart));
}

/** Grace period after the due time, measured in block time so that a jumping local clock cannot raise the alarm. */
const graceSeconds = 600;

/** The parts of the flow that it uses. */
export interface AnchorContext extends Pick<FlowContext, 'self' | 'engine' | 'alarms'> {
  readonly chainView: Pick<ChainView, 'headTime'>;
  readonly peers: Pick<PeerRegistry, 'get'>;
  readonly open: { halted: boolean; readonly keys?: OwnKeys | undefined };
}

export class JournalAnchor {
  readonly #intervalMillis: number;
  /** Time of the newest block when the journal was first seen to wait for longer than an interval. */
  #lateSince: UnixSeconds | undefined;
  /** The network has an AuditLog: without it nothing is sent, and nothing is late. */
  readonly enabled: boolean;

  constructor({ anchorSeconds, enabled }: { readonly anchorSeconds: number; readonly enabled: boolean }) {
    this.#intervalMillis = anchorSeconds * 1000;
    this.enabled = enabled;
  }

  /** Called by the clock. */
  look(flow: AnchorContext): void {
    if (!this.enabled) return;
    const { waitingMillis } = anchorStatus(flow.engine.newest, flow.engine.clock.now());
    const waitingSeconds = Math.round(waitingMillis / 1000);
    const late = !isRetired(flow) && this.#isLate(flow, waitingMillis);
    flow.alarms.set('journal-anchor-overdue', late, { waitingSeconds });
  }

  /** The journal has gone on since its newest head, and an interval is over, or it has gone on too far. */
  isDue({ engine: { clock } }: Pick<AnchorContext, 'engine'>, view: View): boolean {
    const { last = 0, held = 0, anchoredAt } = stateOf(view);
    const { sequence } = journalHead(view);
    if (sequence <= last) return false;
    if (sequence - last >= maxEntriesApart) return true;
    const since = anchoredAt ?? journalEntry(view, held + 1)?.at;
    return since === undefined || hasPassed(clock, since, this.#intervalMillis);
  }

  #isLate({ chainView: { headTime } }: AnchorContext, waitingMillis: number): boolean {
    if (waitingMillis <= this.#intervalMillis) this.#lateSince = undefined;
    else this.#lateSince ??= headTime;
    return this.#lateSince !== undefined && (headTime ?? 0) - this.#lateSince > graceSeconds;
  }

  /** A head of this operator is in a final block. */
  applied(
    flow: AnchorContext,
    work: Work,
    { number, hash, timestamp }: Block,
    { entry, head }: Pick<Extract<ChainLog, { type: 'JournalCheckpoint' }>, 'entry' | 'head'>,
  ): void {
    const { last, newest, held, anchoredAt } = stateOf(work);
    if (last !== undefined && last >= entry) return;
    const found = journalEntry(work, entry);
    const isHeld = found !== undefined && headOf(found.hash) === head;
    const before = counting(newest, held);
    work.put(checkpointTable, checkpointKey(entry), {
      entry,
      head,
      block: { number, hash, timestamp },
      held: isHeld,
      before,
    });
    const seenAt = isHeld ? (Math.min(work.now, timestamp * 1000) as UnixMillis) : anchoredAt;
    work.put(checkpointStateTable, 'now', {
      ...(seenAt === undefined ? {} : { anchoredAt: seenAt }),
      last: entry,
      ...counting(entry, isHeld ? entry : held),
    });
    if (isHeld) work.emit({ type: 'journal-anchored', entry, block: number });
    // A thief may anchor thousands of them at once: one after another that staff knows of is no news.
    else if (newest === held || !isKnown(flow, work, number)) foreignHead(flow, work, entry, head, number);
  }

  /** The operator's controller has taken back the heads after that entry: the chain takes others in their place. */
  disowned(
    work: Work,
    { number }: Pick<Block, 'number'>,
    { last, entry }: Pick<Extract<ChainLog, { type: 'JournalHeadsDisowned' }>, 'last' | 'entry'>,
  ): void {
    const { newest: before, held: heldBefore } = stateOf(work);
    let [newest, held] = [before, heldBefore];
    while (newest !== undefined && newest > entry) {
      const anchored = anchoredAt(work, newest);
      if (anchored === undefined) break;
      work.put(checkpointTable, checkpointKey(newest), { ...anchored, disowned: number });
      ({ newest, held } = anchored.before ?? {});
    }
    work.put(checkpointStateTable, 'now', { last: entry, ...counting(newest, held) });
    work.fault('journal-heads-disowned', { last, entry, block: number });
    work.emit({ type: 'journal-heads-disowned', last, entry, block: number });
    // It was meant for heads that are not of this journal.
    if (heldBefore !== held) work.emit({ type: 'alarm', what: 'own-journal-heads-disowned', entry, block: number });
  }
}

const counting = (newest: number | undefined, held: number | undefined): Counting => ({
  ...(newest === undefined ? {} : { newest }),
  ...(held === undefined ? {} : { held }),
});

/** @throws {TandemError} `store-damaged` */
function headAt(view: View, entry: number): JournalCheckpoint {
  const found = journalEntry(view, entry);
  if (found === undefined) {
    throw new TandemError('store-damaged', `Journal entry ${entry}, which is due to be anchored, is missing`);
  }
  return { entry, head: headOf(found.hash) };
}

/** The chain takes no head of a retired operator, which is an alarm of its own. */
const isRetired = ({ peers, self }: Pick<AnchorContext, 'peers' | 'self'>): boolean =>
  peers.get(self)?.status === 'retired';

interface CheckpointItem {
  /** The head is that after this entry. */
  readonly entry: number;
}

/** The journal's head goes to the chain, one transaction at a time. */
export function checkpointDuty(
  flow: Pick<AnchorContext, 'self' | 'engine' | 'peers'>,
  anchor: Pick<JournalAnchor, 'isDue'>,
  calls: Pick<AuditLogCalls, 'checkpoint'>,
): Duty {
  const { self } = flow;
  return duty<CheckpointItem>({
    name: 'checkpoint',
    key: 'account',
    due: (view, gate) => gate.idle && !gate.waits('head') && !isRetired(flow) && anchor.isDue(flow, view),
    *orders(work) {
      const heads = headsBetween(stateOf(work).last ?? 0, journalHead(work).sequence).map((at) => headAt(work, at));
      const newest = heads.at(-1);
      if (newest !== undefined) yield { item: { entry: newest.entry }, call: calls.checkpoint(self, heads) };
    },
    subjects: ({ entry }) => ['head', String(entry)],
    // One of somebody else's below it leaves it under way.
    over: (log, subjects) =>
      log.type === 'JournalCheckpoint' && log.operator === self && subjects.every((each) => !(Number(each) > log.entry))
        ? subjects
        : [],
  });
}

/**
 * The chain has a head that this journal does not: the account's key is used elsewhere, or the store is not the one that
 * anchored it. A store that was restored knows that its end is lost; any other begins nothing new until staff has looked.
 */
export function foreignHead(
  flow: AnchorContext,
  work: Work,
  entry: number | string,
  head: string,
  block: number,
): void {
  noteFault(work, 'foreign-journal-head', { entry, head, block });
  if (isLost(work, block)) return;
  halt(work, flow.open, 'foreign-journal-head');
}

/** The store knows that its end is lost: what it anchored itself it may have forgotten. */
const isLost = (view: View, block: number): boolean => recoveryOf(view) !== undefined || isForgottenPast(view, block);

const isKnown = ({ open }: AnchorContext, view: View, block: number): boolean => open.halted || isLost(view, block);
