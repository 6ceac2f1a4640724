/** What somebody did that cannot be while everybody keeps the protocol: kept in the journal, and staff is told. */
import type { EventAlarm } from '../alarms/catalogue.ts';
import type { AlarmFacts } from '../alarms/record.ts';
import type { Work } from '../engine/engine.ts';
import type { Fault } from '../engine/state-table.ts';

/** In the journal by the code of its alarm. */
export function noteFault(work: Work, what: EventAlarm, facts: AlarmFacts): void {
  work.fault(what, facts);
  work.emit({ type: 'alarm', what, ...facts });
}

/** A table says of this cell that it cannot happen. */
export function noteImpossible(work: Work, { fault: why, alarm }: Fault, facts: AlarmFacts): void {
  if (alarm === undefined) noteFault(work, 'impossible-event', { why, ...facts });
  else noteFault(work, alarm, { why, ...facts });
}
