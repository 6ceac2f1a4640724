/**
 * The store on a simulated disk that outlives it, with the faults of a real one on order. The transactions and the group
 * commit are those of the real store; only the disk is another.
 */
import { TandemError } from '../errors.ts';
import type { Disk, DiskOp, DiskRange } from './disk.ts';
import { GroupCommitStore, type StoreOptions } from './group-commit.ts';
import { compareKeys, tableOf } from './keys.ts';
import type { Store } from './store.ts';

/** `lost`: nothing of the write came to the disk; `kept`: all of it did, but nobody was told. */
export type Fate = 'lost' | 'kept';

interface InFlight {
  readonly ops: readonly DiskOp[];
  readonly resolve: () => void;
}

export class SimulatedDisk {
  /** By table, so that a scan looks at its own table only. */
  readonly #tables = new Map<string, Map<string, string>>();
  #owner: object | undefined;
  #holding = false;
  readonly #inFlight: InFlight[] = [];
  #failing: { readonly at: number; readonly fate: Fate } | undefined;
  #writes = 0;

  /** Writes begun since the disk was made. */
  get writes(): number {
    return this.#writes;
  }

  /** Writes that are held back now. */
  get heldBack(): number {
    return this.#inFlight.length;
  }

  /** From now on writes wait for `letOne` or `letGo`. */
  holdBack(): void {
    this.#holding = true;
  }

  /** Finishes the oldest write held back; false when there is none. */
  letOne(): boolean {
    const write = this.#inFlight.shift();
    if (write === undefined) return false;
    this.#apply(write.ops);
    write.resolve();
    return true;
  }

  letGo(): void {
    this.#holding = false;
    while (this.letOne());
  }

  /** The `k`-th write from now (1: the next one) fails; what it does to the disk is its fate. */
  failAtWrite(k: number, fate: Fate = 'lost'): void {
    this.#failing = { at: this.#writes + k, fate };
  }

  /**
   * The process is gone: what was not flushed is lost, of a write held back all or nothing is kept, and no promise of the
   * old store ever settles, as nothing of a dead process goes on. The disk can be opened again.
   */
  crash(fate: Fate = 'lost'): void {
    for (const { ops } of this.#inFlight.splice(0)) if (fate === 'kept') this.#apply(ops);
    this.#owner = undefined;
    this.#holding = false;
  }

  /** A copy of what is on it now: for restores and clones. */
  clone(): SimulatedDisk {
    const copy = new SimulatedDisk();
    for (const [name, records] of this.#tables) copy.#tables.set(name, new Map(records));
    return copy;
  }

  /** What is on it is replaced by a copy of `other`: an old snapshot is restored. */
  become(other: SimulatedDisk): void {
    this.#tables.clear();
    for (const [name, records] of other.#tables) this.#tables.set(name, new Map(records));
  }

  /** Text of a record by its whole key, `<table>!<key>`. */
  peek(key: string): string | undefined {
    return this.#tables.get(tableOf(key))?.get(key);
  }

  /** All that is on it. */
  records(): readonly DiskOp[] {
    return [...this.#tables.values()].flatMap((records) =>
      [...records].map(([key, value]) => ({ type: 'put' as const, key, value })),
    );
  }

  /** Damages or plants a record. */
  poke(key: string, text: string): void {
    this.#put(key, text);
  }

  /** @throws {TandemError} `store-failed` when it has an owner already. */
  attach(): Disk {
    if (this.#owner !== undefined) {
      throw new TandemError('store-failed', 'The disk is in use by another store: a store has one owner', {
        facts: { reason: 'locked' },
      });
    }
    const owner = {};
    this.#owner = owner;
    return {
      get: (key) => {
        this.#assertOwner(owner);
        return this.peek(key);
      },
      write: (ops) => this.#write(ops, owner),
      entries: (range) => this.#entries(range, owner),
      close: () => {
        if (this.#owner === owner) this.#owner = undefined;
        return Promise.resolve();
      },
    };
  }

  #write(ops: readonly DiskOp[], owner: object): Promise<void> {
    if (this.#owner !== owner) return new Promise(() => undefined);
    this.#writes += 1;
    if (this.#failing?.at === this.#writes) {
      if (this.#failing.fate === 'kept') this.#apply(ops);
      return Promise.reject(new Error(`simulated failure of write ${this.#writes}`));
    }
    if (this.#holding) return new Promise((resolve) => this.#inFlight.push({ ops, resolve }));
    this.#apply(ops);
    return Promise.resolve();
  }

  #apply(ops: readonly DiskOp[]): void {
    for (const op of ops) {
      if (op.type === 'put') this.#put(op.key, op.value);
      else this.#tables.get(tableOf(op.key))?.delete(op.key);
    }
  }

  #put(key: string, text: string): void {
    const name = tableOf(key);
    const records = this.#tables.get(name);
    if (records === undefined) this.#tables.set(name, new Map([[key, text]]));
    else records.set(key, text);
  }

  async *#entries(range: DiskRange, owner: object): AsyncGenerator<readonly [string, string]> {
    this.#assertOwner(owner);
    const found = this.#within(range)
      .filter(([key]) => compareKeys(key, range.gte) >= 0 && compareKeys(key, range.lt) < 0)
      .sort(([a], [b]) => compareKeys(a, b));
    if (range.reverse) found.reverse();
    yield* range.limit < 0 ? found : found.slice(0, range.limit);
  }

  /** Records of the range's table, or of all for a range over tables. */
  #within({ gte }: DiskRange): (readonly [string, string])[] {
    return gte.includes('!')
      ? [...(this.#tables.get(tableOf(gte)) ?? [])]
      : [...this.#tables.values()].flatMap((records) => [...records]);
  }

  #assertOwner(owner: object): void {
    if (this.#owner !== owner) throw new TandemError('store-failed', 'The simulated process has crashed or was closed');
  }
}

/** @throws {TandemError} `store-failed` when the disk is open already. */
export function openMemoryStore(disk: SimulatedDisk = new SimulatedDisk(), options: StoreOptions = {}): Store {
  return new GroupCommitStore(disk.attach(), { schedule: queueMicrotask, ...options });
}
