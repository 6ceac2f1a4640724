/** What the process logs and counts of the node's events. */
import { alarmEntry } from '../alarms/catalogue.ts';
import type { Metrics } from '../api/metrics.ts';
import type { EngineEvent } from '../engine/engine.ts';

/** Events that come with every pair or block: counted, not logged. */
export const everyPair: ReadonlySet<string> = new Set([
  ...['ordered', 'held', 'refused', 'notice', 'message', 'committed', 'aborted', 'told', 'block'],
]);

/** An alarm by its code and how bad it is; what to do about it is in docs/alarms.md, and `tandem alarms` says it. */
export function lineOf(event: EngineEvent): Readonly<Record<string, unknown>> {
  if (event.type !== 'alarm' && event.type !== 'alarm-over') return { level: 'info', ...event };
  const { type, what: code, ...facts } = event;
  const { severity, text } = alarmEntry(code);
  if (type === 'alarm-over') return { level: 'info', type, code, severity, ...facts };
  return { level: severity === 'critical' ? 'error' : 'warn', type, code, severity, text, ...facts };
}

export function observe(metrics: Metrics, event: EngineEvent): void {
  if (event.type === 'alarm') metrics.incAlarm(event.what);
  else if (event.type === 'message') metrics.incMessage(event.disposition);
  else if (event.type === 'committed' || event.type === 'aborted') metrics.incPair(event.role, event.type);
  else if (event.type === 'refused') metrics.incRefusal(event.reason);
  else if (event.type === 'notice') metrics.incRefusal(event.key);
}
