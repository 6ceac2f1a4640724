/** Time and chance, injected: a simulator replaces both, nothing else in the node reads a clock or a random source. */
import { randomFillSync } from 'node:crypto';
import type { PairId, UnixMillis } from '../model/ids.ts';

export interface Clock {
  now(): UnixMillis;
  /** Runs `action` once after `millis`; the returned function calls it off. */
  after(millis: number, action: () => void): () => void;
}

export interface Random {
  bytes(count: number): Uint8Array;
}

export const systemClock: Clock = {
  now: () => Date.now() as UnixMillis,
  after(millis, action) {
    const timer = setTimeout(action, millis);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** A clock that was set back in between does not know how long it has been: then it has been long enough. */
export function hasPassed(clock: Clock, since: number, millis: number): boolean {
  const gone = clock.now() - since;
  return gone < 0 || gone >= millis;
}

const pool = new Uint8Array(8192);
let taken = pool.length;

/** One system call a few hundred draws: each draw is of fresh bytes that are used once. */
export const systemRandom: Random = {
  bytes(count) {
    if (count > pool.length) return randomFillSync(new Uint8Array(count));
    if (taken + count > pool.length) {
      randomFillSync(pool);
      taken = 0;
    }
    taken += count;
    return pool.slice(taken - count, taken);
  },
};

/** UUIDv7 (RFC 9562): 48 bits of milliseconds, 74 random bits. */
export function newPairId(now: UnixMillis, random: Random): PairId {
  const hex = Buffer.from(random.bytes(10)).toString('hex');
  const time = now.toString(16).padStart(12, '0');
  const variant = ((parseInt(hex.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}` as PairId;
}

/** A whole number in [0, below), even over its range. */
export function drawBelow(below: number, random: Random): number {
  const limit = Math.floor(0x1_0000_0000 / below) * below;
  for (;;) {
    const bytes = random.bytes(4);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
    if (value < limit) return value % below;
  }
}
