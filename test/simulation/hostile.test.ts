/** One of three operators uses all that it has against the others: they settle, say that they are ready, and name it alone. */
import { describe, expect, it } from 'vitest';
import { expectCleanSeeds } from './run-seeds.ts';

describe('a hostile member', () => {
  for (let from = 1; from <= 80; from += 20) {
    it(`stops, blinds and silences nobody in seeds ${from} to ${from + 19}`, { timeout: 120_000 }, async () => {
      expect(await expectCleanSeeds(from, from + 19, { hostile: true })).toBeGreaterThan(400);
    });
  }
});
