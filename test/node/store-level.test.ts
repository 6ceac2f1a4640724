import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, expect, it, vi } from 'vitest';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { table } from '../../operator-node/store/store.ts';
import { storeBehavior } from './store.behavior.ts';

describe('level store', () => {
  storeBehavior(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tandem-store-'));
    return {
      open: (options) => openLevelStore(join(dir, 'new', 'store'), options),
      dispose: () => rm(dir, { recursive: true }),
    };
  });

  it('syncs every batch', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-store-'));
    const dir = join(folder, 'store');
    const batch = vi.spyOn(ClassicLevel.prototype, 'batch');
    try {
      await using store = await openLevelStore(dir);
      batch.mockClear();
      await store.transact((tx) => tx.put(table<object>('thing'), 'a', {}));
      expect(batch.mock.calls).toMatchObject([
        [
          [
            { type: 'put', key: 'thing!a' },
            { type: 'put', key: 'guard!head' },
          ],
          { sync: true },
        ],
      ]);
    } finally {
      batch.mockRestore();
      await rm(folder, { recursive: true });
    }
  });

  describe('openLevelStore', () => {
    it('names the folder that it cannot open', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'tandem-store-'));
      try {
        const file = join(dir, 'file');
        await writeFile(file, '');
        await expect(openLevelStore(file)).rejects.toMatchObject({
          code: 'store-failed',
          message: expect.stringContaining(file) as string,
        });
      } finally {
        await rm(dir, { recursive: true });
      }
    });
  });
});
