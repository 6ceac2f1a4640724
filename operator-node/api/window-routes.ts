/** Settlement windows for staff (docs/settlement.md): read from the store, changed by the flow, journaled there. */
import { z } from 'zod';
import { TandemError } from '../errors.ts';
import type { FlowContext } from '../flow/context.ts';
import { closeWindow } from '../flow/windows/close.ts';
import { dischargeWindow } from '../flow/windows/discharge.ts';
import { locate } from '../flow/windows/locate.ts';
import { isOverdue } from '../flow/windows/windows.ts';
import { loadWindow, owedBy, payeeOf, windowTable, type WindowRecord } from '../flow/windows/window.ts';
import { toTimestamp } from '../model/ids.ts';
import { windowReference } from '../statements/ids.ts';
import { pacs009OfWindow } from '../statements/pacs009.ts';
import { counterpartyOf, forNetwork, institutionOf } from './statement-routes.ts';
import type { ApiNode } from './api-node.ts';
import {
  asset,
  batchId,
  blockNumber,
  counterparty,
  hash,
  leafIndex,
  operatorId,
  pairId,
  prose,
  say,
  signed,
  timestamp,
} from './common-fields.ts';
import { json, route, text, type Shown } from './route.ts';

const laneRange = z
  .strictObject({ from: z.number().int().min(1), to: z.number().int().min(0) })
  .meta({ description: 'Sequence numbers of a lane; empty if `to` is one less than `from`.' });
const windowNumber = z.number().int().min(1);
/** A settlement window (docs/settlement.md). */
const windowView = z.strictObject({
  counterparty: operatorId,
  number: windowNumber,
  role: z.enum(['proposer', 'answerer']),
  state: z.enum(['proposed', 'differs', 'signed', 'anchored', 'discharged']),
  overdue: z.boolean(),
  opened: timestamp,
  since: timestamp,
  refusal: z.string().optional().meta({ description: 'Why the other operator did not sign.' }),
  operatorA: operatorId,
  operatorB: operatorId,
  aToB: laneRange,
  bToA: laneRange,
  /** With it the digests recompute. */
  secret: hash,
  lines: z.array(
    z.strictObject({
      asset,
      net: signed('above zero: A owes B'),
      owed: signed('above zero: this operator pays'),
      payee: operatorId.optional(),
      statement: hash,
      /** Of the payment. */
      endToEndId: z.string(),
      anchoredBlock: blockNumber.optional(),
      /** At the payee. */
      reference: z.string().optional(),
      referenceSalt: z.string().optional(),
      referenceDigest: hash.optional(),
      dischargedBlock: blockNumber.optional(),
      booked: timestamp.optional(),
    }),
  ),
});
export type WindowView = Shown<typeof windowView>;
/** Where two operators' books differ. */
const windowComparison = z.strictObject({
  differences: z.array(
    z.strictObject({
      pair: pairId,
      role: z.enum(['initiator', 'acceptor']),
      batchId,
      sequence: z.number().int().min(1),
      index: leafIndex,
      own: z
        .enum(['as-agreed', 'otherwise'])
        .meta({ description: 'Whether this operator’s books agree with decision and terms.' }),
    }),
  ),
  batches: z.number().int().min(0),
  more: z.boolean(),
});
export type WindowComparison = Shown<typeof windowComparison>;
const byCounterparty = z.strictObject({ counterparty });

const viewOf = (flow: FlowContext, window: WindowRecord): WindowView => {
  const { peer, role, content, state, opened, since, refusal } = window;
  return {
    counterparty: peer,
    number: content.number,
    role,
    state,
    overdue: isOverdue(flow, window, flow.engine.clock.now()),
    opened: toTimestamp(opened),
    since: toTimestamp(since),
    ...(refusal === undefined ? {} : { refusal }),
    operatorA: content.operatorA,
    operatorB: content.operatorB,
    aToB: content.aToB,
    bToA: content.bToA,
    secret: content.secret,
    lines: window.lines.map((line) => {
      const { asset, net, statement, anchored, order, discharged } = line;
      const payee = payeeOf(content, line);
      return {
        asset,
        net,
        owed: owedBy(flow.self, content, line).toString(),
        ...(payee === undefined ? {} : { payee }),
        statement,
        endToEndId: windowReference(statement),
        ...(anchored === undefined ? {} : { anchoredBlock: anchored.number }),
        ...(order === undefined ? {} : { reference: order.reference, referenceSalt: order.salt }),
        ...(discharged === undefined
          ? {}
          : {
              referenceDigest: discharged.reference,
              dischargedBlock: discharged.block,
              booked: toTimestamp(discharged.at),
            }),
      };
    }),
  };
};

/** All of them, or those with one operator, in their order. */
async function windowsOf(flow: FlowContext, counterparty: string | undefined): Promise<readonly WindowView[]> {
  const range = counterparty === undefined ? {} : { prefix: `${counterpartyOf(flow, counterparty)}!` };
  const found: WindowView[] = [];
  for await (const [, window] of flow.engine.store.scan(windowTable, range)) found.push(viewOf(flow, window));
  return found;
}

const paymentQuery = z.strictObject({
  counterparty,
  number: z
    .string({ error: say('a number') })
    .regex(/^[1-9][0-9]{0,14}$/, 'must be the number of a window')
    .transform(Number),
  asset,
  again: z.literal('yes').optional().meta({ description: 'Also where the payment is discharged already.' }),
  ...forNetwork,
});
type PaymentQuery = z.output<typeof paymentQuery>;

/**
 * The payment of a window in one asset, for the bank.
 * @throws {TandemError} `not-found`; `unprocessable` where the other pays, or it has been paid
 */
async function paymentOf(
  flow: FlowContext,
  { counterparty, number, asset, again, ...network }: PaymentQuery,
): Promise<string> {
  const peer = counterpartyOf(flow, counterparty);
  const exponent = flow.config.assets.find((entry) => entry.asset === asset)?.exponent;
  const { engine } = flow;
  const window = await engine.run((work) => loadWindow(work, peer, number));
  const line = window?.lines.find((each) => each.asset === asset);
  if (window === undefined || line === undefined || exponent === undefined) {
    throw new TandemError('not-found', `Window ${number} with operator ${peer} does not exist in ${asset}.`);
  }
  if (line.anchored === undefined) {
    throw new TandemError(
      'unprocessable',
      `Window ${number} is ${window.state}: it is paid only after it is anchored.`,
    );
  }
  if (line.discharged !== undefined && again === undefined) {
    throw new TandemError(
      'unprocessable',
      `Window ${number} is discharged in ${asset}: it has been paid. To write its payment all the same, use again=yes (--again).`,
      { facts: { window: number, asset } },
    );
  }
  const amount = owedBy(flow.self, window.content, line);
  const text = [
    ...pacs009OfWindow({
      reference: windowReference(line.statement),
      payer: institutionOf(flow, flow.self),
      payee: institutionOf(flow, peer),
      asset,
      exponent,
      amount,
      created: engine.clock.now(),
      window: number,
      network,
    }),
  ].join('');
  await engine.run((work) => {
    work.journal('staff', { what: 'payment of a window', peer, number, asset, amount: amount.toString() });
  });
  return text;
}

export const windowRoutes = {
  windows: route({
    method: 'get',
    path: '/v1/windows',
    token: 'admin',
    summary: 'Settlement windows with other operators: their lanes, nets, statements and payments.',
    query: byCounterparty.partial(),
    answers: {
      200: json('All windows, or those with one operator.', z.strictObject({ windows: z.array(windowView) })),
    },
    refusals: ['not-found'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { query }) => ({ windows: await windowsOf(flow, query.counterparty) }),
  }),

  closeWindow: route({
    method: 'post',
    path: '/v1/windows',
    token: 'admin',
    summary: 'Closes a window with an operator over everything that is final, or returns the one in progress.',
    body: byCounterparty,
    answers: { 200: json('The window.', windowView) },
    refusals: ['not-found', 'conflict', 'unprocessable', 'not-ready', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body }) =>
      viewOf(flow, await closeWindow(flow, counterpartyOf(flow, body.counterparty))),
  }),

  dischargeWindow: route({
    method: 'post',
    path: '/v1/windows/discharge',
    token: 'admin',
    summary: 'Records how a window was paid in one asset, for the payee. Repeating it has no further effect.',
    body: byCounterparty.extend({ number: windowNumber, asset, reference: prose(1, 140) }),
    answers: { 200: json('The window.', windowView) },
    refusals: ['not-found', 'conflict', 'unprocessable', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body }) =>
      viewOf(flow, await dischargeWindow(flow, { ...body, peer: counterpartyOf(flow, body.counterparty) })),
  }),

  compareWindow: route({
    method: 'post',
    path: '/v1/windows/compare',
    token: 'admin',
    summary: 'Compares books with an operator since the last signed window and names the pairs that differ.',
    body: byCounterparty,
    answers: { 200: json('Pairs that are booked differently.', windowComparison) },
    refusals: ['not-found', 'unprocessable', 'peer-unavailable', 'too-busy', 'not-ready'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body }) => locate(flow, counterpartyOf(flow, body.counterparty)),
  }),

  windowPayment: route({
    method: 'get',
    path: '/v1/windows/pacs009',
    token: 'admin',
    summary: 'The payment of a window in one asset, if this operator is the payer. Journaled.',
    query: paymentQuery,
    answers: { 200: text('The document.', 'application/xml', 'application/xml; charset=utf-8') },
    refusals: ['not-found', 'unprocessable', 'store-failed'],
    run: ({ flow }: Pick<ApiNode, 'flow'>, { query }) => paymentOf(flow, query),
  }),
};
