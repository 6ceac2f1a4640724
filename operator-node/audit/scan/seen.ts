/** Three in four places are taken at most: it grows beyond. */
const placesPerKey = 1.4;

/** Which 16-byte keys were there before, and where: open addressing in plain memory, 20 bytes a place. */
export class Seen {
  #keys: BigUint64Array;
  #values: Uint32Array;
  #size = 0;

  /** Room for that many keys; it grows when there are more. */
  constructor(expected: number) {
    const places = 64 + Math.ceil(expected * placesPerKey);
    this.#keys = new BigUint64Array(2 * places);
    this.#values = new Uint32Array(places);
  }

  get size(): number {
    return this.#size;
  }

  /** The value that the key was first put with; undefined where it is new, and then it is put. `value` is below 2^32−1. */
  firstOf(high: bigint, low: bigint, value: number): number | undefined {
    if (this.#size * 4 > this.#values.length * 3) this.#grow();
    const place = this.#find(high, low);
    const known = this.#values[place] ?? 0;
    if (known !== 0) return known - 1;
    this.#keys[2 * place] = high;
    this.#keys[2 * place + 1] = low;
    this.#values[place] = value + 1;
    this.#size += 1;
    return undefined;
  }

  valueOf(high: bigint, low: bigint): number | undefined {
    const known = this.#values[this.#find(high, low)] ?? 0;
    return known === 0 ? undefined : known - 1;
  }

  /** The place of the key, or the empty one where it would go. Keys are hashes or end in random bits. */
  #find(high: bigint, low: bigint): number {
    const places = this.#values.length;
    let place = Number((low ^ (high >> 13n)) & 0x7fffffffn) % places;
    while (this.#values[place] !== 0 && (this.#keys[2 * place] !== high || this.#keys[2 * place + 1] !== low)) {
      place = place + 1 === places ? 0 : place + 1;
    }
    return place;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new BigUint64Array(2 * keys.length);
    this.#values = new Uint32Array(2 * values.length);
    for (const [at, value] of values.entries()) {
      if (value === 0) continue;
      const [high, low] = [keys[2 * at] ?? 0n, keys[2 * at + 1] ?? 0n];
      const place = this.#find(high, low);
      this.#keys[2 * place] = high;
      this.#keys[2 * place + 1] = low;
      this.#values[place] = value;
    }
  }
}

/** Key `at` of an array of 16-byte keys, as two numbers. */
export const keyAt = (keys: DataView, at: number): readonly [high: bigint, low: bigint] => [
  keys.getBigUint64(16 * at),
  keys.getBigUint64(16 * at + 8),
];

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function pairKey(pair: string): readonly [high: bigint, low: bigint] {
  const hex = pair.replaceAll('-', '');
  return [BigInt(`0x${hex.slice(0, 16)}`), BigInt(`0x${hex.slice(16)}`)];
}
