/**
 * A token bucket: what somebody may use up, filling evenly. It may be charged for what has been used already, which takes
 * it into debt by one burst at most; what is asked for beforehand is refused while it is empty. In memory: a restart fills it.
 */
import type { UnixMillis } from '../model/ids.ts';

export interface BucketSize {
  readonly burst: number;
  readonly perSecond: number;
}

export class Bucket {
  readonly #size: BucketSize;
  #tokens: number;
  #at: UnixMillis;

  constructor(size: BucketSize, now: UnixMillis) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#at = now;
  }

  left(now: UnixMillis): number {
    const { burst, perSecond } = this.#size;
    const gone = now - this.#at;
    // A clock that was set back does not know how long it has been: then it has been long enough.
    this.#tokens = gone < 0 ? burst : Math.min(burst, this.#tokens + (gone / 1000) * perSecond);
    this.#at = now;
    return this.#tokens;
  }

  /** Takes `count`; nothing where that much is not left. */
  take(count: number, now: UnixMillis): boolean {
    if (this.left(now) < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** For what has been used already. */
  charge(count: number, now: UnixMillis): void {
    this.#tokens = Math.max(-this.#size.burst, this.left(now) - count);
  }

  /** Whole seconds until `count` are left, at least 1. */
  secondsUntil(count: number, now: UnixMillis): number {
    return Math.max(1, Math.ceil((count - this.left(now)) / this.#size.perSecond));
  }
}

/**
 * One bucket for each of many. At most `max` are kept: the one that was used longest ago is dropped, and so full again.
 */
export class Buckets<Key> {
  readonly #size: BucketSize;
  readonly #max: number;
  readonly #buckets = new Map<Key, Bucket>();

  constructor(size: BucketSize, max: number) {
    this.#size = size;
    this.#max = max;
  }

  of(key: Key, now: UnixMillis): Bucket {
    const bucket = this.#buckets.get(key) ?? new Bucket(this.#size, now);
    // Put in again: the order of the map is that of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#max) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }

  get count(): number {
    return this.#buckets.size;
  }
}
