/** Each route: what it asks the node, and how the node's answer looks over HTTP. */
import { describe, expect, it } from 'vitest';
import { nodeClient } from '../../operator-node/api/client.ts';
import type { ApiNode } from '../../operator-node/api/api-node.ts';
import { allRequests } from '../../operator-node/cli/request.ts';
import { TandemError, type ErrorCode } from '../../operator-node/errors.ts';
import type { Msisdn } from '../../operator-node/model/ids.ts';
import {
  alice,
  evidenceText,
  filedRequest,
  knownPair,
  message,
  received,
  stranger,
  unknownPair,
} from './api-node.fixture.ts';
import { adminToken, asGateway, asStaff, fakeApi, post, refusal, serve } from './api.fixture.ts';

const thrower = (code: ErrorCode, text: string) => async () => {
  throw new TandemError(code, text);
};

describe('POST /v1/messages', () => {
  it.each([
    ['unknown-sender', 404],
    ['conflict', 409],
    ['too-busy', 429],
    ['peer-unavailable', 503],
    ['not-ready', 503],
  ] as const)('passes on the node’s refusal %s as %i with its words', async (code, status) => {
    const { url } = await serve(fakeApi({ receiveMessage: thrower(code, 'what was found') }));
    const answer = await post(`${url}/v1/messages`, message);
    expect(answer.headers.get('retry-after')).toBe(status === 429 || status === 503 ? '1' : null);
    expect(await refusal(answer)).toEqual({ status, code, message: 'what was found' });
  });

  it('answers 202 with id and disposition, and nothing else that the node may have said', async () => {
    const receive = async ({ id }: { readonly id: string }) =>
      ({ id, disposition: 'answered', inner: 'secret' }) as const;
    const services = fakeApi({}, { receiver: { receive } });
    const { url } = await serve(services);
    const answer = await post(`${url}/v1/messages`, message);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-powered-by')).toBeNull();
    expect(await answer.json()).toEqual({ id: 'm-1', disposition: 'answered' });
  });

  it('gives the node the message as it was sent', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const text = 'PAY 12,50 \u0000 👩‍👩‍👧 “fika”\r\n';
    expect((await post(`${url}/v1/messages`, { ...message, text })).status).toBe(202);
    expect(services.calls).toEqual([{ name: 'receive', input: { ...message, text } }]);
  });
});

describe('GET /v1/phones/{number}/messages', () => {
  it('is not there on a node that keeps no phones', async () => {
    const { url } = await serve(fakeApi({}, { phones: undefined }));
    const answer = await fetch(`${url}/v1/phones/${alice}/messages`, { headers: asGateway });
    expect(await refusal(answer)).toMatchObject({ status: 404, code: 'not-found' });
  });

  it('knows no inbox of a number that nobody has', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/phones/${stranger}/messages`, { headers: asGateway });
    expect(await refusal(answer)).toMatchObject({ status: 404, message: expect.stringContaining(stranger) as string });
  });

  it('passes on what the phones say of a bad cursor', async () => {
    const { url } = await serve(fakeApi({}, { phones: { messages: thrower('bad-request', 'after: no cursor') } }));
    const answer = await fetch(`${url}/v1/phones/${alice}/messages?after=x`, { headers: asGateway });
    expect(await refusal(answer)).toEqual({ status: 400, code: 'bad-request', message: 'after: no cursor' });
  });

  it.each([alice, encodeURIComponent(alice)])('gives the messages of %s and the cursor', async (number) => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/phones/${number}/messages`, { headers: asGateway });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ messages: [received], cursor: '1' });
  });

  it('hands on the cursor, and an inbox with nothing new is empty', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const answer = await fetch(`${url}/v1/phones/${alice}/messages?after=1`, { headers: asGateway });
    expect(await answer.json()).toEqual({ messages: [], cursor: '1' });
    expect(services.calls).toEqual([{ name: 'phones', input: { number: alice, cursor: '1' } }]);
  });
});

describe('GET /v1/pairs/{id}', () => {
  it('knows no other pair', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/pairs/${unknownPair}`, { headers: asStaff });
    expect(await refusal(answer)).toMatchObject({
      status: 404,
      message: expect.stringContaining(unknownPair) as string,
    });
  });

  it('gives the pair', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/pairs/${knownPair}`, { headers: asStaff });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: knownPair, legs: [{ leg: 'first', state: 'committed' }] });
  });
});

describe('GET /v1/pairs/{id}/evidence', () => {
  it('knows no other pair', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/pairs/${unknownPair}/evidence`, { headers: asStaff });
    expect(await refusal(answer)).toMatchObject({ status: 404 });
  });

  it('is not ready before the pair is final', async () => {
    const { url } = await serve(fakeApi({ pairEvidence: thrower('not-ready', 'The pair is not final yet.') }));
    const answer = await fetch(`${url}/v1/pairs/${knownPair}/evidence`, { headers: asStaff });
    expect(await refusal(answer)).toMatchObject({ status: 503, code: 'not-ready' });
  });

  it('gives the bundle byte for byte', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/pairs/${knownPair}/evidence`, { headers: asStaff });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(evidenceText));
  });
});

describe('GET /v1/accounts/{number}', () => {
  it.each([stranger, '0701234567', '+46', '%2B46abc'])('knows no number %s', async (number) => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/accounts/${number}`, { headers: asStaff });
    expect(await refusal(answer)).toMatchObject({ status: 404, code: 'not-found' });
  });

  it.each([alice, encodeURIComponent(alice)])('gives the accounts of %s', async (number) => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/accounts/${number}`, { headers: asStaff });
    expect(await answer.json()).toEqual({ accounts: [{ asset: 'SEK', balance: '88000', held: '12000' }] });
  });
});

describe('GET /v1/assets', () => {
  it('gives each asset with its decimals', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/assets`, { headers: asStaff });
    expect(await answer.json()).toEqual({ assets: [{ asset: 'SEK', exponent: 2 }] });
  });
});

describe('GET /v1/positions', () => {
  it('gives what is owed', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/positions`, { headers: asStaff });
    expect(await answer.json()).toEqual({ positions: [{ operator: 2, asset: 'SEK', balance: '-12000' }] });
  });
});

describe('GET /v1/users', () => {
  it('gives the users', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/users`, { headers: asStaff });
    expect(await answer.json()).toEqual({
      users: [
        {
          id: 'u_0123456789abcdef01234567',
          number: alice,
          name: 'Alice',
          language: 'en',
          kind: 'person',
          joined: true,
        },
      ],
    });
  });
});

describe('GET /v1/requests', () => {
  const found = (count: number, from = 0) =>
    Array.from({ length: count }, (_, at) => ({ ...filedRequest, request: from + at + 1 }));

  it('answers in pages of 500, and says where to go on', async () => {
    const asked: unknown[] = [];
    const all = found(1_200);
    const services = fakeApi({
      requests: async ({ query: { after } }) => {
        asked.push(after);
        const next = after + 500 < all.length ? { after: after + 500 } : {};
        return { requests: all.slice(after, after + 500), ...next };
      },
    });
    const { url } = await serve(services);
    const page = async (query: string) =>
      (await (await fetch(`${url}/v1/requests${query}`, { headers: asStaff })).json()) as {
        requests: { request: number }[];
        after?: number;
      };
    const first = await page('');
    expect([first.requests.length, first.after]).toEqual([500, 500]);
    const second = await page('?after=500');
    expect([second.requests[0]?.request, second.requests.length, second.after]).toEqual([501, 500, 1_000]);
    const last = await page('?after=1000');
    expect([last.requests.length, last.after]).toEqual([200, undefined]);
    expect(asked.at(-1)).toEqual(1_000);
    const client = nodeClient({ apiUrl: url, gatewayToken: '', adminToken });
    expect((await allRequests(client)).map(({ request }) => request)).toEqual(all.map(({ request }) => request));
    client.close();
  });

  it.each(['?after=-1', '?after=x', '?after=01', '?after=1&after=2', '?limit=10', '?after='])(
    'refuses %s',
    async (query) => {
      const { url } = await serve();
      const answer = await fetch(`${url}/v1/requests${query}`, { headers: asStaff });
      expect(await refusal(answer)).toMatchObject({ status: 400, code: 'bad-request' });
    },
  );
});

describe('POST /v1/users', () => {
  const user = { number: stranger, name: 'Åsa', language: 'sv', assets: ['SEK', 'EUR'] };
  const goods = [{ item: 'cola', label: 'Cola 33 cl', asset: 'SEK', price: '2000', codes: ['A1', 'A2'] }];

  it('passes on a conflict', async () => {
    const { url } = await serve(fakeApi({ createUser: thrower('conflict', 'There is another user with it.') }));
    expect(await refusal(await post(`${url}/v1/users`, user, asStaff))).toMatchObject({
      status: 409,
      code: 'conflict',
    });
  });

  it('adds a person that has not joined, asks before accepting and sells nothing, unless said otherwise', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const answer = await post(`${url}/v1/users`, user, asStaff);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ number: stranger, created: true });
    expect(services.calls[0]?.input).toEqual({ ...user, kind: 'person', joined: false, autoAccept: false, goods: [] });
  });

  it('adds a machine, which accepts by itself', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    expect((await post(`${url}/v1/users`, { ...user, kind: 'machine', joined: true, goods }, asStaff)).status).toBe(
      201,
    );
    expect(services.calls[0]?.input).toEqual({ ...user, kind: 'machine', joined: true, autoAccept: true, goods });
  });

  it('answers 200 when the user was there already', async () => {
    const staff = {
      createUser: async ({ number }: { readonly number: Msisdn }) => ({ number, created: false }),
      move: thrower('internal', 'not asked for'),
    };
    const { url } = await serve(fakeApi({}, { staff }));
    expect((await post(`${url}/v1/users`, user, asStaff)).status).toBe(200);
  });
});

describe.each([
  ['deposit', '/v1/deposits', '100000'],
  ['withdraw', '/v1/withdrawals', '50000'],
] as const)('%s', (name, path, balance) => {
  const movement = { id: 'till-7', number: alice, asset: 'SEK', amount: '5000', reason: 'cash desk' };

  it.each([
    ['not-found', 404],
    ['conflict', 409],
    ['unprocessable', 422],
  ] as const)('passes on %s', async (code, status) => {
    const { url } = await serve(fakeApi({ [name]: thrower(code, 'why') }));
    expect(await refusal(await post(url + path, movement, asStaff))).toEqual({ status, code, message: 'why' });
  });

  it('books once and gives the balance', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const answer = await post(url + path, movement, asStaff);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ id: 'till-7', asset: 'SEK', balance });
    expect(services.calls).toEqual([{ name, input: movement }]);
  });
});

const notReady = (checks: Readonly<Record<string, string>> = { chain: '' }) => ({
  flow: {
    readiness: {
      checks: () => Object.entries(checks).map(([name, detail]) => ({ name, detail, ok: detail === 'ok' })),
    },
  } as unknown as ApiNode['flow'],
});

describe('GET /healthz, /readyz, /metrics', () => {
  it('is healthy while it serves, ready or not', async () => {
    const { url } = await serve(fakeApi({}, notReady()));
    const answer = await fetch(`${url}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('is not ready with 503, says why in its checks, and refuses in the form of every refusal', async () => {
    const checks = { store: 'ok', chain: 'no block for 75 s' };
    const { url } = await serve(fakeApi({}, notReady(checks)));
    const answer = await fetch(`${url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      ready: false,
      checks,
      error: { code: 'not-ready', message: 'chain: no block for 75 s' },
    });
  });

  it('is ready with 200', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([200, { ready: true, checks: { store: 'ok', chain: 'ok' } }]);
  });

  it('gives Prometheus text', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toBe('tandem_open_pairs 0\n');
  });
});
