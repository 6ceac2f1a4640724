/** The rules of the store port; every adapter's test runs them. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoreOptions } from '../../operator-node/store/group-commit.ts';
import { table, type Store, type Tx } from '../../operator-node/store/store.ts';

export interface StoreHarness {
  /** Opens the one store of this harness; again after a close it is the same disk. */
  open(options?: StoreOptions): Promise<Store>;
  dispose(): Promise<void>;
}

interface Thing {
  readonly n: number;
  readonly list?: readonly number[];
}
const things = table<Thing>('thing');
const others = table<Thing>('thing2');

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export function storeBehavior(makeHarness: () => Promise<StoreHarness>): void {
  let harness: StoreHarness;
  let store: Store;

  beforeEach(async () => {
    harness = await makeHarness();
    store = await harness.open({ freeze: true });
  });
  afterEach(async () => {
    await store.close();
    await harness.dispose();
  });
  const reopen = async (options: StoreOptions = {}): Promise<void> => {
    await store.close();
    store = await harness.open(options);
  };
  const put = (key: string, n: number): Promise<void> => store.transact((tx) => tx.put(things, key, { n }));

  describe('transact', () => {
    it('runs the body in the call', () => {
      let ran = false;
      void store.transact(() => {
        ran = true;
      });
      expect(ran).toBe(true);
    });

    it('refuses a transaction inside a transaction and keeps nothing of the outer one', async () => {
      const outer = store.transact((tx) => {
        tx.put(things, 'a', { n: 1 });
        void store.transact(() => undefined);
      });
      await expect(outer).rejects.toMatchObject({ code: 'internal' });
      expect(store.newest.get(things, 'a')).toBeUndefined();
    });

    it('refuses a body that returns a promise', async () => {
      const asynchronous = store.transact(async (tx) => {
        tx.put(things, 'a', { n: 1 });
        return Promise.resolve();
      });
      await expect(asynchronous).rejects.toMatchObject({ code: 'internal' });
      expect(store.newest.get(things, 'a')).toBeUndefined();
    });

    it('refuses use of the transaction after its body', async () => {
      let kept: Tx | undefined;
      await store.transact((tx) => {
        kept = tx;
      });
      expect(() => kept?.put(things, 'a', { n: 1 })).toThrow(/after its body/);
      expect(() => kept?.get(things, 'a')).toThrow(/after its body/);
    });

    it('refuses a value that has no JSON, and the group that it was to be in goes on', async () => {
      const good = put('good', 1);
      const bad = store.transact((tx) => tx.put(table<unknown>('thing'), 'bad', { n: 1n }));
      await expect(bad).rejects.toThrow(TypeError);
      for (const value of [undefined, null]) {
        const none = store.transact((tx) => tx.put(table<unknown>('thing'), 'bad', value));
        await expect(none).rejects.toMatchObject({ code: 'internal' });
      }
      await good;
      await reopen();
      expect(store.newest.get(things, 'good')).toEqual({ n: 1 });
      expect(store.newest.get(things, 'bad')).toBeUndefined();
    });

    it('refuses a key with a lone surrogate', async () => {
      await expect(put('a\ud800', 1)).rejects.toMatchObject({ code: 'internal' });
    });

    it('keeps nothing of a body that throws and rejects with what it threw', async () => {
      await put('a', 1);
      const fault = new Error('no');
      const failed = store.transact((tx) => {
        tx.put(things, 'a', { n: 2 });
        tx.put(things, 'b', { n: 2 });
        throw fault;
      });
      await expect(failed).rejects.toBe(fault);
      expect(store.newest.get(things, 'a')).toEqual({ n: 1 });
      await reopen();
      expect(store.newest.get(things, 'a')).toEqual({ n: 1 });
      expect(store.newest.get(things, 'b')).toBeUndefined();
    });

    it('shows a body its own writes, and no one else before it ends', async () => {
      await store.transact((tx) => {
        tx.put(things, 'a', { n: 1 });
        expect(tx.get(things, 'a')).toEqual({ n: 1 });
        expect(store.newest.get(things, 'a')).toBeUndefined();
        tx.del(things, 'a');
        expect(tx.get(things, 'a')).toBeUndefined();
        tx.put(things, 'a', { n: 2 });
      });
      expect(store.newest.get(things, 'a')).toEqual({ n: 2 });
    });

    it('shows what it wrote to the next transaction at once, and keeps it', async () => {
      const first = put('a', 1);
      const second = store.transact((tx) => tx.put(things, 'a', { n: (tx.get(things, 'a')?.n ?? 0) + 1 }));
      expect(store.newest.get(things, 'a')).toEqual({ n: 2 });
      await Promise.all([first, second]);
      await reopen();
      expect(store.newest.get(things, 'a')).toEqual({ n: 2 });
    });

    it('deletes, also what is on disk already', async () => {
      await put('a', 1);
      await store.transact((tx) => tx.del(things, 'a'));
      expect(store.newest.get(things, 'a')).toBeUndefined();
      await reopen();
      expect(store.newest.get(things, 'a')).toBeUndefined();
    });

    it('resolves in the order of the transactions', async () => {
      const order: number[] = [];
      const all: Promise<unknown>[] = [];
      for (let n = 0; n < 50; n += 1) {
        const done = n % 3 === 0 ? store.transact(() => n) : put(`k${n % 7}`, n);
        all.push(done.then(() => order.push(n)));
        if (n % 10 === 9) await pause(0);
      }
      await Promise.all(all);
      // A read-only transaction at the very beginning has nothing to wait for; everything else has its place.
      expect(order).toEqual(Array.from({ length: 50 }, (_, n) => n));
    });

    it('shares one flush among the transactions of a burst', async () => {
      const groups: number[] = [];
      await reopen({ onFlush: (stats) => groups.push(stats.transactions) });
      await Promise.all(Array.from({ length: 100 }, (_, n) => put(`k${n}`, n)));
      expect(groups).toEqual([100]);
    });

    it('reports the size of a flush', async () => {
      const seen: { ops: number; bytes: number }[] = [];
      await reopen({ onFlush: ({ ops, bytes }) => seen.push({ ops, bytes }) });
      await Promise.all([put('a', 1), put('a', 2), put('b', 3)]);
      // thing!a {"n":2} and thing!b {"n":3}: only the last value of a key is written.
      expect(seen).toEqual([{ ops: 2, bytes: 2 * (7 + 7) }]);
    });

    it('is refused after close', async () => {
      await store.close();
      await expect(put('a', 1)).rejects.toMatchObject({ code: 'not-ready' });
      expect(() => store.newest.get(things, 'a')).toThrow(/closed/);
    });
  });

  describe('values', () => {
    it('are frozen when asked, as put and as read', async () => {
      await store.transact((tx) => tx.put(things, 'a', { n: 1, list: [1] }));
      const mutate = (): void => {
        (store.newest.get(things, 'a')?.list as number[]).push(2);
      };
      expect(mutate).toThrow(TypeError);
      await reopen({ freeze: true });
      expect(mutate).toThrow(TypeError);
    });

    it('that storing would change are refused when frozen', async () => {
      const changed = store.transact((tx) => tx.put(table<unknown>('thing'), 'a', { n: undefined }));
      await expect(changed).rejects.toMatchObject({ code: 'internal' });
    });

    it('survive a cache that holds almost nothing', async () => {
      await reopen({ cacheBytes: 64 });
      for (let n = 0; n < 40; n += 1) await put(`k${n}`, n);
      for (let n = 0; n < 40; n += 1) expect(store.newest.get(things, `k${n}`)).toEqual({ n });
      await store.transact((tx) => tx.del(things, 'k3'));
      expect(store.newest.get(things, 'k3')).toBeUndefined();
    });
  });

  describe('scan', () => {
    const keys = async (range: Parameters<Store['scan']>[1]): Promise<string[]> =>
      (await collect(store.scan(things, range))).map(([key]) => key);

    beforeEach(async () => {
      await store.transact((tx) => {
        for (const key of ['b/1', 'a', 'b/2', 'b', 'c', 'å', '\ue000', '😀']) tx.put(things, key, { n: key.length });
        for (const key of ['b/1', 'x']) tx.put(others, key, { n: 0 });
      });
    });

    it('gives the keys of one table in the order of their bytes', async () => {
      expect(await keys({})).toEqual(['a', 'b', 'b/1', 'b/2', 'c', 'å', '\ue000', '😀']);
      expect(await collect(store.scan(others))).toEqual([
        ['b/1', { n: 0 }],
        ['x', { n: 0 }],
      ]);
    });

    it('keeps to its range', async () => {
      expect(await keys({ prefix: 'b/' })).toEqual(['b/1', 'b/2']);
      expect(await keys({ gte: 'b/1', lt: 'c' })).toEqual(['b/1', 'b/2']);
      expect(await keys({ prefix: 'b', gte: 'b/2', lt: 'zz' })).toEqual(['b/2']);
      expect(await keys({ prefix: 'b/', gte: 'a' })).toEqual(['b/1', 'b/2']);
      expect(await keys({ prefix: 'b', reverse: true, limit: 2 })).toEqual(['b/2', 'b/1']);
      expect(await keys({ prefix: '😀' })).toEqual(['😀']);
      expect(await keys({ limit: 0 })).toEqual([]);
      expect(await keys({ gte: 'x', lt: 'b' })).toEqual([]);
    });

    it('reads only what is on disk', async () => {
      const written = put('d', 1);
      expect(await keys({ gte: 'c', lt: 'e' })).toEqual(['c']);
      await written;
      expect(await keys({ gte: 'c', lt: 'e' })).toEqual(['c', 'd']);
    });

    it('sees one moment, and can be left early', async () => {
      const seen: string[] = [];
      for await (const [key] of store.scan(things)) {
        if (seen.length === 0) {
          await store.transact((tx) => {
            tx.del(things, 'c');
            tx.put(things, 'b/3', { n: 1 });
          });
        }
        seen.push(key);
        if (key === 'c') break;
      }
      expect(seen).toEqual(['a', 'b', 'b/1', 'b/2', 'c']);
    });

    it('sees one moment of several tables, where that is asked for', async () => {
      const seen: string[] = [];
      for await (const [table, key, value] of store.moment([things, others])) {
        if (seen.length === 0) {
          await store.transact((tx) => {
            tx.del(things, 'c');
            tx.put(others, 'y', { n: 1 });
            tx.put({ name: 'between' }, 'a', 1);
          });
        }
        seen.push(`${table} ${key} ${JSON.stringify(value)}`);
      }
      const all = await collect(store.moment([things, others]));
      expect(seen).toContain(`${things.name} c {"n":1}`);
      expect(seen).not.toContain(`${others.name} y {"n":1}`);
      expect(seen).toHaveLength(10);
      expect(all.map(([table, key]) => `${table} ${key}`)).toEqual(
        expect.arrayContaining([`${others.name} y`, `${things.name} a`]),
      );
      expect(all).toHaveLength(10);
      expect(new Set(all.map(([table]) => table))).toEqual(new Set([things.name, others.name]));
    });

    it('gives more than one chunk', async () => {
      await store.transact((tx) => {
        for (let n = 0; n < 1000; n += 1) tx.put(others, `n${String(n).padStart(4, '0')}`, { n });
      });
      const values = (await collect(store.scan(others, { prefix: 'n' }))).map(([, { n }]) => n);
      expect(values).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    });
  });

  describe('close', () => {
    it('writes out what is pending, and can be called twice', async () => {
      const written = put('a', 1);
      const closing = store.close();
      await expect(put('b', 1)).rejects.toMatchObject({ code: 'not-ready' });
      await Promise.all([closing, store.close(), written]);
      store = await harness.open();
      expect(store.newest.get(things, 'a')).toEqual({ n: 1 });
    });

    it('releases the folder; before that it has one owner', async () => {
      await expect(harness.open()).rejects.toMatchObject({ code: 'store-failed', facts: { reason: 'locked' } });
      await reopen();
      await put('a', 1);
    });
  });
}
