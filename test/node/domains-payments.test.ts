import { beforeEach, describe, expect, it } from 'vitest';
import type { HoldOutcome, Operation } from '../../operator-node/domains/domain.ts';
import { checkBooks } from '../../operator-node/domains/payments/books.ts';
import { book } from '../../operator-node/domains/payments/ledger.ts';
import type { Limits } from '../../operator-node/domains/payments/limits.ts';
import { accountTable, positionTable } from '../../operator-node/domains/payments/records.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Asset, Hash, UnixMillis, UserId } from '../../operator-node/model/ids.ts';
import { domainBehavior } from './domains.behavior.ts';
import { ada, amount, eur, later, makeWorld, now, operation, own, pairId, peer, sek } from './domains.fixture.ts';
import type { World } from './domains.fixture.ts';

let world: World;
const renew = async (limits: Limits = {}): Promise<void> => {
  world = await makeWorld(limits);
};
beforeEach(() => renew());

const hold = (given: Operation, at: UnixMillis = now): Promise<HoldOutcome> =>
  world.store.transact((tx) => world.payments.hold(tx, given, at));
const commit = (given: Operation, at: UnixMillis = now): Promise<boolean> =>
  world.store.transact((tx) => world.payments.commit(tx, given, at).withoutHold);
const release = ({ pair, leg }: Operation, at: UnixMillis = now): Promise<void> =>
  world.store.transact((tx) => world.payments.release(tx, pair, leg, at));
const check = (given: Operation): HoldOutcome => world.payments.check(world.store.newest, given, now);
const balances = (user = ada): unknown => world.payments.balances(world.store.newest, user);
const positions = (): unknown => world.payments.positions(world.store.newest);
const in_ = (asset: Asset, balance: number, held = 0): unknown => ({ asset, balance: `${balance}`, held: `${held}` });
const owed = (balance: number): unknown => [{ operator: peer, asset: sek, balance: `${balance}` }];
const debit = (n: number, value: number, changes: Partial<Operation> = {}): Operation =>
  operation({ pair: pairId(n), amount: amount(value), ...changes });
const credit = (n: number, value: number, changes: Partial<Operation> = {}): Operation =>
  debit(n, value, { action: 'credit', ...changes });

for (const [name, given] of [
  ['debit', operation()],
  ['debit with a fee', operation({ fee: amount(3) })],
  ['credit', operation({ action: 'credit' })],
] as const) {
  describe(`payments as a domain: ${name}`, () => {
    domainBehavior(async () => {
      const made = await makeWorld();
      const { store, payments } = made;
      return {
        store,
        domain: payments,
        state: () => [
          payments.balances(store.newest, ada),
          payments.positions(store.newest).filter(({ balance }) => balance !== '0'),
          onHold(made, given),
        ],
      };
    }, given);
  });
}

/** The record alone tells: a credit on hold moves no money. */
const onHold = ({ store, payments }: World, { pair, leg }: Operation): boolean =>
  payments.payment(store.newest, pair, leg)?.state === 'held';

describe('hold', () => {
  it('refuses an action that is not of payments', async () => {
    expect(await hold(operation({ action: 'sell' }))).toMatchObject({ ok: false, code: 'not-supported' });
    expect(await hold(credit(1, 10, { fee: amount(1) }))).toMatchObject({ ok: false, code: 'not-supported' });
  });

  it('refuses without an account in that asset', async () => {
    expect(await hold(operation({ asset: eur }))).toMatchObject({ ok: false, code: 'no-account' });
    expect(await hold(operation({ user: 'nobody' as UserId }))).toMatchObject({ ok: false, code: 'no-account' });
  });

  it('refuses on a closed account, for credits too, until it is open again', async () => {
    await world.store.transact((tx) => world.payments.closeAccount(tx, ada, sek));
    expect(await hold(debit(1, 10))).toMatchObject({ ok: false, code: 'account-closed' });
    expect(await hold(credit(2, 10))).toMatchObject({ ok: false, code: 'account-closed' });
    await world.store.transact((tx) => world.payments.openAccount(tx, ada, sek));
    expect(await hold(debit(1, 10))).toEqual({ ok: true, account: 'ada/SEK' });
    expect(balances()).toEqual([in_(sek, 990, 10)]);
  });

  it('refuses what amount and fee together exceed, with what there is and what is needed', async () => {
    expect(await hold(debit(1, 999, { fee: amount(2) }))).toEqual({
      ok: false,
      code: 'insufficient-funds',
      facts: { asset: 'SEK', balance: '1000', needed: '1001' },
    });
    expect(await hold(debit(1, 998, { fee: amount(2) }))).toMatchObject({ ok: true });
    expect(balances()).toEqual([in_(sek, 0, 1000)]);
  });

  it('does not count what is on hold as free', async () => {
    await hold(debit(1, 600));
    expect(await hold(debit(2, 401))).toMatchObject({ ok: false, code: 'insufficient-funds' });
    expect(await hold(credit(3, 500))).toMatchObject({ ok: true });
    expect(await hold(debit(2, 401))).toMatchObject({ ok: false, code: 'insufficient-funds' });
    expect(await hold(debit(2, 400))).toMatchObject({ ok: true });
  });

  it('keeps no refusal: the same hold later is judged afresh', async () => {
    const given = debit(1, 1500);
    expect(await hold(given)).toMatchObject({ ok: false });
    await commit(credit(2, 500));
    expect(await hold(given)).toMatchObject({ ok: true });
  });

  it('sets nothing aside for a credit', async () => {
    expect(await hold(credit(1, 50))).toEqual({ ok: true, account: 'ada/SEK' });
    expect(balances()).toEqual([in_(sek, 1000)]);
  });
});

describe('limits', () => {
  it('refuse in the order of HoldRefusal', async () => {
    await renew({
      perOrder: { SEK: '100' },
      perUserDay: { SEK: '90' },
      perService: () => '80',
      perCounterparty: () => '70',
    });
    const refusals = await Promise.all([1001, 101, 91, 81, 71].map((value, n) => hold(debit(n, value))));
    expect(refusals.map((outcome) => (outcome.ok ? 'ok' : outcome.code))).toEqual([
      'insufficient-funds',
      'over-order-limit',
      'over-day-limit',
      'over-service-limit',
      'over-counterparty-limit',
    ]);
    expect(await hold(debit(9, 70))).toMatchObject({ ok: true });
  });

  it('per order: of the amount without the fee, debit and credit, by asset', async () => {
    await renew({ perOrder: { SEK: '100' } });
    await world.store.transact((tx) => world.payments.openAccount(tx, ada, eur));
    expect(await hold(credit(1, 101))).toEqual({
      ok: false,
      code: 'over-order-limit',
      facts: { limit: '100', total: '101' },
    });
    expect(await hold(debit(2, 100, { fee: amount(5) }))).toMatchObject({ ok: true });
    expect(await hold(credit(3, 101, { asset: eur }))).toMatchObject({ ok: true });
  });

  it('per service: as that service says', async () => {
    await renew({ perService: (service, asset) => (service === 'pay' && asset === sek ? '100' : undefined) });
    expect(await hold(debit(1, 101))).toMatchObject({ ok: false, code: 'over-service-limit' });
    expect(await hold(debit(1, 101, { service: 'buy' }))).toMatchObject({ ok: true });
  });

  describe('per user and day', () => {
    const tomorrow = Date.UTC(2026, 10, 24) as UnixMillis;
    beforeEach(() => renew({ perUserDay: { SEK: '300' } }));

    it('counts debits on hold and committed, and no credits', async () => {
      await hold(debit(1, 100));
      await hold(debit(2, 150));
      await commit(debit(2, 150));
      await hold(credit(3, 500));
      expect(await hold(debit(4, 51))).toMatchObject({ ok: false, code: 'over-day-limit', facts: { total: '301' } });
      expect(await hold(debit(4, 50))).toMatchObject({ ok: true });
    });

    it('gives back what is released', async () => {
      await hold(debit(1, 300));
      await release(debit(1, 300));
      expect(await hold(debit(2, 300))).toMatchObject({ ok: true });
    });

    it('begins anew at midnight UTC, and not a moment before', async () => {
      await hold(debit(1, 300));
      expect(await hold(debit(2, 1), (tomorrow - 1) as UnixMillis)).toMatchObject({ ok: false });
      expect(await hold(debit(2, 300), tomorrow)).toMatchObject({ ok: true });
    });

    it('gives nothing of yesterday back to today', async () => {
      await hold(debit(1, 300));
      await hold(debit(2, 200), tomorrow);
      await release(debit(1, 300), tomorrow);
      expect(await hold(debit(3, 101), tomorrow)).toMatchObject({ ok: false });
      expect(await hold(debit(3, 100), tomorrow)).toMatchObject({ ok: true });
    });

    it('does not open an earlier day again for a clock that went back', async () => {
      await hold(debit(1, 300), tomorrow);
      expect(await hold(debit(2, 1), now)).toMatchObject({ ok: false, code: 'over-day-limit' });
    });

    it('counts what was committed without a hold', async () => {
      await commit(debit(1, 250));
      expect(await hold(debit(2, 51))).toMatchObject({ ok: false, code: 'over-day-limit' });
    });
  });

  describe('per counterparty', () => {
    beforeEach(() => renew({ perCounterparty: () => '300' }));

    it('counts what is owed and on hold in the direction of the operation', async () => {
      await commit(debit(1, 100));
      await hold(debit(2, 150));
      expect(await hold(debit(3, 51))).toMatchObject({
        ok: false,
        code: 'over-counterparty-limit',
        facts: { limit: '300', total: '301' },
      });
      // The other direction: 100 owed, so 400 may come before 300 are owed to this operator.
      expect(await hold(credit(4, 401))).toMatchObject({ ok: false, code: 'over-counterparty-limit' });
      expect(await hold(credit(4, 400))).toMatchObject({ ok: true });
      // What may still be released is not set off against the debits.
      expect(await hold(debit(3, 51))).toMatchObject({ ok: false });
      expect(await hold(debit(3, 50))).toMatchObject({ ok: true });
    });

    it('gives back what is released', async () => {
      await hold(credit(1, 300));
      expect(await hold(credit(2, 1))).toMatchObject({ ok: false });
      await release(credit(1, 300));
      expect(await hold(credit(2, 300))).toMatchObject({ ok: true });
    });

    it('is of each counterparty by itself, and not of this operator', async () => {
      await hold(debit(1, 300));
      expect(await hold(debit(2, 300, { counterparty: 3 as typeof peer }))).toMatchObject({ ok: true });
      expect(await hold(debit(3, 400, { counterparty: own }))).toMatchObject({ ok: true });
    });
  });
});

describe('discharge', () => {
  const statement = `0x${'ab'.repeat(32)}` as Hash;
  const discharge = (value: bigint, changes: object = {}) =>
    world.store.transact((tx) =>
      world.payments.discharge(
        tx,
        { statement, operator: peer, asset: sek, amount: value, window: 1, ...changes },
        now,
      ),
    );

  it('refuses a statement that was discharged with another amount', async () => {
    await discharge(100n);
    await expect(discharge(101n)).rejects.toThrow(TandemError);
    expect(positions()).toEqual(owed(-100));
  });

  it('takes what was paid off the position, once a statement, against the operator’s own money', async () => {
    await commit(debit(1, 120));
    expect(await discharge(100n)).toBe(true);
    expect(await discharge(100n)).toBe(false);
    expect(positions()).toEqual(owed(20));
    const { totals, faults } = await checkBooks(world.store);
    expect(faults).toEqual([]);
    expect(totals.get(sek)).toMatchObject({ positions: 20n, settlement: 100n });
  });

  it('makes room under the cap again', async () => {
    await renew({ perCounterparty: () => '300' });
    await commit(debit(1, 300));
    expect(await hold(debit(2, 1))).toMatchObject({ ok: false, code: 'over-counterparty-limit' });
    await discharge(300n);
    expect(await hold(debit(2, 1))).toMatchObject({ ok: true });
  });
});

describe('check', () => {
  it('tells neither balance nor what was spent', async () => {
    await renew({ perUserDay: { SEK: '100' } });
    expect(check(debit(1, 5000))).toEqual({ ok: true, account: 'ada/SEK' });
    expect(check(debit(1, 101))).toEqual({ ok: true, account: 'ada/SEK' });
  });

  it('refuses what is refused to everyone', async () => {
    await renew({ perOrder: { SEK: '100' }, perCounterparty: () => '90' });
    expect(check(debit(1, 101))).toMatchObject({ ok: false, code: 'over-order-limit' });
    expect(check(debit(1, 91))).toMatchObject({ ok: false, code: 'over-counterparty-limit' });
    expect(check(debit(1, 10, { asset: eur }))).toMatchObject({ ok: false, code: 'no-account' });
  });
});

describe('commit', () => {
  it('refuses an action that is not of payments: nothing could be booked', async () => {
    await expect(commit(operation({ action: 'issue' }))).rejects.toMatchObject({ code: 'internal' });
  });

  it('books a held debit to the counterparty, and its fee apart', async () => {
    const given = debit(1, 120, { fee: amount(3) });
    await hold(given);
    expect(balances()).toEqual([in_(sek, 877, 123)]);
    expect(await commit(given, later(5))).toBe(false);
    expect(balances()).toEqual([in_(sek, 877)]);
    expect(positions()).toEqual(owed(120));
    expect((await checkBooks(world.store)).totals.get(sek)).toEqual({
      accounts: 1877n,
      held: 0n,
      positions: 120n,
      fees: 3n,
      cash: -2000n,
      settlement: 0n,
    });
    expect(world.payments.payment(world.store.newest, given.pair, given.leg)?.entries).toEqual([
      {
        kind: 'hold',
        at: now,
        lines: [
          ['user:ada', '-123'],
          ['held:ada', '123'],
        ],
      },
      {
        kind: 'commit',
        at: later(5),
        lines: [
          ['held:ada', '-120'],
          ['position:2', '120'],
        ],
      },
      {
        kind: 'fee',
        at: later(5),
        lines: [
          ['held:ada', '-3'],
          ['fees', '3'],
        ],
      },
    ]);
  });

  it('books a credit from the counterparty', async () => {
    await hold(credit(1, 120));
    expect(await commit(credit(1, 120))).toBe(false);
    expect(balances()).toEqual([in_(sek, 1120)]);
    expect(positions()).toEqual(owed(-120));
  });

  it('without a hold goes below zero, and the debt comes first afterwards', async () => {
    expect(await commit(debit(1, 1200, { fee: amount(5) }))).toBe(true);
    expect(balances()).toEqual([in_(sek, -205)]);
    expect(positions()).toEqual(owed(1200));
    expect(await hold(debit(2, 1))).toMatchObject({
      ok: false,
      code: 'insufficient-funds',
      facts: { balance: '-205' },
    });
    await commit(credit(3, 305));
    expect(await hold(debit(2, 100))).toMatchObject({ ok: true });
  });

  it('without a hold leaves what others have on hold alone', async () => {
    await hold(debit(1, 900));
    await commit(debit(2, 900));
    expect(balances()).toEqual([in_(sek, -800, 900)]);
    expect(await commit(debit(1, 900))).toBe(false);
    expect(balances()).toEqual([in_(sek, -800)]);
  });

  it('after a release is from the balance', async () => {
    await hold(debit(1, 100));
    await release(debit(1, 100));
    expect(await commit(debit(1, 100))).toBe(true);
    expect(balances()).toEqual([in_(sek, 900)]);
  });

  it('without an account opens one', async () => {
    expect(await commit(debit(1, 7, { asset: eur }))).toBe(true);
    expect(balances()).toEqual([in_(sek, 1000), in_(eur, -7)]);
    expect((await checkBooks(world.store)).faults).toEqual([]);
  });

  it('books on a closed account, which stays closed', async () => {
    await hold(debit(1, 100));
    await world.store.transact((tx) => world.payments.closeAccount(tx, ada, sek));
    expect(await commit(debit(1, 100))).toBe(false);
    expect(await commit(credit(2, 30))).toBe(true);
    expect(balances()).toEqual([in_(sek, 930)]);
    expect(await hold(debit(3, 1))).toMatchObject({ code: 'account-closed' });
  });

  it('of both legs of an on-us pair leaves no position, which is never listed', async () => {
    const first = debit(1, 120, { counterparty: own });
    const second = credit(1, 120, { counterparty: own, leg: 'second', user: 'shop' as UserId });
    for (const leg of [first, second]) {
      await hold(leg);
      await commit(leg);
    }
    expect(positions()).toEqual([]);
    expect((await checkBooks(world.store)).totals.get(sek)?.positions).toBe(0n);
    expect(balances('shop' as UserId)).toEqual([in_(sek, 1120)]);
  });
});

describe('deposit and withdraw', () => {
  const movement = { id: 'm1', user: ada, asset: sek, amount: amount(50), reason: 'cash desk' };
  const deposit = (changes: Partial<typeof movement> = {}): Promise<unknown> =>
    world.store.transact((tx) => world.payments.deposit(tx, { ...movement, ...changes }, now));
  const withdraw = (changes: Partial<typeof movement> = {}): Promise<unknown> =>
    world.store.transact((tx) => world.payments.withdraw(tx, { ...movement, ...changes }, now));

  it.each(['0', '-5', '1.5', '', '007'])('refuse the amount "%s"', async (text) => {
    const changes = { amount: text as typeof movement.amount };
    await expect(deposit(changes)).rejects.toMatchObject({ code: 'bad-request' });
    await expect(withdraw(changes)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('refuse an account that does not exist or is closed', async () => {
    await expect(deposit({ asset: eur })).rejects.toMatchObject({ code: 'not-found' });
    await world.store.transact((tx) => world.payments.closeAccount(tx, ada, sek));
    await expect(withdraw()).rejects.toMatchObject({ code: 'unprocessable' });
  });

  it('refuse a known id with other content', async () => {
    await deposit();
    for (const changes of [{ amount: amount(51) }, { reason: 'x' }, { user: 'shop' as UserId }, { asset: eur }]) {
      await expect(deposit(changes)).rejects.toMatchObject({ code: 'conflict', facts: { id: 'm1' } });
    }
    await expect(withdraw()).rejects.toMatchObject({ code: 'conflict', facts: { field: 'kind' } });
    expect(balances()).toEqual([in_(sek, 1050)]);
  });

  it('refuse a withdrawal of more than is free', async () => {
    await hold(debit(1, 960));
    await expect(withdraw()).rejects.toMatchObject({ code: 'unprocessable', facts: { amount: '50', balance: '40' } });
    expect(await withdraw({ amount: amount(40) })).toEqual({ asset: sek, balance: '0' });
  });

  it('move money once an id, and answer again as the first time', async () => {
    expect(await deposit()).toEqual({ asset: sek, balance: '1050' });
    expect(await withdraw({ id: 'm2' })).toEqual({ asset: sek, balance: '1000' });
    expect(await deposit()).toEqual({ asset: sek, balance: '1050' });
    expect(balances()).toEqual([in_(sek, 1000)]);
    expect((await checkBooks(world.store)).faults).toEqual([]);
  });
});

describe('accounts', () => {
  it('closing refuses one that does not exist', async () => {
    const closing = world.store.transact((tx) => world.payments.closeAccount(tx, ada, eur));
    await expect(closing).rejects.toMatchObject({ code: 'not-found' });
  });

  it('opening an open one changes nothing', async () => {
    await world.store.transact((tx) => world.payments.openAccount(tx, ada, sek));
    expect(balances()).toEqual([in_(sek, 1000)]);
  });

  it('are listed in the order in which they were opened', async () => {
    await world.store.transact((tx) => world.payments.openAccount(tx, ada, eur));
    expect(balances()).toEqual([in_(sek, 1000), in_(eur, 0)]);
    expect(balances('nobody' as UserId)).toEqual([]);
  });

  it('hold amounts beyond 2^53', async () => {
    const much = 10n ** 30n;
    await commit(credit(1, 0, { amount: amount(much) }));
    await hold(debit(2, 0, { amount: amount(much) }));
    expect(balances()).toEqual([{ asset: sek, balance: '1000', held: much.toString() }]);
  });
});

describe('book', () => {
  it('refuses lines that do not sum to zero', async () => {
    const booked = world.store.transact((tx) =>
      book(tx, 'commit', sek, now, [
        [{ of: 'user', user: ada }, -5n],
        [{ of: 'fees' }, 4n],
      ]),
    );
    await expect(booked).rejects.toThrow(/sum to -1/);
    expect(balances()).toEqual([in_(sek, 1000)]);
  });

  it('refuses to take a held bucket below zero', async () => {
    const booked = world.store.transact((tx) =>
      book(tx, 'release', sek, now, [
        [{ of: 'held', user: ada }, -1n],
        [{ of: 'user', user: ada }, 1n],
      ]),
    );
    await expect(booked).rejects.toThrow(/held:ada in SEK would fall to -1/);
  });
});

describe('checkBooks', () => {
  it('names what does not agree with its journal', async () => {
    await hold(debit(1, 100));
    await world.store.transact((tx) => {
      const account = tx.get(accountTable, 'ada/SEK');
      if (account !== undefined) tx.put(accountTable, 'ada/SEK', { ...account, balance: '901', held: amount(99) });
      tx.put(positionTable, '2/SEK', { balance: '5', debits: amount(0), credits: amount(0) });
    });
    expect((await checkBooks(world.store)).faults).toEqual([
      'SEK sums to 5, not to 0',
      'user:ada SEK is 901; its operations make 900',
      'held:ada SEK is 99; its operations make 100',
      'on hold of ada/SEK is 99; its operations make 100',
      'position:2 SEK is 5; its operations make 0',
      'debits on hold with 2/SEK is 0; its operations make 100',
    ]);
  });
});
