import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { table } from '../../operator-node/store/store.ts';

const numbers = table<number>('number');
const writer = `
  import { openLevelStore } from ${JSON.stringify(import.meta.resolve('../../operator-node/store/level.ts'))};
  const store = await openLevelStore(process.argv[1]);
  const next = async (n) => {
    await store.transact((tx) => {
      tx.put({ name: 'number' }, 'a' + n, n);
      tx.put({ name: 'number' }, 'b' + n, n);
    });
    process.stdout.write(n + '\\n');
    return next(n + 10);
  };
  for (let n = 0; n < 10; n += 1) void next(n);
`;

describe('a killed process', () => {
  let folder: string;
  let dir: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tandem-store-'));
    dir = join(folder, 'store');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each([1, 40, 400])('leaves all that it told of, and every transaction whole: after %i', async (lines) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const told: number[] = [];
    for await (const line of createInterface(child.stdout)) {
      told.push(Number(line));
      if (told.length === lines) child.kill('SIGKILL');
    }
    await exited;

    await using store = await openLevelStore(dir);
    expect(told.length).toBeGreaterThanOrEqual(lines);
    for (const n of told) expect(store.newest.get(numbers, `a${n}`)).toBe(n);
    for await (const [key, n] of store.scan(numbers)) {
      expect(store.newest.get(numbers, `${key.startsWith('a') ? 'b' : 'a'}${n}`)).toBe(n);
    }
  });
});
