/** Random histories of two operators' ledgers, with every rule of the books checked after each step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HoldOutcome, Operation } from '../../operator-node/domains/domain.ts';
import { checkBooks } from '../../operator-node/domains/payments/books.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Leg, OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { ada, amount, eur, makeWorld, now, operation, pairId, peer, sek, shop, type World } from './domains.fixture.ts';

type Step =
  | { readonly do: 'open'; readonly user: 0 | 1; readonly asset: 0 | 1 }
  | { readonly do: 'deposit' | 'withdraw'; readonly id: number; readonly asset: 0 | 1; readonly value: number }
  | { readonly do: 'hold' | 'commit' | 'release'; readonly pair: number; readonly leg: Leg };

const users = [ada, shop] as const;
const assets = [sek, eur] as const;
const bit = fc.constantFrom(0 as const, 1 as const);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('open' as const), user: bit, asset: bit }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('deposit' as const, 'withdraw' as const),
      id: fc.nat(5),
      asset: bit,
      value: fc.constantFrom(0, 1, 100, 1500),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom(...(['hold', 'hold', 'hold', 'commit', 'commit', 'release'] as const)),
      pair: fc.nat(11),
      leg: fc.constantFrom<Leg>('first', 'second'),
    }),
  },
);

/** What a pair is about follows from its number alone, so that every step of a leg has the same content. */
function operationOf(pair: number, leg: Leg): Operation {
  const asset = pair % 5 === 0 ? eur : sek;
  const counterparty = (pair % 4 === 3 ? 3 : peer) as OperatorId;
  const base = { pair: pairId(pair), leg, asset, counterparty };
  if (leg === 'second' && pair % 3 === 0) {
    return operation({
      ...base,
      asset: sek,
      user: shop,
      action: 'sell',
      service: 'buy',
      amount: amount(20),
      item: 'cola',
    });
  }
  const debit = leg === 'first';
  return operation({
    ...base,
    user: debit ? ada : shop,
    action: debit ? 'debit' : 'credit',
    amount: amount([1, 90, 400, 1100][pair % 4] ?? 0),
    fee: amount(debit && pair % 2 === 0 ? 2 : 0),
  });
}

const history = fc.array(step, { minLength: 20, maxLength: 60, size: 'max' });

/** A commit of what is not on hold becomes its hold: without forced commits no balance ever falls below zero. */
function holdFirst({ store, payments }: World, given: Step): Step {
  if (given.do !== 'commit') return given;
  const state = payments.payment(store.newest, pairId(given.pair), given.leg)?.state;
  return state === 'held' || state === 'committed' ? given : { ...given, do: 'hold' };
}

/** Everything that a step can change, as one value. */
const stateOf = ({ store, payments, goods }: World): unknown => [
  users.map((user) => payments.balances(store.newest, user)),
  payments.positions(store.newest),
  goods.items(store.newest, shop),
];

async function run(world: World, given: Step, at: UnixMillis): Promise<unknown> {
  const { store, payments, goods } = world;
  return store.transact((tx) => {
    switch (given.do) {
      case 'open':
        payments.openAccount(tx, users[given.user], assets[given.asset]);
        return undefined;
      case 'deposit':
      case 'withdraw': {
        const { asset, value } = given;
        const movement = { id: `m${given.id}`, user: ada, asset: assets[asset], amount: amount(value), reason: 'test' };
        try {
          return payments[given.do](tx, movement, at);
        } catch (error) {
          if (error instanceof TandemError && error.code !== 'internal') return error.code;
          throw error;
        }
      }
      default: {
        const about = operationOf(given.pair, given.leg);
        const domain = about.action === 'sell' ? goods : payments;
        if (given.do === 'release') {
          domain.release(tx, about.pair, about.leg, at);
          return undefined;
        }
        if (given.do === 'hold') return domain.hold(tx, about, at);
        const { posting, withoutHold } = domain.commit(tx, about, at);
        expect(posting).toEqual(domain.posting(tx, about.pair, about.leg));
        return withoutHold;
      }
    }
  });
}

function nameOf(given: Step, answer: unknown): string {
  if (given.do === 'hold') {
    const outcome = answer as HoldOutcome;
    if (!outcome.ok) return `hold: ${outcome.code}`;
    return outcome.delivers === undefined ? 'hold: ok' : 'hold: ok, delivers';
  }
  if (given.do === 'commit') return answer === true ? 'commit: without hold' : 'commit: with hold';
  return typeof answer === 'string' ? `${given.do}: ${answer}` : `${given.do}: ok`;
}

/** The generator is tested too: it must come to each of these. */
const mustReach = [
  'hold: ok',
  'hold: ok, delivers',
  'hold: no-account',
  'hold: insufficient-funds',
  'hold: over-day-limit',
  'hold: over-counterparty-limit',
  'hold: sold-out',
  'hold: not-supported',
  'commit: with hold',
  'commit: without hold',
  'release: ok',
  'deposit: ok',
  'deposit: conflict',
  'withdraw: ok',
  'withdraw: unprocessable',
];

/** Codes that more than one sale has, of those that were not released. */
function soldTwice({ store, goods }: World): readonly string[] {
  const codes: string[] = [];
  for (let pair = 0; pair < 12; pair += 1) {
    const sold = goods.sale(store.newest, pairId(pair), 'second');
    if (sold?.code !== undefined && sold.state !== 'released') codes.push(sold.code);
  }
  return codes.filter((code, index) => codes.indexOf(code) !== index);
}

describe('any history of the domains', () => {
  it('keeps every rule of the books after each step', async () => {
    const reached = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(history, fc.boolean(), async (steps, disciplined) => {
        const world = await makeWorld({ perUserDay: { SEK: '450' }, perCounterparty: () => '900' });
        for (const [index, drawn] of steps.entries()) {
          const given = disciplined ? holdFirst(world, drawn) : drawn;
          // A step is six hours: a history sees several days.
          const at = (now + index * 21_600_000) as UnixMillis;
          const answer = await run(world, given, at);
          const name = nameOf(given, answer);
          reached.set(name, (reached.get(name) ?? 0) + 1);

          const { faults } = await checkBooks(world.store);
          expect(faults).toEqual([]);
          expect(soldTwice(world)).toEqual([]);
          for (const user of users) {
            for (const { balance, held } of world.payments.balances(world.store.newest, user)) {
              expect(BigInt(held)).toBeGreaterThanOrEqual(0n);
              if (disciplined) expect(BigInt(balance)).toBeGreaterThanOrEqual(0n);
            }
          }

          const before = stateOf(world);
          const again = await run(world, given, at);
          expect(stateOf(world)).toEqual(before);
          if (given.do !== 'hold' || (answer as { ok: boolean }).ok) expect(again).toEqual(answer);
        }
        await world.store.close();
      }),
      { numRuns: 60 },
    );
    expect([...reached.keys()].sort()).toEqual(expect.arrayContaining(mustReach));
  });

  it('mirrors the positions of two operators that both execute the same pairs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(7), fc.boolean()), { maxLength: 30 }), async (decided) => {
        const here = await makeWorld();
        const there = await makeWorld();
        const seen = new Set<number>();
        for (const [number, committed] of decided) {
          // The first decision of a pair is the one that counts; the chain makes no second one.
          if (seen.has(number)) continue;
          seen.add(number);
          const [first, second] = [operationOf(number, 'first'), operationOf(number, 'second')];
          const both: readonly [World, Operation][] = [
            [here, { ...first, asset: sek, counterparty: 2 as OperatorId, amount: amount(20) }],
            [there, { ...second, asset: sek, counterparty: 1 as OperatorId, amount: amount(20) }],
          ];
          for (const [{ store, payments, goods }, about] of both) {
            const domain = about.action === 'sell' ? goods : payments;
            await store.transact((tx) => {
              domain.hold(tx, about, now);
              if (committed) domain.commit(tx, about, now);
              else domain.release(tx, about.pair, about.leg, now);
            });
          }
        }
        const positionAt = async ({ store }: World): Promise<bigint> =>
          (await checkBooks(store)).totals.get(sek)?.positions ?? 0n;
        expect(await positionAt(here)).toBe(-(await positionAt(there)));
      }),
      { numRuns: 40 },
    );
  });
});
