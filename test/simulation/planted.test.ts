/** A simulator that finds nothing proves nothing: each of these bugs is caught within so many seeds. */
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './planted.ts';
import { simulate } from './world.ts';

describe('planted bugs', () => {
  for (const { name, within, says, ...how } of plantedBugs) {
    it(`catches ${name} within ${within} seeds`, { timeout: 120_000 }, async () => {
      const found: string[] = [];
      for (let seed = 1; seed <= within && found.length === 0; seed += 1) {
        const { violation } = await simulate({ seed, ...how });
        if (violation !== undefined) found.push(violation.message);
      }
      expect(found).toHaveLength(1);
      if (says !== undefined) expect(found[0]).toMatch(says);
    });
  }
});
