/**
 * One kind of work that has to be done outside the node, until it is done. Items are durable in the outbox table; this
 * holds what is not done yet, hands it to a worker in groups, and tries again later what the worker left undone.
 * Items of one lane are handed over in order, one group at a time; lanes run side by side.
 */
import type { UnixMillis } from '../model/ids.ts';
import type { Clock } from './clock.ts';

export interface QueueOptions<Item> {
  readonly lane: (item: Item) => string;
  /** How long a group is gathered before it is handed over. */
  readonly gatherMillis: number;
  readonly maxGroup: number;
  /** Waits between attempts of a lane that had something left undone; the last one repeats. */
  readonly retryMillis: readonly number[];
}

export type Worker<Item> = (group: readonly (readonly [key: string, item: Item])[]) => Promise<void>;

interface Lane<Item> {
  readonly waiting: Map<string, Item>;
  running: boolean;
  attempts: number;
  cancelTimer: (() => void) | undefined;
}

export class WorkQueue<Item> {
  readonly #lanes = new Map<string, Lane<Item>>();
  /** In the order in which they came; after a restart, that of the outbox. */
  readonly #laneOfKey = new Map<string, { readonly lane: string; readonly since: UnixMillis }>();
  readonly #clock: Clock;
  readonly #options: QueueOptions<Item>;
  readonly #worker: Worker<Item>;
  readonly #onFailure: (error: unknown) => void;
  #running = 0;
  #started = false;
  #stopped = false;
  #whenIdle: (() => void) | undefined;

  constructor(clock: Clock, options: QueueOptions<Item>, worker: Worker<Item>, onFailure: (error: unknown) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#worker = worker;
    this.#onFailure = onFailure;
  }

  get depth(): number {
    return this.#laneOfKey.size;
  }

  /** Since when its oldest item waits, in this process. */
  get oldestSince(): UnixMillis | undefined {
    return this.#laneOfKey.values().next().value?.since;
  }

  /** Since when the oldest item of that lane waits, in this process. */
  oldestIn(name: string): UnixMillis | undefined {
    const key = this.#lanes.get(name)?.waiting.keys().next().value;
    return key === undefined ? undefined : this.#laneOfKey.get(key)?.since;
  }

  /** Names of the lanes in which something waits. */
  *laneNames(): Iterable<string> {
    for (const [name, { waiting }] of this.#lanes) if (waiting.size > 0) yield name;
  }

  /** Whether something waits there. */
  hasLane(name: string): boolean {
    return (this.#lanes.get(name)?.waiting.size ?? 0) > 0;
  }

  /** Called only when the item is durable. */
  add(key: string, item: Item): void {
    const name = this.#options.lane(item);
    const before = this.#laneOfKey.get(key)?.lane;
    if (before !== undefined && before !== name) this.#lanes.get(before)?.waiting.delete(key);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { waiting: new Map(), running: false, attempts: 0, cancelTimer: undefined };
      this.#lanes.set(name, lane);
    }
    lane.waiting.set(key, item);
    this.#laneOfKey.set(key, { lane: name, since: this.#laneOfKey.get(key)?.since ?? this.#clock.now() });
    if (this.#started) this.#schedule(lane, this.#options.gatherMillis);
  }

  /** Called when the item's removal is durable. */
  remove(key: string): void {
    const name = this.#laneOfKey.get(key)?.lane;
    if (name === undefined) return;
    this.#laneOfKey.delete(key);
    const lane = this.#lanes.get(name);
    lane?.waiting.delete(key);
    if (lane !== undefined && lane.waiting.size === 0 && !lane.running) {
      lane.cancelTimer?.();
      this.#lanes.delete(name);
    }
  }

  start(): void {
    this.#started = true;
    for (const lane of this.#lanes.values()) this.#schedule(lane, 0);
  }

  /** Hands over nothing more and resolves when the groups under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) lane.cancelTimer?.();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /** Tries lanes that wait for another attempt at once: what they waited for may be there now. */
  nudge(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.attempts > 0 && !lane.running) {
        lane.cancelTimer?.();
        lane.cancelTimer = undefined;
        this.#schedule(lane, 0);
      }
    }
  }

  #schedule(lane: Lane<Item>, millis: number): void {
    if (this.#stopped || lane.running || lane.cancelTimer !== undefined) return;
    lane.cancelTimer = this.#clock.after(millis, () => {
      lane.cancelTimer = undefined;
      void this.#runGroup(lane);
    });
  }

  async #runGroup(lane: Lane<Item>): Promise<void> {
    if (lane.waiting.size === 0 || this.#stopped) return;
    const group: [string, Item][] = [];
    for (const entry of lane.waiting) {
      group.push(entry);
      if (group.length === this.#options.maxGroup) break;
    }
    lane.running = true;
    this.#running += 1;
    try {
      await this.#worker(group);
    } catch (error) {
      this.#onFailure(error);
    }
    lane.running = false;
    this.#running -= 1;
    if (this.#running === 0) this.#whenIdle?.();
    const undone = group.some(([key, item]) => lane.waiting.get(key) === item);
    if (undone) {
      const { retryMillis } = this.#options;
      this.#schedule(lane, retryMillis[Math.min(lane.attempts, retryMillis.length - 1)] ?? 1000);
      lane.attempts += 1;
    } else {
      lane.attempts = 0;
      if (lane.waiting.size > 0) this.#schedule(lane, 0);
      else if (this.#lanes.size > 64) this.#dropIdleLanes();
    }
  }

  #dropIdleLanes(): void {
    for (const [name, lane] of this.#lanes) if (lane.waiting.size === 0 && !lane.running) this.#lanes.delete(name);
  }
}
