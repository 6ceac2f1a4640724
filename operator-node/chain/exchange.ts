/**
 * One HTTP request to an RPC endpoint and its answer, bounded in time, in bytes and in the number of its values: an
 * endpoint may answer with anything, without end, or drop by drop.
 */
import { Buffer } from 'node:buffer';
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { RpcAddress } from './address.ts';

/** Whether a smaller request may help: at once, with what is asked next, or not at all. */
export type Smaller = 'now' | 'next' | 'no';

export interface FaultDetails {
  readonly smaller?: Smaller;
  /** It has answered, and does not want to be asked: for so long, where it says how long. */
  readonly refuses?: { readonly limit: boolean; readonly retryAfterMillis?: number };
  readonly cause?: unknown;
}

/** An endpoint has not answered, or not so that it can be understood. */
export class EndpointFault extends TandemError {
  readonly smaller: Smaller;
  readonly refuses: FaultDetails['refuses'];

  constructor(endpoint: string, what: string, { smaller = 'no', refuses, cause }: FaultDetails = {}) {
    super('chain-unavailable', `RPC endpoint ${endpoint}: ${what}`, { cause, facts: { endpoint } });
    this.smaller = smaller;
    this.refuses = refuses;
  }
}

export interface ExchangeOptions {
  readonly address: RpcAddress;
  readonly clock: Clock;
  /** From the request to the end of the answer. */
  readonly timeoutMillis: number;
  readonly fetchOver: typeof fetch;
}

export interface Bounds {
  readonly bytes: number;
  /** Marks of JSON's structure that the answer may have besides those that its length allows. */
  readonly marks: number;
}

export interface HttpAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const maxErrorBytes = 8192;
/** A mark of structure stands for so many bytes of an answer at least; of one that is made to be slow to read, for fewer. */
const bytesPerMark = 16;
/** These may carry an answer to a call alone. */
const answersWithStatus: ReadonlySet<number> = new Set([400, 404, 405, 422, 500, 501]);
const asksForLess: ReadonlySet<number> = new Set([...answersWithStatus, 413, 414, 431, 507]);
const maxRetryAfterMillis = 3_600_000;

/** @throws {EndpointFault} */
export async function exchange(options: ExchangeOptions, body: string, bounds: Bounds): Promise<HttpAnswer> {
  const { address, clock, timeoutMillis, fetchOver } = options;
  const controller = new AbortController();
  const cancel = clock.after(timeoutMillis, () => {
    controller.abort(new EndpointFault(address.name, `no answer within ${timeoutMillis} ms`, { smaller: 'next' }));
  });
  try {
    const response = await fetchOver(address.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(address.authorization === undefined ? {} : { authorization: address.authorization }),
      },
      body,
      signal: controller.signal,
    });
    const { ok, status, headers } = response;
    if (ok) return { ok, status, headers, text: await wholeBody(options, response, bounds) };
    const text = (await readAtMost(response, maxErrorBytes)).toString('utf8');
    if (answersWithStatus.has(status)) return { ok, status, headers, text };
    throw refusal(options, response, text);
  } catch (cause) {
    if (cause instanceof EndpointFault) throw cause;
    throw new EndpointFault(address.name, `no answer: ${address.conceal(reasonOf(cause))}`, { cause, smaller: 'next' });
  } finally {
    cancel();
  }
}

/** Longer than this no command waits. */
const maxPatienceMillis = 60_000;
const maxTries = 5;

/** For a command, which has nothing else to do: waits as long as the endpoint asks for, a few times. */
export async function patiently<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (fault) {
      const wait = fault instanceof EndpointFault ? fault.refuses?.retryAfterMillis : undefined;
      if (wait === undefined || wait > maxPatienceMillis || tries === maxTries) throw fault;
      await new Promise<void>((resolve) => clock.after(wait, resolve));
    }
  }
}

/** What an answer with an HTTP error is, where it is no answer to the call. */
export function refusal(
  { address, clock }: ExchangeOptions,
  response: Pick<Response, 'status' | 'headers'>,
  text: string,
): EndpointFault {
  const { status, headers } = response;
  const words = address.conceal(wordsOf(text));
  const retryAfterMillis = readRetryAfter(headers.get('retry-after'), clock.now());
  const said = words === '' ? '' : `: "${words}"`;
  const wait =
    retryAfterMillis === undefined ? '' : `; it is asked again after ${Math.ceil(retryAfterMillis / 1000)} s`;
  const advice = status === 401 || status === 403 ? '; check the user, password or key in its URL' : '';
  const tooMany = /batch/i.test(words);
  return new EndpointFault(address.name, `answered with HTTP ${status}${said}${advice}${wait}`, {
    smaller: asksForLess.has(status) || tooMany ? 'now' : status === 429 ? 'no' : 'next',
    refuses: { limit: status === 429, ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) },
  });
}

async function wholeBody({ address }: ExchangeOptions, response: Response, bounds: Bounds): Promise<string> {
  const body = await readAtMost(response, bounds.bytes + 1);
  if (body.length > bounds.bytes) {
    throw new EndpointFault(address.name, `the answer is longer than the ${bounds.bytes} bytes allowed`, {
      smaller: 'now',
    });
  }
  if (marksOf(body) > bounds.marks + body.length / bytesPerMark) {
    throw new EndpointFault(address.name, `the answer has more values than ${body.length} bytes of JSON-RPC can have`, {
      smaller: 'now',
    });
  }
  return body.toString('utf8');
}

/** The rest is not read: the connection is given up. */
async function readAtMost(response: Response, bytes: number): Promise<Buffer> {
  if (response.body === null) return Buffer.alloc(0);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  if (length >= bytes) await reader.cancel();
  return Buffer.concat(pieces);
}

/** Braces, brackets, colons and commas: what a parser makes values of. Those inside texts count as well. */
function marksOf(body: Uint8Array): number {
  let marks = 0;
  for (const byte of body) if (byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b) marks += 1;
  return marks;
}

/** Seconds or a date (RFC 9110 §10.2.3); never for longer than an hour. */
export function readRetryAfter(value: string | null, nowMillis: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  const date = /^[a-z]/i.test(text) ? Date.parse(text) : NaN;
  const millis = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : date - nowMillis;
  return millis > 0 ? Math.min(millis, maxRetryAfterMillis) : undefined;
}

/** The message in an answer of whatever form: that of a JSON error, else its text without marks of HTML. */
function wordsOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return messageIn(Array.isArray(value) ? value[0] : value) ?? '';
  } catch {
    return text.replaceAll(/<(style|script|head)\b.*?<\/\1>/gis, ' ').replaceAll(/<[^>]*>/g, ' ');
  }
}

export function messageIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { error, message } = value as { readonly error?: unknown; readonly message?: unknown };
  return typeof message === 'string' ? message : messageIn(error);
}

/** `fetch` hides the reason (`ECONNREFUSED`) in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error.cause instanceof Error)) return error.message;
  const { message, code } = error.cause as Error & { readonly code?: unknown };
  return message === '' ? (typeof code === 'string' ? code : error.message) : message;
}
