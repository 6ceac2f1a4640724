/** Keys rotated without overlap in normal life: what the old key signed is signed again, and the lane lives on (rule 8). */
import { describe, expect, it } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { goldenRun } from './golden.ts';
import { restorePoints, restoreRun } from './restores.ts';

describe('a rotation without overlap', () => {
  for (const [name, how] of [
    ['while blocks are made', {}],
    ['while the chain stands still, both signatures made and not carried', { stallMillis: 6_000 }],
  ] as const) {
    it(`at any of 40 points, ${name}`, { timeout: 120_000 }, async () => {
      const { writes } = await goldenRun();
      const wrong: string[] = [];
      let again = 0;
      for (const operator of [1, 2] as OperatorId[]) {
        const kept = { ...how, followed: true, rotates: true } as const;
        for (const { name: point, plan } of restorePoints(operator, writes.get(operator) ?? 0, 20, kept)) {
          const { violation, lines } = await restoreRun(plan, { trace: true });
          if (violation !== undefined) wrong.push(`${point}: ${violation.message}`);
          again += lines.filter((line) => line.includes('signed-again')).length;
        }
      }
      expect(wrong).toEqual([]);
      expect(again).toBeGreaterThan(0);
    });
  }
});
