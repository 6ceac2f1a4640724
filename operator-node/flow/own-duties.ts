/** What a node has to bring to the chain, in the order in which it is looked at. */
import type { StatementCalls } from '../chain/audit-log.ts';
import type { AuditLogCalls, SettlementCalls } from '../chain/calls.ts';
import type { Duty } from '../chain/duties.ts';
import type { SettlementDomain } from '../model/records.ts';
import { checkpointDuty } from './checkpoint.ts';
import type { FlowContext } from './context.ts';
import { answerDuty } from './requests/requests.ts';
import { attestDuty, carryDuty, decideDuty } from './submit.ts';
import { dischargeDuty, statementDuty } from './windows/on-chain.ts';

export interface ContractCalls {
  readonly calls: SettlementCalls;
  /** Absent where the network has no AuditLog. */
  readonly auditLog?: AuditLogCalls | undefined;
  /** Undefined where the network has no AuditLog: then no window can be settled. */
  readonly statements: { readonly domain: SettlementDomain; readonly calls: StatementCalls } | undefined;
}

export function* dutiesOf(flow: FlowContext, { calls, auditLog, statements }: ContractCalls): Iterable<Duty> {
  yield carryDuty(flow, calls);
  yield decideDuty(flow, calls, flow.decisions);
  yield attestDuty(flow, calls);
  if (statements !== undefined) {
    yield statementDuty(flow, statements.domain, statements.calls);
    yield dischargeDuty(flow, statements.domain, statements.calls);
  }
  if (auditLog !== undefined) {
    yield answerDuty(flow, auditLog);
    yield checkpointDuty(flow, flow.anchor, auditLog);
  }
}
