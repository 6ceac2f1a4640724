import { describe, expect, it } from 'vitest';
import {
  appendJournal,
  checkJournalEnd,
  checkJournalFurther,
  journalVerifiedTable,
  verifyJournal,
} from '../../operator-node/engine/journal.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';

const random = { bytes: (count: number) => new Uint8Array(count).fill(7) };

async function written(entries: number): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const store = openMemoryStore(disk);
  for (let n = 1; n <= entries; n += 1) {
    await store.transact((tx) => {
      appendJournal(tx, n as UnixMillis, random, 'order', { n });
    });
  }
  await store.close();
  return disk;
}

const keyOf = (sequence: number): string => `journal!${String(sequence).padStart(12, '0')}`;

/** Takes a record away, as a lost write would. */
async function lose(disk: SimulatedDisk, key: string): Promise<void> {
  const raw = disk.attach();
  await raw.write([{ type: 'del', key }]);
  await raw.close();
}

function change(disk: SimulatedDisk, key: string, how: (record: Record<string, unknown>) => object): void {
  disk.poke(key, JSON.stringify(how(JSON.parse(disk.peek(key) ?? '') as Record<string, unknown>)));
}

describe('verifyJournal', () => {
  it('of a journal that is being written goes to what was its head when it began', async () => {
    const store = openMemoryStore(await written(3));
    const fourth = store.transact((tx) => {
      appendJournal(tx, 4 as UnixMillis, random, 'order', { n: 4 });
    });
    expect(await verifyJournal(store)).toMatchObject({ entries: 4 });
    expect((await verifyJournal(store)).fault).toBeUndefined();
    await fourth;
    await store.close();
  });

  it.each([
    ['a missing entry', (disk: SimulatedDisk) => lose(disk, keyOf(4)), /Entry 4 is missing/],
    ['the last entry missing', (disk: SimulatedDisk) => lose(disk, keyOf(9)), /ends at 8; its head is 9/],
    [
      'a changed payload',
      async (disk: SimulatedDisk) => {
        change(disk, keyOf(5), (entry) => ({ ...entry, payload: { n: 50 } }));
      },
      /Entry 5 is not as it was written/,
    ],
    [
      'an entry of another chain',
      async (disk: SimulatedDisk) => {
        change(disk, keyOf(6), (entry) => ({ ...entry, previous: 'f'.repeat(64) }));
      },
      /Entry 6 follows another entry than 5/,
    ],
    [
      'another head',
      async (disk: SimulatedDisk) => {
        change(disk, 'journal-head!head', (head) => ({ ...head, hash: '0'.repeat(64) }));
      },
      /The head is not entry 9/,
    ],
  ])('finds %s', async (_what, damage, fault) => {
    const disk = await written(9);
    await damage(disk);
    await using store = openMemoryStore(disk);
    expect((await verifyJournal(store)).fault).toMatch(fault);
    await expect(checkJournalEnd(store)).rejects.toMatchObject({ code: 'store-damaged' });
  });

  it('recomputes a whole journal, and an empty one', async () => {
    await using store = openMemoryStore(await written(9));
    expect(await verifyJournal(store)).toMatchObject({ entries: 9, to: { sequence: 9 } });
    await using empty = openMemoryStore();
    expect(await verifyJournal(empty)).toEqual({ entries: 0, to: { sequence: 0, hash: '0'.repeat(64) } });
  });
});

describe('checkJournalEnd', () => {
  it('looks at what is new since the last time only', async () => {
    const disk = await written(9);
    const first = openMemoryStore(disk);
    expect(await checkJournalEnd(first)).toMatchObject({ entries: 9 });
    await first.transact((tx) => {
      appendJournal(tx, 10 as UnixMillis, random, 'answer', {});
    });
    await first.close();
    await using store = openMemoryStore(disk);
    expect(await checkJournalEnd(store)).toMatchObject({ entries: 1, to: { sequence: 10 } });
  });

  it('refuses another entry than the one that was verified', async () => {
    const disk = await written(9);
    const first = openMemoryStore(disk);
    await checkJournalEnd(first);
    await first.close();
    change(disk, 'journal-verified!head', (head) => ({ ...head, hash: 'f'.repeat(64) }));
    await using store = openMemoryStore(disk);
    await expect(checkJournalEnd(store)).rejects.toThrow('Entry 9 is not the one that was verified before');
  });

  it('is bounded, and the stretch that it passes over is verified later', async () => {
    await using store = openMemoryStore(await written(9));
    expect(await checkJournalEnd(store, 4)).toMatchObject({ entries: 4, to: { sequence: 9 } });
    expect(store.newest.get(journalVerifiedTable, 'head')).toBeUndefined();
    expect(await checkJournalFurther(store, 6)).toMatchObject({ entries: 6, to: { sequence: 6 } });
    expect(await checkJournalFurther(store, 6)).toMatchObject({ entries: 3, to: { sequence: 9 } });
    expect(store.newest.get(journalVerifiedTable, 'head')).toMatchObject({ sequence: 9 });
  });
});
