/** Auditors' requests to this operator, for staff (docs/audit-access.md): read from the store, answered by the flow. */
import { z } from 'zod';
import { encodeAnswer } from '../audit/answer-opening.ts';
import { TandemError } from '../errors.ts';
import type { FlowContext } from '../flow/context.ts';
import { answerRequest, auditLogOf, unknownRequest } from '../flow/requests/answer-request.ts';
import { loadRequest, requestsAfter, textsOf, type RequestRecord } from '../flow/requests/request.ts';
import { isLate } from '../flow/requests/requests.ts';
import { toTimestamp } from '../model/ids.ts';
import { assertTaking, type ApiNode } from './api-node.ts';
import { format, requestPattern, say, timestamp } from './common-fields.ts';
import { bytes, json, route, type Shown } from './route.ts';

const requestsAPage = 500;

const sha256 = format<string>(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 lower-case hex digits', '4d'.repeat(32));
const requestNumber = z.number().int().min(1);
const requestView = z.strictObject({
  request: requestNumber,
  auditor: z.number().int().min(1).meta({ description: 'The auditor’s number in the AuditLog.' }),
  state: z.enum(['open', 'ordered', 'answered']),
  late: z.boolean().meta({ description: 'True if it was answered after its due time, or is due and not answered.' }),
  digest: z
    .string()
    .meta({ description: 'The salted digest of what is asked for, which the auditor says outside of the chain.' }),
  madeAt: timestamp,
  filedAt: timestamp,
  due: timestamp,
  confidential: z.boolean(),
  fetched: z.number().int().min(0).meta({ description: 'How many texts the auditor has fetched under it.' }),
  ordered: z.string().optional().meta({ description: 'The salted digest that staff has answered with.' }),
  files: z.array(sha256).optional(),
  answer: z.string().optional().meta({ description: 'The salted digest in a final block.' }),
  answeredAt: timestamp.optional(),
});
export const requestList = z.strictObject({
  requests: z.array(requestView),
  after: z
    .number()
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Where the next page starts; absent on the last page.' }),
});
export type RequestView = Shown<typeof requestView>;

/** 9999-12-31T23:59:59Z: a timestamp has four digits of year, and an auditor may set any due time. */
const lastSecond = 253_402_300_799;

function viewOf(flow: FlowContext, record: RequestRecord): RequestView {
  const { request, auditor, digest, madeAt, filedAt, due, confidential, texts, order, answered } = record;
  return {
    request,
    auditor,
    state: answered !== undefined ? 'answered' : order !== undefined ? 'ordered' : 'open',
    late: isLate(record, flow),
    digest,
    madeAt: toTimestamp(madeAt * 1000),
    filedAt: toTimestamp(filedAt * 1000),
    due: toTimestamp(Math.min(due, lastSecond) * 1000),
    confidential,
    fetched: texts,
    ...(order === undefined ? {} : { ordered: order.digest, files: order.files }),
    ...(answered === undefined ? {} : { answer: answered.answer, answeredAt: toTimestamp(answered.at * 1000) }),
  };
}

/** A page in the order of their numbers; with `after` where another request follows it. */
export async function requestsOf(
  flow: FlowContext,
  { after = 0, limit = requestsAPage }: { readonly after?: number; readonly limit?: number } = {},
): Promise<{ readonly requests: readonly RequestView[]; readonly after?: number }> {
  const found = await requestsAfter(flow.engine.store, { after, limit: limit + 1 });
  const page = found.slice(0, limit);
  const last = found.length > page.length ? page.at(-1) : undefined;
  return {
    requests: page.map((record) => viewOf(flow, record)),
    ...(last === undefined ? {} : { after: last.request }),
  };
}

/** What opens the answer, in canonical JSON; journaled. @throws {TandemError} `not-found`; `unprocessable` before there is one */
export async function openingOf(flow: FlowContext, request: number): Promise<string> {
  const { chainId, contract } = auditLogOf(flow);
  return flow.engine.run((work) => {
    const record = loadRequest(work, request);
    if (record === undefined) throw unknownRequest(request, 'this node knows none of that number');
    const { order, auditor } = record;
    if (order === undefined) {
      throw new TandemError('unprocessable', `This operator’s staff has not answered request ${request}.`);
    }
    work.journal('disclosure', { what: 'opening of an answer', request, auditor });
    return encodeAnswer({
      ...{ chainId: chainId.toString(), auditLog: contract.toLowerCase(), operator: flow.self, request },
      ...{ salt: order.salt, files: [...order.files], texts: [...textsOf(work, record)] },
    });
  });
}

export const requestRoutes = {
  requests: route({
    method: 'get',
    path: '/v1/requests',
    token: 'admin',
    summary:
      'Auditors’ requests for disclosure to this operator, by the AuditLog: open, answered, late. At most 500 a call.',
    query: z.strictObject({
      after: z
        .string({ error: say('given once') })
        .regex(/^(?:0|[1-9][0-9]{0,11})$/, 'must be the `after` of an earlier answer')
        .default('0')
        .transform(Number)
        .meta({ description: 'The `after` of the answer before; without it from the first request.' }),
    }),
    answers: {
      200: json('The requests, by number.', requestList),
    },
    refusals: [],
    run: ({ flow }: Pick<ApiNode, 'flow'>, { query }) => requestsOf(flow, query),
  }),

  answerRequest: route({
    method: 'post',
    path: '/v1/requests/answer',
    token: 'admin',
    summary:
      'Answers a request on chain with the salted digest of what was handed over. The same again has no second effect.',
    body: z.strictObject({ request: requestNumber, files: z.array(sha256).max(10_000).default([]) }),
    answers: { 200: json('The request.', requestView) },
    refusals: [
      'not-found',
      'conflict',
      'unprocessable',
      'not-ready',
      'chain-unavailable',
      'chain-unreadable',
      'store-failed',
    ],
    run: async (node: Pick<ApiNode, 'flow' | 'recovery'>, { body }) => {
      assertTaking(node);
      return viewOf(node.flow, await answerRequest(node.flow, body));
    },
  }),

  answerOpening: route({
    method: 'get',
    path: '/v1/requests/{request}/opening',
    token: 'admin',
    summary: 'The opening of the answer to a request, for its auditor, in canonical JSON. Journaled.',
    params: z.strictObject({
      request: z
        .string({ error: say('a number') })
        .regex(requestPattern, 'must be the number of a request in the AuditLog')
        .transform(Number),
    }),
    answers: { 200: bytes('The opening, byte for byte.') },
    refusals: ['not-found', 'unprocessable', 'store-failed'],
    run: ({ flow }: Pick<ApiNode, 'flow'>, { params }) => openingOf(flow, params.request),
  }),
};
