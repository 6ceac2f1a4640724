/**
 * How many calls an endpoint takes in one request. Each has a limit of its own and says it nowhere, so it is found: halved
 * when a request is refused, down to one, and grown again between what works and what was refused.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';

/** Common endpoints take 100 to 1,000. */
const maxCallsPerRequest = 100;
/** Whole requests that work before more is tried. */
const winsBeforeMore = 8;
/** Then it may be another machine or another limit. */
const refusedMillis = 600_000;

export class BatchSize {
  readonly #clock: Clock;
  #size = maxCallsPerRequest;
  /** The most that is known to work. */
  #works = 0;
  /** The least that was refused. */
  #refused: { readonly count: number; readonly at: number } | undefined;
  #wins = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get now(): number {
    return this.#size;
  }

  worked(count: number): void {
    this.#works = Math.max(this.#works, count);
    if (count < this.#size) return;
    this.#wins += 1;
    if (this.#wins < winsBeforeMore) return;
    this.#wins = 0;
    if (this.#refused !== undefined && hasPassed(this.#clock, this.#refused.at, refusedMillis)) {
      this.#refused = undefined;
    }
    this.#size =
      this.#refused === undefined
        ? Math.min(maxCallsPerRequest, this.#size * 2)
        : Math.max(this.#size, Math.floor((this.#size + this.#refused.count) / 2));
  }

  /** `count` calls were too many: from now on half of that, or as many as are known to work if that is more. */
  refused(count: number): void {
    if (this.#refused === undefined || count <= this.#refused.count) {
      this.#refused = { count, at: this.#clock.now() };
    }
    if (this.#works >= count) this.#works = 0;
    this.#size = Math.min(this.#size, Math.max(1, this.#works, Math.floor(count / 2)));
    this.#wins = 0;
  }

  /** `count` calls had no answer in time, for whatever reason. */
  failed(count: number): void {
    this.#size = Math.min(this.#size, Math.max(1, Math.floor(count / 2)));
    this.#wins = 0;
  }

  /** One call alone fails as well: it is not the number. */
  innocent(): void {
    this.#size = maxCallsPerRequest;
    this.#refused = undefined;
    this.#works = 0;
    this.#wins = 0;
  }
}
