/** The world's time: a queue of what is to happen. Nothing takes time but what says so. */
import { setImmediate as nextTurn } from 'node:timers/promises';

interface Appointment {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

const before = (a: Appointment, b: Appointment): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Time {
  /** Milliseconds since 1970. */
  now: number;
  events = 0;
  readonly #heap: Appointment[] = [];
  #order = 0;

  constructor(start: number) {
    this.now = start;
  }

  /** Runs `action` after so many milliseconds; what it returns calls it off. */
  after(millis: number, action: () => void): () => void {
    const appointment: Appointment = { at: this.now + Math.max(0, millis), order: this.#order, action };
    this.#order += 1;
    this.#push(appointment);
    return () => {
      appointment.action = undefined;
    };
  }

  /** Lets everything happen up to and including `until`, or until `done` says so, which is asked after each event. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) break;
      this.#pop();
      if (first.action === undefined) continue;
      this.now = first.at;
      this.events += 1;
      first.action();
      // All that follows from it without waiting for another event has run when the next turn comes.
      await nextTurn();
      if (done()) return;
    }
    this.now = Math.max(this.now, until);
  }

  #push(appointment: Appointment): void {
    const heap = this.#heap;
    let index = heap.push(appointment) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(appointment, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = appointment;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let smaller = heap[child];
      if (smaller === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, smaller)) {
        smaller = right;
        child += 1;
      }
      if (!before(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}
