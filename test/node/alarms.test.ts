import { describe, expect, it } from 'vitest';
import { alarmCodes, type AlarmCode } from '../../operator-node/alarms/catalogue.ts';
import { Alarms } from '../../operator-node/alarms/alarms.ts';
import { alarmTable } from '../../operator-node/alarms/record.ts';
import { createMetrics } from '../../operator-node/api/metrics.ts';
import { alarmGauge } from '../../operator-node/process/node-gauges.ts';
import { Engine, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { journalTable } from '../../operator-node/engine/journal.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';

function open(disk = new SimulatedDisk(), begins = 1_000_000) {
  let now = begins;
  const events: EngineEvent[] = [];
  const store = openMemoryStore(disk);
  const engine = new Engine({
    store,
    clock: { now: () => now as UnixMillis, after: () => () => undefined },
    random: { bytes: (count) => new Uint8Array(count) },
    onEvent: (event) => events.push(event),
    onFailure: (_, error) => {
      throw error;
    },
  });
  const failures: unknown[] = [];
  const alarms = new Alarms((error) => failures.push(error));
  alarms.attach(engine);
  return {
    ...{ disk, store, engine, alarms, events, failures },
    later(millis: number) {
      now += millis;
    },
    /** Everything asked for so far is stored. */
    settled: () => engine.run(() => undefined),
    emit: (...facts: readonly { readonly peer?: number; readonly refusal?: string }[]) =>
      engine.run((work) => {
        for (const each of facts) work.emit({ type: 'alarm', what: 'batch-refused', ...each });
      }),
    async journal() {
      const found: unknown[] = [];
      for await (const [, { kind, payload }] of store.scan(journalTable)) found.push({ kind, ...payload });
      return found;
    },
  };
}

describe('an event', () => {
  it('is stored with the step that raises it, counted by whom it is about, with its last facts', async () => {
    const node = open();
    await node.emit({ peer: 2, refusal: 'root' });
    node.later(5_000);
    await node.emit({ peer: 2, refusal: 'count' }, { peer: 3, refusal: 'deadline' });
    const began = { since: '1970-01-01T00:16:40Z', last: '1970-01-01T00:16:45Z' };
    expect(await node.alarms.list()).toMatchObject([
      { subject: '3', count: 1, active: true, severity: 'warning', facts: { peer: 3, refusal: 'deadline' } },
      { subject: '2', count: 2, ...began, facts: { peer: 2, refusal: 'count' } },
    ]);
    expect(await node.alarms.active()).toEqual(new Map([['batch-refused', 2]]));
  });

  it('is not stored where the step failed', async () => {
    const node = open();
    const step = node.engine.run((work) => {
      work.emit({ type: 'alarm', what: 'batch-refused', peer: 2 });
      throw new Error('after all not');
    });
    await expect(step).rejects.toThrow('after all not');
    expect([await node.alarms.list(), node.events]).toEqual([[], []]);
  });

  it('is still shown by the next process, until staff has seen it; who and why are in the journal', async () => {
    const first = open();
    await first.emit({ peer: 2 });
    const next = open(first.disk.clone(), 2_000_000);
    expect(await next.alarms.list()).toMatchObject([{ code: 'batch-refused', active: true, count: 1 }]);
    const left = await next.alarms.acknowledge({ code: 'batch-refused', by: 'Eva', because: 'asked them' });
    expect(left).toEqual([]);
    expect(await next.journal()).toMatchObject([
      { kind: 'staff', did: 'acknowledged', alarm: 'batch-refused', subject: '2', by: 'Eva', because: 'asked them' },
    ]);
    await next.settled();
    expect(await open(next.disk.clone()).alarms.list()).toEqual([]);
  });

  it('is acknowledged by its subject where there are several; what is not there is refused', async () => {
    const node = open();
    await node.emit({ peer: 2 }, { peer: 3 });
    const seen = { by: 'Eva', because: 'asked them' };
    expect(await node.alarms.acknowledge({ code: 'batch-refused', subject: '3', ...seen })).toMatchObject([
      { subject: '2' },
    ]);
    for (const wrong of [{ code: 'batch-refused', subject: '9' }, { code: 'discrepancy' }, { code: 'no-such' }]) {
      await expect(node.alarms.acknowledge({ ...wrong, ...seen })).rejects.toMatchObject({ code: 'not-found' });
    }
  });

  it('keeps no more of a long fact than it needs', async () => {
    const node = open();
    await node.emit({ refusal: 'x'.repeat(10_000) });
    expect(String((await node.alarms.list())[0]?.facts.refusal)).toHaveLength(500);
  });
});

describe('a condition', () => {
  it('is told when it begins and when it ends, not at every look, and shows its newest facts', async () => {
    const node = open();
    for (const freeBytes of [9, 8, 7]) node.alarms.set('disk-nearly-full', true, { freeBytes });
    await node.settled();
    expect(node.events).toEqual([{ type: 'alarm', what: 'disk-nearly-full', subject: '', freeBytes: 9 }]);
    expect(await node.alarms.list()).toMatchObject([{ active: true, count: 1, facts: { freeBytes: 7 } }]);
    node.later(60_000);
    node.alarms.set('disk-nearly-full', false);
    node.alarms.set('disk-nearly-full', false);
    await node.settled();
    expect(node.events.slice(1)).toEqual([{ type: 'alarm-over', what: 'disk-nearly-full', subject: '' }]);
    expect(await node.alarms.list()).toMatchObject([
      { active: false, over: '1970-01-01T00:17:40Z', facts: { freeBytes: 7 } },
    ]);
    expect(await node.alarms.active()).toEqual(new Map());
  });

  it('that was over by the morning is seen then, after a restart too', async () => {
    const first = open();
    first.alarms.set('halted', true);
    first.alarms.set('halted', false);
    await first.settled();
    expect(await open(first.disk.clone()).alarms.list()).toMatchObject([{ code: 'halted', active: false, count: 1 }]);
  });

  it('that still holds stays active when it is acknowledged, and is gone when it ends', async () => {
    const node = open();
    node.alarms.set('halted', true);
    await node.settled();
    expect(await node.alarms.acknowledge({ code: 'halted', by: 'Eva', because: 'at it' })).toMatchObject([
      { code: 'halted', active: true },
    ]);
    expect(node.store.newest.get(alarmTable, 'halted!')).toBeUndefined();
    node.alarms.set('halted', false);
    await node.settled();
    expect(await node.alarms.list()).toEqual([]);
  });

  it('is told apart by its subject', async () => {
    const node = open();
    node.alarms.set('request-overdue', true, {}, '17');
    node.alarms.set('request-overdue', true, {}, '18');
    node.alarms.set('request-overdue', false, {}, '17');
    await node.settled();
    expect(node.alarms.isActive('request-overdue', '18')).toBe(true);
    expect(await node.alarms.active()).toEqual(new Map([['request-overdue', 1]]));
  });

  it('that began before there was a store is told once there is one', async () => {
    const node = open();
    const early = new Alarms();
    early.set('halted', true);
    early.set('disk-nearly-full', true);
    early.set('disk-nearly-full', false);
    early.attach(node.engine);
    await node.settled();
    expect(node.events).toEqual([{ type: 'alarm', what: 'halted', subject: '' }]);
  });

  it('does not end a node that is stopping, and says what else went wrong', async () => {
    const node = open();
    await node.engine.stop();
    node.alarms.set('halted', true);
    await Promise.resolve();
    expect(node.failures).toEqual([]);
  });
});

describe('metrics of alarms', () => {
  const samples = (text: string, name: string) =>
    Object.fromEntries(
      [...text.matchAll(new RegExp(`^${name}\\{code="([^"]+)"\\} (\\d+)$`, 'gm'))].map(([, c, n]) => [c, n]),
    );

  it('has every code from the start, with 0, so that an alert sees the first one', async () => {
    const metrics = createMetrics();
    metrics.show([alarmGauge({ active: () => Promise.resolve(new Map()) })]);
    const text = await metrics.text();
    const zeros = Object.fromEntries(alarmCodes.map((code) => [code, '0']));
    expect(samples(text, 'tandem_alarms_total')).toEqual(zeros);
    expect(samples(text, 'tandem_alarm_active')).toEqual(zeros);
  });

  it('counts what is raised, and says how many are active', async () => {
    const metrics = createMetrics();
    let active = new Map<AlarmCode, number>([['discrepancy', 2]]);
    metrics.show([alarmGauge({ active: () => Promise.resolve(active) })]);
    metrics.incAlarm('discrepancy');
    metrics.incAlarm('discrepancy');
    const text = await metrics.text();
    expect(samples(text, 'tandem_alarms_total')['discrepancy']).toBe('2');
    expect(samples(text, 'tandem_alarm_active')['discrepancy']).toBe('2');
    active = new Map();
    expect(samples(await metrics.text(), 'tandem_alarm_active')['discrepancy']).toBe('0');
  });
});
