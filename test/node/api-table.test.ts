/** The table of routes: groups that parts of the node bring, and the client that is derived from them. */
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../operator-node/api/app.ts';
import { ApiError, nodeClient, readinessOf } from '../../operator-node/api/client.ts';
import { json, route, routeGroup, type AnyRoute } from '../../operator-node/api/route.ts';
import { nodeRoutes, operations } from '../../operator-node/api/table.ts';
import { alice, knownPair, signedDoubt } from './api-node.fixture.ts';
import { adminToken, auditorToken, fakeApi, gatewayToken, serve } from './api.fixture.ts';

const tokens = { gatewayToken, adminToken };
const greeting = (path: string) =>
  route({
    method: 'get',
    path,
    token: 'admin',
    summary: 'Says hello to a name.',
    params: z.strictObject({ name: z.string() }),
    answers: { 200: json('A greeting.', z.strictObject({ hello: z.string() })) },
    refusals: [],
    run: async ({ word }: { readonly word: string }, { params }) => ({ hello: `${word} ${params.name}` }),
  });

describe('groups of routes', () => {
  const toy = routeGroup('toys', { greet: greeting('/v1/toys/{name}') }, { word: 'hello' });

  it('of a part are served with the part behind them, and stand in openapi.json', async () => {
    const { url } = await serve({ groups: [...fakeApi().groups, toy] });
    const answer = await fetch(`${url}/v1/toys/bear`, { headers: { authorization: `Bearer ${adminToken}` } });
    expect([answer.status, await answer.json()]).toEqual([200, { hello: 'hello bear' }]);
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toContain('/v1/toys/{name}');
  });

  it.each([
    [
      'one method and path',
      { greet: greeting('/v1/toys/{name}') },
      'GET /v1/toys/{}: greet of toys and greet of other',
    ],
    [
      'one address by other names',
      { other: greeting('/v1/toys/{id}') },
      'GET /v1/toys/{}: greet of toys and other of other',
    ],
    ['one operation id', { greet: greeting('/v1/games/{name}') }, 'greet: greet of toys and greet of other'],
    ['a path of the node', { own: greeting('/v1/pairs/{name}') }, 'GET /v1/pairs/{}: pair of pairs and own of other'],
  ])('end the start with both names where two have %s', (_, routes, said) => {
    const other = routeGroup('other', routes, { word: 'hi' });
    expect(() => createApi([...fakeApi().groups, toy, other], tokens)).toThrow(`Two routes are ${said}.`);
  });
});

describe('the table of operations', () => {
  it('has the routes of every resource, and the document of them', () => {
    const served = nodeRoutes({} as never).flatMap(({ routes }) => routes.map(({ operationId }) => operationId));
    expect([...served, 'openapi'].toSorted()).toEqual(Object.keys(operations).toSorted());
  });

  it('has no route with one name in two places: a client takes them as one object', () => {
    for (const { path, params, query, body } of Object.values<AnyRoute<never>>(operations)) {
      const names = [params, query, body].flatMap((schema) =>
        schema === undefined ? [] : Object.keys(z.toJSONSchema(schema, { io: 'input' }).properties ?? {}),
      );
      expect(new Set(names).size, path).toBe(names.length);
    }
  });
});

describe('the client', () => {
  async function client(api = fakeApi()) {
    const { url } = await serve(api);
    return nodeClient({ apiUrl: url, gatewayToken, adminToken, auditorToken });
  }

  it('has a method for every operation', async () => {
    const node = await client();
    expect(Object.keys(operations).filter((name) => typeof node[name as keyof typeof node] !== 'function')).toEqual([]);
    node.close();
  });

  it('puts what is asked into path, query and body, each with its token', async () => {
    const api = fakeApi();
    const node = await client(api);
    expect(await node.accounts({ number: alice })).toMatchObject({ accounts: [{ asset: 'SEK' }] });
    await node.phoneMessages({ number: alice, after: '1' });
    await node.windows();
    await node.windows({ counterparty: undefined });
    await node.windows({ counterparty: 'borealis' });
    await node.dischargeWindow({ counterparty: '2', number: 4, asset: 'SEK', reference: 'RIX 1 & 2' });
    await node.auditScope();
    expect(api.calls).toEqual([
      { name: 'accounts', input: alice },
      { name: 'phones', input: { number: alice, cursor: '1' } },
      { name: 'windows', input: undefined },
      { name: 'windows', input: undefined },
      { name: 'windows', input: 'borealis' },
      { name: 'dischargeWindow', input: { counterparty: '2', number: 4, asset: 'SEK', reference: 'RIX 1 & 2' } },
      { name: 'auditScope', input: 'supervisor' },
    ]);
    node.close();
  });

  it('gives bytes as they came where they are signed or hashed', async () => {
    const node = await client();
    const raw = await node.raw('GET', `/v1/pairs/${knownPair}/evidence`, 'admin');
    expect(await node.pairEvidence({ id: knownPair })).toBe(raw.body);
    expect(await node.text('doubt', { signed: 'true' })).toBe(signedDoubt);
    node.close();
  });

  it('throws what the node refuses, with its code', async () => {
    const node = await client();
    await expect(node.pair({ id: 'no-pair' })).rejects.toMatchObject({ status: 404, code: 'not-found' });
    node.close();
  });

  it('gives an answer that is documented with an error’s status, such as a node that is not ready', async () => {
    const checks = [{ name: 'chain', ok: false, detail: 'stands still' }];
    const node = await client(fakeApi({}, { flow: { readiness: { checks: () => checks } } as never }));
    expect(await readinessOf(node)).toMatchObject({ ready: false, checks: { chain: 'stands still' } });
    node.close();
  });

  it('says undefined of the readiness of a node that does not answer', async () => {
    const { api, url } = await serve();
    await api.close();
    const node = nodeClient({ apiUrl: url });
    expect(await readinessOf(node)).toBeUndefined();
    await expect(node.health()).rejects.toMatchObject({ status: 0, code: 'no-answer' });
    node.close();
  });

  it('takes fields that a newer node says more', async () => {
    const more = { assets: [{ asset: 'SEK', exponent: 2, name: 'Krona' }], since: 1 };
    const node = await client(fakeApi({ assets: async () => more as never }));
    expect(await node.assets()).toEqual(more);
    node.close();
  });

  it('refuses an answer that its schema does not take', async () => {
    const node = await client(
      fakeApi({ assets: async () => ({ assets: [{ asset: 'SEK', exponent: '2' }] }) as never }),
    );
    const refused = node.assets();
    await expect(refused).rejects.toBeInstanceOf(ApiError);
    await expect(refused).rejects.toMatchObject({
      code: 'unexpected',
      message: expect.stringContaining('assets.0.exponent') as string,
    });
    node.close();
  });
});
