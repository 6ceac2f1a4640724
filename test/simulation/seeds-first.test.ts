/** Anything may go wrong, then everything is healed: I1–I7 hold in each of these seeds (docs/simulation.md). */
import { describe, expect, it } from 'vitest';
import { expectCleanSeeds } from './run-seeds.ts';

describe('seeds 1 to 100', () => {
  for (let from = 1; from <= 100; from += 50) {
    it(`${from} to ${from + 49} keep every invariant`, { timeout: 120_000 }, async () => {
      expect(await expectCleanSeeds(from, from + 49)).toBeGreaterThan(1000);
    });
  }
});
