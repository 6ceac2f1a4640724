/** Messages that the gateway refuses: nobody waits for another's, each user's own order is kept, and nothing is lost. */
import { describe, expect, it } from 'vitest';
import { Engine, outboxTable, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { Deliveries, laneOf, listSetAside, sendAgain } from '../../operator-node/flow/deliver.ts';
import { messageQueue, type MessageItem } from '../../operator-node/flow/tell.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Msisdn, Timestamp } from '../../operator-node/model/ids.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { ManualClock } from './chain.fixture.ts';

const retryMillis = 1_000;
const maxTries = 5;

let said = 0;

interface Gateway {
  readonly taken: string[];
  /** The status that it answers a group with; undefined: it takes it. */
  answer: (texts: readonly string[]) => number | undefined;
  requests: number;
}

const poisoned = (texts: readonly string[]): number | undefined =>
  texts.some((text) => text.startsWith('bad')) ? 400 : undefined;

/** One process on that disk. */
/** The port of a gateway that answers as it is told to. */
const portOf = (gateway: Gateway) => ({
  name: 'test',
  deliver: async (messages: readonly OutboundMessage[]) => {
    const texts = messages.map(({ text }) => text);
    gateway.requests += 1;
    const status = gateway.answer(texts);
    if (status !== undefined) {
      const facts = status === 0 ? {} : { status };
      throw new TandemError('gateway-unavailable', `it answered ${status}`, { facts });
    }
    gateway.taken.push(...texts);
  },
  close: () => Promise.resolve(),
});

async function open(disk: SimulatedDisk, clock: ManualClock, gateway: Gateway) {
  const events: EngineEvent[] = [];
  const engine = new Engine({
    store: openMemoryStore(disk),
    clock,
    random: { bytes: (count) => new Uint8Array(count).fill(7) },
    onEvent: (event) => events.push(event),
    onFailure: () => undefined,
  });
  const deliveries = new Deliveries(
    {
      engine,
      gateway: portOf(gateway),
    },
    maxTries,
    () => undefined,
  );
  engine.queue<MessageItem>(
    messageQueue,
    { lane: laneOf, gatherMillis: 0, maxGroup: 500, retryMillis: [retryMillis] },
    (group) => deliveries.run(group),
  );
  await engine.recover();
  engine.start();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    engine,
    events,
    /** Each `to text`, in this order. */
    say: async (...texts: readonly string[]) => {
      await engine.run((work) => {
        for (const text of texts) {
          const message: OutboundMessage = {
            id: `id ${text}`,
            from: '+46700000000' as Msisdn,
            to: (text.split(' ')[1] ?? '') as Msisdn,
            text,
            at: '2026-11-23T10:00:00Z' as Timestamp,
          };
          work.enqueue(messageQueue, String((said += 1)).padStart(12, '0'), { user: message.to, message });
        }
      });
    },
    /** So many rounds of attempts. */
    rounds: async (count: number) => {
      for (let round = 0; round < count; round += 1) {
        clock.advance(retryMillis);
        await settle();
      }
    },
    outbox: async () => {
      let found = 0;
      for await (const _ of engine.store.scan(outboxTable)) found += 1;
      return found;
    },
  };
}

const fresh = async (answer: Gateway['answer']) => {
  const gateway: Gateway = { taken: [], answer, requests: 0 };
  const disk = new SimulatedDisk();
  const clock = new ManualClock();
  return { gateway, disk, clock, node: await open(disk, clock, gateway) };
};

describe('Deliveries', () => {
  it('delivers what comes behind a refused message at once, but for the same user, whose order is kept', async () => {
    const { gateway, node } = await fresh(poisoned);
    await node.say('one A', 'bad B', 'two A', 'later B', 'three C');
    await node.rounds(1);
    expect(gateway.taken).toEqual(['one A', 'two A', 'three C']);
    await node.say('four A', 'last B');
    await node.rounds(2);
    expect(gateway.taken).toEqual(['one A', 'two A', 'three C', 'four A']);
    gateway.answer = () => undefined;
    await node.rounds(1);
    expect(gateway.taken.slice(4)).toEqual(['bad B', 'later B', 'last B']);
    expect(await node.outbox()).toBe(0);
  });

  it('finds each of several refused ones in a large group', async () => {
    const { gateway, node } = await fresh(poisoned);
    const texts = Array.from({ length: 400 }, (_, n) => (n === 7 || n === 350 ? `bad ${n}` : `good ${n}`));
    await node.say(...texts);
    await node.rounds(1);
    expect(gateway.taken).toHaveLength(398);
    expect(gateway.requests).toBeLessThan(50);
  });

  it.each([
    ['is out of reach', 0],
    ['is shut to this node', 401],
    ['is busy', 503],
    ['refuses everything', 400],
  ])('sets nothing aside where the gateway %s', async (_, status) => {
    const { gateway, node } = await fresh(() => status);
    await node.say('one A', 'two B');
    await node.rounds(5 * maxTries);
    expect(await listSetAside(node.engine)).toEqual([]);
    gateway.answer = () => undefined;
    await node.rounds(1);
    expect(gateway.taken).toEqual(['one A', 'two B']);
  });

  it('sets a message aside after so many refusals while others were taken, with an alarm, and goes on behind it', async () => {
    const { gateway, node } = await fresh(poisoned);
    await node.say('bad B', 'later B', 'one A');
    await node.rounds(3 * maxTries);
    // The gateway has taken nothing else since: the refusals do not count.
    expect(await listSetAside(node.engine)).toEqual([]);
    for (let n = 0; n < maxTries; n += 1) {
      await node.say(`more${n} A`);
      await node.rounds(2);
    }
    expect((await listSetAside(node.engine)).map(([, { message, tries }]) => [message?.text, tries])).toEqual([
      ['bad B', maxTries],
    ]);
    expect(gateway.taken).toContain('later B');
    expect(node.events.filter((event) => event.type === 'alarm' && event.what === 'message-set-aside')).toHaveLength(1);
    expect(await node.outbox()).toBe(0);
  });

  it('sends one again that was set aside, when staff says so', async () => {
    const { gateway, node } = await fresh(poisoned);
    await node.say('bad B', 'one A');
    for (let n = 0; n < maxTries + 1; n += 1) {
      await node.say(`more${n} A`);
      await node.rounds(2);
    }
    expect(await sendAgain(node.engine, 'id nothing')).toBe(false);
    gateway.answer = () => undefined;
    expect(await sendAgain(node.engine, 'id bad B')).toBe(true);
    await node.rounds(1);
    expect(gateway.taken.at(-1)).toBe('bad B');
    expect(await listSetAside(node.engine)).toEqual([]);
  });

  it('keeps what waits apart over a restart, in its order', async () => {
    const { gateway, disk, clock, node } = await fresh(poisoned);
    await node.say('bad B', 'later B', 'one A');
    await node.rounds(2);
    await node.engine.stop();
    disk.crash();
    gateway.answer = () => undefined;
    const again = await open(disk, clock, gateway);
    await again.rounds(1);
    expect(gateway.taken).toEqual(['one A', 'bad B', 'later B']);
  });
});
