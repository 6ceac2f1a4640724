/** What endpoints said otherwise than the others: who, about what, and for how long it counts. */
import { hasPassed, type Clock } from '../engine/clock.ts';

/** Two answers to one question that has one answer. */
export interface Disagreement {
  readonly about: string;
  /** Those that are not of the largest party; all, where there is no largest. */
  readonly endpoints: readonly string[];
}

/** How long a disagreement counts, unless all answers to the question agree earlier. */
const keptMillis = 600_000;
const maxKept = 100;
/** What may well be for a while has to be so often in a row, and for so long, before it counts. */
export interface Patience {
  readonly times: number;
  readonly millis: number;
}

interface Doubt {
  readonly since: number;
  readonly times: number;
}

export class Disagreements {
  readonly #clock: Clock;
  readonly #found = new Map<string, Disagreement & { readonly at: number }>();
  readonly #doubts = new Map<string, Doubt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Newest last. */
  get all(): readonly Disagreement[] {
    for (const [about, { at }] of this.#found) {
      if (hasPassed(this.#clock, at, keptMillis)) this.#found.delete(about);
    }
    return [...this.#found.values()].map(({ about, endpoints }) => ({ about, endpoints }));
  }

  note(about: string, endpoints: readonly string[]): void {
    const names = [...new Set(endpoints)];
    this.#found.delete(about);
    this.#found.set(about, { about, endpoints: names, at: this.#clock.now() });
    const oldest = this.#found.keys().next();
    if (this.#found.size > maxKept && oldest.done === false) this.#found.delete(oldest.value);
  }

  /** It said otherwise too, later than the others. */
  add(about: string, endpoint: string): void {
    this.note(about, [...(this.#found.get(about)?.endpoints ?? []), endpoint]);
  }

  /** All that can say say the same. */
  settled(about: string): void {
    this.#found.delete(about);
  }

  /** It says otherwise than the others, or nothing, where that may be for a while; `settle` when it does not. */
  doubt(about: string, endpoint: string, { times, millis }: Patience): void {
    const key = `${about} ${endpoint}`;
    const now = this.#clock.now();
    const before = this.#doubts.get(key) ?? { since: now, times: 0 };
    const doubt = { since: before.since, times: before.times + 1 };
    this.#doubts.set(key, doubt);
    if (doubt.times >= times && hasPassed(this.#clock, doubt.since, millis)) this.add(about, endpoint);
  }

  /** It says what the others say. */
  settle(about: string, endpoint: string): void {
    this.#doubts.delete(`${about} ${endpoint}`);
    const found = this.#found.get(about);
    if (found?.endpoints.includes(endpoint) !== true) return;
    const others = found.endpoints.filter((name) => name !== endpoint);
    if (others.length === 0) this.#found.delete(about);
    else this.#found.set(about, { ...found, endpoints: others });
  }
}
