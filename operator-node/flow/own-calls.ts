/** How this operator calls the contracts of its network. */
import type { StatementCalls } from '../chain/audit-log.ts';
import type { AuditLogCalls, SettlementCalls } from '../chain/calls.ts';
import type { SettlementDomain } from '../model/records.ts';

export interface ContractCalls {
  readonly calls: SettlementCalls;
  /** Absent where the network has no AuditLog. */
  readonly auditLog?: AuditLogCalls | undefined;
  /** Undefined where the network has no AuditLog: then no window can be settled. */
  readonly statements: { readonly domain: SettlementDomain; readonly calls: StatementCalls } | undefined;
}
