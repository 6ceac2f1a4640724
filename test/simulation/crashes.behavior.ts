import { expect, it } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { crashPoints, endings, goldenRun, sendFates, writeFates } from './golden.ts';
import type { RunResult } from './run-result.ts';

/**
 * A node that is down, or has only just come back, refuses an order or cannot say what an item costs: then the user has been
 * told so and there is no pair. Every pair that there is ends as in the golden run.
 */
function withoutRefused(golden: readonly string[], found: readonly string[]): readonly string[] {
  const rest = [...golden];
  return found.filter((ending) => {
    const index = rest.indexOf(ending);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
}

export function describeCrashes(operator: OperatorId): void {
  it('has a golden run in which everything comes about', async () => {
    const golden = await goldenRun();
    expect(golden.violation).toBeUndefined();
    expect(golden.pairs).toBe(8);
    expect(golden.committed).toBe(7);
    expect(golden.writes.get(operator)).toBeGreaterThan(80);
    expect(golden.sends.get(operator)).toBeGreaterThan(40);
  });

  for (const fate of [...writeFates, ...sendFates]) {
    it(`converges, whichever it is: ${fate}`, { timeout: 120_000 }, async () => {
      const golden = await goldenRun();
      const wrong: string[] = [];
      let refused = 0;
      let points = 0;
      for (const { name, enumerated } of crashPoints(golden, operator)) {
        if (enumerated.write?.fate !== fate && enumerated.send?.fate !== fate) continue;
        points += 1;
        const result: RunResult = await goldenRun(enumerated);
        const other = withoutRefused(endings(golden), endings(result));
        if (result.violation !== undefined) wrong.push(`${name}: ${result.violation.message}`);
        else if (other.length > 0) wrong.push(`${name}: ${other.join(', ')}`);
        if (result.outcomes.length < golden.outcomes.length) refused += 1;
      }
      expect(wrong).toEqual([]);
      expect(points).toBeGreaterThan(40);
      expect(refused).toBeLessThan(points / 10);
    });
  }
}
