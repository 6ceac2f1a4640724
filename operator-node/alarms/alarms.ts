/**
 * A node's alarms. What has happened is emitted by the step that it happened in (`work.emit`), and is stored with it; what
 * begins and ends is told here, by whoever watches it, at every look: only a change is stored, logged and counted. A row
 * stays until staff acknowledges it, so that what was over by the morning is still seen then.
 */
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { toTimestamp, type Timestamp, type UnixMillis } from '../model/ids.ts';
import { alarmEntry, isAlarmCode, type AlarmCode, type ConditionAlarm, type EventAlarm } from './catalogue.ts';
import { alarmKey, alarmTable, noteFacts, type AlarmFacts, type AlarmRecord } from './record.ts';

export interface AlarmView extends Pick<AlarmRecord, 'code' | 'subject' | 'count' | 'facts'> {
  /** For a condition, when it last began; for an event, when it first happened since staff acknowledged it. */
  readonly since: Timestamp;
  readonly last: Timestamp;
  /** A condition that holds now, or an event that nobody has acknowledged. */
  readonly active: boolean;
  readonly severity: 'critical' | 'warning';
  readonly text: string;
  readonly remedy: string;
  /** When a condition that is not active any more ended. */
  readonly over?: Timestamp;
}

interface Condition {
  readonly code: ConditionAlarm;
  readonly subject: string;
  readonly since: UnixMillis;
  facts: AlarmFacts;
}

export interface Acknowledgement {
  readonly code: string;
  /** Undefined: every subject of that code. */
  readonly subject?: string | undefined;
  readonly by: string;
  readonly because: string;
}

export class Alarms {
  #engine: Engine | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #conditions = new Map<string, Condition>();
  /** What began before there was an engine to store it with. */
  readonly #early = new Map<string, { readonly code: ConditionAlarm; readonly subject: string; facts: AlarmFacts }>();

  constructor(onFailure: (error: unknown) => void = () => undefined) {
    this.#onFailure = onFailure;
  }

  /** From now on changes are stored; what has begun before is stored now. */
  attach(engine: Engine): void {
    this.#engine = engine;
    for (const { code, subject, facts } of this.#early.values()) this.#begin(engine, code, facts, subject);
    this.#early.clear();
  }

  /** At every look; `subject` tells several of one kind apart, such as operators or endpoints. */
  set(code: ConditionAlarm, active: boolean, facts: AlarmFacts = {}, subject = ''): void {
    const key = alarmKey(code, subject);
    const engine = this.#engine;
    if (engine === undefined) {
      if (active) this.#early.set(key, { code, subject, facts });
      else this.#early.delete(key);
      return;
    }
    const known = this.#conditions.get(key);
    if (active && known === undefined) this.#begin(engine, code, facts, subject);
    else if (active && known !== undefined) known.facts = facts;
    else if (!active && known !== undefined) {
      this.#conditions.delete(key);
      this.#run(engine, (work) => {
        noteFacts(work, code, subject, known.facts);
        work.emit({ type: 'alarm-over', what: code, subject });
      });
    }
  }

  /** What has happened outside of any step. */
  raise(code: EventAlarm, facts: AlarmFacts = {}, subject?: string): void {
    this.#run(this.#attached(), (work) => {
      work.emit({ type: 'alarm', what: code, ...(subject === undefined ? {} : { subject }), ...facts });
    });
  }

  #begin(engine: Engine, code: ConditionAlarm, facts: AlarmFacts, subject: string): void {
    this.#conditions.set(alarmKey(code, subject), { code, subject, since: engine.clock.now(), facts });
    this.#run(engine, (work) => {
      work.emit({ type: 'alarm', what: code, subject, ...facts });
    });
  }

  #run(engine: Engine, body: Parameters<Engine['run']>[0]): void {
    engine.run(body).catch((error: unknown) => {
      // A node that stops stores nothing more; the condition is found again at the next start.
      if (!(error instanceof TandemError && error.code === 'not-ready')) this.#onFailure(error);
    });
  }

  isActive(code: ConditionAlarm, subject = ''): boolean {
    return this.#conditions.has(alarmKey(code, subject));
  }

  /** Active ones first, then critical ones, then the newest. */
  async list(): Promise<readonly AlarmView[]> {
    const views = new Map<string, AlarmView>();
    for await (const [key, record] of this.#attached().store.scan(alarmTable)) {
      if (isAlarmCode(record.code)) views.set(key, this.#view(key, record));
    }
    // Acknowledged while it lasts: still shown, since it still holds.
    for (const [key, { code, subject, since, facts }] of this.#conditions) {
      if (!views.has(key)) {
        views.set(key, this.#view(key, { code, subject, since, last: since, count: 1, facts }));
      }
    }
    const rank = ({ active, severity }: AlarmView): number => (active ? 0 : 2) + (severity === 'critical' ? 0 : 1);
    return [...views.values()].sort((a, b) => rank(a) - rank(b) || (a.last < b.last ? 1 : -1));
  }

  #view(key: string, { code, subject, since, last, count, facts, over }: AlarmRecord): AlarmView {
    const { kind, severity, text, remedy } = alarmEntry(code);
    const now = this.#conditions.get(key);
    const active = kind === 'event' || now !== undefined;
    return {
      ...{ code, severity, subject, active, since: toTimestamp(since), last: toTimestamp(last) },
      ...(active ? {} : { over: toTimestamp(over ?? last) }),
      ...{ count, facts: now?.facts ?? facts, text, remedy },
    };
  }

  /** How many alarms are active, by code; codes without any are left out. */
  async active(): Promise<ReadonlyMap<AlarmCode, number>> {
    const counts = new Map<AlarmCode, number>();
    for (const { code, active } of await this.list()) if (active) counts.set(code, (counts.get(code) ?? 0) + 1);
    return counts;
  }

  /**
   * Staff has seen it: its row goes, and who and why is in the journal. A condition that still holds stays active.
   * @throws {TandemError} `not-found`
   */
  async acknowledge({ code, subject, by, because }: Acknowledgement): Promise<readonly AlarmView[]> {
    if (!isAlarmCode(code)) throw new TandemError('not-found', `Unknown alarm ${code}: docs/alarms.md lists them all.`);
    const engine = this.#attached();
    const keys: string[] = [];
    for await (const [key, row] of engine.store.scan(alarmTable)) {
      if (row.code === code && (subject === undefined || row.subject === subject)) keys.push(key);
    }
    if (keys.length === 0) {
      const about = subject === undefined ? '' : ` about ${subject}`;
      throw new TandemError('not-found', `Alarm ${code}${about} is not raised, so it cannot be acknowledged.`);
    }
    await engine.run((work) => {
      for (const key of keys) {
        const row = work.get(alarmTable, key);
        if (row === undefined) continue;
        const { since, last, count } = row;
        work.del(alarmTable, key);
        work.journal('staff', {
          ...{ did: 'acknowledged', alarm: code, subject: row.subject },
          ...{ by, because, since, last, count },
        });
      }
      work.emit({ type: 'alarm-acknowledged', what: code, by });
    });
    return this.list();
  }

  #attached(): Engine {
    if (this.#engine === undefined) throw new TandemError('not-ready', 'The node is starting.');
    return this.#engine;
  }
}
