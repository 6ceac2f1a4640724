/** Statements of position accounts, for staff: read from the ledger, compared with the position, journaled. */
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { PeerRegistry } from '../chain/chain.ts';
import type { Config } from '../config.ts';
import { TandemError } from '../errors.ts';
import { positionTable, positionKey } from '../domains/payments/records.ts';
import type { FlowContext } from '../flow/context.ts';
import { windowTable } from '../flow/windows/window.ts';
import type { Asset, OperatorId, PairId, UnixMillis } from '../model/ids.ts';
import { camt053 } from '../statements/camt053.ts';
import { csv } from '../statements/csv.ts';
import { readPeriod, type AccountPeriod } from '../statements/entries.ts';
import { statementReference } from '../statements/ids.ts';
import { pacs009, paymentProfiles, type ForNetwork } from '../statements/pacs009.ts';
import { instant, type Institution, type Statement } from '../statements/statement.ts';
import type { ApiNode } from './api-node.ts';
import { asset, counterparty, pairId, say, timestamp } from './common-fields.ts';
import { route, text } from './route.ts';

const statementQuery = z.strictObject({
  /** Id or handle. */
  counterparty,
  asset,
  /** Bookings at this second or later … */
  from: timestamp,
  /** … and before this one. */
  to: timestamp,
});
/** Of a payment: for whom its document is. */
export const forNetwork = {
  profile: z.enum(paymentProfiles).optional().meta({ description: 'As CBPR+ or HVPS+ takes it; BICs are needed.' }),
  clearingSystem: z
    .string({ error: say('a code') })
    .regex(/^[A-Z0-9]{1,3}$/, 'must be the code of a clearing system, such as TGT')
    .optional()
    .meta({ description: 'With the profile hvps: ISO 20022 ExternalCashClearingSystem1Code.' }),
};
const paymentQuery = statementQuery.extend({
  pair: pairId.optional().meta({ description: 'The payment of this pair alone, booked in the period.' }),
  ...forNetwork,
});

export type StatementFormat = 'camt053' | 'pacs009' | 'csv';
export type StatementRequest = z.output<typeof paymentQuery> & { readonly format: StatementFormat };

/** What a statement is made from: of the flow's parts, these. */
export interface StatementContext extends Pick<FlowContext, 'self' | 'handle' | 'engine' | 'settlement'> {
  readonly peers: Pick<PeerRegistry, 'all' | 'get'>;
  readonly config: Pick<Config, 'assets' | 'institutions'>;
}

type Writer = (statement: Statement, pair?: PairId, network?: ForNetwork) => Iterable<string>;
const writers: Readonly<Record<StatementFormat, Writer>> = {
  camt053,
  pacs009,
  csv,
};

/** An operator by its id or its handle. */
export function counterpartyOf(flow: Pick<StatementContext, 'self' | 'peers'>, text: string): OperatorId {
  const found = flow.peers.all().find(({ id, handle }) => handle === text || `${id}` === text);
  if (found === undefined) throw new TandemError('not-found', `The registry has no operator ${text}.`);
  if (found.id === flow.self) {
    throw new TandemError(
      'unprocessable',
      'Between users of one operator there is no position, so there is no account statement.',
    );
  }
  return found.id;
}

export function institutionOf(flow: StatementContext, operator: OperatorId): Institution {
  const { name, bic, lei } = flow.config.institutions[`${operator}`] ?? {};
  const handle = operator === flow.self ? flow.handle : flow.peers.get(operator)?.handle;
  return { operator, name: name ?? handle ?? `${operator}`, bic, lei };
}

const unequal = (operator: OperatorId, asset: Asset, position: bigint, total: bigint): TandemError =>
  new TandemError(
    'unprocessable',
    `The position with ${operator} in ${asset} is ${position}, but its bookings sum to ${total}: no account statement is made from inconsistent books.`,
    { facts: { position: `${position}`, total: `${total}` } },
  );

/** Pieces between two looks at other work: a few milliseconds. */
const piecesAtOnce = 256;

async function gathered(pieces: Iterable<string>): Promise<string> {
  const blocks: string[] = [];
  let block = '';
  let count = 0;
  for (const piece of pieces) {
    block += piece;
    count += 1;
    if (count % piecesAtOnce !== 0) continue;
    blocks.push(block);
    block = '';
    await setImmediate();
  }
  return blocks.join('') + block;
}

/** On a position that moves while its bookings are read nothing can be compared; this many tries find a quiet moment. */
const tries = 3;

interface Checked extends AccountPeriod {
  readonly compared: boolean;
}

async function checkedPeriod(
  flow: StatementContext,
  operator: OperatorId,
  asset: Asset,
  from: UnixMillis,
  to: UnixMillis,
): Promise<Checked> {
  const { engine } = flow;
  /** Resolves when every booking before it is on disk, where the scan reads. */
  const positionNow = async (): Promise<bigint> =>
    BigInt(await engine.run((work) => work.get(positionTable, positionKey(operator, asset))?.balance ?? '0'));
  let mismatches = 0;
  for (let attempt = 1; ; attempt += 1) {
    const before = await positionNow();
    const period = await readPeriod(engine.store, operator, asset, from, to);
    const after = await positionNow();
    const quiet = before === after;
    if (quiet && period.total === after) return { ...period, compared: true };
    // Two bookings that undo each other look quiet too: once is no proof.
    if (quiet) mismatches += 1;
    if (mismatches === 2) throw unequal(operator, asset, after, period.total);
    if (attempt === tries) return { ...period, compared: false };
  }
}

/** One debt has one payment: once windows are in use with an operator, theirs. @throws {TandemError} `unprocessable` */
async function checkNoWindows({ engine }: StatementContext, operator: OperatorId): Promise<void> {
  for await (const _ of engine.store.scan(windowTable, { prefix: `${operator}!` })) {
    throw new TandemError(
      'unprocessable',
      `Settlement windows are in use with operator ${operator}: what they cover is paid once, with tandem window payment. Close a window for what came since.`,
      { facts: { operator } },
    );
  }
}

/**
 * @throws {TandemError} `not-found` for an operator, asset or pair that there is not; `unprocessable` for a period that is not
 *   over or is empty, too many entries, books that do not agree, what the format cannot say, and a payment of what windows cover
 */
export async function statementOf(flow: StatementContext, request: StatementRequest): Promise<string> {
  const { format, asset, pair, profile, clearingSystem } = request;
  const from = Date.parse(request.from) as UnixMillis;
  const to = Date.parse(request.to) as UnixMillis;
  const operator = counterpartyOf(flow, request.counterparty);
  const known = flow.config.assets.find((entry) => entry.asset === asset);
  if (known === undefined) throw new TandemError('not-found', `This node has no accounts in ${asset}.`);
  if (!(from < to)) {
    throw new TandemError(
      'unprocessable',
      `The period ends at ${request.to}, not after its beginning ${request.from}.`,
    );
  }
  if (format === 'pacs009') await checkNoWindows(flow, operator);
  const now = flow.engine.clock.now();
  if (to > now) {
    throw new TandemError(
      'unprocessable',
      `The period ends at ${request.to}, but it is only ${instant(now)}: an account statement covers past periods only.`,
    );
  }
  const { opening, entries, closing, compared } = await checkedPeriod(flow, operator, asset, from, to);
  const { chainId, contract } = flow.settlement;
  const statement: Statement = {
    reference: statementReference({
      chainId: `${chainId}`,
      contract,
      servicer: flow.self,
      owner: operator,
      asset,
      from,
      to,
    }),
    servicer: institutionOf(flow, flow.self),
    owner: institutionOf(flow, operator),
    asset,
    exponent: known.exponent,
    from,
    to,
    created: now,
    opening,
    entries,
    closing,
  };
  const text = await gathered(writers[format](statement, pair, { profile, clearingSystem }));
  await flow.engine.run((work) => {
    work.journal('staff', {
      what: 'statement',
      format,
      reference: statement.reference,
      counterparty: operator,
      asset,
      ...(pair === undefined ? {} : { pair }),
      from: instant(from),
      to: instant(to),
      entries: entries.length,
      opening: `${opening}`,
      closing: `${closing}`,
      compared,
    });
  });
  return text;
}

/** One account and period in three formats. */
const statement = <Q extends typeof statementQuery>(
  format: StatementFormat,
  type: string,
  summary: string,
  query: Q | typeof statementQuery = statementQuery,
) =>
  route({
    method: 'get',
    path: `/v1/statements/${format}`,
    token: 'admin',
    summary,
    query: query as Q,
    answers: { 200: text('The document.', type, `${type}; charset=utf-8`) },
    refusals: ['not-found', 'unprocessable', 'store-failed'],
    run: ({ flow }: Pick<ApiNode, 'flow'>, { query }) => statementOf(flow, { format, ...query }),
  });

export const statementRoutes = {
  accountStatement: statement(
    'camt053',
    'application/xml',
    'The account of a counterparty over a period, as ISO 20022 camt.053. Journaled.',
  ),
  netPayment: statement(
    'pacs009',
    'application/xml',
    'The payment of what a period or one pair comes to, where this operator is the one that pays, as ISO 20022 pacs.009. Journaled.',
    paymentQuery,
  ),
  accountStatementCsv: statement('csv', 'text/csv', 'The same account and period as CSV, of any asset. Journaled.'),
};
