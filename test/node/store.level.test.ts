import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { storeBehavior } from './store.behavior.ts';

describe('level store', () => {
  storeBehavior(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tandem-store-'));
    return {
      open: (options) => openLevelStore(join(dir, 'new', 'store'), options),
      dispose: () => rm(dir, { recursive: true }),
    };
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
