import { describe, expect, it } from 'vitest';
import type { ConditionAlarm } from '../../operator-node/alarms/catalogue.ts';
import type { FeesAsked, KeyMoney, SendingKey, Stuck } from '../../operator-node/chain/chain.ts';
import { daysOf, spendingTable, spentPerDay, spentSince } from '../../operator-node/chain/spending.ts';
import { Gas, type GasContext } from '../../operator-node/flow/gas.ts';
import type { OpenBatch } from '../../operator-node/flow/open.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { SimulatedDisk, openMemoryStore } from '../../operator-node/store/memory.ts';

const gwei = 1_000_000_000n;
const hour = 3_600_000;
const at = (millis: number): UnixMillis => (1_800_000_000_000 + millis) as UnixMillis;
const self = 1 as OperatorId;
const peer = 2 as OperatorId;

const asked = (baseFee: bigint, tip = 0n): FeesAsked => ({
  offer: { kind: 'eip1559', maxFeePerGas: 2n * baseFee + tip, maxPriorityFeePerGas: tip },
  baseFee,
});

/** A node's keys as the test says; `alarms` are those that are active. */
function scene(fees: FeesAsked, balances: Record<SendingKey, bigint>) {
  const state = { fees, balances, troubles: [] as string[], stuck: undefined as Stuck | undefined };
  const batches: Pick<OpenBatch, 'role' | 'peer'>[] = [];
  const store = openMemoryStore(new SimulatedDisk());
  const clock = { now: at(0) };
  const alarms = new Set<string>();
  const gas = new Gas(
    {
      feeCap: 500n * gwei,
      money: (key): KeyMoney => ({
        ...{ key, address: `0x${key}`, owed: 0n },
        ...{ balance: state.balances[key], asked: state.fees },
      }),
      get status() {
        return (['carrier', 'account'] as const).map((key) => ({
          ...{ key, address: `0x${key}`, next: 0, waiting: 0 },
          stuck: key === 'carrier' ? state.stuck : undefined,
          troubles: key === 'carrier' ? state.troubles.map((detail) => ({ nonce: 0, detail })) : [],
        }));
      },
    },
    { alarmDays: 7 },
  );
  const flow = {
    self,
    engine: { newest: store.newest, clock: { now: () => clock.now } },
    open: { allBatches: () => batches },
    alarms: {
      set: (code: ConditionAlarm, active: boolean, _: unknown, subject: string) => {
        if (active) alarms.add(`${code} ${subject}`);
        else alarms.delete(`${code} ${subject}`);
      },
    },
  } as unknown as GasContext;
  return {
    ...{ state, batches, store, clock, gas },
    look: () => {
      gas.look(flow);
      return { trouble: gas.trouble, alarms: [...alarms].sort() };
    },
  };
}

describe('Gas', () => {
  it('takes nothing before the balances are known', () => {
    const source = { feeCap: gwei, money: () => undefined, status: [] };
    const gas = new Gas(source, { alarmDays: 7 });
    expect(gas.trouble).toMatch(/not read yet/);
  });

  it.each([
    ['asks for nothing', asked(0n)],
    ['asks for nothing, though somebody gives a tip', asked(0n, gwei)],
  ])('needs no money where the chain %s', (_, fees) => {
    const { look, gas } = scene(fees, { carrier: 0n, account: 0n });
    expect(look()).toEqual({ trouble: undefined, alarms: [] });
    expect(gas.keys.map(({ balance, needed, daysLeft }) => [balance, needed, daysLeft])).toEqual([
      [0n, 0n, undefined],
      [0n, 0n, undefined],
    ]);
  });

  it('needs some where a suggested price is demanded after all', () => {
    const { look, state } = scene(asked(0n, gwei), { carrier: 0n, account: 0n });
    state.troubles.push('gas price below the minimum');
    expect(look()).toMatchObject({
      trouble: expect.stringMatching(/^the carrier key 0xcarrier has 0\.0/),
      alarms: ['gas-empty carrier'],
    });
  });

  it.each([
    ['carrier', { carrier: 0n, account: 10n ** 18n }, /^the carrier key .* to carry batches: send it some$/],
    ['account', { carrier: 10n ** 18n, account: 0n }, /^the account key .* to decide and to attest: send it some$/],
  ] as const)('begins nothing while the %s has none, and goes on when it has', (key, balances, words) => {
    const { look, state } = scene(asked(gwei), balances);
    expect(look()).toMatchObject({ trouble: expect.stringMatching(words), alarms: [`gas-empty ${key}`] });
    state.balances = { carrier: 10n ** 18n, account: 10n ** 18n };
    expect(look()).toEqual({ trouble: undefined, alarms: [] });
  });

  it('keeps enough back for what is open', () => {
    const { look, state, batches, gas } = scene(asked(gwei), { carrier: 10n ** 18n, account: 10n ** 18n });
    look();
    const [carrier = { needed: 0n }, account = { needed: 0n }] = gas.keys;
    state.balances = { carrier: carrier.needed, account: account.needed };
    expect(look().trouble).toBeUndefined();
    batches.push({ role: 'initiator', peer });
    expect(look().alarms).toEqual(['gas-empty account', 'gas-empty carrier']);
    batches.pop();
    // Just enough again is not enough: it would come and go with every batch.
    expect(look().alarms).toEqual(['gas-empty account', 'gas-empty carrier']);
    state.balances = { carrier: 2n * carrier.needed, account: 2n * account.needed };
    expect(look()).toEqual({ trouble: undefined, alarms: [] });
  });

  it('begins nothing while fees are above the cap, or nothing of it gets in', () => {
    const { look, state } = scene(asked(gwei), { carrier: 10n ** 18n, account: 10n ** 18n });
    state.fees = { ...asked(gwei), baseFee: 501n * gwei };
    expect(look().trouble).toMatch(/more than gas.feeCapGwei allows/);
    state.fees = asked(gwei);
    state.stuck = { nonce: 3, tag: 'carry', blocks: 12, offeredWei: '1', baseFeeWei: '2' };
    expect(look()).toMatchObject({
      trouble: expect.stringMatching(/in none of 12 blocks/),
      alarms: ['transaction-stuck carrier'],
    });
    state.stuck = undefined;
    expect(look()).toEqual({ trouble: undefined, alarms: [] });
  });

  it('rings while a balance lasts for less than the days that are asked for, also after a restart', async () => {
    const { look, store, clock, gas } = scene(asked(gwei), { carrier: 10n ** 18n, account: 10n ** 18n });
    // A fifth of it a day.
    const spending = spentSince(spentSince(undefined, 12n * 10n ** 17n, at(0)), 10n ** 18n, at(24 * hour - 1));
    await store.transact((tx) => {
      tx.put(spendingTable, '0xaccount', spending);
    });
    clock.now = at(24 * hour - 1);
    expect(look()).toEqual({ trouble: undefined, alarms: ['gas-low account'] });
    expect(gas.keys.map(({ key, daysLeft }) => [key, daysLeft])).toEqual([
      ['carrier', undefined],
      ['account', expect.closeTo(5, 0)],
    ]);
  });
});

describe('what is spent', () => {
  it('is what a balance has gone down by; money that comes in counts for nothing', () => {
    let spending = spentSince(undefined, 1000n, at(0));
    for (const [millis, balance] of [
      [60_000, 900n],
      [120_000, 5000n],
      [2 * hour, 4950n],
    ] as const) {
      spending = spentSince(spending, balance, at(millis));
    }
    expect(spending.hours.map(({ spent }) => spent)).toEqual(['100', '50']);
    expect(spentPerDay(spending, at(2 * hour))).toBe(1800n);
    expect(daysOf(3600n, 1800n)).toBe(2);
  });

  it('says nothing before a minute is measured, and nothing of a key that spends nothing', () => {
    const spending = spentSince(spentSince(undefined, 1000n, at(0)), 900n, at(1000));
    expect(spentPerDay(spending, at(59_000))).toBeUndefined();
    expect(spentPerDay(spending, at(60_000))).toBe(144_000n);
    expect(daysOf(1000n, spentPerDay(spentSince(undefined, 1n, at(0)), at(hour)))).toBeUndefined();
  });

  it('is forgotten after a day, and survives a clock that jumps', () => {
    let spending = spentSince(spentSince(undefined, 1000n, at(0)), 400n, at(1000));
    expect(spentPerDay(spending, at(23 * hour))).toBeGreaterThan(0n);
    expect(spentPerDay(spending, at(25 * hour))).toBe(0n);
    // An hour ahead, and back.
    spending = spentSince(spentSince(undefined, 1000n, at(hour)), 900n, at(hour));
    spending = spentSince(spending, 800n, at(0));
    expect(spending.since).toBe(at(0));
    expect(spentPerDay(spending, at(60_000))).toBe(144_000n);
  });
});
