/**
 * Messages to phones over one route: what is stored is sent, what is answered is stored, and what each came to is kept.
 * A part is stored as `sent` before it leaves. So after a crash or a lost connection it is known which parts may have
 * arrived; those alone are in doubt, wait for a receipt that says so, and go again when none comes (decision 0201).
 */
import type { Clock } from '../engine/clock.ts';
import type { UnixMillis } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import { AwaitedParts } from './awaited.ts';
import type { RouteConfig } from './smpp-config.ts';
import { AwaitedPart, type Entry } from './entry.ts';
import { Lanes } from './lanes.ts';
import type { SmppMetrics } from './smpp-metrics.ts';
import type { Notices } from './notices.ts';
import { Pace } from './pace.ts';
import { canonicalId } from './receipt.ts';
import { Receipts } from './receipts.ts';
import type { Session } from './session.ts';
import { answerOf, submitFields, userReference, type Answer } from './submit-sm.ts';
import { endedTable, knownTable, outTable } from './smpp-tables.ts';

export interface SenderParts {
  readonly route: RouteConfig;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: SmppMetrics;
  readonly notices: Notices;
  readonly fatal: (error: unknown) => void;
}

/** Answers of "not now" to one message before it counts as refused. */
const maxTries = 12;
const longestRetryMillis = 300_000;

export class RouteSender {
  readonly receipts: Receipts;
  readonly #parts: SenderParts;
  readonly #lanes = new Lanes<Entry>();
  readonly #pace: Pace;
  readonly #entries = new Set<Entry>();
  readonly #awaited = new AwaitedParts<AwaitedPart>();
  /** Parts of them may have arrived; their phones wait until that is known, or long enough. */
  readonly #inDoubt = new Set<Entry>();
  #session: Session | undefined;
  #stopped = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.clock, parts.route, () => this.#pump());
    this.receipts = new Receipts({
      ...parts,
      awaited: this.#awaited,
      inDoubt: this.#inDoubt,
      mayBeOnTheWay: (numbers) => this.#mayBeOnTheWay(numbers),
      accepted: (entry, index, id) => this.#await(entry, index, id),
      changed: (entry) => this.#changed(entry),
    });
  }

  /** Messages that the centre does not have whole. */
  get waiting(): number {
    return this.#lanes.length;
  }

  get awaiting(): number {
    return this.#awaited.size;
  }

  /** At start, in the order in which they were taken. */
  load(entry: Entry): void {
    this.#entries.add(entry);
    for (const index of entry.parts('accepted')) this.#await(entry, index, entry.record.parts[index]?.id ?? '');
    const doubtful = entry.has('sent');
    if (!doubtful && !entry.has('waiting')) return;
    this.#lanes.add(entry);
    if (!doubtful) return;
    this.#lanes.hold(entry);
    this.#inDoubt.add(entry);
  }

  /** What is stored now. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#entries.add(entry);
      this.#lanes.add(entry);
    }
    this.#pump();
  }

  up(session: Session): void {
    this.#session = session;
    for (const entry of this.#inDoubt) this.#resolveInTime(entry);
    this.#pump();
  }

  down(): void {
    this.#session = undefined;
  }

  /** Begins nothing more; resolves when what was sent is answered, or the time is over. */
  async stop(millis: number): Promise<void> {
    this.#stopped = true;
    const end = this.#parts.clock.now() + millis;
    const underWay = (): boolean => [...this.#entries].some(({ onTheWay }) => onTheWay > 0);
    while (this.#session !== undefined && underWay() && this.#parts.clock.now() < end) {
      await new Promise<void>((resolve) => void this.#parts.clock.after(20, resolve));
    }
  }

  /** Ends what nobody asks for any more. */
  async sweep(): Promise<void> {
    const now = this.#parts.clock.now();
    const graceMillis = this.#parts.route.receiptSeconds * 1000;
    const changed: Entry[] = [];
    for (const entry of this.#entries) {
      const { validUntil } = entry.record;
      if (now < validUntil || entry.onTheWay > 0) continue;
      const waiting = entry.parts('waiting');
      const silent = now < validUntil + graceMillis ? [] : [...entry.parts('accepted'), ...entry.parts('sent')];
      if (waiting.length + silent.length === 0) continue;
      entry.settle(waiting, 'expired', 'not sent in time');
      entry.settle(silent, 'unknown', 'no receipt');
      changed.push(entry);
    }
    await Promise.all(changed.map((entry) => this.#changed(entry)));
  }

  #pump(): void {
    while (!this.#stopped && this.#session !== undefined && !this.#session.isOver) {
      const room = this.#pace.room();
      if (room <= 0) return;
      const entry = this.#lanes.next();
      if (entry === undefined) return;
      if (this.#parts.clock.now() >= entry.record.validUntil) {
        entry.settle(entry.parts('waiting'), 'expired', 'not sent in time');
        this.#lanes.done(entry);
        this.#guard(this.#changed(entry));
        continue;
      }
      void this.#send(this.#session, entry, entry.parts('waiting').slice(0, room));
    }
  }

  async #send(session: Session, entry: Entry, indices: readonly number[]): Promise<void> {
    this.#pace.begin(indices.length);
    entry.onTheWay = indices.length;
    entry.change(indices, (part) => ({ ...part, state: 'sent' }));
    try {
      await this.#parts.store.transact((tx) => tx.put(outTable, entry.key, entry.record));
      if (session.isOver) {
        // It never left: that much is certain.
        entry.change(indices, (part) => ({ ...part, state: 'waiting' }));
        for (const _ of indices) this.#pace.end('other');
        entry.onTheWay = 0;
        this.#lanes.again(entry);
      } else {
        const answers = await Promise.all(indices.map((index) => this.#submit(session, entry, index)));
        entry.onTheWay = 0;
        await this.#afterAnswers(entry, answers);
      }
    } catch (error) {
      this.#parts.fatal(error);
      return;
    }
    await this.receipts.retry();
    this.#pump();
  }

  /** Stores nothing itself: what it changes is stored with the answers of the parts beside it. */
  async #submit(session: Session, entry: Entry, index: number): Promise<Answer> {
    const { clock, metrics, route } = this.#parts;
    const part = entry.record.parts[index];
    if (part === undefined) return { kind: 'lost' };
    const fields = submitFields(entry.record, part, userReference(entry.key, index), route, clock.now());
    const answer = await session.request('submit_sm', fields).then(answerOf, (): Answer => ({ kind: 'lost' }));
    this.#pace.end(answer.kind === 'accepted' ? 'taken' : answer.kind === 'throttled' ? 'throttled' : 'other');
    metrics.submitted(route.name, 'reason' in answer ? answer.reason : answer.kind === 'lost' ? 'lost' : 'ESME_ROK');
    if (answer.kind === 'accepted') this.#accepted(entry, index, answer.id);
    else if (answer.kind === 'refused') entry.settle([index], 'undeliverable', answer.reason);
    else if (answer.kind !== 'lost') entry.change([index], (one) => ({ ...one, state: 'waiting' }));
    return answer;
  }

  #accepted(entry: Entry, index: number, id: string): void {
    if (!this.#parts.route.receipts || id === '') {
      entry.settle([index], 'accepted', 'no receipt asked for');
      return;
    }
    this.#await(entry, index, id);
    this.#guard(this.receipts.retry());
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.fatal(error));
  }

  #await(entry: Entry, index: number, id: string): void {
    entry.change([index], ({ octets: _gone, ...one }) => ({ ...one, state: 'accepted', id }));
    const part = new AwaitedPart(entry, index, id);
    entry.awaited.set(index, part);
    this.#awaited.add(id, part);
  }

  async #afterAnswers(entry: Entry, answers: readonly Answer[]): Promise<void> {
    const refused = answers.find(({ kind }) => kind === 'refused');
    // Half a message is of no use.
    if (refused !== undefined && 'reason' in refused)
      entry.settle(entry.parts('waiting'), 'undeliverable', refused.reason);
    const later = answers.find(({ kind }) => kind === 'later');
    if (later !== undefined && 'reason' in later) this.#countTry(entry, later.reason);
    const stored = this.#changed(entry);
    if (entry.has('sent')) this.#doubt(entry);
    else if (!entry.has('waiting')) this.#lanes.done(entry);
    else if (later === undefined) this.#lanes.again(entry);
    else this.#retryLater(entry);
    await stored;
  }

  #countTry(entry: Entry, reason: string): void {
    entry.record = { ...entry.record, tries: entry.record.tries + 1 };
    if (entry.record.tries >= maxTries) entry.settle(entry.parts('waiting'), 'undeliverable', reason);
  }

  #retryLater(entry: Entry): void {
    const wait = Math.min(1000 * 2 ** (entry.record.tries - 1), longestRetryMillis);
    this.#parts.clock.after(wait, () => {
      this.#lanes.again(entry);
      this.#pump();
    });
  }

  #doubt(entry: Entry): void {
    this.#inDoubt.add(entry);
    if (this.#session !== undefined && !this.#session.isOver) this.#resolveInTime(entry);
  }

  #resolveInTime(entry: Entry): void {
    const { clock, route } = this.#parts;
    const session = this.#session;
    clock.after(route.receipts ? route.doubtSeconds * 1000 : 0, () => {
      // The centre was away in between, and could say nothing: it has the whole time once it is back.
      if (session !== this.#session || session?.isOver === true || !this.#inDoubt.has(entry) || this.#stopped) return;
      this.#guard(this.#resolve(entry));
    });
  }

  async #resolve(entry: Entry): Promise<void> {
    const { clock, metrics, route } = this.#parts;
    this.#inDoubt.delete(entry);
    const doubtful = entry.parts('sent');
    if (clock.now() >= entry.record.validUntil) {
      entry.settle(doubtful, 'unknown', 'its answer was lost');
      await this.#changed(entry);
    } else {
      for (const _ of doubtful) metrics.sentAgain(route.name);
      entry.change(doubtful, (part) => ({ ...part, state: 'waiting' }));
    }
    if (entry.has('waiting')) this.#lanes.again(entry);
    else this.#lanes.done(entry);
    this.#pump();
  }

  #mayBeOnTheWay(fits: (number: string) => boolean): boolean {
    return [...this.#entries].some((entry) => entry.onTheWay > 0 && fits(entry.to));
  }

  /** Stores what has become of an entry, and is done with it where nothing is open. */
  async #changed(entry: Entry): Promise<void> {
    if (entry.over) return;
    for (const [index, part] of entry.awaited) {
      if (entry.record.parts[index]?.state === 'accepted') continue;
      this.#awaited.remove(part.id, part);
      entry.awaited.delete(index);
    }
    if (this.#inDoubt.has(entry) && !entry.has('sent')) {
      this.#inDoubt.delete(entry);
      if (entry.has('waiting')) this.#lanes.again(entry);
      else this.#lanes.done(entry);
      this.#pump();
    }
    if (entry.record.parts.every(({ state }) => state === 'done')) await this.#finish(entry);
    else await this.#parts.store.transact((tx) => tx.put(outTable, entry.key, entry.record));
  }

  async #finish(entry: Entry): Promise<void> {
    const { clock, metrics, route, store } = this.#parts;
    const { id, parts, to } = entry.record;
    const { outcome, reason } = entry.outcome();
    const at: UnixMillis = clock.now();
    entry.over = true;
    this.#entries.delete(entry);
    metrics.ended(route.name, outcome);
    await store.transact((tx) => {
      tx.del(outTable, entry.key);
      tx.put(knownTable, id, { at, to, outcome, reason });
      for (const part of parts) {
        if (part.id !== undefined) tx.put(endedTable, `${route.name}!${canonicalId(part.id)}`, { at, to });
      }
    });
  }
}
