/**
 * Which message goes next: those of one phone in their order, one after another; phones in turn, and before the others the
 * phones that a question waits for.
 */
import { Fifo } from './fifo.ts';

export interface Queued {
  /** The phone: what goes in order. */
  readonly lane: string;
  readonly urgent: boolean;
  /** Done with, wherever it still stands. */
  readonly over: boolean;
}

interface Lane<E> {
  readonly name: string;
  readonly waiting: Fifo<E>;
  head: E | undefined;
  busy: boolean;
  urgent: number;
}

export class Lanes<E extends Queued> {
  readonly #lanes = new Map<string, Lane<E>>();
  readonly #urgent = new Fifo<Lane<E>>();
  readonly #others = new Fifo<Lane<E>>();
  #length = 0;

  /** Messages that are not done with. */
  get length(): number {
    return this.#length;
  }

  add(entry: E): void {
    let lane = this.#lanes.get(entry.lane);
    if (lane === undefined) {
      lane = { name: entry.lane, waiting: new Fifo(), head: undefined, busy: false, urgent: 0 };
      this.#lanes.set(entry.lane, lane);
    }
    this.#length += 1;
    if (entry.urgent) lane.urgent += 1;
    if (lane.head === undefined) lane.head = entry;
    else lane.waiting.push(entry);
    if (!lane.busy) this.#offer(lane);
  }

  /** Nothing goes to its phone until `again` or `done`. For a message that is the first of its phone. */
  hold(entry: E): void {
    const lane = this.#lanes.get(entry.lane);
    if (lane !== undefined) lane.busy = true;
  }

  /** The next message; nothing else goes to its phone until `again` or `done`. */
  next(): E | undefined {
    for (;;) {
      const lane = this.#urgent.shift() ?? this.#others.shift();
      if (lane === undefined) return undefined;
      if (lane.busy) continue;
      while (lane.head?.over === true) this.#advance(lane);
      if (lane.head === undefined) continue;
      lane.busy = true;
      return lane.head;
    }
  }

  /** It is still to be sent, or more of it. */
  again(entry: E): void {
    const lane = this.#lanes.get(entry.lane);
    if (lane === undefined || lane.head !== entry) return;
    lane.busy = false;
    (lane.urgent > 0 ? this.#urgent : this.#others).putBack(lane);
  }

  done(entry: E): void {
    const lane = this.#lanes.get(entry.lane);
    if (lane === undefined || lane.head !== entry) return;
    lane.busy = false;
    if (this.#advance(lane) !== undefined) this.#offer(lane);
  }

  /** The message that is the first now. */
  #advance(lane: Lane<E>): E | undefined {
    if (lane.head?.urgent === true) lane.urgent -= 1;
    if (lane.head !== undefined) this.#length -= 1;
    lane.head = lane.waiting.shift();
    if (lane.head === undefined) this.#lanes.delete(lane.name);
    return lane.head;
  }

  #offer(lane: Lane<E>): void {
    (lane.urgent > 0 ? this.#urgent : this.#others).push(lane);
  }
}
