/** A disk that fills up (faults.md 12), and a configuration that leaves no time for a yes. */
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { checkTiming, maxBlockGapOf } from '../../operator-node/config.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { freeBytesOf, Room } from '../../operator-node/store/room.ts';
import { beginning, configOf } from '../simulation/setting.ts';
import { simulate, type Scripted } from '../simulation/world.ts';

describe('Room', () => {
  it('is short below the mark, and has enough again only well above it', async () => {
    let free = 1000;
    const room = new Room(1000, () => Promise.resolve(free));
    const look = async (bytes: number) => {
      free = bytes;
      return [await room.look(), room.short, room.freeBytes];
    };
    expect(await look(1000)).toEqual([undefined, false, 1000]);
    expect(await look(999)).toEqual(['short', true, 999]);
    expect(await look(1099)).toEqual([undefined, true, 1099]);
    expect(await look(1100)).toEqual(['enough', false, 1100]);
  });

  it('never ends where nobody can be asked', async () => {
    const room = new Room(Infinity);
    expect(await room.look()).toBeUndefined();
    expect(room.short).toBe(false);
  });

  it('reads a real disk', async () => {
    expect(await freeBytesOf(tmpdir())()).toBeGreaterThan(0);
  });
});

describe('a node whose disk is nearly full', () => {
  it('takes no orders and no proposals, finishes what is open, and goes on when there is room', async () => {
    const full = { from: beginning, until: beginning };
    const script: readonly Scripted[] = [
      { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 open before' },
      { atMillis: 4_000, from: [1, 2], to: [2, 2], text: 'PAY 6 its second operator is short' },
      { atMillis: 4_000, from: [2, 4], to: [1, 4], text: 'PAY 7 its own operator is short' },
      { atMillis: 16_000, from: [2, 5], to: [1, 5], text: 'PAY 8 there is room again' },
    ];
    let begun = 0;
    const { violation, outcomes, lines } = await simulate({
      seed: 2,
      calm: true,
      trace: true,
      // The alarm is what is asked for.
      deaf: ['alarm'],
      script,
      spanMillis: 20_000,
      plant: {
        parts: (parts, world, operator) => {
          if (operator !== 2) return parts;
          const freeBytes = () => Promise.resolve(world.time.now < full.until && world.time.now > full.from ? 1 : 1e12);
          return { ...parts, freeBytes };
        },
        started: (node, world) => {
          // Short from when the first pair is held on both sides.
          node.flow.engine.every(100, 'test', () => {
            if (begun !== 0 || node.flow.self !== 2 || node.flow.open.openSides === 0) return;
            begun = world.time.now;
            full.from = begun;
            full.until = begun + 9_000;
          });
        },
      },
    });
    expect(violation).toBeUndefined();
    expect(begun).toBeGreaterThan(0);
    expect(lines.some((line) => line.includes('alarm disk-nearly-full'))).toBe(true);
    expect(lines.some((line) => line.includes('No orders can be taken just now'))).toBe(true);
    // The last of each is the liveness probe.
    expect(outcomes.filter((end) => end.startsWith('1 first'))).toEqual([
      '1 first committed ',
      '1 first aborted refused',
      '1 first committed ',
    ]);
    expect(outcomes.filter((end) => end.startsWith('2 first'))).toEqual(['2 first committed ', '2 first committed ']);
  });
});

describe('checkTiming', () => {
  const config = configOf(1 as OperatorId, { acceptSeconds: 30, commitMarginSeconds: 6, maxBlockGapSeconds: 12 });

  it('refuses a time to answer in which no block can become final, and says what it should be', () => {
    expect(() => {
      checkTiming(config, { finality: { mode: 'depth', depth: 2 } });
    }).toThrow(/acceptSeconds is 30: it must be more than 30, .*commitMarginSeconds \(6\) and 2 blocks/);
  });

  it('takes one that is long enough', () => {
    checkTiming(config, { finality: { mode: 'depth', depth: 1 } });
    checkTiming(config, { finality: { mode: 'finalized' } });
  });
});

describe('maxBlockGapOf', () => {
  const own = (maxBlockGapSeconds?: number) =>
    configOf(
      1 as OperatorId,
      maxBlockGapSeconds === undefined ? { maxBlockGapSeconds: undefined } : { maxBlockGapSeconds },
    );

  it('is what the consortium has agreed, or stricter', () => {
    expect(maxBlockGapOf(own(), { maxBlockGapSeconds: 20 })).toBe(20);
    expect(maxBlockGapOf(own(12), { maxBlockGapSeconds: 20 })).toBe(12);
    expect(maxBlockGapOf(own(20), { maxBlockGapSeconds: 20 })).toBe(20);
  });

  it('is never laxer, and says what to do', () => {
    expect(() => maxBlockGapOf(own(21), { maxBlockGapSeconds: 20 })).toThrow(
      /timing\.maxBlockGapSeconds is 21: network\.json says 20, .* or set it to 20 or less/,
    );
  });

  it('is the own one, or a minute, where the network is from before it was agreed', () => {
    expect(maxBlockGapOf(own(90), {})).toBe(90);
    expect(maxBlockGapOf(own(), {})).toBe(60);
  });
});
