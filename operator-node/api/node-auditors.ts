/**
 * Disclosure files for admitted auditors: the pages that staff would give (`node-disclosures.ts`), within the scope that
 * the configuration gives the auditor. Each access is journaled, one that was refused too.
 */
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { TandemError } from '../errors.ts';
import { batchLineSchema, parseLine } from '../audit/disclosures/lines.ts';
import { cursorTable } from '../flow/blocks.ts';
import { laneKey } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import type { OperatorId } from '../model/ids.ts';
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
  const journaled = (what: string, more: Readonly<Record<string, unknown>>): Promise<void> =>
    flow.engine.run((work) => {
      work.journal('disclosure', { what, auditor: name, ...request, ...more });
    });
  const why = outside(auditor, request);
  if (why !== undefined) {
    await journaled('auditor access refused', { why });
    throw new TandemError('forbidden', `This is outside of the scope of ${name}: ${why}.`);
  }
  const { from, to, policy, after, reason } = request;
  const whole = await disclosurePage(flow, payments, { from, to, policy, after, reason, recipient: `auditor ${name}` });
  const page =
    auditor.counterparties === undefined ? whole : scopedPage(whole, flow.self, new Set(auditor.counterparties));
  await journaled('auditor access', { batches: page.batches, pairs: page.pairs });
  return page;
}

/** The sections of batches with these operators, and where to go on: a lane with any other is stepped over. */
export function scopedPage(
  { text, next }: DisclosurePage,
  self: OperatorId,
  scope: ReadonlySet<OperatorId>,
): DisclosurePage {
  let kept = '';
  let batches = 0;
  let pairs = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at) + 1;
    const line = parseLine(batchLineSchema, text.slice(at, end - 1));
    if (!line.ok) {
      // Only the header is no section, and only at the beginning.
      if (at !== 0) throw new TandemError('internal', `A disclosure page has no section at ${at}: ${line.reason}`);
      kept = text.slice(0, end);
      at = end;
      continue;
    }
    const { batch, bytes, pairs: count } = line.value;
    const peer = batch.initiator === self ? batch.acceptor : batch.initiator;
    if (scope.has(peer)) {
      kept += text.slice(at, end + bytes);
      batches += 1;
      pairs += count;
    }
    at = end + bytes;
  }
  const onward = next === undefined ? undefined : nextInScope(next, scope);
  return { text: kept, batches, pairs, ...(onward === undefined ? {} : { next: onward }) };
}

const roles = ['acceptor', 'initiator'] as const;

/** `next` itself in a lane of the scope, else the place before the first batch of the next such lane, if there is one. */
function nextInScope(next: string, scope: ReadonlySet<OperatorId>): string | undefined {
  const lane = next.slice(0, next.lastIndexOf('!'));
  const lanes = roles.flatMap((role) => [...scope].map((peer) => laneKey(role, peer)));
  if (lanes.includes(lane)) return next;
  // With the `!` that follows it in a key: lanes are in the order of their batches' keys.
  return lanes.filter((other) => `${other}!` > `${lane}!`).sort((a, b) => (`${a}!` < `${b}!` ? -1 : 1))[0];
}
