/** Between text and bytes. Hashes and secrets are `0x` and lower-case hex at rest and on the wire, bytes only while they are hashed. */
import type { Hash, Hex, PairId } from '../model/ids.ts';

/** @throws {RangeError} unless `hex` is `0x` and whole bytes in hex of either case. */
export function fromHex(hex: string): Buffer {
  const bytes = Buffer.from(hex.slice(2), 'hex');
  if (!hex.startsWith('0x') || bytes.length * 2 !== hex.length - 2) {
    throw new RangeError(`expected 0x and whole bytes in hex, found ${JSON.stringify(hex.slice(0, 80))}`);
  }
  return bytes;
}

export const toHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}` as Hex;

/** @throws {RangeError} unless there are 32 bytes. */
export function toHash(bytes: Uint8Array): Hash {
  if (bytes.length !== 32) throw new RangeError(`expected 32 bytes, found ${bytes.length}`);
  return toHex(bytes) as string as Hash;
}

/** Writes the 16 bytes of a pairId. @throws {RangeError} unless `pair` is a hyphenated UUID. */
export function writePairId(target: Buffer, pair: PairId, offset: number): void {
  const hex = pair.replaceAll('-', '');
  if (pair.length !== 36 || hex.length !== 32 || target.write(hex, offset, 16, 'hex') !== 16) {
    throw new RangeError(`expected a hyphenated UUID, found ${JSON.stringify(pair.slice(0, 80))}`);
  }
}
