import { expect, it } from 'vitest';
import { everyFault, openStates, reachable, unreachable } from './reachable.ts';
import { expectClean } from './run-seeds.ts';

const attempts = 6;

/** Half of the faults and attacks, in each state that a side can be in: the generator is tested too. */
export function describeDirected(half: 0 | 1): void {
  it('count every fault in every state, or say why it cannot be', () => {
    expect(reachable.length + unreachable.size).toBe(everyFault.length * openStates.length);
    expect([...unreachable.values()].every((reason) => reason.length > 0)).toBe(true);
  });

  for (const [index, fault] of everyFault.entries()) {
    if (index % 2 !== half) continue;
    it(`${fault} meets every state`, { timeout: 120_000 }, async () => {
      const never: string[] = [];
      for (const [which, [, state]] of reachable.filter(([name]) => name === fault).entries()) {
        const first = 1_000_000 + (index * openStates.length + which) * attempts;
        let met = false;
        for (let seed = first; seed < first + attempts && !met; seed += 1) {
          const directed = { fault, state };
          const { coverage } = await expectClean({ seed, directed, orders: 14, spanMillis: 8_000 });
          met = coverage.has(`${fault}|${state}`);
        }
        if (!met) never.push(state);
      }
      expect(never).toEqual([]);
    });
  }
}
