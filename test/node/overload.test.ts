/** The brake: when orders are refused since the oldest pair waits too long, whose, and until when. */
import { protocolForms } from '../../operator-node/channel/forms.ts';
import { describe, expect, it } from 'vitest';
import type { Channel } from '../../operator-node/channel/channel.ts';
import type { Config } from '../../operator-node/config.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { Overload, type Backlog } from '../../operator-node/flow/overload.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { simulate } from '../simulation/world.ts';
import { ManualClock } from './chain.fixture.ts';

const [one, two, three] = [1 as OperatorId, 2 as OperatorId, 3 as OperatorId];

function braked(bounds: Config['overload'] = { unproposedSeconds: 10, unanchoredSeconds: 60 }) {
  const clock = new ManualClock();
  const waiting = new Map<OperatorId, UnixMillis>();
  const chain: { since: UnixMillis | undefined; finality: number } = { since: undefined, finality: 0 };
  const told: string[] = [];
  const backlog: Backlog = {
    peers: () => waiting.keys(),
    unproposedSince: (peer) => waiting.get(peer),
    unanchoredSince: () => chain.since,
    finalitySeconds: () => chain.finality,
  };
  const overload = new Overload(bounds, backlog, clock, (active, { waitingSeconds }, subject) => {
    told.push(`${subject} ${active ? 'on' : 'off'} ${String(waitingSeconds)}`);
  });
  const after = (seconds: number): readonly OperatorId[] => {
    clock.advance(seconds * 1000);
    overload.look();
    return [one, two, three].filter((peer) => overload.refuses(peer));
  };
  return { clock, waiting, chain, told, overload, after };
}

describe('the brake', () => {
  it('is on for the peer whose oldest pair waits too long, and for no other', () => {
    const { clock, waiting, told, after } = braked();
    waiting.set(two, clock.now());
    expect(after(9)).toEqual([]);
    expect(after(1)).toEqual([two]);
    expect(told).toEqual(['2 on 10']);
  });

  it('stays on until it is better by half: one pair that gets through does not end it', () => {
    const { clock, waiting, told, after } = braked();
    waiting.set(two, clock.now());
    expect(after(12)).toEqual([two]);
    waiting.set(two, (clock.now() - 9_000) as UnixMillis);
    expect(after(0)).toEqual([two]);
    waiting.set(two, (clock.now() - 4_900) as UnixMillis);
    expect(after(0)).toEqual([]);
    expect(told).toEqual(['2 on 12', '2 on 9', '2 off 5']);
    expect(after(5)).toEqual([]);
    expect(after(1)).toEqual([two]);
  });

  it('is off when nothing waits any more', () => {
    const { clock, waiting, told, after } = braked();
    waiting.set(two, clock.now());
    expect(after(30)).toEqual([two]);
    waiting.delete(two);
    expect(after(0)).toEqual([]);
    expect(told.at(-1)).toBe('2 off 0');
  });

  it('is on for everybody while the chain takes too long, its finality not counted', () => {
    const { clock, chain, after, overload } = braked();
    chain.finality = 30;
    chain.since = clock.now();
    expect(after(89)).toEqual([]);
    expect(after(1)).toEqual([one, two, three]);
    expect([overload.chain, overload.status]).toEqual([
      true,
      { braked: ['chain'], unproposedSeconds: 0, unanchoredSeconds: 60 },
    ]);
    chain.since = (clock.now() - 55_000) as UnixMillis;
    expect(after(0)).toEqual([]);
  });

  it('takes no harm from a clock that was set back', () => {
    const { clock, waiting, after } = braked();
    waiting.set(two, (clock.now() + 3_600_000) as UnixMillis);
    expect(after(1)).toEqual([]);
  });
});

describe('a node whose peer does not answer proposals', () => {
  it('refuses orders to it as busy, holds nothing for them, and goes on with the others', async () => {
    const notices: string[] = [];
    const ordered: unknown[] = [];
    const brakedPeers: string[][] = [];
    let ended = false;
    const result = await simulate({
      seed: 3,
      calm: true,
      script: [
        { atMillis: 10_000, from: [1, 1], to: [2, 1], text: 'PAY 5' },
        { atMillis: 14_000, from: [1, 2], to: [2, 1], text: 'PAY 6' },
        { atMillis: 14_100, from: [1, 2], to: [1, 3], text: 'PAY 7' },
      ],
      spanMillis: 16_000,
      plant: {
        parts: (parts, _, operator) => {
          if (operator !== 1) return parts;
          const { remote } = parts;
          return {
            ...parts,
            config: { ...parts.config, overload: { unproposedSeconds: 2, unanchoredSeconds: 60 } },
            remote: (peers) => {
              const channel = remote(peers, protocolForms);
              const call: Channel['call'] = async (peer, method, request) => {
                if (method === 'propose' && !ended) throw new TandemError('peer-unavailable', 'No answer.');
                return channel.call(peer, method, request);
              };
              return { call, close: () => channel.close() };
            },
            onEvent: (event) => {
              if (event.type === 'notice') notices.push(event['key']);
              if (event.type === 'ordered' && !ended) ordered.push(event['peer']);
              parts.onEvent(event);
            },
          };
        },
        started: (node, world, operator) => {
          if (operator !== 1) return;
          world.time.after(17_000, () => {
            brakedPeers.push(node.flow.overload.status.braked);
            ended = true;
          });
        },
      },
    });
    expect(result.violation).toBeUndefined();
    expect(notices.filter((key) => key === 'busy')).toHaveLength(1);
    expect(brakedPeers).toEqual([['2']]);
    // The first order, and the one between two users of this operator.
    expect(ordered).toEqual([two, one]);
  });
});
