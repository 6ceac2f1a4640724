/** The heads of this node's journal on the chain (`checkpoint.ts`). */
import { journalHeadTable, journalTable, journalVerifiedTable } from '../engine/journal.ts';
import { logs, type Part } from '../parts/part.ts';
import { checkpointDuty, checkpointStateTable, checkpointTable } from './checkpoint.ts';
import type { FlowContext } from './context.ts';
import type { ContractCalls } from './own-calls.ts';

/** How often it is asked whether the journal's head is anchored late. */
const lookMillis = 1_000;

export const journalPart = (flow: FlowContext, { auditLog }: Pick<ContractCalls, 'auditLog'>): Part => ({
  name: 'journal',
  tables: [journalTable, journalHeadTable, journalVerifiedTable, checkpointTable, checkpointStateTable],
  clocks: [
    {
      name: 'journal anchor',
      millis: lookMillis,
      action() {
        flow.anchor.look(flow);
      },
    },
  ],
  logs: [
    ...logs(['JournalCheckpoint'], (work, block, log) => {
      if (log.operator === flow.self) flow.anchor.applied(flow, work, block, log);
    }),
    ...logs(['JournalHeadsDisowned'], (work, block, log) => {
      if (log.operator === flow.self) flow.anchor.disowned(work, block, log);
    }),
  ],
  duties: auditLog === undefined ? [] : [checkpointDuty(flow, flow.anchor, auditLog)],
});
