/** Auditors' requests to this operator, for staff (docs/audit-access.md): read from the store, answered by the flow. */
import { encodeAnswer } from '../audit/answer.ts';
import { TandemError } from '../errors.ts';
import type { FlowContext } from '../flow/context.ts';
import { answerRequest, auditLogOf, unknownRequest } from '../flow/requests/answer.ts';
import { loadRequest, requestsAfter, textsOf, type RequestRecord } from '../flow/requests/request.ts';
import { isLate } from '../flow/requests/requests.ts';
import { toTimestamp } from '../model/ids.ts';
import { requestsAPage, type RequestAnswer, type RequestView } from './services.ts';

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

/** In the order of their numbers, after the one that is named: without one, from the first. */
export async function requestsOf(
  flow: FlowContext,
  { after = 0, limit = requestsAPage }: { readonly after?: number; readonly limit?: number } = {},
): Promise<readonly RequestView[]> {
  return (await requestsAfter(flow.engine.store, { after, limit })).map((record) => viewOf(flow, record));
}

export const answerFor = async (flow: FlowContext, answer: RequestAnswer): Promise<RequestView> =>
  viewOf(flow, await answerRequest(flow, answer));

/** What opens the answer, in canonical JSON; journaled. @throws {TandemError} `not-found`; `unprocessable` before there is one */
export async function openingOf(flow: FlowContext, request: number): Promise<string> {
  const { chainId, contract } = auditLogOf(flow);
  return flow.engine.run((work) => {
    const record = loadRequest(work, request);
    if (record === undefined) throw unknownRequest(request, 'this node knows none of that number');
    const { order, auditor } = record;
    if (order === undefined) {
      throw new TandemError('unprocessable', `Request ${request} is not answered by this staff.`);
    }
    work.journal('disclosure', { what: 'opening of an answer', request, auditor });
    return encodeAnswer({
      ...{ chainId: chainId.toString(), auditLog: contract.toLowerCase(), operator: flow.self, request },
      ...{ salt: order.salt, files: [...order.files], texts: [...textsOf(work, record)] },
    });
  });
}
