/**
 * The store over any disk: serial synchronous transactions whose writes gather in a pending group, and one flush at a
 * time that writes the whole group as one synced batch. While a flush runs the next group gathers, so the more there is
 * to do the more shares one fsync, and a lone transaction waits for nobody.
 *
 * A read looks into the transaction's own writes, the pending group, the group being written, the cache, the disk.
 */
import { isDeepStrictEqual } from 'node:util';
import { TandemError } from '../errors.ts';
import { plainCodec, type Codec, type KeysOf } from './codec.ts';
import type { Disk, DiskOp } from './disk.ts';
import { diskKey, diskRange, everything, tableOf } from './keys.ts';
import { keyTables, userKeyTable } from './personal.ts';
import { Recent } from './recent.ts';
import type { Range, Store, Table, Tx, View } from './store.ts';

export interface FlushStats {
  readonly transactions: number;
  readonly ops: number;
  /** Characters of keys and values: bytes, where they are ASCII. */
  readonly bytes: number;
  readonly millis: number;
}

export interface StoreOptions {
  /** Bound of the cache of decoded values, by the length of their JSON text. */
  readonly cacheBytes?: number;
  /** How keys and values look on disk; as they are unless given. */
  readonly codec?: Codec;
  /** For tests: freezes every value and refuses one that storing would change. */
  readonly freeze?: boolean;
  readonly onFlush?: (stats: FlushStats) => void;
  /** When to begin a flush that is due. Not in the call itself, so that a burst of transactions shares one. */
  readonly schedule?: (flush: () => void) => void;
}

/** A value as it was put and as it is written; without `text`, a deletion. */
interface Change {
  readonly value: unknown;
  readonly text: string | undefined;
}

interface Waiter {
  readonly durable: () => void;
  readonly failed: (fault: TandemError) => void;
}

class Group {
  readonly changes = new Map<string, Change>();
  readonly waiters: Waiter[] = [];
}

type Phase = 'open' | 'closing' | 'closed';

const deletion: Change = { value: undefined, text: undefined };

export class GroupCommitStore implements Store {
  readonly newest: View;
  readonly #disk: Disk;
  readonly #freeze: boolean;
  readonly #onFlush: ((stats: FlushStats) => void) | undefined;
  readonly #schedule: (flush: () => void) => void;
  readonly #cacheBytes: number;
  readonly #codec: Codec;
  readonly #keysOf: KeysOf;
  #cache: Recent;
  #pending = new Group();
  #writing: Group | undefined;
  #scheduled = false;
  #inBody = false;
  #phase: Phase = 'open';
  #fault: TandemError | undefined;
  #closed: Promise<void> | undefined;

  constructor(disk: Disk, options: StoreOptions = {}) {
    this.#disk = disk;
    this.#freeze = options.freeze ?? false;
    this.#onFlush = options.onFlush;
    this.#schedule = options.schedule ?? setImmediate;
    this.#cacheBytes = options.cacheBytes ?? 64 * 1024 * 1024;
    this.#cache = new Recent(this.#cacheBytes);
    this.#codec = options.codec ?? plainCodec;
    this.newest = {
      get: <V>(table: Table<V>, key: string) =>
        this.#read(diskKey(table.name, this.#codec.key(table.name, key, this.#keysOf))) as V | undefined,
    };
    this.#keysOf = (user) => this.newest.get(userKeyTable, user);
  }

  transact<R>(body: (tx: Tx) => R): Promise<R> {
    // Thrown, not rejected: the outer body must not go on as if this had been done.
    if (this.#inBody) throw new TandemError('internal', 'transact was called inside the body of a transaction');
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const tx = new Transaction((key) => this.#read(key), this.#codec, this.#freeze);
    this.#inBody = true;
    try {
      const result = body(tx);
      if (isThenable(result)) throw new TandemError('internal', 'The body of a transaction must be synchronous');
      for (const change of tx.encoded()) this.#pending.changes.set(...change);
      return this.#whenDurable(result);
    } catch (error) {
      // What it threw may tell of writes that are still pending, so it waits for them as a result would.
      return this.#whenDurable(undefined).then(() => {
        throw error;
      });
    } finally {
      this.#inBody = false;
      tx.end();
    }
  }

  async *scan<V>(table: Table<V>, range: Range = {}): AsyncGenerator<readonly [key: string, value: V]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const skip = table.name.length + 1;
    for await (const [key, text] of this.#disk.entries(diskRange(table.name, range))) {
      yield [key.slice(skip), this.#decode(key, text) as V];
    }
  }

  async *moment(
    tables: readonly Table<unknown>[],
  ): AsyncGenerator<readonly [table: string, key: string, value: unknown]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const names = new Set(tables.map(({ name }) => name));
    for await (const [key, text] of this.#disk.entries(everything)) {
      const name = tableOf(key);
      if (names.has(name)) yield [name, key.slice(name.length + 1), this.#decode(key, text)];
    }
  }

  /**
   * After keys have been deleted: what they opened is forgotten here, and they are taken off the disk itself. Resolves when
   * both are done.
   */
  async purge(): Promise<void> {
    await this.#whenDurable(undefined);
    this.#cache = new Recent(this.#cacheBytes);
    await this.#disk.purge?.(keyTables.map((name) => `${name}!`));
  }

  /**
   * Every record as it is on disk at one moment, in key order: whole keys (`<table>!<key>`) and JSON texts. For
   * backups.
   */
  records(): AsyncIterable<readonly [key: string, text: string]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return this.#disk.entries(everything);
  }

  close(): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'closing';
    this.#closed ??= this.#drainAndClose();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drainAndClose(): Promise<void> {
    try {
      await this.#whenDurable(undefined);
    } catch {
      // Those who waited for it have been told; the folder must be released all the same.
    }
    this.#phase = 'closed';
    await this.#disk.close();
  }

  #refusal(): TandemError | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#phase !== 'open') return new TandemError('not-ready', `The store is ${this.#phase}`);
    return undefined;
  }

  #read(key: string): unknown {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#phase === 'closed') throw new TandemError('not-ready', 'The store is closed');
    const change = this.#pending.changes.get(key) ?? this.#writing?.changes.get(key);
    if (change !== undefined) return change.value;
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const text = this.#disk.get(key);
    if (text === undefined) return undefined;
    const value = this.#decode(key, text);
    this.#cache.set(key, value, key.length + text.length);
    return value;
  }

  #decode(key: string, text: string): unknown {
    try {
      const value: unknown = this.#codec.decode(key, text, this.#keysOf);
      return this.#freeze ? deepFreeze(value) : value;
    } catch (cause) {
      if (cause instanceof TandemError) throw cause;
      throw new TandemError('store-failed', `The record ${key} is not JSON: the disk or the store is damaged`, {
        cause,
        facts: { key },
      });
    }
  }

  #whenDurable<R>(result: R): Promise<R> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const group = this.#pending.changes.size > 0 ? this.#pending : this.#writing;
    if (group === undefined) return Promise.resolve(result);
    const durable = new Promise<R>((resolve, reject) => {
      group.waiters.push({ durable: () => resolve(result), failed: reject });
    });
    this.#scheduleFlush();
    return durable;
  }

  #scheduleFlush(): void {
    if (this.#scheduled || this.#writing !== undefined || this.#pending.changes.size === 0) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const group = this.#pending;
    this.#pending = new Group();
    this.#writing = group;
    const ops: DiskOp[] = [];
    let bytes = 0;
    for (const [key, { text }] of group.changes) {
      ops.push(text === undefined ? { type: 'del', key } : { type: 'put', key, value: text });
      bytes += key.length + (text?.length ?? 0);
    }
    const begun = performance.now();
    try {
      await this.#disk.write(ops);
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    const millis = performance.now() - begun;
    for (const [key, { value, text }] of group.changes) {
      if (text === undefined) this.#cache.delete(key);
      else this.#cache.set(key, value, key.length + text.length);
    }
    this.#writing = undefined;
    this.#scheduleFlush();
    for (const waiter of group.waiters) waiter.durable();
    this.#onFlush?.({ transactions: group.waiters.length, ops: ops.length, bytes, millis });
  }

  /** What is on disk is unknown from here: nothing more is written, read or reported. */
  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const fault = new TandemError(
      'store-failed',
      `A write failed, so the store accepts no more writes: ${reason}. Free space on its disk or repair it, then restart the node: nothing that was acknowledged is lost, and open pairs continue.`,
      { cause },
    );
    this.#fault = fault;
    const waiters = [...(this.#writing?.waiters ?? []), ...this.#pending.waiters];
    this.#writing = undefined;
    this.#pending = new Group();
    for (const waiter of waiters) waiter.failed(fault);
  }
}

class Transaction implements Tx {
  /** undefined: deleted. */
  readonly #changes = new Map<string, unknown>();
  readonly #under: (key: string) => unknown;
  readonly #codec: Codec;
  readonly #keysOf: KeysOf;
  readonly #freeze: boolean;
  #ended = false;

  constructor(under: (key: string) => unknown, codec: Codec, freeze: boolean) {
    this.#under = under;
    this.#codec = codec;
    this.#keysOf = (user) => this.get(userKeyTable, user);
    this.#freeze = freeze;
  }

  #full(table: string, key: string): string {
    return diskKey(table, this.#codec.key(table, key, this.#keysOf));
  }

  get<V>(table: Table<V>, key: string): V | undefined {
    this.#assertOpen();
    const full = this.#full(table.name, key);
    const own = this.#changes.get(full);
    return (own === undefined && !this.#changes.has(full) ? this.#under(full) : own) as V | undefined;
  }

  put<V>(table: Table<V>, key: string, value: V): void {
    this.#assertOpen();
    const full = this.#full(table.name, key);
    if (value === undefined || value === null) {
      throw new TandemError('internal', `${full} was put as ${String(value)}, which is not a record; use del`);
    }
    if (this.#freeze) {
      const text = JSON.stringify(value);
      if (!isDeepStrictEqual(JSON.parse(text), value)) {
        throw new TandemError('internal', `${full} is not the same after JSON: ${text}`);
      }
      deepFreeze(value);
    }
    this.#changes.set(full, value);
  }

  del<V>(table: Table<V>, key: string): void {
    this.#assertOpen();
    this.#changes.set(this.#full(table.name, key), undefined);
  }

  /**
   * Once a key, however often it was put; all of them before the first is kept, so that a value that has no JSON fails
   * its own transaction and not the whole group.
   */
  encoded(): (readonly [key: string, change: Change])[] {
    return Array.from(this.#changes, ([key, value]) => [
      key,
      value === undefined ? deletion : { value, text: this.#codec.encode(key, value, this.#keysOf) },
    ]);
  }

  end(): void {
    this.#ended = true;
  }

  #assertOpen(): void {
    if (this.#ended) throw new TandemError('internal', 'A transaction was used after its body had ended');
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
