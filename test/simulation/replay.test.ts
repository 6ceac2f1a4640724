/** A seed is the bug report: it tells the same story however often it is run. */
import { describe, expect, it } from 'vitest';
import { simulate } from './world.ts';

describe('simulate', { timeout: 120_000 }, () => {
  for (const seed of [7, 13, 21, 50]) {
    it(`tells the same story of seed ${seed} twice, kept or not`, async () => {
      const first = await simulate({ seed });
      const second = await simulate({ seed, trace: true });
      expect(second.hash).toBe(first.hash);
      expect(second.events).toBe(first.events);
      expect(first.lines).toEqual([]);
      expect(second.lines.length).toBeGreaterThan(100);
    });
  }

  it('tells another story of another seed', async () => {
    expect((await simulate({ seed: 1 })).hash).not.toBe((await simulate({ seed: 2 })).hash);
  });

  it('shows what it was that went wrong, last', async () => {
    const { violation, lines } = await simulate({ seed: 1, trace: true, plant: { unsyncedMillis: 400 } });
    expect(violation?.invariant).toBe('I5');
    expect(lines.some((line) => line.includes('VIOLATION I5'))).toBe(true);
  });
});
