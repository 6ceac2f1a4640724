/**
 * The store port: one writer, atomic transactions, group commit.
 *
 * Every change of a node is one synchronous transaction. Transactions run one after another on one thread, so they
 * never conflict; what they wrote is visible to the next one at once and is on disk when the promise resolves. Many
 * transactions share one fsync. Nothing may leave the node (reply, message, signature) before that promise resolves.
 *
 * A value is JSON and immutable from the moment it is put: it is shared, not copied.
 */
export interface Table<V> {
  readonly name: string;
  /** Never set: carries the type. */
  readonly value?: V;
}

/** A table by its name, which is the first part of each of its keys. Names are declared in `store/tables.ts` only. */
export const table = <V>(name: string): Table<V> => ({ name });

export interface View {
  get<V>(table: Table<V>, key: string): V | undefined;
}

export interface Tx extends View {
  put<V>(table: Table<V>, key: string, value: V): void;
  del<V>(table: Table<V>, key: string): void;
}

/** A half-open range of keys inside a table; absent ends are open. `prefix` narrows to the keys that begin so. */
export interface Range {
  readonly prefix?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface Store extends AsyncDisposable {
  /**
   * Runs `body` now, in this call, and resolves with its result when all it wrote is on disk, together with everything
   * written before it. If `body` throws, nothing of it is kept and the promise rejects with what it threw.
   * After a failed write the store is closed to writing: every later call rejects (`store-failed`).
   */
  transact<R>(body: (tx: Tx) => R): Promise<R>;
  /** A look at the newest state, durable or not. For decisions inside the node, never for what is told outside. */
  readonly newest: View;
  /** What is on disk, in key order. */
  scan<V>(table: Table<V>, range?: Range): AsyncIterable<readonly [key: string, value: V]>;
  /** What is on disk in all of these tables at one and the same moment, in key order, each row with its table's name. */
  moment(tables: readonly Table<unknown>[]): AsyncIterable<readonly [table: string, key: string, value: unknown]>;
  /** Writes out what is pending, then releases the folder. */
  close(): Promise<void>;
}
