/** Where salts come from (protocol §4): one secret a record, derived, so that deleting a user's key seals the user's records. */
import { hash } from 'node:crypto';
import { fromHex, writePairId } from './bytes.ts';
import { hmac, type Key } from './hmac.ts';
import type { Hash, Leg, PairId } from '../model/ids.ts';

/** `userKey` is one random 32-byte key a user, never derived. */
export function operationSecret(userKey: Key, pair: PairId, leg: Leg): Hash {
  const message = Buffer.alloc(16 + leg.length);
  writePairId(message, pair, 0);
  message.write(leg, 16, 'latin1');
  return hmac(userKey, message);
}

/** Made by the initiator under its operator key, and sent to the acceptor, who stores it. */
export function termsSecret(operatorKey: Key, pair: PairId): Hash {
  const message = Buffer.alloc(16);
  writePairId(message, pair, 0);
  return hmac(operatorKey, message);
}

const batchSecretTag = Buffer.from('tandem/batch-secret/1\0');

/** Over the terms secrets of the batch's pairs, in order. Both operators know it; the chain does not. */
export const batchSecret = (termsSecrets: readonly Hash[]): Hash =>
  `0x${hash('sha256', Buffer.concat([batchSecretTag, ...termsSecrets.map(fromHex)]), 'hex')}` as Hash;
