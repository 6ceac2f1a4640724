/** Who may talk: the pins of the registry, on both sides, before a byte of a request (protocol §6). */
import { constants } from 'node:crypto';
import { createServer as createTlsServer, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Certificate } from '../../operator-node/channel/certificate.ts';
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import { createHttpsChannel, startChannelServer, type ChannelServer } from '../../operator-node/channel/https.ts';
import type { ChannelEvent } from '../../operator-node/channel/receive.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import {
  aurora,
  borealis,
  dayMillis,
  forwardRequest,
  handlersOf,
  helloOf,
  newCertificate,
  now,
  stranger,
  TestRegistry,
} from './channel.fixture.ts';

let mine: Certificate;
let theirs: Certificate;
let other: Certificate;
let expired: Certificate;

beforeAll(async () => {
  mine = await newCertificate('aurora');
  theirs = await newCertificate('borealis');
  other = await newCertificate('other');
  expired = await newCertificate('expired', { now: now() - 20 * dayMillis, days: 10 });
});

let peers: TestRegistry;
let calls: { from: OperatorId; method: string }[];
let events: ChannelEvent[];
const cleanUp: (() => unknown)[] = [];

beforeEach(() => {
  peers = new TestRegistry();
  peers.set(aurora, { pins: [mine.pin] });
  peers.set(borealis, { pins: [theirs.pin] });
  calls = [];
  events = [];
});

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(
  certificate: Certificate,
  { clock = now, handlers = {} }: { clock?: () => UnixMillis; handlers?: Partial<PeerHandlers> } = {},
): Promise<ChannelServer> {
  const server = await startChannelServer({
    ...certificate,
    operator: borealis,
    host: '127.0.0.1',
    port: 0,
    peers,
    handlers: handlersOf(borealis, calls, handlers),
    now: clock,
    limits: { closeMillis: 50 },
    observe: (event) => events.push(event),
  });
  cleanUp.push(() => server.close());
  peers.set(borealis, { endpoint: `https://127.0.0.1:${server.port}` });
  return server;
}

function channelOf(certificate: Certificate, operator: OperatorId = aurora, clock = now): Channel {
  const channel = createHttpsChannel({ ...certificate, operator, peers, now: clock });
  cleanUp.push(() => channel.close());
  return channel;
}

const hello = (channel: Channel, as: OperatorId = aurora): Promise<unknown> =>
  channel.call(borealis, 'hello', helloOf(as));

const unavailable = (text: RegExp): unknown =>
  expect.objectContaining({ code: 'peer-unavailable', message: expect.stringMatching(text) as unknown });

/** A TLS client of its own; resolves when the connection is over, with all that was received. */
async function rawClient(port: number, options: ConnectionOptions, write = ''): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('error', () => undefined);
  socket.once('secureConnect', () => socket.write(write));
  await once(socket, 'close');
  return received;
}

const helloText = (): string => {
  const body = JSON.stringify(helloOf(aurora));
  return `POST /tandem/v1/hello HTTP/1.1\r\nhost: x\r\ntandem-version: 1\r\ntandem-from: 1\r\ntandem-to: 2\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
};

describe('the server', () => {
  test('refuses a client without a certificate before any request is handled', async () => {
    const { port } = await serve(theirs);
    expect(await rawClient(port, {}, helloText())).toBe('');
    expect(events).toMatchObject([
      { type: 'connection-refused', reason: expect.stringMatching('no certificate') as unknown },
    ]);
    expect(calls).toEqual([]);
  });

  test('refuses a key that is no pin of anybody, and says which', async () => {
    const { port } = await serve(theirs);
    expect(await rawClient(port, other, helloText())).toBe('');
    await expect(hello(channelOf(other))).rejects.toEqual(unavailable(/No answer of operator 2/));
    expect(events).toMatchObject([
      { type: 'connection-refused', pin: other.pin, reason: expect.stringMatching(other.pin) as unknown },
      { type: 'connection-refused', pin: other.pin },
    ]);
    expect(calls).toEqual([]);
  });

  test('knows whom a key speaks for by the request, where several operators name it', async () => {
    await serve(theirs);
    // Whoever names another's pin lets that key speak for it, and keeps nobody out: not by its own end either.
    for (const status of ['active', 'suspended', 'retired'] as const) {
      peers.set(stranger, { pins: [other.pin, mine.pin], status });
      await hello(channelOf(mine, aurora));
      const asStranger = hello(channelOf(mine, stranger), stranger);
      if (status === 'retired') await expect(asStranger).rejects.toMatchObject({ code: 'forbidden' });
      else await asStranger;
      await expect(hello(channelOf(other, aurora))).rejects.toThrow();
    }
    expect(calls.map(({ from }) => from)).toEqual([aurora, stranger, aurora, stranger, aurora]);
  });

  test('refuses a key that only those name who may not connect', async () => {
    const { port } = await serve(theirs);
    peers.set(aurora, { status: 'retired' });
    peers.set(stranger, { pins: [mine.pin], status: 'retired' });
    expect(await rawClient(port, mine, helloText())).toBe('');
    expect(events).toMatchObject([{ type: 'connection-refused', pin: mine.pin }]);
  });

  test('refuses one operator’s key in another’s name', async () => {
    await serve(theirs);
    peers.set(stranger, { pins: [other.pin] });
    await expect(hello(channelOf(other, aurora))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(hello(channelOf(mine, stranger))).rejects.toMatchObject({ code: 'forbidden' });
    expect(calls).toEqual([]);
  });

  test('refuses an expired certificate although its key is a pin', async () => {
    const { port } = await serve(theirs);
    peers.set(aurora, { pins: [expired.pin] });
    expect(await rawClient(port, expired, helloText())).toBe('');
    expect(events).toMatchObject([
      { type: 'connection-refused', reason: expect.stringMatching('expired at 2026-11-13') as unknown },
    ]);
  });

  test('refuses a certificate that is not valid yet', async () => {
    const { port } = await serve(theirs);
    const early = await newCertificate('early', { now: now() + 2 * dayMillis });
    peers.set(aurora, { pins: [early.pin] });
    expect(await rawClient(port, early, helloText())).toBe('');
    expect(events).toMatchObject([
      { type: 'connection-refused', reason: expect.stringMatching('not valid before') as unknown },
    ]);
  });

  test('refuses TLS 1.2', async () => {
    const { port } = await serve(theirs);
    const secured: string[] = [];
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...mine, maxVersion: 'TLSv1.2' });
    socket.once('secureConnect', () => secured.push(String(socket.getProtocol())));
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    expect(secured).toEqual([]);
  });

  test('resumes no session', async () => {
    const { port } = await serve(theirs);
    const open = async (session?: Buffer): Promise<{ socket: TLSSocket; sessions: Buffer[] }> => {
      const sessions: Buffer[] = [];
      const socket = connect({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        ...mine,
        ...(session && { session }),
      });
      cleanUp.push(() => socket.destroy());
      socket.on('session', (ticket: Buffer) => sessions.push(ticket));
      socket.once('secureConnect', () => socket.write(helloText()));
      await once(socket, 'data');
      return { socket, sessions };
    };
    const first = await open();
    const second = await open(first.sessions.at(-1) ?? first.socket.getSession());
    expect(second.socket.isSessionReused()).toBe(false);
    expect(calls).toHaveLength(2);
  });

  test.each(['retired', 'unknown'] as const)('refuses an operator that is %s', async (status) => {
    await serve(theirs);
    peers.set(aurora, { status });
    await expect(hello(channelOf(mine))).rejects.toEqual(unavailable(/No answer/));
    expect(calls).toEqual([]);
  });

  test('talks to a suspended operator: there are open pairs to finish', async () => {
    await serve(theirs);
    peers.set(aurora, { status: 'suspended' });
    await hello(channelOf(mine));
    expect(calls).toEqual([{ from: aurora, method: 'hello' }]);
  });

  test('takes either of two pins, and the old one no longer once the registry has dropped it', async () => {
    await serve(theirs);
    peers.set(aurora, { pins: [mine.pin, other.pin] });
    const before = channelOf(mine);
    const after = channelOf(other);
    await hello(before);
    await hello(after);
    peers.set(aurora, { pins: [other.pin] });
    await expect(hello(before)).rejects.toEqual(unavailable(/No answer/));
    await hello(after);
    expect(calls).toHaveLength(3);
  });

  test('cuts a live connection, with its request, when the registry drops its pin', async () => {
    const reached = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<undefined>();
    await serve(theirs, {
      handlers: {
        forward: async (_from, { id }) => {
          reached.resolve(undefined);
          await answer.promise;
          return { id, answer: 'delivered' };
        },
      },
    });
    const call = channelOf(mine).call(borealis, 'forward', forwardRequest('hi'));
    const outcome = call.catch((error: unknown) => error);
    await reached.promise;
    peers.set(aurora, { pins: [other.pin] });
    expect(await outcome).toEqual(unavailable(/No answer/));
    answer.resolve(undefined);
    expect(events).toMatchObject([{ type: 'connection-cut', pin: mine.pin }]);
  });

  test('leaves live connections alone when the registry changes otherwise', async () => {
    await serve(theirs);
    const channel = channelOf(mine);
    await hello(channel);
    peers.set(aurora, { status: 'suspended', pins: [other.pin, mine.pin] });
    peers.set(stranger, { pins: [other.pin] });
    await hello(channel);
    expect(events).toEqual([]);
  });

  test.each([
    [
      'a key of another certificate',
      async () => ({ key: other.key, cert: theirs.cert }),
      /not the key of its certificate/,
    ],
    ['an expired certificate', async () => expired, /expired at/],
    ['no PEM at all', async () => ({ key: 'key', cert: 'cert' }), /not readable PEM/],
  ])('does not start with %s', async (_what, own, text) => {
    const options = { ...(await own()), operator: borealis, host: '127.0.0.1', port: 0, peers, now };
    const refused = expect.objectContaining({
      code: 'config-invalid',
      message: expect.stringMatching(text) as unknown,
    }) as unknown;
    await expect(startChannelServer({ ...options, handlers: handlersOf(borealis) })).rejects.toEqual(refused);
    expect(() => createHttpsChannel(options)).toThrow(TandemError);
  });

  test('does not start on a busy port, and says where', async () => {
    const { port } = await serve(theirs);
    const second = startChannelServer({
      ...theirs,
      operator: borealis,
      host: '127.0.0.1',
      port,
      peers,
      handlers: handlersOf(borealis),
      now,
    });
    await expect(second).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(`:${port}`) as unknown,
    });
  });
});

describe('the client', () => {
  /** A TLS server of its own that shows what it was sent. */
  async function rawServer(certificate: Certificate, options: object = {}): Promise<{ received: () => string }> {
    let received = '';
    const sockets = new Set<Socket>();
    const server = createTlsServer(
      { ...certificate, requestCert: true, rejectUnauthorized: false, ...options },
      (socket) => {
        socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
        socket.on('error', () => undefined);
      },
    );
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    peers.set(borealis, { endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
    return { received: () => received };
  }

  test.each([
    ['a key that is no pin of the operator', () => other, /no pin of that operator/],
    ['an expired certificate', () => expired, /expired at 2026-11-13/],
  ])('writes nothing to a server with %s', async (_what, certificate, text) => {
    const { received } = await rawServer(certificate());
    peers.set(borealis, { pins: [theirs.pin, expired.pin] });
    await expect(hello(channelOf(mine))).rejects.toEqual(unavailable(text));
    expect(received()).toBe('');
  });

  test('writes nothing to a server with another operator’s pin', async () => {
    const { received } = await rawServer(other);
    peers.set(stranger, { pins: [other.pin] });
    await expect(hello(channelOf(mine))).rejects.toEqual(unavailable(/no pin of that operator/));
    expect(received()).toBe('');
  });

  test('refuses a server that speaks TLS 1.2 only', async () => {
    const { received } = await rawServer(theirs, {
      maxVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TLSv1_3,
    });
    await expect(hello(channelOf(mine))).rejects.toEqual(unavailable(/No answer/));
    expect(received()).toBe('');
  });

  test('does not call an operator that is unknown, retired, or without an endpoint', async () => {
    await serve(theirs);
    const channel = channelOf(mine);
    await expect(channel.call(stranger, 'hello', helloOf(aurora))).rejects.toEqual(
      unavailable(/unknown in the registry/),
    );
    peers.set(borealis, { endpoint: 'http://127.0.0.1:80' });
    await expect(hello(channel)).rejects.toEqual(unavailable(/not https:\/\/host:port/));
    peers.set(borealis, { status: 'retired' });
    await expect(hello(channel)).rejects.toEqual(unavailable(/retired in the registry/));
    expect(calls).toEqual([]);
  });

  test('calls a suspended operator', async () => {
    await serve(theirs);
    peers.set(borealis, { status: 'suspended' });
    expect(await hello(channelOf(mine))).toEqual(helloOf(borealis));
  });

  test('keeps its connection, and cuts it when the registry drops the peer’s pin', async () => {
    await serve(theirs);
    const channel = channelOf(mine);
    await hello(channel);
    peers.set(borealis, { pins: [other.pin] });
    await expect(hello(channel)).rejects.toEqual(unavailable(/no pin of that operator/));
    peers.set(borealis, { pins: [other.pin, theirs.pin] });
    await hello(channel);
    expect(calls).toHaveLength(2);
  });

  test('follows the endpoint in the registry', async () => {
    const first = await serve(theirs);
    const channel = channelOf(mine);
    await hello(channel);
    const second = await serve(theirs);
    expect(second.port).not.toBe(first.port);
    await first.close();
    await hello(channel);
    expect(calls).toHaveLength(2);
  });

  test('refuses an answer in another operator’s name', async () => {
    await serve(theirs, { handlers: { hello: async () => helloOf(stranger) } });
    await expect(hello(channelOf(mine))).rejects.toMatchObject({ code: 'unprocessable' });
  });
});
