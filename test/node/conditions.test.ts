/** What the node says of itself and of others while it lasts. */
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../operator-node/api/metrics.ts';
import type { OperatorEntry } from '../../operator-node/chain/chain.ts';
import { standingGauge } from '../../operator-node/process/node-gauges.ts';
import { HeadView } from '../../operator-node/flow/head-view.ts';
import { watchConditions } from '../../operator-node/flow/conditions.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';

function looked(operators: Readonly<Record<number, string>>, more: Partial<FlowContext> = {}): readonly string[] {
  const found: string[] = [];
  const entry = (id: number) => ({ id, status: operators[id] });
  watchConditions({
    self: 1,
    open: { halted: false },
    room: { short: false, minFreeBytes: 0 },
    gas: { look: () => undefined },
    chainView: { standsStill: false, ageMillis: 1_000 },
    peers: {
      get: (id: number) => (operators[id] === undefined ? undefined : entry(id)),
      all: () => Object.keys(operators).map((id) => entry(Number(id))),
    },
    alarms: {
      set: (code: string, active: boolean, facts: object, subject = '') =>
        active && found.push(`${code} ${subject} ${JSON.stringify(facts)}`),
    },
    ...more,
  } as never);
  return found;
}

describe('watchConditions', () => {
  it('says nothing where all is well', () => {
    expect(looked({ 1: 'active', 2: 'active' })).toEqual([]);
  });

  it.each(['suspended', 'retired'])('tells its own standing and that of each other apart: %s', (standing) => {
    expect(looked({ 1: standing, 2: 'active' })).toEqual([`own-standing  {"operator":1,"standing":"${standing}"}`]);
    expect(looked({ 1: 'active', 2: standing, 4: standing })).toEqual([
      `peer-standing 2 {"operator":2,"standing":"${standing}"}`,
      `peer-standing 4 {"operator":4,"standing":"${standing}"}`,
    ]);
  });

  it('says that the registry does not know it', () => {
    expect(looked({ 2: 'active' })).toEqual(['own-standing  {"operator":1,"standing":"unknown"}']);
  });

  it('says for how long the chain has stood still', () => {
    const chainView = { standsStill: true, ageMillis: 75_400 } as never;
    expect(looked({ 1: 'active' }, { chainView })).toEqual(['chain-stalled  {"seconds":75}']);
  });
});

describe('HeadView', () => {
  it('is stalled before it has seen a block, which is an alarm only once there was time to look', () => {
    let now = 1_000_000;
    const view = new HeadView({ now: () => now as UnixMillis, after: () => () => undefined }, 20_000);
    expect([view.stalled, view.standsStill]).toEqual([true, false]);
    now += 20_001;
    expect([view.stalled, view.standsStill]).toEqual([true, true]);
    view.see({ newest: {}, final: { number: 1 }, ageMillis: 0 } as never, undefined);
    expect([view.stalled, view.standsStill]).toEqual([false, false]);
    now += 20_001;
    expect([view.stalled, view.standsStill]).toEqual([true, true]);
  });
});

describe('tandem_operator_standing', () => {
  it('has one sample an operator, with its status of now', async () => {
    const metrics = createMetrics();
    let entries: readonly { readonly id: number; readonly status: string }[] = [];
    metrics.show([standingGauge({ all: () => entries as readonly OperatorEntry[] })]);
    const samples = async () =>
      (await metrics.text()).split('\n').filter((line) => line.startsWith('tandem_operator_standing'));
    expect(await samples()).toEqual([]);
    for (const status of ['active', 'suspended']) {
      entries = [{ id: 4, status }];
      expect(await samples()).toEqual([`tandem_operator_standing{operator="4",status="${status}"} 1`]);
    }
  });
});
