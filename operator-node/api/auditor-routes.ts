/**
 * Disclosure files for admitted auditors: the pages that staff would give (`disclosure-routes.ts`), within the scope that
 * the configuration gives the auditor. Each access is journaled, one that was refused too.
 */
import { z } from 'zod';
import type { FiledRequest } from '../chain/chain.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { TandemError } from '../errors.ts';
import { cursorTable } from '../chain/cursor.ts';
import type { FlowContext } from '../flow/context.ts';
import { loadBatch } from '../flow/batch.ts';
import { sidesOf, type PairSide } from '../flow/pair.ts';
import type { Timestamp } from '../model/ids.ts';
import type { View } from '../store/store.ts';
import { loadRequest } from '../flow/requests/request.ts';
import type { Auditor } from './auditor-gate.ts';
import type { ApiNode } from './api-node.ts';
import { disclosurePage, disclosureRequest, pageAnswer, pageText, type DisclosurePage } from './disclosure-routes.ts';
import { blockNumber, disclosing, filed, operatorId, pairId, timestamp } from './common-fields.ts';
import { journalExcerpt } from './journal-excerpt.ts';
import { bytes, json, route, type Shown } from './route.ts';

/** What an auditor asks: its name comes from its token. */
const auditRequest = disclosureRequest.omit({ recipient: true }).extend({ filed });
export type AuditRequest = z.output<typeof auditRequest>;
const auditJournalRequest = z.strictObject({
  pair: pairId,
  policy: disclosing.policy,
  reason: disclosing.reason,
  filed,
});
export type AuditJournalRequest = z.output<typeof auditJournalRequest>;

/** What an auditor may ask; absent is without a bound. */
export const scopeSchema = z.strictObject({
  auditor: z.string(),
  operator: operatorId,
  counterparties: z.array(operatorId).optional().meta({ description: 'If absent, pairs with every counterparty.' }),
  fromBlock: blockNumber,
  toBlock: blockNumber.optional(),
  policies: z.array(disclosing.policy),
  expires: timestamp,
  requestsPerMinute: z.number().int().min(1),
  finalBlock: blockNumber.optional().meta({ description: 'The last block that can be asked for now.' }),
});
type AuditScope = Shown<typeof scopeSchema>;

function auditorOf({ config }: Pick<FlowContext, 'config'>, name: string): Auditor {
  const found = config.auditors.find((auditor) => auditor.name === name);
  if (found === undefined) throw new TandemError('forbidden', `${name} is not an auditor of this node.`);
  return found;
}

/** A pair of a batch of the scope; in the same words where there is none and where it is another's. */
function pairOutside(
  { counterparties, fromBlock, toBlock = Infinity, policies }: Auditor,
  sides: readonly PairSide[],
  view: View,
  { pair, policy }: AuditJournalRequest,
): string | undefined {
  if (!policies.includes(policy)) return `its policies are ${policies.join(', ')}, not ${policy}`;
  const inside = sides.some(({ side: { role, peer }, state }) => {
    const batch = state.batch === undefined ? undefined : loadBatch(view, state.batch, role);
    const prepared = batch?.state.prepared?.number;
    if (prepared === undefined || prepared < fromBlock || prepared > toBlock) return false;
    return counterparties?.includes(peer) !== false;
  });
  return inside ? undefined : `pair ${pair} is in no batch of it`;
}

/** @throws {TandemError} `forbidden` outside of the scope, and as for staff: `not-found`, `not-ready`, `unprocessable` */
export async function auditorExcerpt(
  flow: FlowContext,
  auditLog: string | undefined,
  name: string,
  request: AuditJournalRequest,
): Promise<string> {
  const sides = await flow.engine.run((view) => sidesOf(view, request.pair));
  const { filed } = await admitted(flow, name, { ...request }, request.filed, (auditor) =>
    pairOutside(auditor, sides, flow.engine.newest, request),
  );
  return journalExcerpt(
    flow,
    sides,
    auditLog,
    { ...request, recipient: `auditor ${name}` },
    {
      ...(filed === undefined ? {} : { request: filed }),
      journal: { what: 'auditor access', auditor: name, ...request },
    },
  );
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
    // The configuration takes no other.
    expires: expires as Timestamp,
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

/** The request that the auditor names, as the last final block has it; or why it does not stand for this access. */
async function filedFor(
  { auditLog, chain, engine, self }: FlowContext,
  { auditorId }: Auditor,
  filed: string,
): Promise<FiledRequest | string> {
  if (auditLog === undefined) return 'this network has no AuditLog, so that no request is filed';
  const final = engine.newest.get(cursorTable, 'chain');
  if (final === undefined) throw new TandemError('not-ready', 'This node has not applied any block yet.');
  const found = await chain.disclosureRequest(Number(filed), final.hash);
  if (found === undefined) return `the AuditLog has no request ${filed} at final block ${final.number}`;
  const { request, operator, auditor, answered } = found;
  if (operator !== self) return `request ${request} is to operator ${operator}, not to ${self}`;
  if (auditorId !== undefined && auditor !== auditorId) {
    return `request ${request} is of auditor ${auditor} of the AuditLog, not of ${auditorId}`;
  }
  if (answered !== undefined || loadRequest(engine.newest, request)?.order !== undefined) {
    return `request ${request} has been answered: nothing more is handed over for it`;
  }
  return found;
}

/**
 * The auditor, and the request that it names. What is refused is journaled.
 * @throws {TandemError} `forbidden` outside of the scope; `chain-unavailable`, `not-ready`
 */
async function admitted(
  flow: FlowContext,
  name: string,
  asked: Readonly<Record<string, unknown>>,
  filed: string | undefined,
  outsideOf: (auditor: Auditor) => string | undefined,
): Promise<{ readonly auditor: Auditor; readonly filed?: FiledRequest }> {
  const auditor = auditorOf(flow, name);
  const found = outsideOf(auditor) ?? (filed === undefined ? undefined : await filedFor(flow, auditor, filed));
  if (typeof found !== 'string') return { auditor, ...(found === undefined ? {} : { filed: found }) };
  await flow.engine.run((work) => {
    work.journal('disclosure', { what: 'auditor access refused', auditor: name, ...asked, why: found });
  });
  throw new TandemError('forbidden', `This is outside of the scope of ${name}: ${found}.`);
}

/** @throws {TandemError} `forbidden` outside of the scope, and as for staff: `not-found`, `not-ready` */
export async function auditorPage(
  flow: FlowContext,
  payments: PaymentsDomain,
  name: string,
  request: AuditRequest,
): Promise<DisclosurePage> {
  const { auditor, filed } = await admitted(flow, name, { ...request }, request.filed, (found) =>
    outside(found, request),
  );
  const { counterparties } = auditor;
  return disclosurePage(
    flow,
    payments,
    { ...request, recipient: `auditor ${name}` },
    {
      ...(counterparties === undefined ? {} : { counterparties }),
      ...(filed === undefined ? {} : { request: filed }),
      journal: { what: 'auditor access', auditor: name, ...request },
    },
  );
}

export const auditorRoutes = {
  auditScope: route({
    method: 'get',
    path: '/v1/audit/scope',
    token: 'auditor',
    summary: 'What this auditor may ask for, and up to which block there is data.',
    answers: { 200: json('The scope.', scopeSchema) },
    refusals: ['forbidden', 'too-busy'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { auditor }) => auditScope(flow, auditor),
  }),

  auditDisclosures: route({
    method: 'post',
    path: '/v1/audit/disclosures',
    token: 'auditor',
    summary: 'A page of this operator’s disclosure file, within the auditor’s scope. Each request is journaled.',
    body: auditRequest,
    answers: pageAnswer,
    refusals: [
      'forbidden',
      'not-found',
      'not-ready',
      'too-busy',
      'chain-unavailable',
      'chain-unreadable',
      'store-failed',
    ],
    run: async ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>, { auditor, body }) =>
      pageText(await auditorPage(flow, payments, auditor, body)),
  }),

  auditJournal: route({
    method: 'post',
    path: '/v1/audit/journal',
    token: 'auditor',
    summary:
      'What the journal has of a pair of the auditor’s scope, with its path to a head on chain. Each request is journaled.',
    body: auditJournalRequest,
    answers: { 200: bytes('The excerpt, byte for byte.') },
    refusals: [
      'forbidden',
      'not-found',
      'not-ready',
      'unprocessable',
      'too-busy',
      'chain-unavailable',
      'chain-unreadable',
      'store-failed',
    ],
    run: ({ flow, auditLog }: Pick<ApiNode, 'flow' | 'auditLog'>, { auditor, body }) =>
      auditorExcerpt(flow, auditLog, auditor, body),
  }),
};
