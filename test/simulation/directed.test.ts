/** Each fault meets each state that a side can be in: the generator is tested too. */
import { describe, expect, it } from 'vitest';
import { faultNames } from './faults.ts';
import { openStates, reachable, unreachable } from './reachable.ts';
import { expectClean } from './run-seeds.ts';

const attempts = 6;

describe('directed seeds', () => {
  it('count every fault in every state, or say why it cannot be', () => {
    expect(reachable.length + unreachable.size).toBe(faultNames.length * openStates.length);
    expect([...unreachable.values()].every((reason) => reason.length > 0)).toBe(true);
  });

  for (const [index, fault] of faultNames.entries()) {
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

  // Found first so: what was sent while the clock was ahead must not wait for it to come round again.
  for (const seed of [7, 8, 15]) {
    it(`a clock is set back while nobody answers: seed ${seed}`, { timeout: 60_000 }, async () => {
      await expectClean({ seed, faults: ['clock-ahead', 'endpoint-down', 'reply-lost'] });
    });
  }
});
