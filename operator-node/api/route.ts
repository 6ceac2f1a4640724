/** One route of the API: what it takes, what it answers, and the call of the node behind it, in one declaration. */
import { z } from 'zod';
import { TandemError, type ErrorCode } from '../errors.ts';
import type { Answer } from './http-answer.ts';

/** An answer in JSON. */
export interface JsonForm<S extends z.ZodType = z.ZodType> {
  readonly kind: 'json';
  readonly description: string;
  readonly schema: S;
}

/** JSON that is served byte for byte as it was made: a digest or a signature was computed of these bytes. */
interface BytesForm {
  readonly kind: 'bytes';
  readonly description: string;
  readonly schema: z.ZodType;
}

interface TextForm {
  readonly kind: 'text';
  readonly description: string;
  readonly type: string;
  /** The header `content-type` as it is sent. */
  readonly served: string;
}

export type AnswerForm = JsonForm | BytesForm | TextForm;
export type AnswerForms = Readonly<Record<number, AnswerForm>>;

export const json = <S extends z.ZodType>(description: string, schema: S): JsonForm<S> => ({
  kind: 'json',
  description,
  schema,
});
export const bytes = (description: string, schema: z.ZodType = z.looseObject({})): BytesForm => ({
  kind: 'bytes',
  description,
  schema,
});
export const text = (description: string, type: string, served = type): TextForm => ({
  kind: 'text',
  description,
  type,
  served,
});

/** JSON that one call gives as text although the route answers with values. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `T` that nobody changes; `Dropped` is what no field of it has. */
export type Frozen<T, Dropped = never> = T extends string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E, Dropped>[]
    : { readonly [K in keyof T]: Frozen<Exclude<T[K], Dropped>, Dropped> };

/** What a schema takes, as the node hands it out: in JSON no field is undefined. */
export type Shown<S extends z.ZodType> = Frozen<z.output<S>, undefined>;

type Body<F> = F extends JsonForm<infer S> ? Shown<S> | JsonText : string;

/** What a call gives: the body where the route has one answer, else the status with it. */
export type Given<A> = {
  readonly [S in keyof A]: keyof A extends S ? Body<A[S]> : { readonly status: S; readonly body: Body<A[S]> };
}[keyof A];

export type OptionalSchema = z.ZodType | undefined;
type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface Input<P, Q, B> {
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
  /** Whose token it was; "" where the route is not for auditors. */
  readonly auditor: string;
}

interface Documented {
  readonly method: 'get' | 'post';
  /** As in OpenAPI: `/v1/pairs/{id}`. */
  readonly path: string;
  readonly token: 'gateway' | 'admin' | 'auditor' | 'none';
  readonly summary: string;
  /** Only for those who ask by an address or by a name of this node: it needs no token, and tells of the node. */
  readonly hostChecked?: boolean;
  /** What it can refuse with beyond what follows from its token and from what it takes. */
  readonly refusals: readonly ErrorCode[];
}

/** `N`: the parts of the node that the call needs. */
export interface Route<
  N,
  P extends OptionalSchema = OptionalSchema,
  Q extends OptionalSchema = OptionalSchema,
  B extends OptionalSchema = OptionalSchema,
  A extends AnswerForms = AnswerForms,
> extends Documented {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answers: A;
  run(node: N, input: Input<P, Q, B>): Promise<Given<A>>;
}

/** The compiler checks that the call gives what the schema of the answer takes. */
export const route = <
  N,
  P extends OptionalSchema = undefined,
  Q extends OptionalSchema = undefined,
  B extends OptionalSchema = undefined,
  A extends AnswerForms = AnswerForms,
>(
  declared: Route<N, P, Q, B, A>,
): Route<N, P, Q, B, A> => declared;

export interface AnyRoute<N> extends Documented {
  readonly params?: OptionalSchema;
  readonly query?: OptionalSchema;
  readonly body?: OptionalSchema;
  readonly answers: AnswerForms;
  run(node: N, input: never): Promise<unknown>;
}

export interface RawInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly auditor: string;
}

/** A route with the node behind it. */
export interface BoundRoute extends Documented {
  /** The name in openapi.json, in metrics and of the client's method. */
  readonly operationId: string;
  readonly params?: OptionalSchema;
  readonly query?: OptionalSchema;
  readonly body?: OptionalSchema;
  readonly maxBodyBytes: number;
  readonly answers: AnswerForms;
  /** Checks the input, then calls the node. @throws {TandemError} */
  handle(raw: RawInput): Promise<Answer>;
}

/** The routes of one resource, or of one part of the node. */
export interface RouteGroup {
  readonly name: string;
  readonly routes: readonly BoundRoute[];
}

/** Staff sends a merchant's price list with its codes in one body. */
const staffBodyBytes = 1_048_576;
/** The longest text of a message, escaped, and the rest fit four times into half of it. */
const otherBodyBytes = 65_536;

const noQuery = z.strictObject({});

/** @param routes by their operation ids, in the order in which the router tries them */
export const routeGroup = <N>(
  name: string,
  routes: Readonly<Record<string, AnyRoute<NoInfer<N>>>>,
  node: N,
): RouteGroup => ({
  name,
  routes: Object.entries(routes).map(([operationId, declared]) => bound(operationId, declared, node)),
});

function bound<N>(operationId: string, declared: AnyRoute<N>, node: N): BoundRoute {
  const { method, token, params, body, answers } = declared;
  // With a token a query that the route does not have is refused; a probe may come with what its sender likes.
  const query = declared.query ?? (method === 'get' && token !== 'none' ? noQuery : undefined);
  return {
    ...declared,
    operationId,
    query,
    maxBodyBytes: token === 'admin' ? staffBodyBytes : otherBodyBytes,
    // async: a refusal of the input is a rejection like any other.
    handle: async (raw) => {
      const input = {
        // An address that cannot exist is not there.
        params: params && check(params, raw.params, 'not-found', 'address'),
        query: query && check(query, raw.query, 'bad-request', 'query'),
        body: body && check(body, raw.body, 'bad-request', 'body'),
        auditor: raw.auditor,
      };
      return answerOf(answers, await declared.run(node, input as never));
    },
  };
}

function answerOf(answers: AnswerForms, given: unknown): Answer {
  const [first, ...others] = Object.keys(answers).map(Number);
  const { status, body } =
    others.length === 0
      ? { status: first ?? 200, body: given }
      : (given as { readonly status: number; readonly body: unknown });
  const form = answers[status];
  if (body instanceof JsonText) return { status, text: body.text, type: 'application/json' };
  if (form === undefined || form.kind === 'json') return { status, json: body };
  return { status, text: String(body), type: form.kind === 'text' ? form.served : 'application/json' };
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

function check(schema: z.ZodType, value: unknown, code: 'bad-request' | 'not-found', whole: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TandemError(code, describe(result.error, whole));
}

/** @throws {TandemError} `internal` where two routes have one method and path, or one name; both are named */
export function checkGroups(groups: readonly RouteGroup[]): void {
  const seen = new Map<string, string>();
  for (const { name, routes } of groups) {
    for (const { operationId, method, path } of routes) {
      const place = `${method.toUpperCase()} ${path}`;
      const own = `${operationId} of ${name}`;
      // Two names of one place in a path are one address.
      for (const key of [place.replaceAll(/\{\w+\}/g, '{}'), operationId]) {
        const other = seen.get(key);
        if (other !== undefined) throw new TandemError('internal', `Two routes are ${key}: ${other} and ${own}.`);
        seen.set(key, own);
      }
    }
  }
}
