/** The keys of a user: drawn with the user, deleted by its erasure, and in no ordinary backup (docs/erasure.md). */
import type { Random } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { Hash, UserId } from '../model/ids.ts';
import type { UserKeys } from '../store/codec.ts';
import { userKeyTable } from '../store/personal.ts';
import type { Tx, View } from '../store/store.ts';

const draw = (random: Random): Hash => `0x${Buffer.from(random.bytes(32)).toString('hex')}` as Hash;

export function createKeys(tx: Tx, random: Random, user: UserId): void {
  const keys: UserKeys = { ledger: draw(random), messages: draw(random), generation: 1 };
  tx.put(userKeyTable, user, keys);
}

/** What the old messages key has sealed stays sealed for good; the user goes on with a new one. */
export function replaceMessagesKey(tx: Tx, random: Random, user: UserId): void {
  const keys = tx.get(userKeyTable, user);
  if (keys === undefined) throw erased(user);
  tx.put(userKeyTable, user, { ...keys, messages: draw(random), generation: keys.generation + 1 });
}

export const hasKeys = (view: View, user: UserId): boolean => view.get(userKeyTable, user) !== undefined;

/** The `userKey` of protocol §4: salts and seals hang on it. @throws {TandemError} `not-found` for an erased user */
export function userKeyOf(view: View, user: UserId): Hash {
  const keys = view.get(userKeyTable, user);
  if (keys === undefined) throw erased(user);
  return keys.ledger;
}

/** Seals what was said. @throws {TandemError} `not-found` for an erased user */
export function messagesKeyOf(view: View, user: UserId): Hash {
  const keys = view.get(userKeyTable, user);
  if (keys === undefined) throw erased(user);
  return keys.messages;
}

const erased = (user: UserId): TandemError =>
  new TandemError('not-found', `User ${user} has no key: the user was erased.`, { facts: { user } });
