/** The heads of this node's journal on the chain (`checkpoint.ts`). */
import { journalHeadTable, journalTable, journalVerifiedTable } from '../engine/journal.ts';
import { toUnixSeconds } from '../model/ids.ts';
import { logs, type Part, type PartGauge } from '../parts/part.ts';
import {
  anchorStatus,
  checkpointDuty,
  checkpointStateTable,
  checkpointTable,
  type AnchorStatus,
} from './checkpoint.ts';
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
  gauges: flow.anchor.enabled ? gaugesOf(flow) : [],
});

function gaugesOf({ engine }: Pick<FlowContext, 'engine'>): readonly PartGauge[] {
  const status = (): AnchorStatus => anchorStatus(engine.newest, engine.clock.now());
  return [
    {
      name: 'tandem_journal_anchor_age_seconds',
      help: 'Age of the newest anchored journal head.',
      read() {
        const { newest } = status();
        if (newest === undefined) return undefined;
        return Math.max(0, toUnixSeconds(engine.clock.now()) - newest.block.timestamp);
      },
    },
    {
      name: 'tandem_journal_unanchored_entries',
      help: 'Journal entries that no anchored head covers yet.',
      read: () => status().entries,
    },
    {
      name: 'tandem_journal_unanchored_seconds',
      help: 'Age of the oldest journal entry that no anchored head covers yet.',
      read: () => Math.round(status().waitingMillis / 1000),
    },
  ];
}
