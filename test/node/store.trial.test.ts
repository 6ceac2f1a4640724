/** A log whose only writes are lost: LevelDB would throw it away when it opens, so the refusal has to come before. */
import { hash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { table } from '../../operator-node/store/store.ts';

const things = table<string>('thing');
const root = mkdtempSync(join(tmpdir(), 'tandem-trial-'));
afterAll(() => rmSync(root, { recursive: true }));

async function written(dir: string, key: string): Promise<void> {
  await using store = await openLevelStore(dir);
  await store.transact((tx) => tx.put(things, key, `content of ${key}`));
}

/** A closed store with `a` in a table and nothing but `b` in its log. */
async function storeWithOneInLog(name: string): Promise<{ readonly dir: string; readonly log: string }> {
  const dir = join(root, name);
  await written(dir, 'a');
  await written(dir, 'b');
  const [log, ...others] = readdirSync(dir).filter(
    (each) => each.endsWith('.log') && statSync(join(dir, each)).size > 0,
  );
  if (log === undefined || others.length > 0) throw new Error('expected one log');
  return { dir, log: join(dir, log) };
}

/** Of everything but LevelDB's talk. */
const filesOf = (dir: string): readonly (readonly [string, string])[] =>
  readdirSync(dir)
    .filter((name) => !name.startsWith('LOG'))
    .sort()
    .map((name) => [name, hash('sha256', readFileSync(join(dir, name)))] as const);

async function contentOf(dir: string): Promise<readonly string[]> {
  await using store = await openLevelStore(dir);
  const keys: string[] = [];
  for await (const [key] of store.scan(things)) keys.push(key);
  return keys;
}

describe('openLevelStore, where the log held all that is lost', () => {
  it('refuses a flipped bit and changes nothing, so that the store is whole again when the bit is', async () => {
    const { dir, log } = await storeWithOneInLog('flipped');
    const bytes = readFileSync(log);
    const before = filesOf(dir);
    writeFileSync(
      log,
      bytes.map((byte, at) => (at === 16 ? byte ^ 128 : byte)),
    );
    const flipped = filesOf(dir);
    for (let time = 0; time < 2; time += 1) {
      await expect(openLevelStore(dir)).rejects.toMatchObject({
        code: 'store-damaged',
        message: expect.stringMatching(/ends at write \d+ and somebody was told of what write \d+ holds: 1 are lost/),
      });
      expect(filesOf(dir)).toEqual(flipped);
    }
    expect(readdirSync(root).filter((name) => name.startsWith('flipped'))).toEqual(['flipped', 'flipped.mark']);
    writeFileSync(log, bytes);
    expect(filesOf(dir)).toEqual(before);
    expect(await contentOf(dir)).toEqual(['a', 'b']);
  });

  it('refuses a log that was emptied, and changes nothing', async () => {
    const { dir, log } = await storeWithOneInLog('emptied');
    truncateSync(log, 0);
    const emptied = filesOf(dir);
    await expect(openLevelStore(dir)).rejects.toMatchObject({ code: 'store-damaged' });
    expect(filesOf(dir)).toEqual(emptied);
  });

  it('opens what is whole, with nothing in its log and with something', async () => {
    const { dir } = await storeWithOneInLog('whole');
    for (let time = 0; time < 3; time += 1) expect(await contentOf(dir)).toEqual(['a', 'b']);
  });
});
