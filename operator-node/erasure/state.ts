/** How far an erasure has come: what a start goes on with, and what tells that a user was erased. */
import type { OperatorId, UnixMillis, UserId } from '../model/ids.ts';
import { table } from '../store/store.ts';

/** `all`: the user is no customer any more. `messages`: what was said is erased, and the user stays. */
export type ErasureScope = 'all' | 'messages';

export interface ErasureState {
  readonly user: UserId;
  readonly what: ErasureScope;
  /**
   * `begun`: nothing new can happen to the user, and what its records can still show is being written out. `erased`: the
   * key is deleted. `purged`: and it is gone from the disk and from the key backups that this node keeps.
   */
  readonly phase: 'begun' | 'erased' | 'purged';
  readonly begun: UnixMillis;
  /** The generation of the messages key to destroy; absent if it is the user's key. */
  readonly generation?: number;
  readonly erased?: UnixMillis;
  /** Operation records written out. */
  readonly records?: number;
  /** Operators that are told which pairs it is about. */
  readonly told?: readonly OperatorId[];
}

/** Key: the user's id; for messages with `!` and the generation of the key that went. */
export const erasureTable = table<ErasureState>('erasure');

export const erasureKey = ({ user, what, generation }: Pick<ErasureState, 'user' | 'what' | 'generation'>): string =>
  what === 'all' ? user : `${user}!${generation ?? 0}`;
