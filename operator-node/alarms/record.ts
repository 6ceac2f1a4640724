/** What the store keeps of alarms: one row a code and subject, until staff has acknowledged it. */
import type { UnixMillis } from '../model/ids.ts';
import { table, type Tx } from '../store/store.ts';
import type { AlarmCode } from './catalogue.ts';

/**
 * What an alarm may say of its cause. A closed list, since alarms are kept in the clear and shown to whoever watches the
 * node: no number of a phone, no name, no text of a user or amount has a place in it.
 */
type AlarmFact =
  | 'address'
  | 'asset'
  | 'auditor'
  | 'balanceWei'
  | 'baseFeeWei'
  | 'batchId'
  | 'block'
  | 'blocks'
  | 'by'
  | 'code'
  | 'days'
  | 'daysLeft'
  | 'decision'
  | 'detail'
  | 'due'
  | 'endpoint'
  | 'entry'
  | 'event'
  | 'found'
  | 'freeBytes'
  | 'head'
  | 'key'
  | 'leg'
  | 'message'
  | 'minFreeBytes'
  | 'neededWei'
  | 'nonce'
  | 'offeredWei'
  | 'open'
  | 'operator'
  | 'pair'
  | 'pairs'
  | 'passedOver'
  | 'peer'
  | 'refusal'
  | 'request'
  | 'role'
  | 'seconds'
  | 'signature'
  | 'standing'
  | 'state'
  | 'statement'
  | 'tag'
  | 'waitingSeconds'
  | 'why'
  | 'window'
  | 'withoutHold';

export type AlarmFacts = { readonly [K in AlarmFact]?: string | number | boolean };

export interface AlarmRecord {
  readonly code: AlarmCode;
  /** What it is about where there are several: an operator, an endpoint. */
  readonly subject: string;
  /** For a condition, when it last began; for an event, when it first happened since staff acknowledged it. */
  readonly since: UnixMillis;
  readonly last: UnixMillis;
  readonly count: number;
  /** The facts of the latest occurrence. */
  readonly facts: AlarmFacts;
  /** A condition that is over, and since when. */
  readonly over?: UnixMillis;
}

/** Key: `<code>!<subject>`. */
export const alarmTable = table<AlarmRecord>('alarm');
export const alarmKey = (code: AlarmCode, subject: string): string => `${code}!${subject}`;

/** Whom it is about, unless it is said: the peer or operator that the facts name. */
const subjectOf = ({ peer, operator }: AlarmFacts): string => String(peer ?? operator ?? '');

/** In the write of the step that raised it. */
export function noteAlarm(
  tx: Tx,
  now: UnixMillis,
  code: AlarmCode,
  facts: AlarmFacts,
  { subject = subjectOf(facts), begins = false }: { readonly subject?: string | undefined; readonly begins?: boolean },
): void {
  const key = alarmKey(code, subject);
  const before = tx.get(alarmTable, key);
  const since = begins ? now : (before?.since ?? now);
  tx.put(alarmTable, key, { code, subject, since, last: now, count: (before?.count ?? 0) + 1, facts: short(facts) });
}

const longest = 500;

/** A row has an end, whatever a peer has said. */
const short = (facts: AlarmFacts): AlarmFacts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, longest) : value]),
  );

/** As they were when it ended: for how long it lasted, how little was left. */
export function noteFacts(tx: Tx, code: AlarmCode, subject: string, facts: AlarmFacts): void {
  const key = alarmKey(code, subject);
  const before = tx.get(alarmTable, key);
  if (before !== undefined) tx.put(alarmTable, key, { ...before, facts: short(facts) });
}

export function noteOver(tx: Tx, now: UnixMillis, code: AlarmCode, subject: string): void {
  const key = alarmKey(code, subject);
  const before = tx.get(alarmTable, key);
  // Acknowledged meanwhile: nothing is left to show.
  if (before !== undefined) tx.put(alarmTable, key, { ...before, over: now });
}
