/** What a peer, known but careless or hostile, can send: sizes, forms, times and floods. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Certificate } from '../../operator-node/channel/certificate.ts';
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import { createHttpsChannel, startChannelServer, type ChannelServer } from '../../operator-node/channel/https.ts';
import type { ChannelLimits } from '../../operator-node/channel/limits.ts';
import { sizes } from '../../operator-node/channel/sizes.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import {
  aurora,
  borealis,
  forwardRequest,
  handlersOf,
  helloOf,
  newCertificate,
  now,
  pairIdOf,
  TestRegistry,
} from './channel.fixture.ts';

let mine: Certificate;
let theirs: Certificate;
let peers: TestRegistry;
let calls: { from: OperatorId; method: string }[];
const cleanUp: (() => unknown)[] = [];

beforeAll(async () => {
  [mine, theirs] = await Promise.all([newCertificate('aurora'), newCertificate('borealis')]);
});

beforeEach(() => {
  peers = new TestRegistry();
  peers.set(aurora, { pins: [mine.pin] });
  peers.set(borealis, { pins: [theirs.pin] });
  calls = [];
});

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(
  limits: Partial<ChannelLimits> = {},
  handlers: Partial<PeerHandlers> = {},
): Promise<ChannelServer> {
  const server = await startChannelServer({
    ...theirs,
    operator: borealis,
    host: '127.0.0.1',
    port: 0,
    peers,
    handlers: handlersOf(borealis, calls, handlers),
    now,
    limits: { closeMillis: 50, ...limits },
  });
  cleanUp.push(() => server.close());
  peers.set(borealis, { endpoint: `https://127.0.0.1:${server.port}` });
  return server;
}

function channelOf(limits: Partial<ChannelLimits> = {}): Channel {
  const channel = createHttpsChannel({ ...mine, operator: aurora, peers, now, limits });
  cleanUp.push(() => channel.close());
  return channel;
}

async function rawSocket(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...mine });
  socket.on('error', () => undefined);
  cleanUp.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

interface RawRequest {
  readonly verb?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const proper = { 'tandem-version': '1', 'tandem-from': '1', 'tandem-to': '2', 'content-type': 'application/json' };

function requestHead({ verb = 'POST', path = '/tandem/v1/hello', headers = {} }: RawRequest, length: number): string {
  const all = { host: 'peer', ...proper, 'content-length': String(length), ...headers };
  const lines = Object.entries(all).filter(([, value]) => value !== '');
  return `${verb} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** One answer from a socket: status, and the body as JSON. */
async function answerFrom(socket: TLSSocket): Promise<{ status: number; body: unknown }> {
  let text = '';
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString();
    const [head, body = ''] = text.split('\r\n\r\n', 2);
    const length = Number(/content-length: (\d+)/i.exec(head ?? '')?.[1] ?? Number.NaN);
    if (Buffer.byteLength(body) === length) return { status: Number(head?.split(' ')[1]), body: JSON.parse(body) };
  }
}

async function ask(port: number, request: RawRequest): Promise<{ status: number; body: unknown }> {
  const socket = await rawSocket(port);
  const body = Buffer.from(request.body ?? JSON.stringify(helloOf(aurora)));
  const answer = answerFrom(socket);
  socket.write(requestHead(request, body.length));
  socket.write(body);
  return await answer;
}

const helloBytes = sizes.hello.request.bytes;

const error = (code: string, text: RegExp): unknown => ({
  error: { code, message: expect.stringMatching(text) as unknown },
});

const helloWith = (change: object): string => JSON.stringify({ ...helloOf(aurora), ...change });

describe('a request', () => {
  test.each<[string, RawRequest, number, unknown]>([
    ['of no version', { headers: { 'tandem-version': '' } }, 400, error('bad-request', /no version.*speaks version 1/)],
    [
      'of another version',
      { headers: { 'tandem-version': '2' } },
      400,
      error('bad-request', /version 2.*speaks version 1/),
    ],
    ['from nobody', { headers: { 'tandem-from': '' } }, 400, error('bad-request', /tandem-from/)],
    ['from no operator id', { headers: { 'tandem-from': '01' } }, 400, error('bad-request', /tandem-from/)],
    ['in another’s name', { headers: { 'tandem-from': '2' } }, 403, error('forbidden', /not a pin of operator 2/)],
    ['for another operator', { headers: { 'tandem-to': '3' } }, 403, error('forbidden', /for operator 3.*operator 2/)],
    ['of no method', { path: '/tandem/v1/hallo' }, 404, error('not-found', /\/tandem\/v1\/hallo/)],
    ['of a name that every object has', { path: '/tandem/v1/constructor' }, 404, error('not-found', /constructor/)],
    ['at another version’s path', { path: '/tandem/v2/hello' }, 404, error('not-found', /\/tandem\/v1\/<method>/)],
    ['that is not POSTed', { verb: 'PUT' }, 400, error('bad-request', /POSTed/)],
    [
      'without a content type',
      { headers: { 'content-type': '' } },
      400,
      error('bad-request', /content type is nothing/),
    ],
    ['in plain text', { headers: { 'content-type': 'text/plain' } }, 400, error('bad-request', /text\/plain/)],
    [
      'in Latin-1',
      { headers: { 'content-type': 'application/json; charset=latin1' } },
      400,
      error('bad-request', /latin1/),
    ],
    ['that is no JSON', { body: '{"version":1,' }, 400, error('bad-json', /not JSON/)],
    ['without a body', { body: '' }, 400, error('bad-json', /not JSON/)],
    ['that is not UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, 400, error('bad-json', /not UTF-8/)],
    ['that is no object', { body: '[]' }, 400, error('bad-request', /expected object/)],
    ['with an unknown field', { body: helloWith({ extra: 1 }) }, 400, error('bad-request', /extra/)],
    [
      'with __proto__',
      { body: helloWith({}).replace('{', '{"__proto__":{"x":1},') },
      400,
      error('bad-request', /__proto__/),
    ],
    ['with a missing field', { body: helloWith({ chainId: undefined }) }, 400, error('bad-request', /chainId/)],
  ])('%s is refused with the reason', async (_what, request, status, body) => {
    const { port } = await serve();
    expect(await ask(port, request)).toEqual({ status, body });
    expect(calls).toEqual([]);
  });

  test('with thousands of faults is told of the first few', async () => {
    const { port } = await serve();
    const body = JSON.stringify({ proposals: Array.from({ length: 500 }, () => ({})) });
    const answer = await ask(port, { path: '/tandem/v1/propose', body });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer).length).toBeLessThan(1500);
  });

  test('that says it is too large is refused before it is read', async () => {
    const { port } = await serve();
    const socket = await rawSocket(port);
    const answer = answerFrom(socket);
    socket.write(requestHead({}, helloBytes + 1));
    expect(await answer).toEqual({ status: 413, body: error('too-large', /hello has at most 196608 bytes/) });
  });

  test('that grows too large is refused, and its connection can go on', async () => {
    const { port } = await serve();
    const socket = await rawSocket(port);
    const answer = answerFrom(socket);
    socket.write(requestHead({ headers: { 'transfer-encoding': 'chunked', 'content-length': '' } }, 0));
    const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`;
    for (let sent = 0; sent <= helloBytes; sent += 0x100000) socket.write(chunk);
    expect(await answer).toEqual({ status: 413, body: error('too-large', /hello has at most 196608 bytes/) });
    socket.write('0\r\n\r\n');
    const next = answerFrom(socket);
    const body = JSON.stringify(helloOf(aurora));
    socket.write(requestHead({}, body.length) + body);
    expect(await next).toMatchObject({ status: 200 });
  });

  test('that is too large is not sent', async () => {
    await serve();
    const request = { ...forwardRequest(''), text: 'x'.repeat(sizes.forward.request.bytes) };
    await expect(channelOf().call(borealis, 'forward', request)).rejects.toMatchObject({ code: 'too-large' });
  });

  test('that is not HTTP is answered and its connection closed', async () => {
    const { port } = await serve();
    const socket = await rawSocket(port);
    const answer = answerFrom(socket);
    socket.write('EHLO peer\r\n\r\n');
    expect(await answer).toEqual({ status: 400, body: error('bad-request', /Not HTTP/) });
    await once(socket, 'close');
  });

  test('with endless headers is refused', async () => {
    const { port } = await serve();
    const socket = await rawSocket(port);
    const answer = answerFrom(socket);
    socket.write(`POST /tandem/v1/hello HTTP/1.1\r\nx: ${'x'.repeat(10_000)}\r\n\r\n`);
    expect(await answer).toEqual({ status: 400, body: error('bad-request', /Not HTTP/) });
  });

  test('that drips is cut, and blocks nobody meanwhile', async () => {
    const { port } = await serve({ requestMillis: 1500, headerMillis: 1000, checkMillis: 50 });
    const slow = await rawSocket(port);
    const cut = answerFrom(slow);
    slow.write(requestHead({}, 1000));
    slow.write('{');
    const drip = setInterval(() => slow.write(' '), 20);
    cleanUp.push(() => clearInterval(drip));
    const finished: string[] = [];
    const ended = cut.then(() => finished.push('slow'));
    await channelOf().call(borealis, 'hello', helloOf(aurora));
    finished.push('other');
    await ended;
    expect(await cut).toEqual({ status: 408, body: error('bad-request', /not complete within 1500 ms/) });
    expect(finished).toEqual(['other', 'slow']);
    expect(calls).toEqual([{ from: aurora, method: 'hello' }]);
  });

  test('beyond those in progress is answered "too busy", and one that ended makes room', async () => {
    const gate = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    let inside = 0;
    await serve(
      { requestsPerPeer: 2 },
      {
        forward: async (_from, { id }) => {
          inside += 1;
          if (inside === 2) reached.resolve(undefined);
          await gate.promise;
          return { id, answer: 'delivered' };
        },
      },
    );
    const channel = channelOf();
    const open = [1, 2].map(() => channel.call(borealis, 'forward', forwardRequest('hi')));
    await reached.promise;
    await expect(channel.call(borealis, 'hello', helloOf(aurora))).rejects.toMatchObject({
      code: 'too-busy',
      message: expect.stringMatching('2 requests of operator 1') as unknown,
    });
    gate.resolve(undefined);
    await Promise.all(open);
    await channel.call(borealis, 'hello', helloOf(aurora));
  });
});

describe('a call', () => {
  test('uses at most its bound of connections, makes the others wait in order, and refuses what would wait behind too many', async () => {
    const gate = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    const order: string[] = [];
    await serve(
      {},
      {
        forward: async (_from, { id, text }) => {
          order.push(text);
          if (order.length === 2) reached.resolve(undefined);
          await gate.promise;
          return { id, answer: 'delivered' };
        },
      },
    );
    const channel = channelOf({ connectionsPerPeer: 2, waitingPerPeer: 3 });
    const texts = ['a', 'b', 'c', 'd', 'e'];
    const open = texts.map((text) => channel.call(borealis, 'forward', forwardRequest(text)));
    await expect(channel.call(borealis, 'hello', helloOf(aurora))).rejects.toMatchObject({ code: 'too-busy' });
    await reached.promise;
    expect(order.toSorted()).toEqual(['a', 'b']);
    gate.resolve(undefined);
    await Promise.all(open);
    expect(order.toSorted()).toEqual(texts);
    await channel.call(borealis, 'hello', helloOf(aurora));
  });

  test('that is not answered in time is unavailable, also one that waited; later ones succeed', async () => {
    const gate = Promise.withResolvers<undefined>();
    await serve(
      {},
      {
        forward: async (_from, { id }) => {
          await gate.promise;
          return { id, answer: 'delivered' };
        },
      },
    );
    const channel = channelOf({ callMillis: 1000, connectionsPerPeer: 1 });
    await channel.call(borealis, 'hello', helloOf(aurora));
    const outcomes = await Promise.allSettled(
      [1, 2].map(() => channel.call(borealis, 'forward', forwardRequest('hi'))),
    );
    const late = { code: 'peer-unavailable', message: expect.stringMatching('no answer within 1000 ms') as unknown };
    expect(outcomes.map((outcome): unknown => outcome.status === 'rejected' && outcome.reason)).toMatchObject([
      late,
      late,
    ]);
    gate.resolve(undefined);
    await channel.call(borealis, 'hello', helloOf(aurora));
  });

  test('to a port where nobody listens is unavailable', async () => {
    const server = await serve();
    await server.close();
    await expect(channelOf().call(borealis, 'hello', helloOf(aurora))).rejects.toMatchObject({
      code: 'peer-unavailable',
    });
  });

  test('after the peer has started again succeeds on a new connection', async () => {
    const first = await serve();
    const channel = channelOf();
    await channel.call(borealis, 'hello', helloOf(aurora));
    await first.close();
    const second = await startChannelServer({
      ...theirs,
      operator: borealis,
      host: '127.0.0.1',
      port: first.port,
      peers,
      handlers: handlersOf(borealis, calls),
      now,
      limits: { closeMillis: 50 },
    });
    cleanUp.push(() => second.close());
    await channel.call(borealis, 'hello', helloOf(aurora));
    expect(calls).toHaveLength(2);
  });

  test('in progress when the server closes is still answered', async () => {
    const gate = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    const server = await serve(
      { closeMillis: 5_000 },
      {
        forward: async (_from, { id }) => {
          reached.resolve(undefined);
          await gate.promise;
          return { id, answer: 'delivered' };
        },
      },
    );
    const call = channelOf().call(borealis, 'forward', forwardRequest('hi'));
    await reached.promise;
    const closed = server.close();
    gate.resolve(undefined);
    expect(await call).toEqual({ id: 'sms-1', answer: 'delivered' });
    await closed;
  });

  test('whose channel is closed meanwhile is unavailable', async () => {
    const reached = Promise.withResolvers<undefined>();
    await serve(
      {},
      {
        forward: () => {
          reached.resolve(undefined);
          return new Promise(() => undefined);
        },
      },
    );
    const channel = channelOf();
    const outcome = channel.call(borealis, 'forward', forwardRequest('hi')).catch((reason: unknown) => reason);
    await reached.promise;
    await channel.close();
    expect(await outcome).toMatchObject({
      code: 'peer-unavailable',
      message: expect.stringMatching('the channel was closed') as unknown,
    });
  });
});

describe('an answer', () => {
  /** A peer with the right key that answers what it likes. */
  async function answering(respond: (request: IncomingMessage, response: ServerResponse) => void): Promise<Channel> {
    const server: Server = createServer(
      { ...theirs, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        request.resume();
        request.once('end', () => respond(request, response));
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp.push(() => {
      server.close();
      server.closeAllConnections();
    });
    peers.set(borealis, { endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
    return channelOf({ callMillis: 5_000 });
  }
  const json = { 'content-type': 'application/json' };

  test.each<[string, number, Record<string, string>, string, string, RegExp]>([
    ['that is no JSON', 200, json, '{', 'unprocessable', /not JSON/],
    ['in another content type', 200, { 'content-type': 'text/html' }, '<p>', 'unprocessable', /text\/html/],
    ['that sends elsewhere', 307, { location: 'https://127.0.0.1:1/' }, '', 'unprocessable', /307/],
    [
      'that refuses',
      400,
      json,
      '{"error":{"code":"bad-request","message":"no"}}',
      'bad-request',
      /400 bad-request: no/,
    ],
    [
      'that refuses by an unknown code',
      409,
      json,
      '{"error":{"code":"odd","message":"no"}}',
      'unprocessable',
      /409 odd: no/,
    ],
    ['that refuses without a reason', 404, json, 'nothing here', 'unprocessable', /no error code.*not JSON/],
    ['that is busy', 429, {}, '', 'too-busy', /429/],
    ['that fails', 500, json, '{"error":{"code":"internal","message":"x"}}', 'peer-unavailable', /500 internal: x/],
    ['of a gateway between', 502, {}, '', 'peer-unavailable', /502/],
    ['that was too slow to be asked', 408, {}, '', 'peer-unavailable', /408/],
  ])('%s is reported as what it is', async (_what, status, headers, body, code, text) => {
    const channel = await answering((_request, response) => response.writeHead(status, headers).end(body));
    const call = channel.call(borealis, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(text) as unknown });
  });

  test('larger than a message can be is cut off', async () => {
    const channel = await answering((_request, response) => {
      response.writeHead(200, json);
      for (let sent = 0; sent <= sizes.cancel.answer.bytes; sent += 0x100000) response.write(' '.repeat(0x100000));
      response.end();
    });
    const call = channel.call(borealis, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toMatchObject({ code: 'unprocessable' });
  });

  test('that breaks off is unavailable, and is not asked again behind the caller’s back', async () => {
    let asked = 0;
    const channel = await answering((_request, response) => {
      asked += 1;
      response.writeHead(200, { ...json, 'content-length': '100' });
      response.write('{', () => response.destroy());
    });
    const call = channel.call(borealis, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toMatchObject({ code: 'peer-unavailable' });
    expect(asked).toBe(1);
  });

  test('lost with a kept connection is asked for once more, on another', async () => {
    let asked = 0;
    const channel = await answering((request, response) => {
      asked += 1;
      if (asked === 2) request.socket.destroy();
      else response.writeHead(200, json).end(JSON.stringify({ pair: pairIdOf(1), answer: 'declined' }));
    });
    const cancel = (): Promise<unknown> => channel.call(borealis, 'cancel', { pair: pairIdOf(1) });
    await cancel();
    expect(await cancel()).toEqual({ pair: pairIdOf(1), answer: 'declined' });
    expect(asked).toBe(3);
  });
});
