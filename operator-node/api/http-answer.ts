/** Answers and refusals as they leave over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCatalogue, TandemError, type ErrorCode } from '../errors.ts';
import { discardBody } from './body.ts';

export type Answer =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly text: string; readonly type: string };

/** Answers are of this moment and for their caller alone. */
const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

export function send(response: ServerResponse, answer: Answer): void {
  const json = 'json' in answer;
  const text = json ? JSON.stringify(answer.json) : answer.text;
  response.writeHead(answer.status, {
    'content-type': json ? 'application/json' : answer.type,
    'content-length': Buffer.byteLength(text),
    ...always,
  });
  response.end(text);
}

/** The messages of these are about the node's inside: a caller gets the remedy alone. */
const inward: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'store-failed',
  'store-damaged',
  'config-invalid',
  'catalogue-invalid',
  'network-mismatch',
  'chain-reorganised',
  'internal',
]);

/** What is thrown inside express itself (a malformed address) has a status and no code of ours. */
function codeOf(error: unknown): ErrorCode {
  if (error instanceof TandemError) return error.code;
  if (error instanceof URIError) return 'bad-request';
  return 'internal';
}

export interface Refused {
  readonly code: ErrorCode;
  readonly status: number;
  /** The caller was told the remedy only: the fault is for the node's own log. */
  readonly hidden: boolean;
}

/** Answers with the error, or cuts the connection where an answer has begun. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): Refused {
  const code = codeOf(error);
  const { status, retryable, remedy } = errorCatalogue[code];
  const hidden = inward.has(code);
  if (response.headersSent) {
    response.destroy();
    return { code, status, hidden };
  }
  const message = error instanceof TandemError && !hidden ? error.message : remedy;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (status === 401) {
    const given = request.headers.authorization === undefined ? '' : ', error="invalid_token"';
    response.setHeader('www-authenticate', `Bearer realm="tandem"${given}`);
  }
  if (retryable && status !== 500) response.setHeader('retry-after', '1');
  discardBody(request);
  send(response, { status, json: { error: { code, message } } });
  return { code, status, hidden };
}
