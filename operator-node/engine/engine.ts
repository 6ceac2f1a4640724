/**
 * Runs the flow and knows no business. A step is a synchronous body in one store transaction: state, private domain,
 * outbox, journal and chain cursor are written together or not at all (protocol §3, rule 5). What a step wants done
 * outside it puts into a queue; a queue sees an item only when it is on disk, and forgets it only when the removal is.
 */
import { alarmEntry, type AlarmCode, type ConditionAlarm } from '../alarms/catalogue.ts';
import type { FaultCode } from '../alarms/faults.ts';
import { noteAlarm, noteOver, type AlarmFacts } from '../alarms/record.ts';
import { TandemError } from '../errors.ts';
import type { PlainEvent } from '../model/events.ts';
import type { UnixMillis, UserId } from '../model/ids.ts';
import { table, type Store, type Table, type Tx, type View } from '../store/store.ts';
import type { Clock, Random } from './clock.ts';
import { Followers, type Changes, type Follower } from './followers.ts';
import { appendJournal, type JournalKind } from './journal.ts';
import { WorkQueue, type QueueOptions, type Worker } from './queue.ts';

/** Something that staff has to see; stored with the step that raises it. */
export interface AlarmEvent extends AlarmFacts {
  readonly type: 'alarm';
  readonly what: AlarmCode;
  /** Whom it is about; the peer or operator of the facts unless it is said. */
  readonly subject?: string;
}

/** A condition has ended. */
export interface AlarmOver {
  readonly type: 'alarm-over';
  readonly what: ConditionAlarm;
  readonly subject: string;
}

/** What one transition tells whoever listens: logs, metrics, the console. Emitted when it is durable. */
export type EngineEvent = PlainEvent | AlarmEvent | AlarmOver;

/** One transaction's view of the node. */
export interface Work extends Tx {
  readonly now: UnixMillis;
  /** The same key again replaces the item. */
  enqueue(queue: string, key: string, item: object): void;
  /** The item of that key is done with, or not wanted any more. */
  done(queue: string, key: string): void;
  /** @param about the user whom the payload is about: its key seals it. Nothing personal goes without. */
  journal(kind: Exclude<JournalKind, 'fault'>, payload: Readonly<Record<string, unknown>>, about?: UserId): void;
  /** Into the journal, as evidence. What staff has to see is emitted beside it (`flow/note-fault.ts`). */
  fault(what: FaultCode, facts: Readonly<Record<string, unknown>>): void;
  emit(event: EngineEvent): void;
  /** Runs when everything of this transaction is on disk. */
  afterwards(action: () => void): void;
}

/** Key: `<queue>!<item key>`. */
export const outboxTable = table<object>('outbox');

export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: EngineEvent) => void;
  /** A fault in the background: logged, and work goes on. */
  readonly onFailure: (queue: string, error: unknown) => void;
}

export class Engine {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly #parts: EngineParts;
  readonly #queues = new Map<string, WorkQueue<object>>();
  readonly #repeating = new Set<() => void>();
  readonly #followers = new Followers();
  #stopped = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.clock = parts.clock;
    this.random = parts.random;
  }

  /** Newest state, durable or not: for decisions inside the node, never for what is told outside. */
  get newest(): View {
    return this.store.newest;
  }

  /** Runs `body` now; resolves when all it wrote is on disk. Nothing may leave the node before. */
  async run<R>(body: (work: Work) => R): Promise<R> {
    if (this.#stopped) throw new TandemError('not-ready', 'The node is stopping.');
    const after: (() => void)[] = [];
    const changes: Changes = new Map();
    const result = await this.store.transact((tx) => body(this.#work(tx, changes, after)));
    this.#followers.tell(changes);
    for (const action of after) action();
    return result;
  }

  /**
   * An index of that table is kept in memory: told of each change by a step when it is on disk, before anything else that
   * the step wants done then.
   */
  follow<V>(followed: Table<V>, follower: Follower<V>): void {
    this.#followers.add(followed, follower);
  }

  #work(tx: Tx, changes: Changes, after: (() => void)[]): Work {
    const now = this.clock.now();
    const { random } = this;
    const parts = this.#parts;
    const queues = this.#queues;
    const followers = this.#followers;
    const queueOf = (name: string): WorkQueue<object> => {
      const queue = queues.get(name);
      if (queue === undefined) throw new TandemError('internal', `There is no queue ${name}.`);
      return queue;
    };
    return {
      now,
      get: <V>(from: Table<V>, key: string) => tx.get(from, key),
      put: <V>(into: Table<V>, key: string, value: V) => {
        tx.put(into, key, value);
        followers.note(changes, into, key, value);
      },
      del: <V>(from: Table<V>, key: string) => {
        tx.del(from, key);
        followers.note(changes, from, key, undefined);
      },
      enqueue(name, key, item) {
        const queue = queueOf(name);
        tx.put(outboxTable, `${name}!${key}`, item);
        after.push(() => {
          queue.add(key, item);
        });
      },
      done(name, key) {
        const queue = queueOf(name);
        tx.del(outboxTable, `${name}!${key}`);
        after.push(() => {
          queue.remove(key);
        });
      },
      journal(kind, payload, about) {
        appendJournal(tx, now, random, kind, payload, about);
      },
      fault(what, facts) {
        appendJournal(tx, now, random, 'fault', { what, ...facts });
      },
      emit(event) {
        storeAlarm(tx, now, event);
        after.push(() => {
          parts.onEvent(event);
        });
      },
      afterwards(action) {
        after.push(action);
      },
    };
  }

  /** Declares a queue; all of them before `recover`. */
  queue<Item extends object>(name: string, options: QueueOptions<Item>, worker: Worker<Item>): WorkQueue<Item> {
    const queue = new WorkQueue<Item>(this.clock, options, worker, (error) => {
      this.#parts.onFailure(name, error);
    });
    // A queue is only ever given items of its own name, so the table's `object` is that queue's Item.
    this.#queues.set(name, queue as unknown as WorkQueue<object>);
    return queue;
  }

  /** Whether something of that queue waits in that lane. */
  hasLane(queue: string, lane: string): boolean {
    return this.#queues.get(queue)?.hasLane(lane) ?? false;
  }

  /** Since when the oldest item of that lane waits; undefined for an empty one. */
  oldestIn(queue: string, lane: string): UnixMillis | undefined {
    return this.#queues.get(queue)?.oldestIn(lane);
  }

  /** Lanes of that queue in which something waits. */
  laneNames(queue: string): Iterable<string> {
    return this.#queues.get(queue)?.laneNames() ?? [];
  }

  depth(name: string): number {
    return this.#queues.get(name)?.depth ?? 0;
  }

  /** Since when the oldest item of that queue waits; undefined for an empty one. */
  oldestSince(name: string): UnixMillis | undefined {
    return this.#queues.get(name)?.oldestSince;
  }

  get queueNames(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** Runs `action` every `millis` until the engine stops; a run that takes longer delays the next one. */
  every(millis: number, name: string, action: () => Promise<void> | void): void {
    let cancel = (): void => undefined;
    const cancelNow = (): void => {
      cancel();
    };
    const next = (): void => {
      cancel = this.clock.after(millis, () => {
        void (async () => {
          try {
            await action();
          } catch (error) {
            this.#parts.onFailure(name, error);
          }
          if (!this.#stopped) next();
        })();
      });
    };
    this.#repeating.add(cancelNow);
    next();
  }

  /** Puts what the outbox holds back into the queues: starting up is replaying the outbox. */
  async recover(): Promise<void> {
    for await (const [key, item] of this.store.scan(outboxTable)) {
      const cut = key.indexOf('!');
      const name = key.slice(0, cut);
      const queue = this.#queues.get(name);
      if (queue === undefined) throw new TandemError('internal', `The outbox holds work for an unknown queue: ${key}`);
      queue.add(key.slice(cut + 1), item);
    }
  }

  start(): void {
    for (const queue of this.#queues.values()) queue.start();
  }

  /** Hands out no more work, lets what is under way end, and takes no more transactions after that. */
  async stop(): Promise<void> {
    for (const cancel of this.#repeating) cancel();
    await Promise.all([...this.#queues.values()].map((queue) => queue.stop()));
    this.#stopped = true;
  }
}

/** Alarms outlive the process: what was raised at night is still seen. */
function storeAlarm(tx: Tx, now: UnixMillis, event: EngineEvent): void {
  if (event.type === 'alarm-over') noteOver(tx, now, event.what, event.subject);
  if (event.type !== 'alarm') return;
  const { type: _, what, subject, ...facts } = event;
  noteAlarm(tx, now, what, facts, { subject, begins: alarmEntry(what).kind === 'condition' });
}
