/**
 * Sealing at rest: AES-256-GCM under a key derived from the user's, bound to the place of the record. Base64 of
 * `iv (12) || ciphertext || tag (16)`. The IV is random: a key seals far fewer than 2^32 values.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { fromHex } from '../commitment/bytes.ts';
import { hmac } from '../commitment/hmac.ts';
import type { Hash } from '../model/ids.ts';
import type { UserKeys } from './codec.ts';

export type DataKind = 'ledger' | 'messages';

interface Derived {
  readonly sealing: KeyObject;
  /** For keys of records that hold text: 32 bytes. */
  readonly blinding: Hash;
}

/** Derived keys live as long as the record of the keys that they come from is held by the store's cache. */
const derived = new WeakMap<UserKeys, Partial<Record<DataKind, Derived>>>();

const labels = {
  sealing: Buffer.from('tandem/at-rest/1 sealing'),
  blinding: Buffer.from('tandem/at-rest/1 blinding'),
};

export function derivedKeys(keys: UserKeys, kind: DataKind): Derived {
  let both = derived.get(keys);
  if (both === undefined) derived.set(keys, (both = {}));
  const known = both[kind];
  if (known !== undefined) return known;
  // As a key object: handing bytes to the cipher costs three times as much.
  const made: Derived = {
    sealing: createSecretKey(fromHex(hmac(keys[kind], labels.sealing))),
    blinding: hmac(keys[kind], labels.blinding),
  };
  both[kind] = made;
  return made;
}

export function sealText(key: KeyObject, iv: Uint8Array, place: string, text: string): string {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(place));
  const body = cipher.update(text, 'utf8');
  cipher.final();
  return Buffer.concat([iv, body, cipher.getAuthTag()]).toString('base64');
}

/** @throws {Error} when it was not sealed for this place under this key. */
export function openText(key: KeyObject, place: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(bytes.subarray(-16));
  const text = decipher.update(bytes.subarray(12, -16), undefined, 'utf8');
  return text + decipher.final('utf8');
}
