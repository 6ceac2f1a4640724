/**
 * An operator's disclosure file for a range of blocks, page by page, from what the node has stored
 * (docs/audit-formats.md). Lanes in the order of their keys, batches in their sequence: a page goes on where the one
 * before ended.
 */
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { alwaysDisclosed } from '../audit/records.ts';
import type { DisclosurePolicy } from '../audit/bundle.ts';
import { disclosureFormat, encodeLine, type PairLine, type PostingLine } from '../audit/disclosures/lines.ts';
import { policyOf } from '../audit/disclosures/policies.ts';
import type { FiledRequest } from '../chain/chain.ts';
import { discloseTerms } from '../commitment/record.ts';
import { operationFields, termsFields } from '../commitment/schema.ts';
import { batchSecret } from '../commitment/secrets.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { digestOfEntry, entriesOf } from '../erasure/records.ts';
import { TandemError } from '../errors.ts';
import { laneBatchTable, loadBatch, peerCommitmentTable, type KnownBatch } from '../flow/batch.ts';
import { cursorTable } from '../chain/cursor.ts';
import type { FlowContext } from '../flow/context.ts';
import { loadSide, type Side } from '../flow/pair.ts';
import { leafHashes } from '../flow/propose.ts';
import { legOf, toTimestamp, type Hash, type Leg, type OperatorId, type PairId, type Role } from '../model/ids.ts';
import type { View } from '../store/store.ts';
import type { ApiNode } from './api-node.ts';
import { blockNumber, disclosing } from './common-fields.ts';
import { handedUnder } from './handed-under.ts';
import { route, text } from './route.ts';

export const disclosureRequest = z.strictObject({
  /** Batches prepared in these blocks, both included. */
  from: blockNumber,
  to: blockNumber,
  ...disclosing,
  after: z
    .string()
    .max(64)
    .regex(/^[!-~]*$/, 'must be what an earlier answer gave')
    .default('')
    .meta({ description: 'The `after` that the page before ended with; without it from the first.' }),
});
type DisclosureRequest = z.output<typeof disclosureRequest>;

export interface DisclosurePage {
  readonly text: string;
  readonly batches: number;
  readonly pairs: number;
  /** The policy also hands over what the journal has of each pair: excerpts, asked for pair by pair. */
  readonly journal?: boolean;
  /** Absent on the last page. */
  readonly next?: string;
}

/** A page ends with the batch that passes this. */
const defaultPageBytes = 4_194_304;
/** Pairs between two looks at other work: some 5 ms. */
const pairsAtOnce = 64;

const hidden = <Field extends string>(
  fields: readonly Field[],
  disclosures: readonly string[],
  shown: ReadonlySet<string>,
): string[] =>
  fields.map((field, at) => {
    const disclosure = disclosures[at] ?? '';
    return shown.has(field) ? disclosure : digestOfEntry(disclosure);
  });

interface Shown {
  readonly terms: ReadonlySet<string>;
  readonly operation: ReadonlySet<string>;
}

const shownBy = (policy: DisclosurePolicy): Shown => ({
  terms: new Set([...policy.terms, ...alwaysDisclosed.terms]),
  operation: new Set([...policy.operation, ...alwaysDisclosed.operation]),
});

/** The bookings of one leg as the ledger has them: from its entries, so that one too many shows. */
function postingsOf(flow: FlowContext, payments: PaymentsDomain, view: View, side: Side): PostingLine[] {
  const { pair, leg, operation } = side;
  const ledger = payments.payment(view, pair, leg);
  if (ledger !== undefined) {
    return ledger.entries.flatMap(({ kind, at, lines }, number) => {
      const position = lines.find(([account]) => account.startsWith('position:'));
      if (kind !== 'commit' || position === undefined) return [];
      const amount = `${-BigInt(position[1])}`;
      return [{ leg, id: `${pair}/${leg}/${number}`, booked: toTimestamp(at), asset: ledger.content.asset, amount }];
    });
  }
  const posting = flow.domains.get(side.domain).posting(view, pair, leg);
  if (posting === undefined) return [];
  const amount = operation.action === 'debit' ? `-${posting.amount}` : posting.amount;
  return [{ leg, id: `${pair}/${leg}`, booked: toTimestamp(posting.bookedAt), asset: posting.asset, amount }];
}

function pairLine(
  flow: FlowContext,
  payments: PaymentsDomain,
  view: View,
  { record }: KnownBatch,
  pair: PairId,
  index: number,
  shown: Shown,
): { readonly line: PairLine; readonly secret: Hash } {
  const ownLeg = legOf(record.role);
  const legs: readonly Leg[] = record.batch.initiator === record.batch.acceptor ? ['first', 'second'] : [ownLeg];
  const sides = legs.flatMap((leg) => loadSide(view, pair, leg)?.side ?? []);
  const own = sides.find(({ leg }) => leg === ownLeg);
  const other = view.get(peerCommitmentTable, `${pair}!${record.role}`);
  if (own === undefined || other === undefined || sides.length !== legs.length) {
    throw new TandemError('internal', `Pair ${pair} has lost its leaf.`);
  }
  const records = Object.fromEntries(
    sides.map((side) => [side.leg, hidden(operationFields, entriesOf(view, side), shown.operation)]),
  );
  const line: PairLine = {
    type: 'pair',
    index,
    leaf: { pair, ...leafHashes(own, other) },
    terms: hidden(termsFields, discloseTerms(own.termsSecret, own.terms), shown.terms),
    ...records,
    postings: sides.flatMap((side) => postingsOf(flow, payments, view, side)),
  };
  return { line, secret: own.termsSecret };
}

async function section(
  flow: FlowContext,
  payments: PaymentsDomain,
  known: KnownBatch,
  prepared: number,
  asOf: { readonly number: number; readonly hash: Hash },
  shown: Shown,
): Promise<string> {
  const { record } = known;
  const secrets: Hash[] = [];
  let body = '';
  for (const [index, pair] of record.pairs.entries()) {
    if (index % pairsAtOnce === pairsAtOnce - 1) await setImmediate();
    const { line, secret } = pairLine(flow, payments, flow.engine.newest, known, pair, index, shown);
    secrets.push(secret);
    body += encodeLine(line);
  }
  const { initiator, acceptor, sequence, deadline, count, root } = record.batch;
  const head = encodeLine({
    type: 'batch',
    batchId: record.batchId,
    batch: { initiator, acceptor, sequence: `${sequence}`, deadline, count, root },
    prepared,
    secret: batchSecret(secrets),
    asOf: { number: asOf.number, hash: asOf.hash },
    bytes: Buffer.byteLength(body),
    pairs: record.pairs.length,
  });
  return head + body;
}

/** For whom a page is made, where that is not staff. */
export interface PageScope {
  /** Batches with these operators and no others. */
  readonly counterparties?: readonly OperatorId[];
  /** In the AuditLog: what the page is handed over for. */
  readonly request?: FiledRequest;
  /** In place of what the journal says of a page for staff. */
  readonly journal: Readonly<Record<string, unknown>>;
}

const headerLine = (flow: FlowContext, { from, to, policy }: DisclosureRequest): string =>
  encodeLine({
    type: 'header',
    format: disclosureFormat,
    chainId: `${flow.settlement.chainId}`,
    contract: flow.settlement.contract.toLowerCase(),
    operator: flow.self,
    from,
    to,
    policy,
  });

/** The batches of the request after a key of a lane, with their keys, in the order of the file. */
async function* batchesOf(
  flow: FlowContext,
  { from, to, after }: DisclosureRequest,
  counterparties: readonly OperatorId[] | undefined,
): AsyncGenerator<{ readonly key: string; readonly known: KnownBatch; readonly prepared: number }> {
  const { store, newest } = flow.engine;
  // A lane's key and the space, which comes before every other character: the next key after it.
  for await (const [key, batchId] of store.scan(laneBatchTable, after === '' ? {} : { gte: `${after} ` })) {
    const [role = '', peer = ''] = key.split('!');
    if (counterparties?.includes(Number(peer) as OperatorId) === false) continue;
    const known = loadBatch(newest, batchId, role as Role);
    const prepared = known?.state.prepared?.number;
    if (known === undefined || prepared === undefined || prepared < from || prepared > to) continue;
    const { batch } = known.record;
    // A batch on us is in the store twice; it is disclosed once, with both legs.
    if (batch.initiator === batch.acceptor && role === 'acceptor') continue;
    yield { key, known, prepared };
  }
}

/** Journaled with each page, before it is given. @throws {TandemError} `not-found` for a policy; `not-ready` */
export async function disclosurePage(
  flow: FlowContext,
  payments: PaymentsDomain,
  request: DisclosureRequest,
  scope?: PageScope,
  pageBytes = defaultPageBytes,
): Promise<DisclosurePage> {
  const { from, to, policy: name, after, recipient, reason } = request;
  const policy = policyOf(flow.config.disclosure.policies, name);
  if (policy === undefined) throw new TandemError('not-found', `This node has no disclosure policy ${name}.`);
  const { engine } = flow;
  const asOf = engine.newest.get(cursorTable, 'chain');
  if (asOf === undefined || asOf.number < to) {
    throw new TandemError(
      'not-ready',
      `Block ${to} is not final here yet: the last block applied is ${asOf?.number ?? 'none'}.`,
    );
  }
  const shown = shownBy(policy);
  let text = after === '' ? headerLine(flow, request) : '';
  let batches = 0;
  let pairs = 0;
  let last = after;
  let next: string | undefined;
  for await (const { key, known, prepared } of batchesOf(flow, request, scope?.counterparties)) {
    // There is a page after this one only where there is a batch for it.
    if (text.length >= pageBytes) {
      next = last;
      break;
    }
    text += await section(flow, payments, known, prepared, asOf, shown);
    batches += 1;
    pairs += known.record.batch.count;
    last = key;
  }
  await engine.run((work) => {
    const who = scope?.journal ?? { what: 'disclosure file', from, to, policy: name, after, recipient, reason };
    work.journal('disclosure', { ...who, batches, pairs, ...handedUnder(work, scope?.request, text) });
  });
  const journal = policy.journal === true ? { journal: true } : {};
  return { text, batches, pairs, ...journal, ...(next === undefined ? {} : { next }) };
}

/** The page, and after it the line that says where to go on. */
export function pageText({ text, journal, next }: DisclosurePage): string {
  const page = JSON.stringify({
    ...(next === undefined ? {} : { after: next }),
    ...(journal === true ? { journal } : {}),
    type: 'page',
  });
  return `${text}${page}\n`;
}

export const pageAnswer = { 200: text('Lines of the file, then a line of type `page`.', 'application/x-ndjson') };

export const disclosureRoutes = {
  disclosures: route({
    method: 'post',
    path: '/v1/disclosures',
    token: 'admin',
    summary: 'A page of this operator’s disclosure file for a range of blocks, for an auditor. Each page is journaled.',
    body: disclosureRequest,
    answers: pageAnswer,
    refusals: ['not-found', 'not-ready', 'store-failed'],
    run: async ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>, { body }) =>
      pageText(await disclosurePage(flow, payments, body)),
  }),
};
