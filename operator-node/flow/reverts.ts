/** What final blocks have reverted. It is tried again, after a second first, and after twice as long each time. */
import type { UnixMillis } from '../model/ids.ts';

const firstWaitMillis = 1_000;
const longestWaitMillis = 60_000;

/** Key: what the transaction was for. */
export class Reverts<K> {
  readonly #known = new Map<K, { readonly times: number; readonly notBefore: number }>();

  has(key: K): boolean {
    return this.#known.has(key);
  }

  again(key: K, now: UnixMillis): void {
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
