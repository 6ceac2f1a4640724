/** What is kept so that nothing is done twice goes after its time. */
import type { Clock } from '../engine/clock.ts';
import type { Store, Table } from '../store/store.ts';
import { endedTable, knownTable } from './smpp-tables.ts';

const atOnce = 500;
const dayMillis = 86_400_000;

export async function forgetOld(store: Store, days: number, clock: Clock): Promise<void> {
  const before = clock.now() - days * dayMillis;
  await forget(store, knownTable, ({ at, outcome }) => outcome !== undefined && at < before);
  await forget(store, endedTable, ({ at }) => at < before);
}

async function forget<V>(store: Store, table: Table<V>, isOld: (value: V) => boolean): Promise<void> {
  let keys: string[] = [];
  const remove = async (): Promise<void> => {
    await store.transact((tx) => {
      for (const key of keys) tx.del(table, key);
    });
    keys = [];
  };
  for await (const [key, value] of store.scan(table)) {
    if (!isOld(value)) continue;
    keys.push(key);
    if (keys.length >= atOnce) await remove();
  }
  await remove();
}
