/**
 * How a key and a value look on disk. The store knows values, the disk knows text; what stands between may seal what is
 * personal (`store/personal.ts`).
 */
import { TandemError } from '../errors.ts';
import type { Hash } from '../model/ids.ts';

/** The two keys of a user, each of which seals another kind of data for as long as that kind has to be kept. */
export interface UserKeys {
  /** 32 random bytes: salts, seals and records hang on it (protocol §4). */
  readonly ledger: Hash;
  /** 32 random bytes: what was said. */
  readonly messages: Hash;
  /** The messages key's generation, which counts up each time that key is deleted while the user stays. */
  readonly generation: number;
}

/** The keys of a user as the reader or writer sees them; undefined where they are erased, or never were. */
export type KeysOf = (user: string) => UserKeys | undefined;

export interface Codec {
  /** The key inside its table, as it is on disk. */
  key(table: string, key: string, keysOf: KeysOf): string;
  /** @param full `<table>!<key>` as on disk: the value is bound to it. */
  encode(full: string, value: unknown, keysOf: KeysOf): string;
  /** @throws {SyntaxError} for what is no JSON, {TandemError} `store-damaged` for what was not sealed here. */
  decode(full: string, text: string, keysOf: KeysOf): unknown;
}

/** How a value begins that is sealed at rest. */
export const sealedOpening = '{"~":';

/** For stores in which nothing is personal: tests, and what only copies records. */
export const plainCodec: Codec = {
  key: (_table, key) => key,
  encode: (_full, value) => JSON.stringify(value),
  decode: (full, text) => {
    if (!text.startsWith(sealedOpening)) return JSON.parse(text) as unknown;
    // Taken as it is, it would be written back without what is sealed in it.
    throw new TandemError('internal', `The record ${full} is sealed, but the store was opened without its users' keys`);
  },
};
