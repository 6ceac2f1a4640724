/** A store is lost and an old snapshot takes its place: every pair ends as if nothing had been forgotten (rule 11). */
import { describe, expect, it } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { goldenRun } from './golden.ts';
import { restorePoints, restoreRun, restoreStories } from './restores.ts';

const operators = [1, 2] as OperatorId[];

/** What the points find, in their order. */
async function* faultsOf(count: number, how: Parameters<typeof restorePoints>[3]): AsyncGenerator<string> {
  const { writes } = await goldenRun();
  for (const operator of operators) {
    for (const { name, plan } of restorePoints(operator, writes.get(operator) ?? 0, count, how)) {
      const { violation } = await restoreRun(plan);
      if (violation !== undefined) yield `${name}: ${violation.message}`;
    }
  }
}

describe('a restored node', () => {
  for (const { name, points, how } of restoreStories) {
    it(`comes back from any of ${2 * points} points: ${name}`, { timeout: 120_000 }, async () => {
      const wrong: string[] = [];
      for await (const fault of faultsOf(points, how)) wrong.push(fault);
      expect(wrong).toEqual([]);
    });
  }

  it('meets an old offer that the acceptor takes after the recovery, and takes that batch up', async () => {
    const plan = { operator: 2 as OperatorId, snapshotAt: 4, lostAt: 12, lateOfferMillis: 14_000 };
    const { violation, lines } = await restoreRun(plan, { trace: true });
    expect(violation).toBeUndefined();
    const late = lines.findIndex((line) => line.includes('delivers an old offer'));
    const story = lines.slice(late).join('\n');
    expect(story).toContain('sequence-taken');
    expect(story).toMatch(/op2 +countersigned/);
  });
});

describe('planted bugs', () => {
  const caught: readonly { readonly name: string; readonly how: Parameters<typeof restorePoints>[3] }[] = [
    {
      name: 'a restored node that trusts the peer’s “nothing open” while its own transaction is in the pool',
      how: { unrotated: true, denyMillis: 60_000, stallMillis: 9_000 },
    },
    { name: 'a restored acceptor with a forgotten decide', how: { unrotated: true, stallMillis: 9_000 } },
  ];
  for (const { name, how } of caught) {
    it(`catches ${name}`, { timeout: 120_000 }, async () => {
      const first = await faultsOf(30, how).next();
      expect(first.done).toBe(false);
    });
  }
});
