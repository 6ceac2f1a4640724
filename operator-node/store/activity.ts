/**
 * When something of each kind was last written about a user, to the day: from there the law's periods run
 * (docs/erasure.md). Written once a day and user, not with every entry.
 */
import type { UnixMillis, UserId } from '../model/ids.ts';
import type { DataKind } from './at-rest.ts';
import { table, type Tx } from './store.ts';

const dayMillis = 86_400_000;

/** The last day of each kind, counted from 1970 in UTC. Key: the user's id. */
export const activityTable = table<Readonly<Partial<Record<DataKind, number>>>>('activity');

export function touch(tx: Tx, user: UserId, kind: DataKind, now: UnixMillis): void {
  const day = Math.floor(now / dayMillis);
  const last = tx.get(activityTable, user);
  if ((last?.[kind] ?? -1) < day) tx.put(activityTable, user, { ...last, [kind]: day });
}

/** The first moment that is more than `days` whole days after the last one of that kind; 0 where there was none. */
export function keptUntil(
  last: Readonly<Partial<Record<DataKind, number>>> | undefined,
  kind: DataKind,
  days: number,
): UnixMillis {
  const day = last?.[kind];
  return (day === undefined || days === 0 ? 0 : (day + 1 + days) * dayMillis) as UnixMillis;
}
