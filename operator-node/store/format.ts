/**
 * Which build's records a store holds. Before the first release an older store is not brought forward: it held what is
 * personal in the clear, and a copy that was brought forward would leave that behind on the disk.
 */
import { TandemError } from '../errors.ts';
import { table, type Store } from './store.ts';

const current = 2;

/** Key: `store`. */
export const formatTable = table<number>('format');

/** Whatever a node has done first stands in one of these. */
const first = ['user', 'cursor', 'journal-head', 'sending-account'];

async function isNew(store: Store): Promise<boolean> {
  for (const name of first) {
    for await (const _ of store.scan({ name }, { limit: 1 })) return false;
  }
  return true;
}

/** Marks a new store, and refuses one of another build. @throws {TandemError} `store-failed` */
export async function checkFormat(store: Store): Promise<void> {
  const found = store.newest.get(formatTable, 'store');
  if (found === current) return;
  if (found === undefined && (await isNew(store))) {
    await store.transact((tx) => {
      tx.put(formatTable, 'store', current);
    });
    return;
  }
  throw new TandemError(
    'store-failed',
    found === undefined
      ? 'This store was made by a build that kept names, numbers and texts in the clear. There is no release with such stores, and no way forward from one: begin with an empty folder (on a devnet: npm start -- --fresh).'
      : `This store is of format ${found}, and this build reads format ${current}: start the build that made it.`,
    { facts: { found, current } },
  );
}
