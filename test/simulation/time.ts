/** The world's time: a queue of what is to happen. Nothing takes time but what says so. */
interface Appointment {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

const before = (a: Appointment, b: Appointment): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

const turnsARound = 64;

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
  run(until: number, done: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      let happened = false;
      // All that follows from an event without waiting for another one has run when the next turn comes.
      const turn = (): void => {
        if (over) return;
        try {
          over = (happened && done()) || !this.#next(until);
          happened = true;
          if (over) resolve();
        } catch (error) {
          over = true;
          reject(error);
        }
      };
      // Many turns in one round of the process's loop, which costs as much as an event does.
      const round = (): void => {
        if (over) return;
        for (let count = 0; count < turnsARound; count += 1) setImmediate(turn);
        setImmediate(round);
      };
      round();
    });
  }

  /** The next event up to `until`; false when there is none. */
  #next(until: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.#pop();
      if (first.action === undefined) continue;
      this.now = first.at;
      this.events += 1;
      first.action();
      return true;
    }
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
