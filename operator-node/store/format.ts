/**
 * Which build's records a store holds. Before the first release an older store is not brought forward, and is left as it is:
 * the build that reads it is named.
 */
import { TandemError } from '../errors.ts';
import { table, type Store } from './store.ts';

const current = 4;

/** The last commit that reads a store of each earlier format. */
const readers: Readonly<Record<number, string>> = { 2: '1618945', 3: 'c2dab40' };

/** Key: `store`. */
const formatTable = table<number>('format');

/** Whatever a node has done first stands in one of these. */
const first = ['user', 'cursor', 'journal-head', 'sending-account'];

async function isNew(store: Store): Promise<boolean> {
  for (const name of first) {
    for await (const _ of store.scan({ name }, { limit: 1 })) return false;
  }
  return true;
}

function wayOut(found: number): string {
  const reader = readers[found];
  return reader === undefined
    ? 'A later build made it: start that one.'
    : `The build that reads it is Tandem at commit ${reader}: let that one finish what is open, then begin with an empty folder (on a devnet: npm start -- --fresh). Nothing in the folder was changed.`;
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
      ? 'This store was made by a build that kept names, numbers and texts in the clear. There is no release with such stores, and no migration from one: start with an empty folder (on a devnet: npm start -- --fresh).'
      : `This store is of format ${found}, and this build reads format ${current}. ${wayOut(found)}`,
    { facts: { found, current } },
  );
}
