/** openapi.json, generated from the routes and the schemas that check their requests. */
import { z } from 'zod';
import { errorCatalogue, type ErrorCode } from '../errors.ts';
import { errorBody } from './common-fields.ts';
import { bytes, route, routeGroup, type AnswerForm, type BoundRoute, type RouteGroup } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

const errorRef = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };

/** `input` is what a client may leave out, `output` what it gets. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  // `$schema` is said once for the document (jsonSchemaDialect).
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io });
  return rest;
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, unknown>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: of,
  }));
}

/** What a route can answer besides its own answers: `internal` always; the rest follows from what it takes. */
function refusalsOf(route: BoundRoute): readonly ErrorCode[] {
  const body: ErrorCode[] = ['bad-request', 'bad-json', 'too-large', 'unsupported-media-type'];
  return [
    ...new Set<ErrorCode>([
      ...(route.token === 'none' ? [] : (['unauthorized'] as const)),
      ...(route.hostChecked === true ? (['misdirected'] as const) : []),
      ...(route.body === undefined ? [] : body),
      ...(route.query === undefined ? [] : (['bad-request'] as const)),
      ...route.refusals,
      'internal',
    ]),
  ];
}

const contentOf = (answer: AnswerForm): Json =>
  answer.kind === 'text'
    ? { [answer.type]: { schema: { type: 'string' } } }
    : { 'application/json': { schema: jsonSchema(answer.schema, 'output') } };

function responses(route: BoundRoute): Json {
  const found: Record<string, Json> = {};
  for (const code of refusalsOf(route)) {
    const { status } = errorCatalogue[code];
    const before = found[status]?.['description'];
    found[status] = { description: typeof before === 'string' ? `${before}, ${code}` : code, content: errorRef };
  }
  for (const [status, answer] of Object.entries(route.answers)) {
    found[status] = { description: answer.description, content: contentOf(answer) };
  }
  return found;
}

function operation(route: BoundRoute): Json {
  return {
    operationId: route.operationId,
    summary: route.summary,
    security: route.token === 'none' ? [] : [{ [`${route.token}Token`]: [] }],
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(route.body, 'input') } },
          },
        }),
    responses: responses(route),
  };
}

export function openapiOf(groups: readonly RouteGroup[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of groups.flatMap(({ routes }) => routes))
    (paths[route.path] ??= {})[route.method] = operation(route);
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Tandem operator node',
      version: '1',
      description:
        'Messages of users in, pairs, accounts and evidence out. Every error is {"error":{"code","message"}}.',
    },
    paths,
    components: {
      securitySchemes: {
        gatewayToken: { type: 'http', scheme: 'bearer', description: 'The message gateway’s token.' },
        adminToken: { type: 'http', scheme: 'bearer', description: 'The token of the operator’s staff.' },
        auditorToken: { type: 'http', scheme: 'bearer', description: 'The token of an admitted auditor.' },
      },
      schemas: { Error: jsonSchema(errorBody, 'output') },
    },
  };
}

export const openapiRoutes = {
  openapi: route({
    method: 'get',
    path: '/openapi.json',
    token: 'none',
    hostChecked: true,
    summary: 'This document.',
    answers: { 200: bytes('OpenAPI 3.1.', z.looseObject({ openapi: z.string() })) },
    refusals: [],
    run: async ({ document }: { readonly document: () => string }) => document(),
  }),
};

/** The groups, and the description of them all as the last one. */
export function withOpenapi(groups: readonly RouteGroup[]): readonly RouteGroup[] {
  let made: string | undefined;
  const document = (): string => (made ??= JSON.stringify(openapiOf(all)));
  const all: readonly RouteGroup[] = [...groups, routeGroup('openapi', openapiRoutes, { document })];
  return all;
}
