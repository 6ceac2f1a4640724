/**
 * The head of this node's journal, on the chain at least once an interval (protocol §7). What to send follows from what is
 * stored: a journal that has gone on since its newest checkpoint, and no checkpoint under way. What counts as anchored is
 * the event in a final block, as for everything else (rule 2); a receipt only frees the way for another attempt.
 */
import type { AuditLogCalls } from '../chain/calls.ts';
import type { Block, ChainLog, TransactionOutcome, TransactionSender } from '../chain/chain.ts';
import { hasPassed } from '../engine/clock.ts';
import type { Work } from '../engine/engine.ts';
import { journalEntry, journalHead } from '../engine/journal.ts';
import { TandemError } from '../errors.ts';
import type { Hash, UnixMillis, UnixSeconds } from '../model/ids.ts';
import { isForgottenPast, recoveryOf } from '../recovery/state.ts';
import { table, type Store, type Tx, type View } from '../store/store.ts';
import { halt, type OwnKeys } from './batch.ts';
import type { ChainView, FlowContext } from './context.ts';

/** A head of this operator's journal as a final block has it. */
export interface Anchored {
  /** The head is that after this entry. */
  readonly entry: number;
  readonly head: Hash;
  readonly block: Pick<Block, 'number' | 'hash' | 'timestamp'>;
  /** This journal has that entry with that hash. False where the end of the store was lost, or somebody else anchored it. */
  readonly held: boolean;
}

/** Every head that was anchored. Key: the entry, 12 digits. */
export const checkpointTable = table<Anchored>('checkpoint');
const checkpointKey = (entry: number): string => String(entry).padStart(12, '0');

interface CheckpointState {
  /** The newest entry that the chain has: a later one is anchored next. */
  readonly newest?: number;
  /** When the last transaction for a checkpoint was stored. */
  readonly sentAt?: UnixMillis;
  /** Under way. */
  readonly sent?: { readonly tag: string; readonly entry: number };
  /** A transaction failed: no other before. */
  readonly notBefore?: UnixMillis;
}

/** Key: `now`. */
export const checkpointStateTable = table<CheckpointState>('checkpoint-state');

const stateOf = (view: View): CheckpointState => view.get(checkpointStateTable, 'now') ?? {};

export const anchoredAt = (view: View, entry: number): Anchored | undefined =>
  view.get(checkpointTable, checkpointKey(entry));

/** The newest head of the journal that the chain has, as this store knows it. */
export function newestAnchored(view: View): Anchored | undefined {
  const { newest } = stateOf(view);
  return newest === undefined ? undefined : anchoredAt(view, newest);
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
    if (anchored.held) return anchored;
  }
  return undefined;
}

const headOf = (hash: string): Hash => `0x${hash}` as Hash;

/**
 * At start: the journal holds the newest head that its store knows to be anchored. @throws {TandemError} `store-damaged`
 */
export function checkAnchored(view: View): void {
  const newest = newestAnchored(view);
  if (newest?.held !== true) return;
  const entry = journalEntry(view, newest.entry);
  if (entry !== undefined && headOf(entry.hash) === newest.head) return;
  const found = entry === undefined ? 'is not there' : `has the hash ${entry.hash}`;
  throw new TandemError(
    'store-damaged',
    `The journal is not the one whose head was anchored in block ${newest.block.number}: entry ${newest.entry} ${found}; anchored is ${newest.head}. Keep the folder as it is, run tandem doctor, then tandem restore (docs/operations.md).`,
  );
}

/** So long after it was due, by the time of blocks, somebody has to look: an own clock that jumps is no reason. */
const graceSeconds = 600;
const retryMillis = 60_000;

/** What of the flow it needs. */
export interface AnchorContext extends Pick<FlowContext, 'self' | 'engine' | 'alarms'> {
  readonly chainView: Pick<ChainView, 'headTime'>;
  readonly open: { halted: boolean; readonly keys?: OwnKeys | undefined };
}

export class JournalAnchor {
  readonly #calls: Pick<AuditLogCalls, 'checkpoint'> | undefined;
  readonly #sender: Pick<TransactionSender, 'send'>;
  readonly #intervalMillis: number;
  /** Time of the newest block when the journal was first seen to wait for longer than an interval. */
  #lateSince: UnixSeconds | undefined;

  /** Without `calls` the network has no AuditLog, and nothing is sent. */
  constructor(
    calls: Pick<AuditLogCalls, 'checkpoint'> | undefined,
    sender: Pick<TransactionSender, 'send'>,
    { anchorSeconds }: { readonly anchorSeconds: number },
  ) {
    this.#calls = calls;
    this.#sender = sender;
    this.#intervalMillis = anchorSeconds * 1000;
  }

  get enabled(): boolean {
    return this.#calls !== undefined;
  }

  /** Called by the clock. */
  async round(flow: AnchorContext): Promise<void> {
    const { engine } = flow;
    if (this.#calls === undefined) return;
    const now = engine.clock.now();
    const { waitingMillis } = anchorStatus(engine.newest, now);
    const waitingSeconds = Math.round(waitingMillis / 1000);
    flow.alarms.set('journal-anchor-overdue', this.#isLate(flow, waitingMillis), { waitingSeconds });
    if (!this.#isDue(flow, engine.newest)) return;
    await engine.run((work) => {
      if (this.#isDue(flow, work)) this.#send(flow, work);
    });
  }

  #isLate({ chainView: { headTime } }: AnchorContext, waitingMillis: number): boolean {
    if (waitingMillis <= this.#intervalMillis) this.#lateSince = undefined;
    else this.#lateSince ??= headTime;
    return this.#lateSince !== undefined && (headTime ?? 0) - this.#lateSince > graceSeconds;
  }

  #isDue({ engine: { clock } }: AnchorContext, view: View): boolean {
    const { newest = 0, sent, sentAt, notBefore } = stateOf(view);
    // Rule 11: a store that may be behind says nothing on the chain.
    if (sent !== undefined || recoveryOf(view) !== undefined || journalHead(view).sequence <= newest) return false;
    if (notBefore !== undefined && !hasPassed(clock, notBefore - retryMillis, retryMillis)) return false;
    const since = sentAt ?? journalEntry(view, newest + 1)?.at;
    return since === undefined || hasPassed(clock, since, this.#intervalMillis);
  }

  #send({ self }: AnchorContext, work: Work): void {
    if (this.#calls === undefined) return;
    const { sequence, hash } = journalHead(work);
    const tag = `checkpoint!${sequence}!${work.now}`;
    this.#sender.send(work, 'account', this.#calls.checkpoint(self, sequence, headOf(hash)), tag);
    const { newest } = stateOf(work);
    work.put(checkpointStateTable, 'now', {
      ...(newest === undefined ? {} : { newest }),
      sentAt: work.now,
      sent: { tag, entry: sequence },
    });
  }

  /** In the sender's own write. A transaction that failed makes way for another; one that is in waits for its event. */
  onOutcome(tx: Tx, { tag, status, final }: TransactionOutcome, now: UnixMillis): void {
    const { sent, ...state } = stateOf(tx);
    if (!final || status === 'included' || sent?.tag !== tag) return;
    tx.put(checkpointStateTable, 'now', { ...state, notBefore: (now + retryMillis) as UnixMillis });
  }

  /** A head of this operator is in a final block. */
  applied(
    flow: AnchorContext,
    work: Work,
    { number, hash, timestamp }: Block,
    { entry, head }: Pick<Extract<ChainLog, { type: 'JournalCheckpoint' }>, 'entry' | 'head'>,
  ): void {
    const { sent, newest, ...state } = stateOf(work);
    if (newest !== undefined && newest >= entry) return;
    const found = journalEntry(work, entry);
    const held = found !== undefined && headOf(found.hash) === head;
    work.put(checkpointTable, checkpointKey(entry), { entry, head, block: { number, hash, timestamp }, held });
    const underWay = sent !== undefined && sent.entry > entry ? { sent } : {};
    work.put(checkpointStateTable, 'now', { ...state, ...underWay, newest: entry });
    if (held) work.emit({ type: 'journal-anchored', entry, block: number });
    else missing(flow, work, entry, head, number);
  }
}

/** Its transaction is of an account that counts no more: another one is sent. */
export function forgetCheckpoint(tx: Tx, tag: string): void {
  const { sent, ...state } = stateOf(tx);
  if (sent?.tag === tag) tx.put(checkpointStateTable, 'now', state);
}

/**
 * The chain has a head that this journal does not: the account's key is used elsewhere, or the store is not the one that
 * anchored it. A store that was restored knows that its end is lost; any other begins nothing new until staff has looked.
 */
function missing(flow: AnchorContext, work: Work, entry: number, head: Hash, block: number): void {
  const what = 'an anchored journal head that this journal does not have';
  work.journal('fault', { what, entry, head, block });
  work.emit({ type: 'alarm', what: 'foreign-journal-head', entry, head, block });
  if (recoveryOf(work) !== undefined || isForgottenPast(work, block)) return;
  halt(work, flow.open, what);
}
