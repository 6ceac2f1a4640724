/** The whole of a stopped node's store, read with the node's own tables. */
import { readFileSync } from 'node:fs';
import { checkBooks, type Books } from '../../operator-node/domains/payments/books.ts';
import { paymentTable, positionTable, type PaymentRecord } from '../../operator-node/domains/payments/records.ts';
import { outboxTable } from '../../operator-node/engine/engine.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { journalTable, type JournalEntry } from '../../operator-node/engine/journal.ts';
import {
  batchStateTable,
  batchTable,
  haltTable,
  openBatchTable,
  peerCommitmentTable,
  type KnownBatch,
} from '../../operator-node/flow/batch.ts';
import { openSideTable, sideStateTable, sideTable, type PairSide } from '../../operator-node/flow/pair.ts';
import { inboundTable } from '../../operator-node/flow/receive.ts';
import { sentTable } from '../../operator-node/chain/sent.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { UserKeys } from '../../operator-node/store/codec.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { personalCodec, userKeyTable } from '../../operator-node/store/personal.ts';
import type { Store, Table } from '../../operator-node/store/store.ts';
import { userTable, type User } from '../../operator-node/users/user.ts';

export interface StoredNode {
  readonly handle: string;
  readonly operator: number;
  /** Key: `<pairId>!<leg>`. */
  readonly sides: ReadonlyMap<string, PairSide>;
  /** Key: `<batchId>!<role>`. */
  readonly batches: ReadonlyMap<string, KnownBatch>;
  /** Key: `<pairId>/<leg>`. */
  readonly payments: ReadonlyMap<string, PaymentRecord>;
  /** Signed minor units, by `<operator>/<asset>`. */
  readonly positions: ReadonlyMap<string, bigint>;
  /** Key: the gateway's id. */
  readonly inbound: ReadonlyMap<string, { readonly disposition: string }>;
  /** In the order of their sequence. */
  readonly journal: readonly JournalEntry[];
  readonly users: ReadonlyMap<string, User>;
  /** Key: `<pairId>!<role>`. */
  readonly userKeys: ReadonlyMap<string, UserKeys>;
  readonly peerCommitments: ReadonlyMap<string, Hash>;
  readonly books: Books;
  /** What is still to be done, by table: keys. */
  readonly leftOver: Readonly<Record<string, readonly string[]>>;
}

async function all<V>(store: Store, table: Table<V>): Promise<Map<string, V>> {
  const found = new Map<string, V>();
  for await (const [key, value] of store.scan(table)) found.set(key, value);
  return found;
}

export async function readStore(place: {
  readonly handle: string;
  readonly id: number;
  readonly dataDir: string;
}): Promise<StoredNode> {
  // No number is looked up here, so the key of their index is not needed.
  const codec = personalCodec({ indexKey: new Uint8Array(32), random: systemRandom });
  await using store = await openLevelStore(place.dataDir, { codec });
  const keys = async <V>(table: Table<V>): Promise<string[]> => [...(await all(store, table)).keys()];
  const states = await all(store, sideStateTable);
  const sides = new Map<string, PairSide>();
  for (const [key, side] of await all(store, sideTable)) {
    const state = states.get(key);
    if (state !== undefined) sides.set(key, { side, state });
  }
  const batchStates = await all(store, batchStateTable);
  const batches = new Map<string, KnownBatch>();
  for (const [key, record] of await all(store, batchTable)) {
    const state = batchStates.get(key);
    if (state !== undefined) batches.set(key, { record, state });
  }
  const positions = new Map<string, bigint>();
  for (const [key, { balance }] of await all(store, positionTable)) positions.set(key, BigInt(balance));
  return {
    handle: place.handle,
    operator: place.id,
    sides,
    batches,
    payments: await all(store, paymentTable),
    positions,
    inbound: await all(store, inboundTable),
    journal: [...(await all(store, journalTable)).values()],
    users: await all(store, userTable),
    userKeys: await all(store, userKeyTable),
    peerCommitments: await all(store, peerCommitmentTable),
    books: await checkBooks(store),
    leftOver: {
      'open-side': await keys(openSideTable),
      'open-batch': await keys(openBatchTable),
      outbox: await keys(outboxTable),
      // A checkpoint of the journal is under way at almost any time: there are few in a real hour, and many here.
      sent: [...(await all(store, sentTable))].flatMap(([key, { tag }]) =>
        tag.startsWith('checkpoint!') ? [] : [key],
      ),
      halt: await keys(haltTable),
    },
  };
}

/** How often a node has raised which alarm, by its log. */
export function alarmsIn(logFile: string, counts: Map<string, number>): void {
  for (const line of readFileSync(logFile, 'utf8').split('\n')) {
    if (!line.includes('"type":"alarm"')) continue;
    const { code } = JSON.parse(line) as { readonly code: string };
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
}
