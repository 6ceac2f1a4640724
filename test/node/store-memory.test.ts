import { beforeEach, describe, expect, it } from 'vitest';
import { TandemError } from '../../operator-node/errors.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { table, type Store } from '../../operator-node/store/store.ts';
import { storeBehavior } from './store.behavior.ts';

const things = table<{ readonly n: number }>('thing');

/** Turns of the microtask queue: enough for every promise chain of a store to run out. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('memory store', () => {
  storeBehavior(() => {
    const disk = new SimulatedDisk();
    return Promise.resolve({
      open: (options) => Promise.resolve().then(() => openMemoryStore(disk, options)),
      dispose: () => Promise.resolve(),
    });
  });
});

describe('group commit', () => {
  let disk: SimulatedDisk;
  let store: Store;
  let log: string[];
  beforeEach(() => {
    disk = new SimulatedDisk();
    store = openMemoryStore(disk, { freeze: true });
    log = [];
  });
  const put = (key: string, n: number): Promise<void> =>
    store
      .transact((tx) => tx.put(things, key, { n }))
      .then(
        () => void log.push(`${key} durable`),
        (error: unknown) => void log.push(`${key} ${error instanceof TandemError ? error.code : 'fault'}`),
      );

  it('reports nothing durable before the disk has it', async () => {
    disk.holdBack();
    void put('a', 1);
    await settle();
    expect(log).toEqual([]);
    expect(store.newest.get(things, 'a')).toEqual({ n: 1 });
    expect(disk.peek('thing!a')).toBeUndefined();
    disk.letOne();
    await settle();
    expect(log).toEqual(['a durable']);
    expect(disk.peek('thing!a')).toBe('{"n":1}');
  });

  it('gathers the next group while one is written: one write at a time', async () => {
    disk.holdBack();
    void put('a', 1);
    await settle();
    void put('b', 1);
    void put('c', 1);
    await settle();
    expect(disk.heldBack).toBe(1);
    disk.letOne();
    await settle();
    expect(log).toEqual(['a durable']);
    expect(disk.heldBack).toBe(1);
    disk.letOne();
    await settle();
    expect(log).toEqual(['a durable', 'b durable', 'c durable']);
    expect(disk.writes).toBe(2);
  });

  it('shows a value that is being written, and the newer one that waits behind it', async () => {
    disk.holdBack();
    void put('a', 1);
    await settle();
    expect(store.newest.get(things, 'a')).toEqual({ n: 1 });
    void put('a', 2);
    expect(store.newest.get(things, 'a')).toEqual({ n: 2 });
    disk.letOne();
    await settle();
    expect(store.newest.get(things, 'a')).toEqual({ n: 2 });
    expect(disk.peek('thing!a')).toBe('{"n":1}');
  });

  it('hides a value whose deletion waits', async () => {
    await put('a', 1);
    disk.holdBack();
    void store.transact((tx) => tx.del(things, 'a'));
    expect(store.newest.get(things, 'a')).toBeUndefined();
    await settle();
    expect(store.newest.get(things, 'a')).toBeUndefined();
    disk.letGo();
    await settle();
    expect(store.newest.get(things, 'a')).toBeUndefined();
  });

  it('lets a transaction without writes, and one that throws, wait for what they may have seen', async () => {
    disk.holdBack();
    void put('a', 1);
    void store.transact((tx) => tx.get(things, 'a')).then((seen) => log.push(`saw ${seen?.n}`));
    store
      .transact(() => {
        throw new Error('refused');
      })
      .catch((error: unknown) => log.push(String(error)));
    await settle();
    expect(log).toEqual([]);
    disk.letGo();
    await settle();
    expect(log).toEqual(['a durable', 'saw 1', 'Error: refused']);
  });

  it('lets a transaction without writes wait for the group that is being written', async () => {
    disk.holdBack();
    void put('a', 1);
    await settle();
    void store.transact((tx) => tx.get(things, 'a')).then((seen) => log.push(`saw ${seen?.n}`));
    await settle();
    expect(log).toEqual([]);
    disk.letGo();
    await settle();
    expect(log).toEqual(['a durable', 'saw 1']);
    expect(disk.writes).toBe(1);
  });

  it('does not wait when nothing is pending', async () => {
    disk.holdBack();
    void store.transact(() => undefined).then(() => log.push('done'));
    await settle();
    expect(log).toEqual(['done']);
    expect(disk.writes).toBe(0);
  });

  describe.each(['lost', 'kept'] as const)('after a failed write that was %s', (fate) => {
    it('rejects everything that waits, later calls and reads', async () => {
      disk.failAtWrite(2, fate);
      await put('a', 1);
      void put('b', 1);
      await Promise.resolve();
      void put('c', 1);
      await settle();
      expect(log).toEqual(['a durable', 'b store-failed', 'c store-failed']);
      await put('d', 1);
      expect(log.at(-1)).toBe('d store-failed');
      expect(() => store.newest.get(things, 'a')).toThrow(/write failed/);
      await expect(store.scan(things)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'store-failed' });
      expect(disk.writes).toBe(2);
    });

    it('closes, and the next owner finds what came to the disk', async () => {
      disk.failAtWrite(1, fate);
      await put('a', 1);
      await store.close();
      const next = openMemoryStore(disk);
      expect(next.newest.get(things, 'a')).toEqual(fate === 'lost' ? undefined : { n: 1 });
    });
  });

  describe('crash', () => {
    it('loses what was not flushed and settles nothing', async () => {
      await put('a', 1);
      disk.holdBack();
      void put('b', 1);
      await settle();
      void put('c', 1);
      disk.crash();
      await settle();
      expect(log).toEqual(['a durable']);
      const next = openMemoryStore(disk);
      expect(next.newest.get(things, 'a')).toEqual({ n: 1 });
      expect(next.newest.get(things, 'b')).toBeUndefined();
      expect(next.newest.get(things, 'c')).toBeUndefined();
    });

    it('keeps the write in flight when that is its fate, and none behind it', async () => {
      disk.holdBack();
      void put('b', 1);
      await settle();
      void put('c', 1);
      disk.crash('kept');
      await settle();
      expect(log).toEqual([]);
      const next = openMemoryStore(disk);
      expect(next.newest.get(things, 'b')).toEqual({ n: 1 });
      expect(next.newest.get(things, 'c')).toBeUndefined();
    });

    it('keeps the old store from the disk', async () => {
      disk.crash();
      const next = openMemoryStore(disk);
      void put('a', 1);
      await settle();
      expect(log).toEqual([]);
      expect(next.newest.get(things, 'a')).toBeUndefined();
      expect(() => store.newest.get(things, 'unread')).toThrow(/crashed/);
      void store.close();
      await settle();
      await expect(next.transact((tx) => tx.put(things, 'a', { n: 2 }))).resolves.toBeUndefined();
    });
  });

  it('names a damaged record', () => {
    disk.poke('thing!a', '{"n":');
    expect(() => store.newest.get(things, 'a')).toThrow(/thing!a is not JSON/);
  });
});
