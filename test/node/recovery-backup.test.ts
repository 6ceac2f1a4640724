/** Backups: consistent while the store is written to, complete where they follow it, and refused where they are damaged. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import type { Config } from '../../operator-node/config.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';
import { FollowLog, type FollowOptions } from '../../operator-node/recovery/follow.ts';
import { isInUse } from '../../operator-node/recovery/lock.ts';
import { restore, type Restored } from '../../operator-node/recovery/restore.ts';
import { readSnapshot, writeSnapshot } from '../../operator-node/recovery/snapshot.ts';
import { recoveryOf } from '../../operator-node/flow/past.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { markFileOf } from '../../operator-node/store/mark.ts';
import { table } from '../../operator-node/store/store.ts';
import { configOf } from '../simulation/setting.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-backup-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const folder = (): string => join(root, `f${(folders += 1)}`);

const numbers = table<number>('number');
const texts = table<{ readonly text: string }>('text');
const header = { operator: 1, chainId: '31337', settlement: `0x${'11'.repeat(20)}`, at: 5 };
const network = { chainId: header.chainId, settlement: header.settlement };

const configAt = (dataDir: string, followDir?: string): Config => ({
  ...configOf(1 as Config['operator']['id'], {}),
  dataDir,
  backup: { keysDays: 30, ...(followDir === undefined ? {} : { followDir }) },
});

const following = (dir: string): FollowOptions => ({ dir, header: () => header });
const openFollowed = (dir: string, followDir: string) =>
  openLevelStore(dir, { follow: (mark, content) => FollowLog.open(following(followDir), mark, content) });

async function contentOf(dir: string): Promise<Record<string, unknown>> {
  await using store = await openLevelStore(dir);
  const content: Record<string, unknown> = {};
  for await (const [key, text] of store.records()) content[key] = JSON.parse(text);
  return content;
}

const restored = (dataDir: string, from: string, followDir?: string): Promise<Restored> =>
  restore({ config: configAt(dataDir, followDir), from, now: 9 as UnixMillis, oldKeys: ['0x01'], network });

const add = (store: Awaited<ReturnType<typeof openLevelStore>>, n: number): Promise<void> =>
  store.transact((tx) => {
    tx.put(numbers, 'a', n);
    tx.put(numbers, `n${n}`, n);
    tx.put(numbers, 'b', n);
    if (n > 3) tx.del(numbers, `n${n - 3}`);
  });

describe('writeSnapshot', () => {
  it('is of one moment while the store is written to, and says which', async () => {
    await using store = await openLevelStore(folder());
    for (let n = 1; n <= 2_000; n += 1) await add(store, n);
    const file = folder();
    const going = { on: true };
    const writing = (async () => {
      for (let n = 2_001; going.on; n += 1) await add(store, n);
    })();
    const made = await writeSnapshot(file, header, store.records());
    going.on = false;
    await writing;
    const seen = new Map<string, unknown>();
    for await (const op of readSnapshot(file)) if (op.type === 'put') seen.set(op.key, JSON.parse(op.value));
    const last = seen.get('number!a');
    expect(seen.get('number!b')).toBe(last);
    expect(seen.get(`number!n${String(last)}`)).toBe(last);
    expect(made).toMatchObject({ mark: { write: last }, records: seen.size });
    expect(store.newest.get(numbers, 'a')).toBeGreaterThan(Number(last));
  });

  it('leaves no file of its name when it fails', async () => {
    const file = folder();
    async function* broken(): AsyncGenerator<readonly [string, string]> {
      throw new Error('the disk is gone');
    }
    await expect(writeSnapshot(file, header, broken())).rejects.toThrow('the disk is gone');
    expect(existsSync(file)).toBe(false);
    expect(existsSync(`${file}.partial`)).toBe(false);
  });
});

describe('restore from a backup file', () => {
  const hard = 'line\nends, “quotes”, U+2028 \u2028 and U+2029 \u2029, \u0000, 🙂';

  async function backedUp(): Promise<{ dir: string; file: string }> {
    const dir = folder();
    const store = await openLevelStore(dir);
    await store.transact((tx) => {
      tx.put(texts, hard, { text: hard });
      tx.put(texts, 'empty', { text: '' });
    });
    await add(store, 1);
    const file = folder();
    await writeSnapshot(file, header, store.records());
    await add(store, 2);
    await store.close();
    return { dir, file };
  }

  it('refuses while the store is in use', async () => {
    const { dir, file } = await backedUp();
    const script = `
      import { openLevelStore } from ${JSON.stringify(import.meta.resolve('../../operator-node/store/level.ts'))};
      await openLevelStore(process.argv[1]);
      process.stdout.write('open\\n');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    for await (const line of createInterface(child.stdout)) if (line === 'open') break;
    expect(await isInUse(dir)).toBe(true);
    await expect(restored(dir, file)).rejects.toMatchObject({ code: 'store-failed' });
    child.kill('SIGKILL');
    await exited;
    expect(await isInUse(dir)).toBe(false);
  });

  it('refuses the backup of another operator or chain, and leaves the store as it is', async () => {
    const { dir, file } = await backedUp();
    const config = configAt(dir);
    await expect(
      restore({ config, from: file, now: 9 as UnixMillis, oldKeys: ['0x01'], network: { ...network, chainId: '1' } }),
    ).rejects.toMatchObject({ code: 'unprocessable' });
    expect(await contentOf(dir)).toMatchObject({ 'number!a': 2 });
    expect(readdirSync(root).filter((name) => name.includes('restoring'))).toEqual([]);
  });

  it('refuses a file with any byte changed, cut or added', async () => {
    const { dir, file } = await backedUp();
    const bytes = readFileSync(file);
    const damaged = folder();
    for (let at = 0; at < bytes.length; at += 23) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      writeFileSync(damaged, copy);
      await expect(restored(dir, damaged), `byte ${at}`).rejects.toMatchObject({ code: 'store-damaged' });
    }
    for (const cut of [0, 10, 200, bytes.length - 1]) {
      writeFileSync(damaged, bytes.subarray(0, cut));
      await expect(restored(dir, damaged), `cut at ${cut}`).rejects.toMatchObject({ code: 'store-damaged' });
    }
    const [line = ''] = bytes.toString().split('\n');
    writeFileSync(damaged, `${bytes.toString()}${line}\n`);
    await expect(restored(dir, damaged)).rejects.toMatchObject({ code: 'store-damaged' });
  });

  it('gives every record back, sets the old store aside, and marks the new one as behind', async () => {
    const { dir, file } = await backedUp();
    const done = await restored(dir, file);
    expect(done).toMatchObject({ recovery: true, mark: { write: 2 }, setAside: `${dir}.before-restore-9` });
    expect(await contentOf(dir)).toMatchObject({
      [`text!${hard}`]: { text: hard },
      'text!empty': { text: '' },
      'number!a': 1,
      'recovery!mark': { why: 'restored', at: 9, oldKeys: ['0x01'] },
    });
    expect(await contentOf(`${dir}.before-restore-9`)).toMatchObject({ 'number!a': 2 });
  });

  it('is no recovery where the mark says that nothing came after', async () => {
    const dir = folder();
    const store = await openLevelStore(dir);
    await add(store, 1);
    const file = folder();
    await writeSnapshot(file, header, store.records());
    await store.close();
    expect(await restored(dir, file)).toMatchObject({ recovery: false });
    await using again = await openLevelStore(dir);
    expect(recoveryOf(again.newest)).toBeUndefined();
  });
});

describe('a followed store', () => {
  it('loses nothing that was told of, killed at any moment and without its disk', async () => {
    const [dir, copy] = [folder(), folder()];
    const writer = `
      import { openLevelStore } from ${JSON.stringify(import.meta.resolve('../../operator-node/store/level.ts'))};
      import { FollowLog } from ${JSON.stringify(import.meta.resolve('../../operator-node/recovery/follow.ts'))};
      const options = { dir: process.argv[2], header: () => (${JSON.stringify(header)}) };
      const store = await openLevelStore(process.argv[1], { follow: (mark, content) => FollowLog.open(options, mark, content) });
      const from = Number(process.argv[3]);
      const next = async (n) => {
        await store.transact((tx) => {
          tx.put({ name: 'number' }, 'a' + n, n);
          tx.put({ name: 'number' }, 'b' + n, n);
        });
        process.stdout.write(n + '\\n');
        return next(n + 10);
      };
      for (let n = from; n < from + 10; n += 1) void next(n);`;
    const told: number[] = [];
    for (const [round, lines] of [30, 1, 90].entries()) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', writer, dir, copy, String(round * 100_000)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      let count = 0;
      for await (const line of createInterface(child.stdout)) {
        told.push(Number(line));
        count += 1;
        if (count === lines) child.kill('SIGKILL');
      }
      await exited;
    }
    rmSync(dir, { recursive: true });
    rmSync(markFileOf(dir));
    const done = await restored(dir, copy, copy);
    expect(done).toMatchObject({ recovery: false });
    const content = await contentOf(dir);
    for (const n of told) expect(content).toMatchObject({ [`number!a${n}`]: n, [`number!b${n}`]: n });
    expect(content['recovery!mark']).toBeUndefined();
  });

  it('is the same in both folders, over restarts and new bases', async () => {
    const [dir, copy] = [folder(), folder()];
    for (let round = 0; round < 3; round += 1) {
      const opened: { follow?: FollowLog } = {};
      const store = await openLevelStore(dir, {
        follow: async (mark, content) => (opened.follow = await FollowLog.open(following(copy), mark, content)),
      });
      for (let n = 1; n <= 20; n += 1) await add(store, round * 20 + n);
      if (round === 1) await opened.follow?.rebase(() => store.records());
      await add(store, round * 20 + 20);
      await store.close();
    }
    const before = await contentOf(dir);
    const other = folder();
    cpSync(markFileOf(dir), markFileOf(other));
    await restored(other, copy);
    expect(await contentOf(other)).toEqual(before);
  });

  it('takes back one write that did not count, and copies anew after it was not followed', async () => {
    const [dir, copy] = [folder(), folder()];
    const store = await openFollowed(dir, copy);
    for (let n = 1; n <= 5; n += 1) await add(store, n);
    // The copy is one ahead of this: a kill between the two writes.
    const earlier = folder();
    cpSync(dir, earlier, { recursive: true });
    cpSync(markFileOf(dir), markFileOf(earlier));
    await add(store, 6);
    await store.close();
    const resumed = await openFollowed(earlier, copy);
    await add(resumed, 60);
    await resumed.close();
    const unfollowed = await openLevelStore(earlier);
    await add(unfollowed, 61);
    await unfollowed.close();
    await (await openFollowed(earlier, copy)).close();
    const other = folder();
    cpSync(markFileOf(earlier), markFileOf(other));
    await restored(other, copy);
    const content = await contentOf(other);
    expect(content).toMatchObject({ 'number!a': 61, 'number!n60': 60 });
    expect(content['number!n6']).toBeUndefined();
  });

  it('is refused where the store has less than its copy, and where the copy is of another store', async () => {
    const [dir, copy] = [folder(), folder()];
    const store = await openFollowed(dir, copy);
    await add(store, 1);
    const earlier = folder();
    cpSync(dir, earlier, { recursive: true });
    cpSync(markFileOf(dir), markFileOf(earlier));
    for (let n = 2; n <= 4; n += 1) await add(store, n);
    await store.close();
    await expect(openFollowed(earlier, copy)).rejects.toMatchObject({ code: 'store-damaged' });
    await expect(openFollowed(folder(), copy)).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('begins again after a restore from elsewhere, and keeps what was there', async () => {
    const [dir, copy, file] = [folder(), folder(), folder()];
    const store = await openFollowed(dir, copy);
    await add(store, 1);
    await writeSnapshot(file, header, store.records());
    await add(store, 2);
    await store.close();
    expect(await restored(dir, file)).toMatchObject({ recovery: true });
    const again = await openFollowed(dir, copy);
    await add(again, 7);
    await again.close();
    const aside = readdirSync(copy).find((name) => name.startsWith('of-')) ?? '';
    expect(readdirSync(join(copy, aside))).toHaveLength(2);
    const other = folder();
    cpSync(markFileOf(dir), markFileOf(other));
    await restored(other, copy);
    expect(await contentOf(other)).toMatchObject({ 'number!a': 7, 'recovery!mark': { why: 'restored' } });
  });

  it('is not restored from with a hole or a flipped bit', async () => {
    const [dir, copy] = [folder(), folder()];
    const store = await openFollowed(dir, copy);
    for (let n = 1; n <= 9; n += 1) await add(store, n);
    await store.close();
    const log = join(copy, readdirSync(copy).find((name) => name.startsWith('log')) ?? '');
    const whole = readFileSync(log);
    const lines = whole.toString().split('\n');
    writeFileSync(log, [...lines.slice(0, 4), ...lines.slice(5)].join('\n'));
    await expect(restored(folder(), copy)).rejects.toMatchObject({ code: 'store-damaged' });
    for (let at = 0; at < whole.length - 1; at += 31) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 2;
      writeFileSync(log, flipped);
      await expect(restored(folder(), copy), `byte ${at}`).rejects.toMatchObject({ code: 'store-damaged' });
    }
    writeFileSync(log, whole);
    truncateSync(log, whole.length - 7);
    const other = folder();
    // Its mark is not there to compare with: what is left may be all, and may be not.
    expect(await restored(other, copy)).toMatchObject({ recovery: true, mark: { write: 8 } });
  });
});
