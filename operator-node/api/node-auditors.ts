/**
 * Disclosure files for admitted auditors: the pages that staff would give (`node-disclosures.ts`), within the scope that
 * the configuration gives the auditor. Each access is journaled, one that was refused too.
 */
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { TandemError } from '../errors.ts';
import { cursorTable } from '../flow/blocks.ts';
import type { FlowContext } from '../flow/context.ts';
import type { Auditor } from './auditor-gate.ts';
import { disclosurePage } from './node-disclosures.ts';
import type { AuditRequest, AuditScope, DisclosurePage } from './services.ts';

function auditorOf({ config }: Pick<FlowContext, 'config'>, name: string): Auditor {
  const found = config.auditors.find((auditor) => auditor.name === name);
  if (found === undefined) throw new TandemError('forbidden', `${name} is no auditor of this node.`);
  return found;
}

export function auditScope(flow: Pick<FlowContext, 'config' | 'self' | 'engine'>, name: string): AuditScope {
  const { counterparties, fromBlock, toBlock, policies, expires, requestsPerMinute } = auditorOf(flow, name);
  const applied = flow.engine.newest.get(cursorTable, 'chain')?.number;
  return {
    auditor: name,
    operator: flow.self,
    ...(counterparties === undefined ? {} : { counterparties }),
    fromBlock,
    ...(toBlock === undefined ? {} : { toBlock }),
    policies,
    expires,
    requestsPerMinute,
    ...(applied === undefined ? {} : { finalBlock: applied }),
  };
}

/** Why the request is outside of the scope; undefined where it is inside. */
function outside({ fromBlock, toBlock, policies }: Auditor, { from, to, policy }: AuditRequest): string | undefined {
  if (!policies.includes(policy)) return `its policies are ${policies.join(', ')}, not ${policy}`;
  if (from < fromBlock) return `its blocks begin at ${fromBlock}, not at ${from}`;
  return toBlock !== undefined && to > toBlock ? `its blocks end at ${toBlock}, not at ${to}` : undefined;
}

/** @throws {TandemError} `forbidden` outside of the scope, and as for staff: `not-found`, `not-ready` */
export async function auditorPage(
  flow: FlowContext,
  payments: PaymentsDomain,
  name: string,
  request: AuditRequest,
): Promise<DisclosurePage> {
  const auditor = auditorOf(flow, name);
  const why = outside(auditor, request);
  if (why !== undefined) {
    await flow.engine.run((work) => {
      work.journal('disclosure', { what: 'auditor access refused', auditor: name, ...request, why });
    });
    throw new TandemError('forbidden', `This is outside of the scope of ${name}: ${why}.`);
  }
  const { counterparties } = auditor;
  return disclosurePage(
    flow,
    payments,
    { ...request, recipient: `auditor ${name}` },
    {
      ...(counterparties === undefined ? {} : { counterparties }),
      journal: { what: 'auditor access', auditor: name, ...request },
    },
  );
}
