/** What is sealed at rest, for whom, and what is left of it when the key is gone. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { appendJournal, journalTable, verifyJournal } from '../../operator-node/engine/journal.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import type { Hash, UnixMillis, UserId } from '../../operator-node/model/ids.ts';
import { checkFormat } from '../../operator-node/store/format.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { keyTables, personalCodec, personalTables, userKeyTable } from '../../operator-node/store/personal.ts';
import { table, type Store } from '../../operator-node/store/store.ts';
import { tables } from '../../operator-node/store/tables.ts';
import { createKeys, replaceMessagesKey } from '../../operator-node/users/keys.ts';
import { numberTable } from '../../operator-node/users/user.ts';

const codec = personalCodec({ indexKey: Buffer.alloc(32, 5), random: systemRandom });
const users = table<{ readonly id: string; readonly number: string; readonly name: string }>('user');
const cash = table<{ readonly user: string; readonly amount: string; readonly reason: string }>('cash');
const codes = table<string>('item-code');
const ada = 'u_ada' as UserId;
const bo = 'u_bo' as UserId;
const at = 1_795_428_000_000 as UnixMillis;

const root = mkdtempSync(join(tmpdir(), 'tandem-personal-'));
afterAll(() => rmSync(root, { recursive: true }));

async function filled(store: Store): Promise<void> {
  await store.transact((tx) => {
    for (const [id, name] of [
      [ada, 'Ada Lind'],
      [bo, 'Bo Ek'],
    ] as const) {
      createKeys(tx, systemRandom, id);
      tx.put(users, id, { id, number: '+46701234567', name });
      tx.put(numberTable, `+4670${name.length}`, id);
      tx.put(cash, `slip ${id}`, { user: id, amount: '500', reason: `slip of ${name}` });
      tx.put(codes, `${id}/seat 12/0`, `W-${id}`);
      appendJournal(tx, at, systemRandom, 'order', { text: `PAY 120 to ${name}` }, id);
      appendJournal(tx, at, systemRandom, 'staff', { reason: `slip of ${name}` }, id);
    }
    appendJournal(tx, at, systemRandom, 'staff', { did: 'backup' });
  });
}

const open = (disk: SimulatedDisk): Store => openMemoryStore(disk, { codec, freeze: true });

function onDisk(disk: SimulatedDisk): Promise<string> {
  return (async () => {
    let text = '';
    const raw = disk.attach();
    for await (const [key, value] of raw.entries({ gte: 'a', lt: '{', reverse: false, limit: -1 }))
      text += `${key} ${value}\n`;
    await raw.close();
    return text;
  })();
}

describe('personalTables', () => {
  it('are tables of the store, like those of the keys', () => {
    for (const name of [...personalTables.keys(), ...keyTables]) expect(Object.keys(tables)).toContain(name);
  });
});

describe('personalCodec', () => {
  it('refuses a sealed value in another place', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    await store.close();
    disk.poke(`user!${bo}`, disk.peek(`user!${ada}`) ?? '');
    await using again = open(disk);
    expect(() => again.newest.get(users, bo)).toThrow(/was not sealed for its place/);
  });

  it('refuses another user’s seal', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    await store.close();
    const key = `user!${ada}`;
    disk.poke(key, (disk.peek(key) ?? '').replaceAll(ada, bo));
    await using again = open(disk);
    expect(() => again.newest.get(users, ada)).toThrow(/was not sealed/);
  });

  it('refuses to hand out or change a sealed value without the keys’ codec', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    await store.close();
    await using plain = openMemoryStore(disk);
    expect(() => plain.newest.get(users, ada)).toThrow(/opened without its users' keys/);
  });

  it('refuses a profile of a user without a key', async () => {
    await using store = open(new SimulatedDisk());
    const writing = store.transact((tx) => {
      tx.put(users, ada, { id: ada, number: '+46701234567', name: 'Ada' });
    });
    await expect(writing).rejects.toMatchObject({ code: 'not-found' });
  });

  it('leaves amounts and ids in the clear, and no text', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    expect(store.newest.get(users, ada)).toEqual({ id: ada, number: '+46701234567', name: 'Ada Lind' });
    await store.close();
    const text = await onDisk(disk);
    for (const personal of ['+4670', 'Ada', 'Lind', 'Bo Ek', 'seat 12', `W-${ada}`, 'slip of', 'PAY 120']) {
      expect(text).not.toContain(personal);
    }
    expect(text).toContain('"amount":"500"');
    await using again = open(disk);
    expect(again.newest.get(cash, `slip ${ada}`)).toEqual({ user: ada, amount: '500', reason: 'slip of Ada Lind' });
    expect(again.newest.get(codes, `${bo}/seat 12/0`)).toBe(`W-${bo}`);
    expect(again.newest.get(numberTable, '+46708')).toBe(ada);
  });

  it('opens nothing of a user whose key is deleted, everything of the others, and the journal is whole', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    await store.transact((tx) => tx.del(userKeyTable, ada));
    await store.close();
    await using again = open(disk);
    expect(again.newest.get(users, ada)).toEqual({ id: ada, number: '', name: '' });
    expect(again.newest.get(cash, `slip ${ada}`)).toEqual({ user: ada, amount: '500', reason: '' });
    expect(again.newest.get(cash, `slip ${bo}`)?.reason).toBe('slip of Bo Ek');
    const payloads: unknown[] = [];
    for await (const [, { payload, salt }] of again.scan(journalTable)) payloads.push([payload, salt === undefined]);
    expect(payloads).toEqual([
      [undefined, true],
      [undefined, true],
      [{ text: 'PAY 120 to Bo Ek' }, false],
      [{ reason: 'slip of Bo Ek' }, false],
      [{ did: 'backup' }, false],
    ]);
    expect(await verifyJournal(again)).toMatchObject({ entries: 5 });
    expect(await verifyJournal(again)).not.toHaveProperty('fault');
  });

  it('keeps what happens about an erased user all the same, without its texts', async () => {
    await using store = open(new SimulatedDisk());
    await store.transact((tx) => {
      appendJournal(tx, at, systemRandom, 'confirmation', { text: 'You paid' }, ada);
      tx.put(cash, 'late', { user: ada, amount: '7', reason: 'why' });
    });
    expect(await verifyJournal(store)).toMatchObject({ entries: 1 });
  });

  it('opens the ledger and not what was said once the messages key is replaced', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    await filled(store);
    await store.transact((tx) => {
      replaceMessagesKey(tx, systemRandom, ada);
    });
    await store.transact((tx) => {
      appendJournal(tx, at, systemRandom, 'answer', { yes: true }, ada);
    });
    await store.close();
    await using again = open(disk);
    const found: unknown[] = [];
    for await (const [, entry] of again.scan(journalTable))
      if (entry.user === ada) found.push([entry.kind, entry.payload]);
    expect(found).toEqual([
      ['order', undefined],
      ['staff', { reason: 'slip of Ada Lind' }],
      ['answer', { yes: true }],
    ]);
    expect(again.newest.get(users, ada)?.name).toBe('Ada Lind');
  });
});

describe('checkFormat', () => {
  it('refuses a store of a build that kept texts in the clear, and marks a new one', async () => {
    const disk = new SimulatedDisk();
    disk.poke('user!u_1', '{}');
    const old = openMemoryStore(disk);
    await expect(checkFormat(old)).rejects.toThrow(/in the clear.*start with an empty folder/);
    await using fresh = openMemoryStore(new SimulatedDisk());
    await checkFormat(fresh);
    await fresh.transact((tx) => tx.put(users, ada, { id: ada, number: '', name: '' }));
    await checkFormat(fresh);
  });
});

describe('purge', () => {
  it('takes a deleted key off the disk, wherever LevelDB has it by then', async () => {
    const dir = join(root, 'store');
    const keyText = (): boolean => {
      const key = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
      return readdirSync(dir).some((name) => readFileSync(join(dir, name), 'latin1').includes(key));
    };
    const keys = {
      ledger: `0x${'a1b2c3d4e5f60718293a4b5c6d7e8f90'.repeat(2)}` as Hash,
      messages: '0x' as Hash,
      generation: 1,
    };
    const first = await openLevelStore(dir, { codec });
    await first.transact((tx) => tx.put(userKeyTable, ada, keys));
    await first.close();
    // Opening writes the log out as a table.
    await using store = await openLevelStore(dir, { codec });
    await store.transact((tx) => tx.put(userKeyTable, ada, { ...keys, generation: 2 }));
    await store.transact((tx) => {
      tx.put(userKeyTable, bo, { ...keys, ledger: keys.messages });
      tx.del(userKeyTable, ada);
    });
    expect(keyText()).toBe(true);
    await store.purge();
    expect(keyText()).toBe(false);
    expect(store.newest.get(userKeyTable, bo)).toBeDefined();
  });
});
