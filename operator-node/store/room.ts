/**
 * How much room the store's disk has left (faults.md 12). A write that fails ends the node; so before that, while there is
 * still room for what is open to finish, nothing new is begun.
 */
import { statfs } from 'node:fs/promises';

/** Bytes that this process may still write there. */
export type FreeBytes = () => Promise<number>;

export const freeBytesOf =
  (dir: string): FreeBytes =>
  async () => {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  };

/** Hysteresis: the shortage ends only at 1.1 × the threshold. */
const overAt = 1.1;

export class Room {
  readonly minFreeBytes: number;
  readonly #freeBytes: FreeBytes | undefined;
  #free: number | undefined;
  #short = false;

  /** Without a way to ask, there is always room: a simulated disk. */
  constructor(minFreeBytes: number, freeBytes?: FreeBytes) {
    this.minFreeBytes = minFreeBytes;
    this.#freeBytes = freeBytes;
  }

  /** As last looked; undefined before the first look. */
  get freeBytes(): number | undefined {
    return this.#free;
  }

  /** Nothing new may be begun. */
  get short(): boolean {
    return this.#short;
  }

  /** @returns what has changed: `short` now, or `enough` again */
  async look(): Promise<'short' | 'enough' | undefined> {
    if (this.#freeBytes === undefined) return undefined;
    const free = await this.#freeBytes();
    this.#free = free;
    const was = this.#short;
    this.#short = free < (was ? this.minFreeBytes * overAt : this.minFreeBytes);
    return was === this.#short ? undefined : this.#short ? 'short' : 'enough';
  }
}
