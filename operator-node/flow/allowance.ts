/**
 * How much a peer can make this node remember for good without doing business with it: refused proposals and batches,
 * withdrawals of pairs that it does not know, notes of its faults (faults.md 19). Each costs one; the allowance fills up
 * evenly, to an hour's worth at most. What is beyond it is answered so that it can be asked again. In memory: a restart fills it.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { OperatorId } from '../model/ids.ts';

const hourMillis = 3_600_000;

export class PeerAllowance {
  readonly #perHour: number;
  readonly #clock: Clock;
  readonly #left = new Map<OperatorId, { tokens: number; at: number }>();

  constructor(perHour: number, clock: Clock) {
    this.#perHour = perHour;
    this.#clock = clock;
  }

  /** What `peer` may still have remembered now. */
  left(peer: OperatorId): number {
    const now = this.#clock.now();
    const known = this.#left.get(peer);
    if (known === undefined || hasPassed(this.#clock, known.at, hourMillis)) return this.#perHour;
    return Math.min(this.#perHour, known.tokens + ((now - known.at) / hourMillis) * this.#perHour);
  }

  /** Takes `count` of it; nothing where that much is not left. */
  take(peer: OperatorId, count = 1): boolean {
    const left = this.left(peer);
    if (left < count) return false;
    this.#left.set(peer, { tokens: left - count, at: this.#clock.now() });
    return true;
  }
}
