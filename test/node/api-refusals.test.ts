/** Bad input: each gets a clear answer of the one form, and never reaches the node. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../operator-node/errors.ts';
import { alice, knownPair, message } from './api-node.fixture.ts';
import {
  adminToken,
  auditorToken,
  asGateway,
  asStaff,
  fakeApi,
  routes,
  gatewayToken,
  post,
  refusal,
  serve,
} from './api.fixture.ts';

const concrete = (path: string) => path.replace('{number}', alice).replace('{id}', knownPair);

describe('addresses and methods', () => {
  it.each(['/', '/v1', '/v1/message', '/v1/messages/', '/V1/positions', '/v1/accounts', '/v1/pairs/a/b/c'])(
    'has nothing at %s',
    async (path) => {
      const { url } = await serve();
      expect(await refusal(await fetch(url + path, { headers: asStaff }))).toMatchObject({
        status: 404,
        code: 'not-found',
      });
    },
  );

  it('refuses an address that is not well encoded', async () => {
    const { url } = await serve();
    expect(await refusal(await fetch(`${url}/v1/accounts/%zz`, { headers: asStaff }))).toMatchObject({
      status: 400,
      code: 'bad-request',
    });
  });

  it.each([
    ['GET', '/v1/messages', 'POST'],
    ['DELETE', `/v1/pairs/${knownPair}`, 'GET, HEAD'],
    ['PUT', '/v1/users', 'GET, HEAD, POST'],
    ['OPTIONS', '/v1/deposits', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('refuses %s %s and says what is allowed', async (method, path, allow) => {
    const { url } = await serve();
    const answer = await fetch(url + path, { method, headers: asStaff });
    expect(answer.headers.get('allow')).toBe(allow);
    expect(await refusal(answer)).toMatchObject({ status: 405, code: 'method-not-allowed' });
  });

  it('answers HEAD without a body', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });
});

describe('tokens', () => {
  const guarded = routes.filter(({ token }) => token !== 'none');

  it.each(guarded)('$method $path is for the $token token only', async (route) => {
    const services = fakeApi();
    const { url } = await serve(services);
    const other = route.token === 'gateway' ? adminToken : gatewayToken;
    const right = { gateway: gatewayToken, admin: adminToken, auditor: auditorToken, none: '' }[route.token];
    const wrong = [other, `${right}x`, right.slice(0, -1), right.toUpperCase(), 'x'].map((token) => `Bearer ${token}`);
    for (const authorization of [...wrong, `Basic ${right}`, right, 'Bearer', `Bearer ${right} ${right}`]) {
      const answer = await fetch(url + concrete(route.path), { method: route.method, headers: { authorization } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="tandem", error="invalid_token"');
      expect(await refusal(answer)).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    const bare = await fetch(url + concrete(route.path), { method: route.method });
    expect(bare.headers.get('www-authenticate')).toBe('Bearer realm="tandem"');
    expect(await refusal(bare)).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(services.calls).toEqual([]);
  });

  it('takes the scheme in any case', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/v1/positions`, { headers: { authorization: `bearer ${adminToken}` } });
    expect(answer.status).toBe(200);
  });
});

describe('bodies', () => {
  it.each([
    ['nothing', ''],
    ['half an object', '{"id":"m-1","from":'],
    ['two objects', '{}{}'],
    ['no JSON', 'PAY 120'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('refuses %s as bad JSON', async (_what, body) => {
    const services = fakeApi();
    const { url } = await serve(services);
    const found = await refusal(await post(`${url}/v1/messages`, body));
    expect(found).toMatchObject({ status: 400, code: 'bad-json' });
    expect(found.message).not.toContain('PAY 120');
    expect(services.calls).toEqual([]);
  });

  it.each([
    ['text/plain', {}],
    ['application/x-www-form-urlencoded', {}],
    ['application/json; charset=latin1', {}],
    ['application/json; charset=utf-16', {}],
    ['application/json; charset=utf-88', {}],
    ['application/json; charset="utf8', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('refuses a body of type %s %o', async (type, more) => {
    const { url } = await serve();
    const answer = await post(`${url}/v1/messages`, message, { ...asGateway, 'content-type': type, ...more });
    expect(await refusal(answer)).toMatchObject({ status: 415, code: 'unsupported-media-type' });
  });

  it.each([
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'Application/JSON',
    'application/json; charset=utf8',
    'application/json;charset="UTF8"',
    'application/json ; charset=Utf-8 ;',
  ])('takes a body of type %s', async (type) => {
    const { url } = await serve();
    const answer = await post(`${url}/v1/messages`, message, { ...asGateway, 'content-type': type });
    expect(answer.status).toBe(202);
  });

  it.each(routes.filter(({ body }) => body !== undefined))(
    'refuses a name that stands twice: $method $path',
    async (route) => {
      const services = fakeApi();
      const { url } = await serve(services);
      const token = { gateway: gatewayToken, admin: adminToken, auditor: auditorToken, none: '' }[route.token];
      for (const body of [
        '{"from":"+46701740611","from":"+46701740651"}',
        '{"goods":[{"a":1},{"from":1,"fr\\u006fm":1}]}',
      ]) {
        const found = await refusal(await post(url + route.path, body, { authorization: `Bearer ${token}` }));
        expect(found).toEqual({
          status: 400,
          code: 'bad-json',
          message: 'The body has "from" twice in one object; send it once.',
        });
      }
      expect(services.calls).toEqual([]);
    },
  );

  it('takes a body without a type', async () => {
    const { url } = await serve();
    const body = new Blob([JSON.stringify(message)]);
    expect((await fetch(`${url}/v1/messages`, { method: 'POST', headers: asGateway, body })).status).toBe(202);
  });

  it('refuses more than 64 KiB, announced or not, and goes on with the same connection', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const text = JSON.stringify({ ...message, pad: 'x'.repeat(65_536) });
    expect(await refusal(await post(`${url}/v1/messages`, text))).toMatchObject({ status: 413, code: 'too-large' });
    const unannounced = new ReadableStream({
      start(controller) {
        for (let at = 0; at < text.length; at += 8192) {
          controller.enqueue(new TextEncoder().encode(text.slice(at, at + 8192)));
        }
        controller.close();
      },
    });
    const init = { method: 'POST', headers: asGateway, body: unannounced, duplex: 'half' } as RequestInit;
    expect(await refusal(await fetch(`${url}/v1/messages`, init))).toMatchObject({ status: 413, code: 'too-large' });
    expect(services.calls).toEqual([]);
    expect((await post(`${url}/v1/messages`, message)).status).toBe(202);
  });
});

describe('fields of a message', () => {
  const { text: _text, ...noText } = message;
  it.each([
    ['an array', [], 'body:'],
    ['null', null, 'body:'],
    ['no text', noText, 'text: is missing'],
    ['a text that is a number', { ...message, text: 120 }, 'text: must be a string'],
    ['an empty id', { ...message, id: '' }, 'id: must be 1 to 128 printable ASCII characters'],
    ['an id of 129', { ...message, id: 'x'.repeat(129) }, 'id: must be 1 to 128'],
    ['an id with a line feed', { ...message, id: 'a\n' }, 'id: must be 1 to 128'],
    ['a number without plus', { ...message, from: '0701234567' }, 'from: must be a number in E.164'],
    ['a number with letters', { ...message, to: '+4670SHOP' }, 'to: must be a number in E.164'],
    ['a number with a line feed', { ...message, to: `${alice}\n` }, 'to: must be a number in E.164'],
    ['an unknown field', { ...message, extra: 1 }, 'body: has no field "extra"'],
    ['a field of the prototype', '{"__proto__":{},"id":"m-1"}', 'is missing'],
    ['4,097 characters', { ...message, text: 'x'.repeat(4097) }, 'text: must have at most 4096 characters, has 4097'],
    ['a lone high surrogate', { ...message, text: 'a\ud83d' }, 'text: has a lone surrogate'],
    ['a lone low surrogate', { ...message, text: '\ude00a' }, 'text: has a lone surrogate'],
  ])('refuses %s', async (_what, body, told) => {
    const services = fakeApi();
    const { url } = await serve(services);
    const found = await refusal(await post(`${url}/v1/messages`, body));
    expect(found).toMatchObject({ status: 400, code: 'bad-request' });
    expect(found.message).toContain(told);
    expect(services.calls).toEqual([]);
  });

  it('names every field that is wrong', async () => {
    const { url } = await serve();
    const found = await refusal(await post(`${url}/v1/messages`, { id: '', from: alice, to: 7 }));
    expect(found.message).toBe(
      'id: must be 1 to 128 printable ASCII characters; to: must be a string; text: is missing',
    );
  });

  it.each([
    ['no text at all', ''],
    ['4,096 characters', 'x'.repeat(4096)],
    ['4,096 emoji, which are two UTF-16 units each', '😀'.repeat(4096)],
    ['a 2,000-character text', 'å'.repeat(2000)],
  ])('takes %s', async (_what, text) => {
    const services = fakeApi();
    const { url } = await serve(services);
    // As the most careful of senders would: every character escaped.
    const escaped = JSON.stringify({ ...message, text }).replaceAll(
      /[^\x20-\x7e]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    expect((await post(`${url}/v1/messages`, escaped)).status).toBe(202);
    expect(services.calls[0]?.input).toEqual({ ...message, text });
  });
});

describe('fields of staff’s requests', () => {
  const user = { number: alice, name: 'Alice', language: 'en', assets: ['SEK'] };
  const item = { item: 'cola', label: 'Cola', asset: 'SEK', price: '2000', codes: [] };
  it.each([
    [{ ...user, assets: [] }, 'assets: must name at least one asset'],
    [{ ...user, assets: ['SEK', 'SEK'] }, 'assets: must not name an asset twice'],
    [{ ...user, assets: ['kr'] }, 'assets.0: must be an ISO 4217 code or <operatorId>:<CODE>'],
    [{ ...user, kind: 'robot' }, 'kind: must be "person" or "machine"'],
    [{ ...user, language: 'English' }, 'language: must be a language tag'],
    [{ ...user, joined: 'yes' }, 'joined: must be true or false'],
    [{ ...user, name: '' }, 'name: must have at least 1 character'],
    [{ ...user, goods: [{ ...item, price: '0' }] }, 'goods.0.price: must be an amount above 0'],
    [{ ...user, goods: [item, item] }, 'goods: must not name an item twice'],
  ])('refuses a user such as %o', async (body, told) => {
    const { url } = await serve();
    const found = await refusal(await post(`${url}/v1/users`, body, asStaff));
    expect(found).toMatchObject({ status: 400, code: 'bad-request' });
    expect(found.message).toContain(told);
  });

  it.each(['0', '-5', '1.00', '1e3', '007', '', 5])('refuses to move an amount such as %o', async (amount) => {
    const { url } = await serve();
    const body = { id: 'till-7', number: alice, asset: 'SEK', amount, reason: 'cash desk' };
    for (const path of ['/v1/deposits', '/v1/withdrawals']) {
      const found = await refusal(await post(url + path, body, asStaff));
      expect(found).toMatchObject({ status: 400, code: 'bad-request' });
      expect(found.message).toMatch(/^amount: must be/);
    }
  });

  it.each([
    'x',
    'x'.repeat(64),
    'x'.repeat(10_000),
    '',
    `u_${'a'.repeat(23)}`,
    `u_${'A'.repeat(24)}`,
    '46701740651',
    7,
  ])('refuses to erase %o: it is neither a user’s id nor a number', async (user) => {
    const { url } = await serve();
    const found = await refusal(await post(`${url}/v1/erasures`, { user }, asStaff));
    expect(found).toMatchObject({ status: 400, code: 'bad-request' });
    expect(found.message).toMatch(/^user: must be/);
  });

  it('refuses a query that a route has no use for', async () => {
    const { url } = await serve();
    const found = await refusal(await fetch(`${url}/v1/positions?asset=SEK`, { headers: asStaff }));
    expect(found).toEqual({ status: 400, code: 'bad-request', message: 'query: has no field "asset"' });
  });

  it('refuses a cursor given twice', async () => {
    const { url } = await serve();
    const found = await refusal(
      await fetch(`${url}/v1/phones/${alice}/messages?after=1&after=2`, { headers: asGateway }),
    );
    expect(found).toEqual({ status: 400, code: 'bad-request', message: 'after: must be given once' });
  });
});

describe('faults', () => {
  it.each([
    ['an error that nobody foresaw', new TypeError('cannot read properties of /var/lib/tandem'), 500, 'internal'],
    ['a store that failed', new TandemError('store-failed', 'no space on /var/lib/tandem'), 503, 'store-failed'],
    ['something that is no error', 'a string', 500, 'internal'],
  ])('tells the caller nothing of %s', async (_what, thrown, status, code) => {
    const faults: unknown[] = [];
    const services = fakeApi({
      receiveMessage: async () => {
        throw thrown;
      },
    });
    const { url } = await serve(services, { onFault: (_operation, error) => faults.push(error) });
    const found = await refusal(await post(`${url}/v1/messages`, message));
    expect(found).toMatchObject({ status, code });
    expect(found.message).not.toMatch(/tandem|string|properties/);
    expect(faults).toEqual([thrown]);
  });

  it('reports each answer once: its route, its status and its refusal', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(fakeApi(), { onAnswer: (...answer) => seen.push(answer) });
    await post(`${url}/v1/messages`, message);
    await post(`${url}/v1/messages`, '{');
    await fetch(`${url}/nowhere`);
    expect(seen).toEqual([
      ['receiveMessage', 202],
      ['receiveMessage', 400, 'bad-json'],
      ['none', 404, 'not-found'],
    ]);
  });
});
