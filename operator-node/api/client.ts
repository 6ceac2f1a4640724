/**
 * A node's HTTP API as a client in TypeScript: one method a route, derived from the table of routes, typed and checked by
 * their schemas. Connections are kept.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { z } from 'zod';
import type { AnyRoute, Frozen, JsonForm, OptionalSchema, Shown } from './route.ts';
import { operations } from './table.ts';

export interface NodeAccess {
  readonly apiUrl: string;
  readonly gatewayToken?: string;
  readonly adminToken?: string;
  readonly auditorToken?: string;
}

/** What a node answered instead of what was asked for; `status` 0: it did not answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

export type Token = 'gateway' | 'admin' | 'auditor' | 'none';

type Operations = typeof operations;

interface Declared {
  readonly params?: OptionalSchema;
  readonly query?: OptionalSchema;
  readonly body?: OptionalSchema;
  readonly answers: object;
}
type Taken<S> = [S] extends [z.ZodType] ? Frozen<z.input<S>> : unknown;
/** What is in the path, in the query and in the body, as one object. */
export type Asked<R extends Declared> = Taken<R['params']> & Taken<R['query']> & Taken<R['body']>;
type Told<A> = { readonly [S in keyof A]: A[S] extends JsonForm<infer J> ? Shown<J> : string }[keyof A];
type Call<R extends Declared> =
  object extends Asked<R>
    ? (asked?: Asked<R>) => Promise<Told<R['answers']>>
    : (asked: Asked<R>) => Promise<Told<R['answers']>>;

export type NodeClient = { readonly [K in keyof Operations]: Call<Operations[K]> } & {
  readonly access: NodeAccess;
  /** The answer of a route byte for byte: where it is signed, say. @throws {ApiError} as the route's own method does */
  text<K extends keyof Operations>(operation: K, asked: Asked<Operations[K]>): Promise<string>;
  /** One request and its answer as it came; `body` is sent as it is. @throws {ApiError} status 0 where there is no answer */
  raw(method: 'GET' | 'POST', path: string, token: Token, body?: string): Promise<RawAnswer>;
  close(): void;
};

/** What an operation answers. */
export type AnswerOf<K extends keyof Operations> = Told<Operations[K]['answers']>;

const defaultTimeoutMillis = 30_000;

export function nodeClient(
  access: NodeAccess,
  options: { readonly maxSockets?: number; readonly timeoutMillis?: number } = {},
): NodeClient {
  const { Agent, request } = access.apiUrl.startsWith('https:') ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: options.maxSockets ?? 16 });
  const timeout = options.timeoutMillis ?? defaultTimeoutMillis;

  const raw: NodeClient['raw'] = (method, path, token, body) => {
    const url = `${access.apiUrl}${path}`;
    const headers: Record<string, string | number> = {};
    if (token !== 'none') headers['authorization'] = `Bearer ${access[`${token}Token`] ?? ''}`;
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    return new Promise<RawAnswer>((resolve, reject) => {
      const fail = (cause: Error) => {
        reject(new ApiError(0, 'no-answer', `No answer from ${url}: ${cause.message}`, { cause }));
      };
      const outgoing = request(url, { method, headers, agent, timeout }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', fail);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${timeout} ms`)));
      outgoing.on('error', fail);
      outgoing.end(body);
    });
  };

  const ask = async (route: AnyRoute<never>, asked: unknown): Promise<RawAnswer> => {
    const { address, body } = requestOf(route, asked as Readonly<Record<string, unknown>> | undefined);
    const method = route.method === 'get' ? 'GET' : 'POST';
    const answer = await raw(method, address, route.token, body);
    if (route.answers[answer.status] === undefined) throw errorOf(answer, `${method} ${address}`);
    return answer;
  };
  const calls = Object.entries<AnyRoute<never>>(operations).map(
    ([name, route]) => [name, async (asked?: unknown) => valueOf(route, await ask(route, asked))] as const,
  );
  const own: Pick<NodeClient, 'access' | 'raw' | 'text' | 'close'> = {
    access,
    raw,
    text: async (operation, asked) => (await ask(operations[operation], asked)).body,
    close: () => agent.destroy(),
  };
  return Object.assign(Object.fromEntries(calls), own) as unknown as NodeClient;
}

/** What the path names goes there, the rest into the query or the body. */
function requestOf(
  { method, path }: AnyRoute<never>,
  asked: Readonly<Record<string, unknown>> = {},
): { readonly address: string; readonly body?: string } {
  const inPath = new Set<string>();
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    inPath.add(name);
    return encodeURIComponent(String(asked[name]));
  });
  const rest = Object.entries(asked).filter(([name, value]) => !inPath.has(name) && value !== undefined);
  if (method === 'post') return { address, body: JSON.stringify(Object.fromEntries(rest)) };
  if (rest.length === 0) return { address };
  return {
    address: `${address}?${new URLSearchParams(rest.map(([name, value]): [string, string] => [name, String(value)])).toString()}`,
  };
}

/** The value of an answer in JSON. A newer node may say more than this client knows: other fields are no fault. */
function valueOf({ answers, path }: AnyRoute<never>, { status, body }: RawAnswer): unknown {
  const form = answers[status];
  if (form?.kind !== 'json') return body;
  const fault = (why: string, cause: unknown): ApiError =>
    new ApiError(status, 'unexpected', `${path} answers with what its schema does not take: ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw fault((cause as Error).message, cause);
  }
  const parsed = form.schema.safeParse(value);
  const issue = parsed.error?.issues.find(({ code }) => code !== 'unrecognized_keys');
  if (issue !== undefined) throw fault(`${issue.path.join('.')}: ${issue.message}`, parsed.error);
  return value;
}

/** What `/readyz` says; undefined where the node does not answer. */
export async function readinessOf(client: Pick<NodeClient, 'readiness'>): Promise<AnswerOf<'readiness'> | undefined> {
  try {
    return await client.readiness();
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) return undefined;
    throw error;
  }
}

function errorOf({ status, body }: RawAnswer, what: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    return new ApiError(status, error.code, error.message);
  } catch {
    return new ApiError(status, 'unexpected', `${what}: HTTP ${status}: ${body.slice(0, 200)}`);
  }
}
