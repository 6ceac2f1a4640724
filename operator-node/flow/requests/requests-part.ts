/** Auditors' requests to this operator, and staff's answers (docs/audit-access.md). */
import { logs, type Part } from '../../parts/part.ts';
import type { FlowContext } from '../context.ts';
import type { ContractCalls } from '../own-calls.ts';
import { applyRequest } from './apply.ts';
import { handedTextTable, openRequestTable, requestTable, requestTallyTable } from './request.ts';
import { answerDuty } from './requests.ts';

/** How often it is asked whether an auditor's request is overdue. */
const lookMillis = 1_000;

export const requestsPart = (flow: FlowContext, { auditLog }: Pick<ContractCalls, 'auditLog'>): Part => ({
  name: 'requests',
  tables: [requestTable, openRequestTable, requestTallyTable, handedTextTable],
  clocks: [
    {
      name: 'requests',
      millis: lookMillis,
      action() {
        flow.requests.look(flow);
      },
    },
  ],
  logs: logs(['DisclosureRequested', 'DisclosureAnswered'], (work, block, log) => {
    applyRequest(flow, work, block, log);
  }),
  duties: auditLog === undefined ? [] : [answerDuty(flow, auditLog)],
  gauges: [
    {
      name: 'tandem_open_requests',
      help: 'Auditors’ requests without a final answer.',
      read: () => flow.requests.counts(flow).open,
    },
    {
      name: 'tandem_overdue_requests',
      help: 'Auditors’ requests that are overdue.',
      read: () => flow.requests.counts(flow).overdue,
    },
  ],
  load: () => flow.requests.load(),
});
