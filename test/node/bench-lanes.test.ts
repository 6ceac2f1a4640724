/** Who pays whom in the bench, and what is said of each operator afterwards. */
import { describe, expect, it } from 'vitest';
import { nodeClient } from '../../operator-node/api/client.ts';
import { lanesBetween, partiesOf, type Member } from '../../scripts/bench/lanes.ts';
import type { PairTimes } from '../../scripts/bench/load.ts';
import { operatorUse } from '../../scripts/bench/report.ts';

const client = nodeClient({ apiUrl: 'http://127.0.0.1:1', gatewayToken: '', adminToken: '' });
const side = (operator: string, users: number): Member[] =>
  Array.from({ length: users }, (_, index) => ({
    operator,
    number: `${operator}${index}`,
    client,
    serviceNumber: '+1',
  }));

describe('lanesBetween', () => {
  it('is both directions in turn between two', () => {
    expect(lanesBetween(2)).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it.each([3, 4, 8])('has each way between %d once, and in each round each of them once at either end', (count) => {
    const lanes = lanesBetween(count);
    expect(new Set(lanes.map(String)).size).toBe(count * (count - 1));
    expect(lanes.every(([from, to]) => from !== to)).toBe(true);
    for (let round = 0; round < count - 1; round += 1) {
      const part = lanes.slice(round * count, (round + 1) * count);
      for (const end of [0, 1] as const) expect(new Set(part.map((lane) => lane[end])).size).toBe(count);
    }
  });
});

describe('partiesOf', () => {
  it('gives two operators the orders that they always had', () => {
    const users = 5;
    const [one, two] = [side('a', users), side('b', users)];
    const parties = partiesOf([one, two]);
    for (let index = 0; index < 4 * users; index += 1) {
      const [from, to] = index % 2 === 0 ? [one, two] : [two, one];
      const step = Math.floor(index / 2);
      expect(parties(index)).toEqual({
        first: from[step % users],
        second: to[(step + Math.floor(step / users) * 7) % users],
      });
    }
  });

  it('spreads the orders over all users of all operators', () => {
    const sides = ['a', 'b', 'c', 'd'].map((operator) => side(operator, 10));
    const parties = partiesOf(sides);
    const ends = new Map<string, number>();
    for (let index = 0; index < 12 * 10; index += 1) {
      const { first, second } = parties(index);
      expect(first.operator).not.toBe(second.operator);
      for (const { number } of [first, second]) ends.set(number, (ends.get(number) ?? 0) + 1);
    }
    expect(ends.size).toBe(40);
    expect(new Set(ends.values())).toEqual(new Set([6]));
  });
});

describe('operatorUse', () => {
  const times: PairTimes[] = [
    { ordered: 0, firstTold: 5, secondTold: 10 },
    { ordered: 10, firstTold: 30, secondTold: 20 },
    { ordered: 20, firstTold: 60, secondTold: 61 },
    { ordered: 30, failed: 'refused' },
    { ordered: 40, firstTold: 90, secondTold: 500 },
  ];
  const measured = { from: 10, to: 100, warmUpPairs: 1 };

  it('counts pairs at either end that were settled in the measured time, and the latency of its own orders', () => {
    const ends = ['first', 'second', 'first', 'first', 'first'] as const;
    expect(operatorUse(times, (index) => ends[index], measured, 30)).toEqual({
      pairs: 2,
      latencyMillis: { p50: 460, p95: 460, p99: 460 },
      cpuMillisAPair: 15,
    });
  });

  it('says nothing of the CPU where there is none to read, or no pair', () => {
    expect(operatorUse(times, () => 'first', measured, undefined)).not.toHaveProperty('cpuMillisAPair');
    expect(operatorUse(times, () => undefined, measured, 30)).toEqual({
      pairs: 0,
      latencyMillis: { p50: 0, p95: 0, p99: 0 },
    });
  });
});
