/** Settlement windows: agreed with the peer, anchored, discharged (docs/settlement.md). */
import { logs, peerMethod, queue, type Part } from '../../parts/part.ts';
import type { FlowContext } from '../context.ts';
import { peerQueue } from '../flow-part.ts';
import type { ContractCalls } from '../own-calls.ts';
import { answerWindow } from './answer-window.ts';
import { applyStatement } from './apply.ts';
import { askForSignatures } from './close.ts';
import { answerCompare, locateForStaff } from './locate.ts';
import { dischargeDuty, statementDuty } from './on-chain.ts';
import { closeByClock, windowScheduleTable } from './schedule.ts';
import { openWindowTable, statementSeenTable, statementTable, windowHeadTable, windowTable } from './window.ts';
import { locateQueue, windowQueue, type LocateItem, type WindowItem } from './window-events.ts';

/** How often it is asked whether a window is to be closed by the clock. */
const scheduleMillis = 1_000;

export const windowsPart = (flow: FlowContext, { statements }: Pick<ContractCalls, 'statements'>): Part => ({
  name: 'windows',
  tables: [windowTable, openWindowTable, windowHeadTable, statementTable, statementSeenTable, windowScheduleTable],
  queues: [
    queue<WindowItem>(windowQueue, { ...peerQueue, maxGroup: 1 }, (group) => askForSignatures(flow, group)),
    queue<LocateItem>(locateQueue, { ...peerQueue, maxGroup: 1 }, (group) => locateForStaff(flow, group)),
  ],
  clocks:
    Object.keys(flow.config.settlement.everySeconds).length === 0
      ? []
      : [{ name: 'window schedule', millis: scheduleMillis, action: () => closeByClock(flow) }],
  peerMethods: [
    peerMethod('window', (from, request) => answerWindow(flow, from, request)),
    peerMethod('compare', (from, request) => answerCompare(flow, from, request)),
  ],
  logs: logs(['StatementAnchored', 'StatementDischarged'], (work, block, log) => {
    applyStatement(flow, work, block, log);
  }),
  duties:
    statements === undefined
      ? []
      : [
          statementDuty(flow, statements.domain, statements.calls),
          dischargeDuty(flow, statements.domain, statements.calls),
        ],
  gauges: [
    {
      name: 'tandem_open_windows',
      help: 'Settlement windows that are not discharged yet.',
      read: () => [...flow.windows.open()].length,
    },
    {
      name: 'tandem_overdue_windows',
      help: 'Settlement windows that are overdue.',
      read: () => flow.windows.overdue(flow, flow.engine.clock.now()),
    },
    {
      name: 'tandem_oldest_window_seconds',
      help: 'Age of the oldest window that is not discharged.',
      read: () => Math.round(flow.windows.oldestSeconds(flow.engine.clock.now())),
    },
  ],
  follow() {
    flow.engine.follow(windowTable, (_key, window) => {
      if (window !== undefined) flow.windows.moved(window);
    });
  },
  load: () => flow.windows.load(),
});
