/** openapi.json, the routes that express has, and what the node really answers: compared in every direction. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../operator-node/api/app.ts';
import { openapiOf, withOpenapi } from '../../operator-node/api/openapi.ts';
import { errorCatalogue } from '../../operator-node/errors.ts';
import { alice, knownPair, message, stranger } from './api-node.fixture.ts';
import { adminToken, asAuditor, asGateway, asStaff, fakeApi, routes, gatewayToken, serve } from './api.fixture.ts';

interface Media {
  readonly schema: Record<string, unknown>;
}
interface Operation {
  readonly operationId: string;
  readonly security: readonly Record<string, unknown>[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, Media> };
  readonly responses: Record<string, { readonly description: string; readonly content: Record<string, Media> }>;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}

const document = openapiOf(withOpenapi(fakeApi().groups)) as unknown as OpenApi;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Of schemas that were compiled before: that of refusals is there many times. */
const compiled = new Map<string, ValidateFunction>();

/** The one reference there is, to the form of refusals, is resolved here. */
function validator(schema: Record<string, unknown>): ValidateFunction {
  const resolved = '$ref' in schema ? document.components.schemas['Error'] : schema;
  const text = JSON.stringify(resolved);
  const known = compiled.get(text) ?? new Ajv2020({ strict: true, allErrors: true }).compile(resolved ?? false);
  compiled.set(text, known);
  return known;
}

describe('openapi.json', () => {
  it('is what the node serves, without a token', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/openapi.json`);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('has every route that express has, and no other', () => {
    const app = createApi(fakeApi().groups, { gatewayToken, adminToken });
    const layers = app.router.stack.flatMap(({ route }) =>
      route === undefined ? [] : route.stack.map(({ method }) => `${method} ${route.path}`),
    );
    const documented = operations.map(({ path, method }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
    expect(layers.slice(0, routes.length).toSorted()).toEqual(documented.toSorted());
    // What follows are the refusals of other methods, at the same addresses.
    const addresses = new Set(documented.map((name) => name.split(' ')[1]));
    expect(layers.slice(routes.length).filter((name) => !addresses.has(name.split(' ')[1]))).toEqual([]);
  });

  it('names each operation once, and each path parameter as the path has it', () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name }) => name)).toEqual(inPath);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  it('asks for the token that the route asks for', () => {
    for (const { path, method, operation } of operations) {
      const route = routes.find((candidate) => candidate.path === path && candidate.method === method);
      expect(operation.security).toEqual(route?.token === 'none' ? [] : [{ [`${route?.token}Token`]: [] }]);
    }
  });

  it('has only refusals of the error catalogue, each under its status', () => {
    for (const { operation } of operations) {
      for (const [status, { description }] of Object.entries(operation.responses)) {
        const isRefusal = JSON.stringify(operation.responses[status]).includes('#/components/schemas/Error');
        if (!isRefusal) continue;
        for (const code of description.split(', ')) {
          expect(errorCatalogue[code as keyof typeof errorCatalogue].status).toBe(Number(status));
        }
      }
    }
  });

  it('has only schemas that a strict validator understands', () => {
    for (const { operation } of operations) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const body of bodies) for (const { schema } of Object.values(body?.content ?? {})) validator(schema);
    }
  });
});

describe('requests', () => {
  const schemaOf = (path: string) =>
    validator(document.paths[path]?.['post']?.requestBody?.content['application/json']?.schema ?? { not: {} });

  // What JSON Schema cannot say is only the lone surrogate; everything else must be refused by both or by neither.
  it.each([
    [message, true],
    [{ ...message, text: '😀'.repeat(4096) }, true],
    [{ ...message, text: '😀'.repeat(4097) }, false],
    [{ ...message, text: 5 }, false],
    [{ ...message, id: '' }, false],
    [{ ...message, id: 'é' }, false],
    [{ ...message, from: '46701234567' }, false],
    [{ ...message, more: 1 }, false],
    [{}, false],
  ])('a message is refused by schema and node alike (%#)', async (body, fine) => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: asGateway,
      body: new Blob([JSON.stringify(body)]),
    });
    expect(answer.status).toBe(fine ? 202 : 400);
    expect(schemaOf('/v1/messages')(body)).toBe(fine);
  });

  const user = { number: stranger, name: 'Åsa', language: 'sv', assets: ['SEK'] };
  const good = { item: 'cola', label: 'Cola', asset: 'SEK', price: '2000', codes: ['A1'] };
  it.each([
    [user, true],
    [{ ...user, kind: 'machine', joined: true, autoAccept: true, goods: [good] }, true],
    [{ ...user, assets: ['SEK', 'SEK'] }, false],
    [{ ...user, assets: [] }, false],
    [{ ...user, kind: 'robot' }, false],
    [{ ...user, goods: [{ ...good, price: '0' }] }, false],
  ])('a user is refused by schema and node alike (%#)', async (body, fine) => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/users`, {
      method: 'POST',
      headers: asStaff,
      body: new Blob([JSON.stringify(body)]),
    });
    expect(answer.status).toBe(fine ? 201 : 400);
    expect(schemaOf('/v1/users')(body)).toBe(fine);
  });
});

describe('answers', () => {
  const bodies: Record<string, unknown> = {
    receiveMessage: message,
    createUser: { number: stranger, name: 'Åsa', language: 'sv', assets: ['SEK'] },
    deposit: { id: 'till-7', number: alice, asset: 'SEK', amount: '5000', reason: 'cash desk' },
    auditDisclosures: { from: 1, to: 2, policy: 'regulator-minimum', reason: 'file 17' },
    withdraw: { id: 'till-7', number: alice, asset: 'SEK', amount: '5000', reason: 'cash desk' },
  };

  it.each(operations)(
    'of $method $path are as documented, and so is a refusal',
    async ({ path, method, operation }) => {
      const { url } = await serve();
      const [asked = ''] = Object.keys(operation.security[0] ?? {});
      const token = { gatewayToken: asGateway, auditorToken: asAuditor }[asked] ?? asStaff;
      const address = url + path.replace('{number}', alice).replace('{id}', knownPair);
      const body = operation.operationId in bodies ? new Blob([JSON.stringify(bodies[operation.operationId])]) : null;

      const answer = await fetch(address, { method, headers: token, body });
      const documented = operation.responses[answer.status]?.content ?? {};
      const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
      expect(Object.keys(documented)).toEqual([type]);
      const check = validator(documented[type]?.schema ?? { not: {} });
      const found = type === 'application/json' ? await answer.json() : await answer.text();
      expect(check(found) ? [] : check.errors).toEqual([]);

      if (operation.security.length === 0) return;
      const refused = await fetch(address, { method, body });
      const refusalCheck = validator(
        operation.responses[refused.status]?.content['application/json']?.schema ?? { not: {} },
      );
      expect(refusalCheck(await refused.json())).toBe(true);
    },
  );
});
