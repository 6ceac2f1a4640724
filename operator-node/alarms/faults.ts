/**
 * What the journal calls a fault: evidence of something that should not happen. A fault that also raises an alarm has the
 * alarm's code; those below are evidence alone. A test compares this list with docs/alarms.md and with the code, both ways.
 */
import type { EventAlarm } from './catalogue.ts';

/** Codes that ring nothing, each with what happened. */
export const quietFaults = {
  'own-pair-proposed-back': 'A peer proposed a pair under an id that this operator made itself.',
  'pair-with-two-contents': 'A peer proposed two contents under one pair id.',
  'pair-in-batch-and-withdrawn': 'A peer has put a pair into a batch that this operator has withdrawn.',
  'signature-not-taken': 'A peer does not take this operator’s signature of a batch.',
  'journal-heads-disowned': 'This operator’s controller has taken back heads of the journal on chain.',
  'rebuilt-from-peer': 'After a loss, a batch was built again from what a peer gave back.',
  'rebuilt-without-hold': 'After a loss, what a side needs could not be held again.',
} as const satisfies Readonly<Record<string, string>>;

export type QuietFault = keyof typeof quietFaults;
export type FaultCode = EventAlarm | QuietFault;
