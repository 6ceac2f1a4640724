/**
 * A disclosure of one field, as in SD-JWT (RFC 9901): `base64url(UTF-8(JSON.stringify([salt, name, value])))` without
 * padding, and its SHA-256 digest (protocol §4).
 */
import { hash } from 'node:crypto';
import { macSalt, setKey } from './hmac.ts';
import type { Hash } from '../model/ids.ts';

export interface Disclosure {
  /** base64url of 16 bytes. */
  readonly salt: string;
  readonly name: string;
  readonly value: string;
}

/** The disclosure under the key set last (`setKey`): for whole records, where the key is set once. */
export const discloseUnderKey = (name: string, value: string): string =>
  Buffer.from(`["${macSalt(name)}","${name}",${JSON.stringify(value)}]`).toString('base64url');

/** Discloses one field. `secret` is the record's; `name` is ASCII, `value` has no lone surrogate. */
export function disclose(secret: Hash, name: string, value: string): string {
  setKey(secret);
  return discloseUnderKey(name, value);
}

export const disclosureDigest = (disclosure: string): Hash => `0x${hash('sha256', disclosure, 'hex')}` as Hash;

const saltPattern = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/**
 * Reads a disclosure, or says why it is none. Accepted only if encoding its three strings gives exactly `text`: other
 * spacing, escapes or base64 would be a second text for one value.
 */
export function parseDisclosure(
  text: string,
): { readonly ok: true; readonly value: Disclosure } | { readonly ok: false; readonly reason: string } {
  const refuse = (reason: string) => ({ ok: false, reason }) as const;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return refuse('it is not the base64url of JSON');
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) return refuse('it is not an array of three strings');
  const [salt, name, value] = parsed as unknown[];
  if (typeof salt !== 'string' || typeof name !== 'string' || typeof value !== 'string') {
    return refuse('it is not an array of three strings');
  }
  if (Buffer.from(JSON.stringify([salt, name, value])).toString('base64url') !== text) {
    return refuse('encoding its three strings gives another text');
  }
  if (!saltPattern.test(salt)) return refuse('its salt is not the base64url of 16 bytes');
  if (!value.isWellFormed()) return refuse('its value has a lone surrogate');
  return { ok: true, value: { salt, name, value } };
}
