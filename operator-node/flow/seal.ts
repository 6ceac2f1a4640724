/**
 * The sealed copy that each operator keeps for the other (protocol §3, rule 10): AES-256-GCM under a key derived from the
 * user's key and bound to peer, pair, leg and version; base64url of `iv (12) || ciphertext || tag (16)`.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { fromHex } from '../commitment/bytes.ts';
import { hmac } from '../commitment/hmac.ts';
import type { Random } from '../engine/clock.ts';
import type { Hash, Leg, OperatorId, PairId } from '../model/ids.ts';

interface Binding {
  readonly peer: OperatorId;
  readonly pair: PairId;
  readonly leg: Leg;
}

const version = 'tandem/sealed/1';

const bound = ({ peer, pair, leg }: Binding): string => `${version}\0${peer}\0${pair}\0${leg}`;

/** HMAC-SHA-256(userKey, SHA-256(binding)). As a key object: handing bytes to the cipher costs three times as much. */
const sealingKey = (userKey: Hash, binding: Binding): KeyObject =>
  createSecretKey(fromHex(hmac(userKey, hash('sha256', bound(binding), 'buffer'))));

export function seal(userKey: Hash, binding: Binding, content: object, random: Random): string {
  const iv = random.bytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(userKey, binding), iv);
  cipher.setAAD(Buffer.from(bound(binding)));
  const body = cipher.update(JSON.stringify(content), 'utf8');
  return Buffer.concat([iv, body, cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** @throws {Error} when the text was not sealed for this binding under this key. */
export function unseal(userKey: Hash, binding: Binding, sealed: string): unknown {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(userKey, binding), bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(bound(binding)));
  decipher.setAuthTag(bytes.subarray(-16));
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8'));
}
