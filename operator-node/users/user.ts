/** An operator's customer: an id of its own, for which a phone number is an alias (protocol §2). */
import type { Asset, Msisdn, UnixMillis, UserId } from '../model/ids.ts';
import { table, type View } from '../store/store.ts';

export interface User {
  readonly id: UserId;
  readonly number: Msisdn;
  readonly name: string;
  readonly language: string;
  readonly kind: 'person' | 'machine';
  /** Assets of the user's accounts; the first is what an amount without a currency is in. */
  readonly assets: readonly Asset[];
  /** Only messages of users who have joined are looked at. */
  readonly joined: boolean;
  /** `joined` as staff gave it when the user was added: JOIN and STOP have changed it since. */
  readonly enrolled?: boolean;
  /** Credits and sales are accepted without asking: machines, and merchants who have set it. */
  readonly autoAccept: boolean;
  readonly since: UnixMillis;
}

export const userTable = table<User>('user');
/** Key: the number; on disk its MAC under the operator’s key. */
export const numberTable = table<UserId>('alias');

export function userByNumber(view: View, number: Msisdn): User | undefined {
  const id = view.get(numberTable, number);
  return id === undefined ? undefined : view.get(userTable, id);
}
