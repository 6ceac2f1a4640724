/** One route of the API: what it takes and gives, and the one call of the node behind it. */
import type { z } from 'zod';
import { TandemError, type ErrorCode } from '../errors.ts';
import type { NodeServices } from './services.ts';

export type Answer =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly text: string; readonly type: string };

interface Documented {
  /** The name in openapi.json and in metrics. */
  readonly operationId: string;
  readonly method: 'get' | 'post';
  /** As in OpenAPI: `/v1/pairs/{id}`. */
  readonly path: string;
  readonly token: 'gateway' | 'admin' | 'auditor' | 'none';
  readonly summary: string;
  /** Only for those who ask by an address or by a name of this node: it needs no token, and tells of the node. */
  readonly hostChecked?: boolean;
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly schema?: z.ZodType; readonly type?: string }>
  >;
  /** What it can refuse with beyond `unauthorized` and the faults that every route can meet. */
  readonly refusals: readonly ErrorCode[];
}

interface Spec<P, Q, B> extends Documented {
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: { readonly schema: z.ZodType<B>; readonly maxBytes: number };
  run(
    services: NodeServices,
    input: { readonly params: P; readonly query: Q; readonly body: B; readonly auditor: string },
  ): Promise<Answer>;
}

export interface RawInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** Whose token it was; "" where the route is not for auditors. */
  readonly auditor: string;
}

export interface Route extends Documented {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: { readonly schema: z.ZodType; readonly maxBytes: number };
  /** Checks the input, then calls the node. @throws {TandemError} */
  handle(services: NodeServices, raw: RawInput): Promise<Answer>;
}

/** `goods.0.price: must be …; text: is missing`. */
function describe(error: z.ZodError, whole: string): string {
  const told = error.issues.slice(0, 5).map((issue) => {
    const place = issue.path.length === 0 ? whole : issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return `${place}: ${issue.message}`;
    return `${place}: has no field ${issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ')}`;
  });
  const more = error.issues.length - told.length;
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function check<T>(schema: z.ZodType<T>, value: unknown, code: 'bad-request' | 'not-found', whole: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TandemError(code, describe(result.error, whole));
}

/** Parts that a route does not declare are passed on unread. */
export function route<P = unknown, Q = unknown, B = unknown>(spec: Spec<P, Q, B>): Route {
  const { params, query, body } = spec;
  return {
    ...spec,
    // async: a refusal of the input is a rejection like any other.
    handle: async (services, raw) =>
      spec.run(services, {
        // An address that cannot exist is not there.
        params: params === undefined ? (raw.params as P) : check(params, raw.params, 'not-found', 'address'),
        query: query === undefined ? (raw.query as Q) : check(query, raw.query, 'bad-request', 'query'),
        body: body === undefined ? (raw.body as B) : check(body.schema, raw.body, 'bad-request', 'body'),
        auditor: raw.auditor,
      }),
  };
}
