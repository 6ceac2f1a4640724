import { describe, it } from 'vitest';
import { describeDirected } from './directed.behavior.ts';
import { expectClean } from './run-seeds.ts';

describe('directed seeds, the first half of the faults', () => {
  describeDirected(0);

  // Found first so: what was sent while the clock was ahead must not wait for it to come round again.
  for (const seed of [7, 8, 15]) {
    it(`a clock is set back while nobody answers: seed ${seed}`, { timeout: 60_000 }, async () => {
      await expectClean({ seed, faults: ['clock-ahead', 'endpoint-down', 'reply-lost'] });
    });
  }
});
