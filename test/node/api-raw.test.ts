/**
 * Requests as no client library sends them: framing that two parsers read differently, addresses that are nearly others,
 * headers twice, JSON that is not what it seems. Each is refused or means what it says, and the node is asked nothing that
 * its token does not allow.
 */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { alice, message } from './api-node.fixture.ts';
import { adminToken, fakeApi, gatewayToken, serve } from './api.fixture.ts';

/** Every answer on one connection, until the server closes it or has been silent. */
function say(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    const done = (): void => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(300, done);
    socket.on('data', (piece) => (heard += piece.toString('latin1')));
    socket.on('error', done);
    socket.on('close', done);
    socket.write(bytes);
  });
}

const statuses = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

const asStaff = `authorization: Bearer ${adminToken}`;
const asGateway = `authorization: Bearer ${gatewayToken}`;

const get = (path: string, ...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

interface Posted {
  readonly path?: string;
  readonly token?: string;
  readonly headers?: readonly string[];
  readonly length?: boolean;
}

function posted(body: string | Buffer, { path = '/v1/messages', token = asGateway, ...rest }: Posted = {}): Buffer {
  const bytes = Buffer.from(body);
  const length = rest.length === false ? [] : [`content-length: ${bytes.length}`];
  const lines = ['host: x', token, 'content-type: application/json', ...(rest.headers ?? []), ...length];
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), bytes]);
}

const good = JSON.stringify(message);
const withField = (field: string): string => good.replace('{', `{${field},`);
const smuggled = `0\r\n\r\nGET /v1/users HTTP/1.1\r\nhost: x\r\n${asStaff}\r\n\r\n`;
const nested = (open: string, close: string, depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

type Case = readonly [what: string, bytes: string | Buffer, statuses: readonly number[], calls?: readonly string[]];

const framing: readonly Case[] = [
  ['a length and chunks', posted(smuggled, { headers: ['transfer-encoding: chunked'] }), [400]],
  ['a transfer encoding that nearly is one', posted(good, { headers: ['transfer-encoding: xchunked'] }), [400]],
  [
    'two transfer encodings',
    posted(good, { headers: ['transfer-encoding: chunked', 'transfer-encoding: identity'], length: false }),
    [400],
  ],
  ['two lengths', posted(good, { headers: ['content-length: 5'] }), [400]],
  ['a negative length', 'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', [400]],
  ['a length beyond all bounds', posted('', { headers: ['content-length: 99999999999'], length: false }), [413]],
  ['line feeds alone', 'GET /healthz HTTP/1.1\nhost: x\n\n', [400]],
  ['HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', [200]],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', [400]],
  ['a header of 20,000 bytes', get('/healthz', `x: ${'a'.repeat(20_000)}`), [413]],
  ['nine hundred headers', get('/healthz', ...Array.from({ length: 900 }, (_, index) => `a${index}: b`)), [200]],
  ['a wish for HTTP/2', get('/healthz', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA'), [200]],
  [
    'a body for what takes none',
    `GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello${get('/healthz')}`,
    [200, 200],
  ],
];

const addresses: readonly Case[] = [
  ['another server’s address', `GET http://evil/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, [401]],
  ['two slashes', get('//v1/users', asStaff), [404]],
  ['a slash that is encoded', get('/v1%2fusers', asStaff), [404]],
  ['two dots', get('/healthz/../v1/users', asStaff), [404]],
  ['capitals', get('/V1/users', asStaff), [404]],
  ['a slash at its end', get('/v1/users/', asStaff), [404]],
  ['a bad escape', get('/v1/phones/%ZZ/messages', asGateway), [400]],
  ['a zero byte in a number', get('/v1/phones/%00/messages', asGateway), [404]],
  ['a query twice', get('/v1/windows?counterparty=2&counterparty=3', asStaff), [400]],
  ['a query of the prototype', get('/v1/users?__proto__=1', asStaff), [400]],
];

const methods: readonly Case[] = [
  ['a method in a header', get('/v1/users', 'x-http-method-override: POST'), [401]],
  ['TRACE', get('/v1/users').replace('GET', 'TRACE'), [405]],
  ['CONNECT', get('/v1/users').replace('GET /v1/users', 'CONNECT 127.0.0.1:22'), []],
  ['OPTIONS of everything', get('*').replace('GET', 'OPTIONS'), [404]],
];

const tokens: readonly Case[] = [
  ['two tokens, the wrong one first', get('/v1/users', 'authorization: Bearer bad', asStaff), [401]],
  ['the gateway’s for staff', get('/v1/users', asGateway), [401]],
  ['the right one as Basic', get('/v1/users', `authorization: Basic ${adminToken}`), [401]],
  ['none after its scheme', get('/v1/users', 'authorization: Bearer '), [401]],
];

const bodies: readonly Case[] = [
  ['compressed', posted(good, { headers: ['content-encoding: gzip'] }), [415]],
  ['with __proto__', posted(withField('"__proto__":{"id":"p1"}')), [400]],
  ['with constructor', posted(withField('"constructor":{"prototype":{"x":1}}')), [400]],
  ['with a name twice', posted(withField(`"from":"${alice}"`)), [400]],
  ['of lists 30,000 deep', posted(nested('[', ']', 30_000)), [413]],
  ['of objects 10,000 deep', posted(nested('{"a":', '}', 10_000)), [413]],
  ['of lists 500,000 deep, for staff', posted(nested('[', ']', 500_000), { path: '/v1/users', token: asStaff }), [413]],
  [
    'with a number beyond all numbers',
    posted(`{"number":"+46702999999","x":1e999}`, { path: '/v1/users', token: asStaff }),
    [400],
  ],
  [
    'that is not UTF-8',
    posted(Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])),
    [400],
  ],
  ['with half a character', posted(good.replace('PAY 120 lunch', '\\ud800')), [400]],
  [
    'with a byte order mark',
    posted(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(good)])),
    [202],
    ['receive'],
  ],
];

async function holds([what, bytes, expected, calls = []]: Case): Promise<void> {
  const services = fakeApi();
  const { api } = await serve(services);
  const heard = await say(api.port, bytes);
  expect([statuses(heard), services.calls.map(({ name }) => name)]).toEqual([expected, calls]);
  // Without a host Node answers by itself, with the status alone.
  if (expected.some((status) => status >= 400) && what !== 'no host')
    expect(heard).toMatch(/\{"error":\{"code":"[a-z-]+","message":"/);
  expect(statuses(await say(api.port, get('/healthz')))).toEqual([200]);
}

const groups: Readonly<Record<string, readonly Case[]>> = {
  framing,
  'an address': addresses,
  'a method': methods,
  'a token': tokens,
  'a body': bodies,
};

for (const [group, cases] of Object.entries(groups)) {
  describe(group, () => {
    for (const each of cases) it(each[0], () => holds(each));
  });
}

describe('many connections', () => {
  it('two thousand idle ones of one address shut neither staff nor the gateway out', async () => {
    const cuts: string[] = [];
    const { api, url } = await serve(
      fakeApi(),
      { onCut: ({ reason }) => cuts.push(reason) },
      { maxConnections: 300, maxUnproven: 150 },
    );
    const idle = Array.from({ length: 600 }, () => connect(api.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const headers of [{ authorization: `Bearer ${adminToken}` }, { authorization: `Bearer ${gatewayToken}` }]) {
      const path = headers.authorization.endsWith(adminToken) ? '/v1/positions' : `/v1/phones/${alice}/messages`;
      expect((await fetch(url + path, { headers })).status).toBe(200);
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(api.connections.unproven).toBeLessThanOrEqual(150);
    expect(cuts.length).toBeGreaterThanOrEqual(450);
    for (const socket of idle) socket.destroy();
  });

  it('one that has had the right token is not closed for a thousand that have not', async () => {
    const { api } = await serve(fakeApi(), {}, { maxConnections: 100, maxUnproven: 50 });
    const staff = connect(api.port, '127.0.0.1');
    let heard = '';
    staff.on('data', (piece) => (heard += piece.toString()));
    const answered = (count: number) => expect.poll(() => statuses(heard).length, { timeout: 20_000 }).toBe(count);
    staff.write(get('/v1/positions', asStaff).replace('connection: close\r\n', ''));
    await answered(1);
    const idle = Array.from({ length: 1_000 }, () => connect(api.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(
      idle.map((socket) => new Promise((resolve) => socket.once('close', resolve).once('connect', resolve))),
    );
    staff.write(get('/v1/positions', asStaff));
    await answered(2);
    expect(statuses(heard)).toEqual([200, 200]);
    for (const socket of idle) socket.destroy();
  });
});
