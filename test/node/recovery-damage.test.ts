/** A store that is not as it was left (faults.md 13): found before anything is answered, and never answered from. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TandemError } from '../../operator-node/errors.ts';
import { inspectLevelStore, openLevelStore } from '../../operator-node/store/level.ts';
import { markFileOf } from '../../operator-node/store/mark.ts';
import { table, type Store } from '../../operator-node/store/store.ts';

interface Thing {
  readonly n: number;
  readonly text: string;
}
const things = table<Thing>('thing');

const root = mkdtempSync(join(tmpdir(), 'tandem-damage-'));
afterAll(() => rmSync(root, { recursive: true }));
let copies = 0;

/** A copy of a closed store, its mark with it. */
function copyOf(dir: string): string {
  copies += 1;
  const copy = join(root, `copy-${copies}`);
  cpSync(dir, copy, { recursive: true });
  cpSync(markFileOf(dir), markFileOf(copy));
  return copy;
}

const write = (store: Store, n: number, text: string): Promise<void> =>
  store.transact((tx) => {
    tx.put(things, String(n % 40), { n, text });
  });

/** What the store answers; undefined where it was refused. Whatever else is thrown fails the test. */
async function answers(dir: string): Promise<readonly (readonly [string, Thing])[] | TandemError> {
  try {
    await using store = await openLevelStore(dir);
    const found: (readonly [string, Thing])[] = [];
    for await (const entry of store.scan(things)) found.push(entry);
    for (const [key, value] of found) expect(store.newest.get(things, key)).toEqual(value);
    return found;
  } catch (error) {
    if (error instanceof TandemError && (error.code === 'store-damaged' || error.code === 'store-failed')) return error;
    throw error;
  }
}

/** The process was killed: LevelDB's log holds the last writes and nothing has been tidied up. */
let killed: string;
/** Closed with tables, made by LevelDB from what an earlier log held. */
let closed: string;
let killedContent: readonly (readonly [string, Thing])[];
let closedContent: readonly (readonly [string, Thing])[];

const logOf = (dir: string): string => {
  const logs = readdirSync(dir).filter((name) => name.endsWith('.log') && statSync(join(dir, name)).size > 0);
  return join(dir, logs.at(-1) ?? 'none');
};

const contentOf = async (dir: string): Promise<readonly (readonly [string, Thing])[]> => {
  const content = await answers(copyOf(dir));
  if (content instanceof TandemError) throw content;
  return content;
};

beforeAll(async () => {
  const dir = join(root, 'store');
  const store = await openLevelStore(dir);
  for (let n = 0; n < 60; n += 1) await write(store, n, 'x'.repeat((n * 37) % 1700));
  // As it is on disk now, while the process lives: what a kill would leave.
  killed = copyOf(dir);
  await store.close();
  const again = await openLevelStore(dir);
  for (let n = 60; n < 75; n += 1) await write(again, n, `y${n}`);
  await again.close();
  closed = dir;
  killedContent = await contentOf(killed);
  closedContent = await contentOf(closed);
  expect(killedContent).toHaveLength(40);
  expect(readdirSync(closed).some((name) => name.endsWith('.ldb'))).toBe(true);
});

describe('the end of the log', () => {
  it('is missed when it is cut off, wherever it is cut', async () => {
    const size = statSync(logOf(killed)).size;
    expect(size).toBeGreaterThan(32 * 1024);
    const cuts = new Set([0, 1, 7, size - 1, size - 2, size - 64, 32 * 1024, 32 * 1024 - 1]);
    for (let cut = 0; cut < size; cut += 499) cuts.add(cut);
    for (const cut of cuts) {
      const dir = copyOf(killed);
      const log = logOf(dir);
      truncateSync(log, cut);
      const before = readFileSync(log);
      expect(await answers(dir), `cut at ${cut} of ${size}`).toMatchObject({ code: 'store-damaged' });
      // Evidence is kept: LevelDB would have replaced the log. A store that never had a table says nothing before.
      if (cut > 200) expect(readFileSync(log)).toEqual(before);
    }
  });

  it('is missed when it reads as zeros', async () => {
    const size = statSync(logOf(killed)).size;
    for (let from = 0; from < size; from += 611) {
      const dir = copyOf(killed);
      const bytes = readFileSync(logOf(dir));
      writeFileSync(logOf(dir), bytes.fill(0, from));
      expect(await answers(dir), `zeros from ${from}`).toMatchObject({ code: 'store-damaged' });
    }
  });

  it('is missed before anything is changed where its only write is damaged, and there again when the bit is back', async () => {
    const dir = join(root, 'one-write');
    const store = await openLevelStore(dir);
    for (let n = 0; n < 20; n += 1) await write(store, n, 'z'.repeat(900));
    await store.close();
    // Opened again: what was in the log is in a table now, and the next write is alone in a new one.
    const again = await openLevelStore(dir);
    await write(again, 20, 'alone');
    const copy = copyOf(dir);
    await again.close();
    const log = logOf(copy);
    const whole = readFileSync(log);
    const damagedBytes = Buffer.from(whole);
    damagedBytes[40] = (damagedBytes[40] ?? 0) ^ 8;
    writeFileSync(log, damagedBytes);
    const files = (): readonly string[] => readdirSync(copy).sort();
    const before = files();
    expect(await answers(copy)).toMatchObject({ code: 'store-damaged' });
    expect(files()).toEqual(before);
    expect(readFileSync(log)).toEqual(damagedBytes);
    writeFileSync(log, whole);
    expect(await answers(copy)).toHaveLength(21);
  });

  it('says how much is lost and what to do', async () => {
    const dir = copyOf(killed);
    truncateSync(logOf(dir), statSync(logOf(dir)).size - 10);
    const refusal = await answers(dir);
    expect(refusal).toBeInstanceOf(TandemError);
    expect((refusal as TandemError).message).toMatch(
      /ends at write 59 .* write 60 holds: 1 are lost[^]*tandem restore/,
    );
  });

  it('may hold a write that was not finished, which nobody was told of', async () => {
    for (const rest of [3, 7, 20, 60]) {
      const dir = copyOf(killed);
      const bytes = readFileSync(logOf(dir));
      const begun = bytes.subarray(0, 7 + bytes.readUInt16LE(4)).subarray(0, rest);
      writeFileSync(logOf(dir), Buffer.concat([bytes, begun]));
      expect(await answers(dir)).toEqual(killedContent);
    }
  });

  it('is opened short of its end only when the loss is accepted', async () => {
    const dir = copyOf(killed);
    truncateSync(logOf(dir), statSync(logOf(dir)).size - 10);
    await (await openLevelStore(dir, { acceptLoss: true })).close();
    expect(await answers(dir)).toHaveLength(40);
  });
});

describe('a hole in the log', () => {
  it('is found, though LevelDB reads on behind it', async () => {
    const size = statSync(logOf(killed)).size;
    for (let from = 0; from < size - 600; from += 997) {
      const dir = copyOf(killed);
      const bytes = readFileSync(logOf(dir));
      writeFileSync(logOf(dir), bytes.fill(0, from, from + 200));
      expect(await answers(dir), `hole at ${from}`).toMatchObject({ code: 'store-damaged' });
    }
  });
});

describe('a flipped bit', () => {
  /** Files whose bytes are nobody's answer: LevelDB's own messages. */
  const silent = /^(LOG|LOG\.old|LOCK)$/;

  it.each(['killed', 'closed'] as const)('in any file of a %s store is found, or changes nothing', async (which) => {
    const [dir, content] = which === 'killed' ? [killed, killedContent] : [closed, closedContent];
    const files = readdirSync(dir).filter((name) => !silent.test(name) && statSync(join(dir, name)).size > 0);
    expect(files.length).toBeGreaterThan(2);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), fc.nat(), fc.nat(7), async (name, where, bit) => {
        const copy = copyOf(dir);
        const bytes = readFileSync(join(copy, name));
        const at = where % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        writeFileSync(join(copy, name), bytes);
        const found = await answers(copy);
        if (found instanceof TandemError) refused += 1;
        else expect(found, `${name}, byte ${at}, bit ${bit}`).toEqual(content);
        rmSync(copy, { recursive: true });
      }),
      { numRuns: 150, seed: 7 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('in the mark is found, or changes nothing', async () => {
    for (let at = 0; at < 128; at += 5) {
      const dir = copyOf(closed);
      const bytes = readFileSync(markFileOf(dir));
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      writeFileSync(markFileOf(dir), bytes);
      const found = await answers(dir);
      if (found instanceof TandemError) expect(found.code).toBe('store-damaged');
      else expect(found).toEqual(closedContent);
    }
  });
});

describe('the folder', () => {
  it('is refused with the mark of a later time: an older copy was put in its place', async () => {
    const dir = copyOf(killed);
    cpSync(markFileOf(closed), markFileOf(dir));
    expect(await answers(dir)).toMatchObject({ code: 'store-damaged' });
  });

  it('is refused without its mark, and with that of another store', async () => {
    const moved = copyOf(closed);
    rmSync(markFileOf(moved));
    expect(await answers(moved)).toMatchObject({ code: 'store-damaged' });
    const other = join(root, 'other');
    await (await openLevelStore(other)).close();
    cpSync(markFileOf(other), markFileOf(moved));
    expect(await answers(moved)).toMatchObject({ code: 'store-damaged' });
  });

  it('is not made anew where the mark says that there was a store', async () => {
    const dir = copyOf(closed);
    rmSync(join(dir, 'CURRENT'));
    expect(await answers(dir)).toMatchObject({ code: 'store-damaged' });
    expect(readdirSync(dir).some((name) => name.endsWith('.ldb'))).toBe(true);
  });

  it('is refused with a table missing', async () => {
    const dir = copyOf(closed);
    rmSync(join(dir, readdirSync(dir).find((name) => name.endsWith('.ldb')) ?? ''));
    expect(await answers(dir)).toMatchObject({ code: 'store-damaged' });
  });
});

describe('inspectLevelStore', () => {
  it('changes nothing and finds nothing in a sound store', async () => {
    const dir = copyOf(killed);
    const before = readdirSync(dir);
    expect(await inspectLevelStore(dir)).toMatchObject({ faults: [], mark: { write: 60 }, logged: { write: 60 } });
    expect(readdirSync(dir)).toEqual(before);
  });
});
