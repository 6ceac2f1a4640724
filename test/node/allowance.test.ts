/** What a peer can make this node remember is bounded (faults.md 19). */
import { describe, expect, it } from 'vitest';
import { PeerAllowance } from '../../operator-node/flow/allowance.ts';
import { refusedTable } from '../../operator-node/flow/propose.ts';
import { withdrawnTable } from '../../operator-node/flow/pair.ts';
import type { OperatorId, PairId } from '../../operator-node/model/ids.ts';
import type { Table } from '../../operator-node/store/store.ts';
import type { ComposedNode } from '../../operator-node/compose.ts';
import { simulate } from '../simulation/world.ts';
import { ManualClock } from './chain.fixture.ts';

const [one, two] = [1 as OperatorId, 2 as OperatorId];

describe('PeerAllowance', () => {
  it('is spent by what is taken, one peer’s apart from another’s, and fills up evenly', () => {
    const clock = new ManualClock();
    const allowance = new PeerAllowance(100, clock);
    expect(allowance.take(one, 101)).toBe(false);
    expect(allowance.take(one, 100)).toBe(true);
    expect(allowance.take(one)).toBe(false);
    expect(allowance.take(two)).toBe(true);
    clock.advance(36_000);
    expect(allowance.take(one)).toBe(true);
    expect(allowance.take(one)).toBe(false);
    clock.advance(10 * 3_600_000);
    expect(allowance.left(one)).toBe(100);
  });
});

describe('an allowance that business fills', () => {
  it('has a part of an hour’s worth at once, and more by what came to something', () => {
    const clock = new ManualClock();
    const allowance = new PeerAllowance(100, clock, undefined, 10);
    expect(allowance.left(one)).toBe(10);
    for (let pair = 0; pair < 200; pair += 1) allowance.credit(one);
    expect(allowance.left(one)).toBe(100);
    clock.advance(10 * 3_600_000);
    expect(allowance.left(one)).toBe(100);
    for (let lapsed = 0; lapsed < 95; lapsed += 1) allowance.charge(one);
    expect([allowance.has(one), allowance.left(one)]).toEqual([true, 5]);
    for (let lapsed = 0; lapsed < 95; lapsed += 1) allowance.charge(one);
    expect([allowance.has(one), allowance.left(one)]).toEqual([false, -10]);
    clock.advance(3_600_000);
    expect(allowance.left(one)).toBe(10);
  });
});

describe('a peer that withdraws pairs nobody knows, and proposes what is refused', () => {
  it('is answered so that it can ask again, and nothing more is stored', async () => {
    const invented = (n: number): PairId => `0190a1b2-c3d4-7e5f-8a9b-${String(n).padStart(12, '0')}` as PairId;
    const perHour = 100;
    const count = async <V>({ engine }: ComposedNode, table: Table<V>): Promise<number> => {
      let found = 0;
      for await (const _ of engine.store.scan(table)) found += 1;
      return found;
    };
    const seen: (number | string)[] = [];
    await simulate({
      seed: 2,
      calm: true,
      script: [{ atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5' }],
      spanMillis: 5_000,
      plant: {
        rings: ['peer-over-budget'],
        parts: (parts) => ({ ...parts, config: { ...parts.config, maxRememberedPerPeerHour: perHour } }),
        started: (node, world, operator) => {
          if (operator !== 2) return;
          world.time.after(3_000, () => {
            void (async () => {
              const withdraw = async (from: number, to: number): Promise<number | string> => {
                const pairs = Array.from({ length: to - from }, (_, n) => invented(from + n));
                try {
                  return (await node.handlers.withdraw(one, { pairs })).answers.length;
                } catch (error) {
                  return (error as { code: string }).code;
                }
              };
              seen.push(await withdraw(0, 60), await withdraw(60, 120), await withdraw(0, 60), await withdraw(60, 100));
              seen.push(await count(node, withdrawnTable), await withdraw(100, 101), await count(node, refusedTable));
            })();
          });
        },
      },
    });
    // The same ones again cost nothing; the last one is beyond the allowance.
    expect(seen).toEqual([60, 'too-busy', 60, 40, 100, 'too-busy', 0]);
  });
});
