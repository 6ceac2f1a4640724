/** What a peer with its own key can do to a node's users and to its own standing: for whom it speaks, how much, how often. */
import { describe, expect, it } from 'vitest';
import type { Proposal } from '../../operator-node/channel/messages.ts';
import type { ComposedNode } from '../../operator-node/compose.ts';
import type { NodeParts } from '../../operator-node/wiring/node-parts.ts';
import type { Config } from '../../operator-node/config.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import {
  toTimestamp,
  type Msisdn,
  type OperatorId,
  type PairId,
  type UnixMillis,
} from '../../operator-node/model/ids.ts';
import { checkRequest } from '../../operator-node/channel/wire.ts';
import { numberOf, serviceNumberOf } from '../simulation/setting.ts';
import { simulate, type World } from '../simulation/world.ts';
import type { AlarmCode } from '../../operator-node/alarms/catalogue.ts';

const [one, two] = [1 as OperatorId, 2 as OperatorId];

interface Attacked {
  readonly node: ComposedNode;
  readonly world: World;
  /** What the gateway of the node was given for its users. */
  readonly told: readonly OutboundMessage[];
  /** What was told of to the users as notices. */
  readonly notices: readonly string[];
}

interface Setting {
  readonly config?: Partial<Config>;
  readonly rings?: readonly AlarmCode[];
  readonly parts?: (parts: NodeParts) => Partial<NodeParts>;
  readonly operator?: OperatorId;
  /** The peer has used up what it needs to settle: at the end no pair of it may. */
  readonly spent?: true;
}

/** A real node on the simulator's disk, clock and chain; `attack` runs when it is up and has greeted its peer. */
async function attacked<T>(setting: Setting, attack: (at: Attacked) => Promise<T>): Promise<T> {
  const outcome: { value?: T; error?: unknown } = {};
  const told: OutboundMessage[] = [];
  const notices: string[] = [];
  const { operator: target = two } = setting;
  const result = await simulate({
    seed: 2,
    calm: true,
    script: [{ atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5' }],
    spanMillis: 5_000,
    plant: {
      ...(setting.rings === undefined ? {} : { rings: setting.rings }),
      parts: (parts, _, operator) => {
        if (operator !== target) return parts;
        const { gateway, onEvent } = parts;
        return {
          ...parts,
          config: { ...parts.config, ...setting.config },
          gateway: {
            name: gateway.name,
            deliver: async (messages) => {
              await gateway.deliver(messages);
              told.push(...messages);
            },
            close: () => gateway.close(),
          },
          onEvent: (event) => {
            if (event.type === 'notice') notices.push(event['key']);
            onEvent(event);
          },
          ...setting.parts?.(parts),
        };
      },
      started: (node, world, operator) => {
        if (operator !== target) return;
        world.time.after(3_000, () => {
          attack({ node, world, told, notices }).then(
            (value) => (outcome.value = value),
            (error: unknown) => (outcome.error = error),
          );
        });
      },
    },
  });
  if (outcome.error !== undefined) throw outcome.error;
  const stuck = setting.spent === true && /a new pair settles from 1 to 2/.test(result.violation?.message ?? '');
  if (!stuck) expect(result.violation).toBeUndefined();
  return outcome.value as T;
}

const bytes32 = (digit: string): string => `0x${digit.repeat(64)}`;
let pairs = 0;

function proposal(now: UnixMillis, change: { from?: Msisdn; to?: Msisdn } = {}): Proposal {
  pairs += 1;
  const seconds = Math.floor(now / 1000);
  const pair = `0197c0de-0000-7000-8000-${String(pairs).padStart(12, '0')}` as PairId;
  const { proposals } = checkRequest('propose', {
    proposals: [
      {
        terms: {
          pair,
          service: 'pay',
          firstAsset: 'SEK',
          firstAmount: '100',
          secondAsset: 'SEK',
          secondAmount: '100',
          initiator: '1',
          acceptor: '2',
          created: toTimestamp(now),
          deadline: String((Math.ceil(seconds / 15) + 2) * 15),
          reverses: '',
        },
        termsSecret: bytes32('1'),
        from: numberOf(1, 1),
        fromName: 'Your bank',
        to: numberOf(2, 1),
        note: '',
        item: '',
        firstSubject: 'f'.repeat(43),
        sealed: '',
        ...change,
      },
    ],
  });
  const [made] = proposals;
  if (made === undefined) throw new Error('no proposal');
  return made;
}

/** What the node answers each of them: `held`, or the reason of a refusal. */
async function propose({ node }: Attacked, ...changes: { from?: Msisdn; to?: Msisdn }[]): Promise<string[]> {
  const now = node.engine.clock.now();
  const { answers } = await node.handlers.propose(one, { proposals: changes.map((change) => proposal(now, change)) });
  return answers.map((answer) => (answer.answer === 'refused' ? answer.reason : answer.answer));
}

async function forward({ node }: Attacked, from: Msisdn, to: Msisdn, text = 'Hi, it is mum.'): Promise<string> {
  pairs += 1;
  try {
    return (await node.handlers.forward(one, { id: `m-${pairs}`, from, to, text })).answer;
  } catch (error) {
    if (error instanceof TandemError) return error.code;
    throw error;
  }
}

const victim = numberOf(2, 1);
const nobodyHere = (index: number): Msisdn => numberOf(2, 900 + index);
const foreign: readonly (readonly [string, Msisdn])[] = [
  ['a customer of the operator that is asked', numberOf(2, 2)],
  ['a number of its range that has no customer', nobodyHere(0)],
  ['a customer of a third operator', numberOf(3, 1)],
  ['a number that no operator of the directory has', '+12025550123' as Msisdn],
  ['the service number of the operator that is asked', serviceNumberOf(2)],
];

describe('a peer that speaks for numbers that are not its own', () => {
  it('is refused for each of them, in texts and in payment questions, and named', async () => {
    const found = await attacked({ rings: ['peer-foreign-number'] }, async (at) => {
      const before = at.told.length;
      const texts: string[] = [];
      for (const [, number] of foreign) texts.push(await forward(at, number, victim));
      const questions = await propose(at, ...foreign.map(([, from]) => ({ from })));
      return {
        texts,
        questions,
        told: at.told.length - before,
        named: at.node.flow.alarms.isActive('peer-foreign-number', '1'),
      };
    });
    expect(found.texts).toEqual(foreign.map(() => 'forbidden'));
    expect(found.questions).toEqual(foreign.map(() => 'foreign-number'));
    expect(found).toMatchObject({ told: 0, named: true });
  });

  it('is told nothing of the addressee: known and unknown ones are refused alike', async () => {
    const answers = await attacked({ rings: ['peer-foreign-number'] }, (at) =>
      propose(at, { from: numberOf(3, 1), to: victim }, { from: numberOf(3, 1), to: nobodyHere(1) }),
    );
    expect(answers).toEqual(['foreign-number', 'foreign-number']);
  });

  it('speaks for its own, and for one that was ported to it', async () => {
    const ported = numberOf(2, 950);
    const parts = ({ directory }: NodeParts): Partial<NodeParts> => ({
      directory: { ...directory, find: (number) => (number === ported ? one : directory.find(number)) },
    });
    const answers = await attacked({ parts }, async (at) => [
      await forward(at, ported, victim),
      await forward(at, numberOf(1, 77), victim),
      ...(await propose(at, { from: ported }, { from: numberOf(1, 77) })),
    ]);
    expect(answers).toEqual(['delivered', 'delivered', 'held', 'held']);
  });
});

describe('a peer that passes on messages', () => {
  const forwardOf = (change: Partial<Config['forward']>): Partial<Config> => ({
    forward: {
      ...{
        messagesPerMinute: 1000,
        kibibytesPerMinute: 1024,
        messagesPerMinuteToOne: 1000,
        kibibytesPerMinuteToOne: 1024,
      },
      ...change,
    },
  });
  const from = numberOf(1, 1);

  it('without end to one: after its share the rest is to be sent later, others are reached, and the peer is named', async () => {
    const config = forwardOf({ messagesPerMinuteToOne: 3 });
    const found = await attacked({ config, rings: ['peer-over-budget'] }, async (at) => {
      const answers: string[] = [];
      for (let index = 0; index < 6; index += 1) answers.push(await forward(at, from, victim));
      answers.push(await forward(at, from, numberOf(2, 2)));
      return { answers, named: at.node.flow.alarms.isActive('peer-over-budget', '1') };
    });
    const { answers, named } = found;
    expect(answers).toEqual([...Array<string>(3).fill('delivered'), ...Array<string>(3).fill('too-busy'), 'delivered']);
    expect(named).toBe(true);
  });

  it('is counted in bytes as well, and over all whom it writes to', async () => {
    const large = 'y'.repeat(4096);
    const answers = await attacked(
      { config: forwardOf({ kibibytesPerMinuteToOne: 16 }), rings: ['peer-over-budget'] },
      async (at) => {
        const found: string[] = [];
        for (let index = 0; index < 5; index += 1) found.push(await forward(at, from, victim, large));
        return found;
      },
    );
    expect(answers).toEqual([...Array<string>(4).fill('delivered'), 'too-busy']);
    const spread = await attacked(
      { config: forwardOf({ messagesPerMinute: 4 }), rings: ['peer-over-budget'] },
      async (at) => {
        const found: string[] = [];
        for (let index = 1; index <= 6; index += 1) found.push(await forward(at, from, numberOf(2, index)));
        return found;
      },
    );
    expect(spread).toEqual([...Array<string>(4).fill('delivered'), 'too-busy', 'too-busy']);
  });

  it('sends nothing that acts on a telephone or a terminal; what people write arrives as it was', async () => {
    const people = 'Hej!\n\tÅsa 👩‍👩‍👧 می‌خواهم 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ok';
    const texts = await attacked({}, async (at) => {
      const before = at.told.length;
      await forward(at, from, victim, '\u001b[2J\u001b[1;1HYour bank\u202e: call us\u0007\u009b31m\u200f\u2066\u0000');
      await forward(at, from, victim, 'one\r\ntwo\rthree\u2028four\u0085five');
      await forward(at, from, victim, people);
      return at.told.slice(before).map(({ text }) => text);
    });
    expect(texts).toEqual(['[2J[1;1HYour bank: call us31m', 'one\ntwo\nthree\nfour\nfive', people]);
  });
});

describe('a peer that looks numbers up', () => {
  // At once a tenth of it.
  const config = { maxLookupsPerPeerHour: 100 };
  const rings = ['peer-over-budget'] as const;

  it('learns of ten that nobody here has them, or what somebody is called; then everything is busy', async () => {
    const found = await attacked({ config, rings, spent: true }, async (at) => {
      const unknown = await propose(at, ...Array.from({ length: 12 }, (_, index) => ({ to: nobodyHere(index) })));
      const known = await propose(at, { to: victim });
      const quote = await at.node.handlers.quote(one, { to: victim, item: 'x' });
      return { unknown, known, quote, text: await forward(at, numberOf(1, 1), nobodyHere(1)) };
    });
    expect(found.unknown).toEqual([...Array<string>(10).fill('unknown-addressee'), 'busy', 'busy']);
    expect(found.known).toEqual(['busy']);
    expect(found.quote).toEqual({ answer: 'refused', reason: 'busy' });
    expect(found.text).toBe('too-busy');
  });

  it('by asking for prices of what nobody sells, likewise', async () => {
    const found = await attacked({ config, rings, spent: true }, async ({ node }) => {
      const reasons: string[] = [];
      for (let index = 0; index < 12; index += 1) {
        const to = index % 2 === 0 ? nobodyHere(index) : victim;
        const answer = await node.handlers.quote(one, { to, item: 'no such thing' });
        reasons.push(answer.answer === 'refused' ? answer.reason : answer.answer);
      }
      return reasons;
    });
    expect(found.slice(10)).toEqual(['busy', 'busy']);
    expect(found.slice(0, 10)).not.toContain('busy');
  });

  it('by proposals that it withdraws when it has the name: each is one of the ten', async () => {
    const found = await attacked({ config, rings, spent: true }, async (at) => {
      const { node } = at;
      const seen: string[] = [];
      for (let round = 0; round < 12; round += 1) {
        const made = proposal(node.engine.clock.now());
        const [answer] = (await node.handlers.propose(one, { proposals: [made] })).answers;
        seen.push(answer?.answer === 'refused' ? answer.reason : (answer?.answer ?? 'nothing'));
        await node.handlers.withdraw(one, { pairs: [made.terms.pair] });
      }
      return seen;
    });
    expect(found).toEqual([...Array<string>(10).fill('held'), 'busy', 'busy']);
  });

  it('by proposals that it lets lapse, likewise', async () => {
    const left = await attacked({ config, rings }, async (at) => {
      const held = await propose(at, {}, {}, {});
      const before = at.node.flow.lookups.left(one);
      await new Promise<void>((resolve) => at.world.time.after(10_000, resolve));
      return { held, spent: before - at.node.flow.lookups.left(one) };
    });
    expect(left.held).toEqual(['held', 'held', 'held']);
    // A pair of its own has got into a batch meanwhile, and time has passed.
    expect(left.spent).toBeGreaterThan(1);
  });
});

describe('a peer that says something else of itself each time', () => {
  it('has it written as often as it may have anything remembered', async () => {
    const found = await attacked(
      { config: { maxRememberedPerPeerHour: 5 }, rings: ['peer-over-budget'], spent: true },
      async ({ node }) => {
        const outcomes: string[] = [];
        for (let cap = 1; cap <= 8; cap += 1) {
          const hello = { ...node.hello(one), operator: one, caps: [{ asset: 'SEK', cap: String(cap) }] };
          const call = node.handlers.hello(one, checkRequest('hello', hello));
          outcomes.push(
            await call.then(
              () => 'heard',
              (error: unknown) => (error instanceof TandemError ? error.code : 'other'),
            ),
          );
        }
        return outcomes;
      },
    );
    expect(found).toEqual([...Array<string>(5).fill('heard'), ...Array<string>(3).fill('too-busy')]);
  });
});
