/**
 * How a message looks in HTTP, and its checks on the way in: the part that client, server and loopback share (protocol
 * §6).
 */
import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { TandemError, type ErrorCode } from '../errors.ts';
import { DoubledNameError, parseJson } from '../json.ts';
import type { OperatorId } from '../model/ids.ts';
import { protocolForms } from './forms.ts';
import { errorAnswer, type Answer, type Method, type Request } from './messages.ts';
import { errorSize } from './sizes.ts';
import { assertJsonSize } from '../json-size.ts';

export const protocolVersion = '1';
export const pathPrefix = `/tandem/v${protocolVersion}/`;
export const jsonType = 'application/json';

/**
 * Both operators are named in each request: a wrong key in the right place, or an endpoint of somebody else, is said
 * so.
 */
export const headers = { version: 'tandem-version', from: 'tandem-from', to: 'tandem-to' } as const;

/** The issues that a refusal names; a peer that sends thousands of faults is told of the first. */
const maxIssues = 5;

function describeIssues(error: z.core.$ZodError): { readonly text: string; readonly path: readonly PropertyKey[] } {
  const shown = error.issues.slice(0, maxIssues).map((issue) => {
    return `${issue.path.map(String).join('.') || '(top)'}: ${issue.message}`.slice(0, 200);
  });
  if (error.issues.length > maxIssues) shown.push(`and ${error.issues.length - maxIssues} more`);
  return { text: shown.join('; '), path: error.issues[0]?.path ?? [] };
}

/** @throws {TandemError} `bad-request`; its fact `path` is where the first fault is. */
export function checkRequest<M extends Method>(method: M, value: unknown, forms = protocolForms): Request<M> {
  const result = forms.of(method).request.safeParse(value);
  if (result.success) return result.data as Request<M>;
  const { text, path } = describeIssues(result.error);
  throw new TandemError('bad-request', `Not a request of ${method}: ${text}`, { facts: { path } });
}

/** @throws {TandemError} `unprocessable` when it is no answer of the method, or no answer to that request. */
export function checkAnswer<M extends Method>(
  peer: OperatorId,
  method: M,
  request: Request<M>,
  value: unknown,
  forms = protocolForms,
): Answer<M> {
  const form = forms.of(method);
  const result = form.answer.safeParse(value);
  if (!result.success) {
    const { text, path } = describeIssues(result.error);
    throw new TandemError('unprocessable', `Operator ${peer} sent a malformed answer to ${method}: ${text}`, {
      facts: { peer, path },
    });
  }
  const answer = result.data as Answer<M>;
  const mismatch = form.repeats(request, answer, peer);
  if (mismatch !== undefined) {
    throw new TandemError(
      'unprocessable',
      `Operator ${peer} answered a different ${method} than was asked: ${mismatch}`,
      {
        facts: { peer },
      },
    );
  }
  return answer;
}

/** @throws {TandemError} `bad-json` */
export function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new TandemError('bad-json', 'The body is not UTF-8');
  try {
    return parseJson(body.toString('utf8'));
  } catch (cause) {
    const what = cause instanceof DoubledNameError ? 'The body is ambiguous' : 'The body is not JSON';
    throw new TandemError('bad-json', `${what}: ${(cause as Error).message}`, { cause });
  }
}

/** `application/json`, with `charset=utf-8` or without; anything else is refused. */
export const isJsonType = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/json\s*(?:;\s*charset=(?:utf-?8|"utf-?8")\s*)?$/i.test(contentType);

/** A message may quote what the peer sent: it is kept to the length and form of `errorAnswer`. */
export const errorBody = (code: ErrorCode, message: string): string =>
  JSON.stringify({ error: { code, message: message.slice(0, 1000).toWellFormed() } });

/** Codes that a peer's refusal keeps on the way to the caller; every other is reduced to one of these by its status. */
const refusals = new Set<string>([
  'bad-request',
  'bad-json',
  'forbidden',
  'not-found',
  'conflict',
  'too-large',
  'unprocessable',
  'too-busy',
] satisfies ErrorCode[]);

/** What a peer's answer other than 200 means here. */
export function refusalOf(peer: OperatorId, method: Method, status: number, body: Buffer): TandemError {
  const { code, message } = readError(body);
  const text = `Operator ${peer} refused ${method} with ${status} ${code ?? '(no error code)'}: ${message}`;
  const facts = { peer, status, ...(code === undefined ? {} : { code }) };
  if (status === 429) return new TandemError('too-busy', text, { facts });
  // Whether it acted is unknown, and the same request may be asked again: the same to the caller as no answer.
  if (status >= 500 || status === 408) return new TandemError('peer-unavailable', text, { facts });
  if (status >= 400 && code !== undefined && refusals.has(code)) {
    return new TandemError(code as ErrorCode, text, { facts });
  }
  return new TandemError('unprocessable', text, { facts });
}

function readError(body: Buffer): { readonly code?: string; readonly message: string } {
  try {
    assertJsonSize(body, errorSize, 'refusal');
    const result = errorAnswer.safeParse(parseBody(body));
    return result.success ? result.data.error : { message: '(not an error of this protocol)' };
  } catch (error) {
    return { message: (error as Error).message };
  }
}
