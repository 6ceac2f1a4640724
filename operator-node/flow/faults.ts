/** What somebody did that cannot be while everybody keeps the protocol: kept in the journal, and staff is told. */
import type { EventAlarm } from '../alarms/catalogue.ts';
import type { AlarmFacts } from '../alarms/record.ts';
import type { Work } from '../engine/engine.ts';

/** In the journal by the code of its alarm. */
export function noteFault(work: Work, what: EventAlarm, facts: AlarmFacts): void {
  work.journal('fault', { what, ...facts });
  work.emit({ type: 'alarm', what, ...facts });
}
