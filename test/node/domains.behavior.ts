/** The rules of the domain port: every call in every state of an operation. Each domain's test runs them for its actions. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operation, PrivateDomain } from '../../operator-node/domains/domain.ts';
import { checkBooks } from '../../operator-node/domains/payments/books.ts';
import type { Amount } from '../../operator-node/model/ids.ts';
import type { Store } from '../../operator-node/store/store.ts';
import { later, now } from './domains.fixture.ts';

export interface DomainHarness {
  readonly store: Store;
  readonly domain: PrivateDomain;
  /** Whatever an operation can change, as one comparable value; without what only time changes. */
  state(): unknown;
}

type Call = 'hold' | 'commit' | 'release';

const ways: Readonly<Record<string, readonly Call[]>> = {
  none: [],
  held: ['hold'],
  committed: ['hold', 'commit'],
  released: ['hold', 'release'],
  'committed without hold': ['commit'],
  'committed after release': ['hold', 'release', 'commit'],
};

/** State → call → [what it answers, whether it moves anything]. */
const table: Readonly<Record<string, Readonly<Record<Call, readonly [answer: string, moves: boolean]>>>> = {
  none: { hold: ['ok', true], commit: ['without hold', true], release: ['nothing', false] },
  held: { hold: ['ok', false], commit: ['with hold', true], release: ['nothing', true] },
  committed: { hold: ['ok', false], commit: ['with hold', false], release: ['nothing', false] },
  released: { hold: ['not-supported', false], commit: ['without hold', true], release: ['nothing', false] },
  'committed without hold': { hold: ['ok', false], commit: ['without hold', false], release: ['nothing', false] },
  'committed after release': { hold: ['ok', false], commit: ['without hold', false], release: ['nothing', false] },
};

export function domainBehavior(makeHarness: () => Promise<DomainHarness>, operation: Operation): void {
  const { pair, leg } = operation;
  let harness: DomainHarness;
  beforeEach(async () => {
    harness = await makeHarness();
  });
  afterEach(async () => {
    expect((await checkBooks(harness.store)).faults).toEqual([]);
    await harness.store.close();
  });

  const call = (name: Call, at = now): Promise<string> =>
    harness.store.transact((tx) => {
      switch (name) {
        case 'hold': {
          const outcome = harness.domain.hold(tx, operation, at);
          return outcome.ok ? 'ok' : outcome.code;
        }
        case 'commit':
          return harness.domain.commit(tx, operation, at).withoutHold ? 'without hold' : 'with hold';
        case 'release':
          harness.domain.release(tx, pair, leg, at);
          return 'nothing';
      }
    });
  const goTo = async (state: string): Promise<void> => {
    for (const name of ways[state] ?? []) await call(name);
  };
  const posting = (): unknown => harness.domain.posting(harness.store.newest, pair, leg);

  describe.each(Object.keys(ways))('when %s', (state) => {
    it.each(['hold', 'commit', 'release'] as const)('%s', async (name) => {
      await goTo(state);
      const before = harness.state();
      const [answer, moves] = table[state]?.[name] ?? [];
      expect(await call(name, later(60))).toBe(answer);
      if (moves === true) expect(harness.state()).not.toEqual(before);
      else expect(harness.state()).toEqual(before);
    });

    it('check says what hold would say and changes nothing', async () => {
      await goTo(state);
      const before = harness.state();
      const checked = harness.domain.check(harness.store.newest, operation, now);
      expect(harness.state()).toEqual(before);
      const held = await harness.store.transact((tx) => harness.domain.hold(tx, operation, now));
      expect(checked.ok).toBe(held.ok);
      if (checked.ok && held.ok) expect(checked.account).toBe(held.account);
    });

    if (state === 'none') return;
    it('refuses other content under the same pair and leg', async () => {
      await goTo(state);
      const other: Operation = { ...operation, amount: `${operation.amount}0` as Amount };
      for (const name of ['hold', 'commit'] as const) {
        const given = harness.store.transact((tx) => harness.domain[name](tx, other, now));
        await expect(given).rejects.toMatchObject({ code: 'conflict', facts: { pair, leg, field: 'amount' } });
      }
    });
  });

  it('answers the same hold with the same words', async () => {
    const hold = (): Promise<unknown> => harness.store.transact((tx) => harness.domain.hold(tx, operation, now));
    const first = await hold();
    expect(await hold()).toEqual(first);
    await call('commit');
    expect(await hold()).toEqual(first);
  });

  it('has a posting from the commit on, and its time is that of the first one', async () => {
    await goTo('held');
    expect(posting()).toBeUndefined();
    await call('commit', later(1));
    const booked = { pair, leg, asset: operation.asset, amount: operation.amount, bookedAt: later(1) };
    expect(posting()).toEqual(booked);
    const again = await harness.store.transact((tx) => harness.domain.commit(tx, operation, later(2)));
    expect(again).toEqual({ posting: booked, withoutHold: false });
    expect(posting()).toEqual(booked);
  });

  it('has no posting when released', async () => {
    await goTo('released');
    expect(posting()).toBeUndefined();
  });

  it('keeps the legs of one pair apart', async () => {
    await goTo('held');
    const other = leg === 'first' ? 'second' : 'first';
    await harness.store.transact((tx) => harness.domain.release(tx, pair, other, now));
    expect(await call('commit')).toBe('with hold');
  });

  it('leaves everything as before by hold and release', async () => {
    const before = harness.state();
    await goTo('released');
    expect(harness.state()).toEqual(before);
  });
}
