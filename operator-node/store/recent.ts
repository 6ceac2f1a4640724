/**
 * A bounded cache that forgets what was not used of late. Two generations instead of a list: what is used moves to the
 * young one; when that is full it becomes the old one, and the old one is forgotten. A hit costs one or two look-ups.
 */
interface Kept {
  readonly value: unknown;
  readonly size: number;
}

export class Recent {
  readonly #limit: number;
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();
  #youngSize = 0;

  /** @param limit of the sum of sizes; half of it is one generation. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): unknown {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.set(key, old.value, old.size);
    return old.value;
  }

  set(key: string, value: unknown, size: number): void {
    this.#youngSize += size - (this.#young.get(key)?.size ?? 0);
    this.#young.set(key, { value, size });
    if (this.#old.size > 0) this.#old.delete(key);
    if (this.#youngSize > this.#limit / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngSize = 0;
    }
  }

  delete(key: string): void {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.#young.delete(key);
      this.#youngSize -= young.size;
    }
    this.#old.delete(key);
  }

  get entries(): number {
    return this.#young.size + this.#old.size;
  }
}
