/**
 * What a peer may have of this node without doing business with it. There are two. How much it makes this node remember for good:
 * refused proposals and batches, withdrawals of pairs that it does not know, notes of its faults (faults.md 19). And how many
 * look-ups come to nothing: numbers that nobody here has, and pairs that were held, so that a name was told, and lapsed or were
 * withdrawn. Each costs one; an allowance fills up evenly, to an hour's worth at most. What is beyond it is answered so that
 * it can be asked again. In memory: a restart fills it.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { OperatorId } from '../model/ids.ts';

const hourMillis = 3_600_000;

export class PeerAllowance {
  readonly #perHour: number;
  readonly #atOnce: number;
  readonly #clock: Clock;
  readonly #left = new Map<OperatorId, { tokens: number; at: number }>();
  readonly #onShort: (peer: OperatorId) => void;

  /**
   * `onShort` is told each time that something is refused for it. `atOnce`: what time alone fills it up to; more, up to an
   * hour's worth, has a peer by business that came to something (`credit`).
   */
  constructor(
    perHour: number,
    clock: Clock,
    onShort: (peer: OperatorId) => void = () => undefined,
    atOnce: number = perHour,
  ) {
    this.#perHour = perHour;
    this.#atOnce = atOnce;
    this.#clock = clock;
    this.#onShort = onShort;
  }

  /** What `peer` may still have now. */
  left(peer: OperatorId): number {
    const now = this.#clock.now();
    const known = this.#left.get(peer);
    if (known === undefined) return this.#atOnce;
    if (known.tokens >= this.#atOnce) return known.tokens;
    if (hasPassed(this.#clock, known.at, hourMillis)) return this.#atOnce;
    return Math.min(this.#atOnce, known.tokens + ((now - known.at) / hourMillis) * this.#perHour);
  }

  /** Takes `count` of it; nothing where that much is not left. */
  take(peer: OperatorId, count = 1): boolean {
    const left = this.left(peer);
    if (left < count) {
      this.#onShort(peer);
      return false;
    }
    this.#put(peer, left - count);
    return true;
  }

  /** Whether anything is left; nothing is taken. */
  has(peer: OperatorId): boolean {
    if (this.left(peer) >= 1) return true;
    this.#onShort(peer);
    return false;
  }

  /** For what has happened already: below zero if need be. */
  charge(peer: OperatorId): void {
    this.#put(peer, Math.max(-this.#atOnce, this.left(peer) - 1));
  }

  /** Something came of it: whoever does much business may also have much of it lapse when a node is away. */
  credit(peer: OperatorId): void {
    this.#put(peer, Math.min(this.#perHour, this.left(peer) + 1));
  }

  #put(peer: OperatorId, tokens: number): void {
    this.#left.set(peer, { tokens, at: this.#clock.now() });
  }
}
