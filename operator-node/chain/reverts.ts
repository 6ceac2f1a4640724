/**
 * What final blocks have reverted. It is tried again, after a second first, and after twice as long each time: a revert
 * costs gas, and another operator may be what causes it.
 */
import type { UnixMillis } from '../model/ids.ts';

const firstWaitMillis = 1_000;
const longestWaitMillis = 300_000;
/** What has not reverted for so long was given up: whatever it was for is over. */
const forgottenMillis = 12 * longestWaitMillis;

/** Key: what the transaction was for. */
export class Reverts<K> {
  readonly #known = new Map<K, { readonly times: number; readonly notBefore: number }>();

  has(key: K): boolean {
    return this.#known.has(key);
  }

  again(key: K, now: UnixMillis): void {
    for (const [old, { notBefore }] of this.#known) if (notBefore + forgottenMillis < now) this.#known.delete(old);
    const times = (this.#known.get(key)?.times ?? 0) + 1;
    const wait = Math.min(firstWaitMillis * 2 ** (times - 1), longestWaitMillis);
    this.#known.set(key, { times, notBefore: now + wait });
  }

  forget(key: K): void {
    this.#known.delete(key);
  }

  waits(key: K, now: UnixMillis): boolean {
    const left = (this.#known.get(key)?.notBefore ?? 0) - now;
    // No wait is that long: the clock has been set back.
    return left > 0 && left <= longestWaitMillis;
  }
}
