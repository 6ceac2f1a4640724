/** A peer, or anybody, who sends more than its share: what it gets, and that nobody else waits for it. Real sockets. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Certificate } from '../../operator-node/channel/certificate.ts';
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import {
  createHttpsChannel,
  startChannelServer,
  type ChannelServer,
  type ChannelServerOptions,
} from '../../operator-node/channel/https.ts';
import type { ChannelLimits } from '../../operator-node/channel/limits.ts';
import type { ChannelEvent } from '../../operator-node/channel/receive.ts';
import { sizes } from '../../operator-node/channel/sizes.ts';
import type { Cut } from '../../operator-node/connections/connections.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import {
  aurora,
  borealis,
  forwardRequest,
  handlersOf,
  helloOf,
  newCertificate,
  now,
  pairIdOf,
  proposeRequest,
  stranger,
  TestRegistry,
} from './channel.fixture.ts';

let mine: Certificate;
let hostile: Certificate;
let theirs: Certificate;
let peers: TestRegistry;
let calls: { from: OperatorId; method: string }[];
let events: ChannelEvent[];
let cuts: Cut[];
let time: number;
const cleanUp: (() => unknown)[] = [];
const cassini = stranger;

beforeAll(async () => {
  [mine, hostile, theirs] = await Promise.all([
    newCertificate('aurora'),
    newCertificate('cassini'),
    newCertificate('borealis'),
  ]);
});

beforeEach(() => {
  peers = new TestRegistry();
  peers.set(aurora, { pins: [mine.pin] });
  peers.set(cassini, { pins: [hostile.pin] });
  peers.set(borealis, { pins: [theirs.pin] });
  calls = [];
  events = [];
  cuts = [];
  time = now();
});

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(
  limits: Partial<ChannelLimits> = {},
  more: Partial<ChannelServerOptions> & { handle?: Partial<PeerHandlers> } = {},
): Promise<ChannelServer> {
  const { handle = {}, ...options } = more;
  const server = await startChannelServer({
    ...theirs,
    operator: borealis,
    host: '127.0.0.1',
    port: 0,
    peers,
    handlers: handlersOf(borealis, calls, handle),
    now: () => time as UnixMillis,
    limits: { closeMillis: 50, ...limits },
    sharedAddresses: ['127.0.0.0/8'],
    observe: (event) => events.push(event),
    onCut: (cut) => cuts.push(cut),
    ...options,
  });
  cleanUp.push(() => server.close());
  peers.set(borealis, { endpoint: `https://127.0.0.1:${server.port}` });
  return server;
}

function channelOf(operator: OperatorId, certificate: Certificate): Channel {
  const channel = createHttpsChannel({ ...certificate, operator, peers, now });
  cleanUp.push(() => channel.close());
  return channel;
}

const honest = (): Channel => channelOf(aurora, mine);

async function secure(port: number, certificate: Certificate): Promise<TLSSocket> {
  const { key, cert } = certificate;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, key, cert });
  socket.on('error', () => undefined);
  cleanUp.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  return socket;
}

interface Heard {
  readonly status: number;
  readonly headers: string;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

function heard(text: string): Heard | undefined {
  const cut = text.indexOf('\r\n\r\n');
  const head = text.slice(0, cut);
  const body = text.slice(cut + 4);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
  if (cut < 0 || Buffer.byteLength(body) < length) return undefined;
  const { error } = JSON.parse(body) as { error?: { code: string; message: string } };
  return {
    status: Number(head.split(' ')[1]),
    headers: head.toLowerCase(),
    code: error?.code,
    message: error?.message,
  };
}

/** Sends one request of the hostile peer and gives the first answer; what comes after the head is sent as it is. */
async function attack(
  socket: TLSSocket,
  method: string,
  body: string | Buffer,
  length: number | 'chunked' = Buffer.byteLength(body),
): Promise<Heard> {
  let text = '';
  const answer = new Promise<Heard>((resolve, reject) => {
    socket.on('data', (piece: Buffer) => {
      text += piece.toString();
      const found = heard(text);
      if (found !== undefined) resolve(found);
    });
    socket.once('close', () => reject(new Error(`closed after "${text}"`)));
  });
  const size = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  const names = `tandem-version: 1\r\ntandem-from: ${cassini}\r\ntandem-to: ${borealis}\r\ncontent-type: application/json`;
  socket.write(`POST /tandem/v1/${method} HTTP/1.1\r\nhost: peer\r\n${names}\r\n${size}\r\n\r\n`);
  socket.write(length === 'chunked' ? `${Buffer.byteLength(body).toString(16)}\r\n${body.toString()}\r\n` : body);
  return answer;
}

const codeOf = (error: unknown): unknown => (error instanceof TandemError ? error.code : error);

const overBudget = (spent: string) =>
  events.filter((event) => event.type === 'request-refused' && event.spent === spent && event.from === cassini);

describe('a peer that sends what is refused', () => {
  test('has a hundred refusals of a method, then 429 with Retry-After and a closed connection, before it is read', async () => {
    const { port } = await serve({ peerRefusalsBurst: 100, peerRefusalsPerSecond: 2 });
    const socket = await secure(port, hostile);
    for (let count = 0; count < 100; count += 1) {
      expect(await attack(socket, 'cancel', '{"pair":1}')).toMatchObject({ status: 400, code: 'bad-request' });
      socket.removeAllListeners('data');
      socket.removeAllListeners('close');
    }
    const closed = once(socket, 'close');
    const refused = await attack(socket, 'cancel', JSON.stringify({ pair: pairIdOf(1) }));
    expect(refused).toMatchObject({
      status: 429,
      code: 'too-busy',
      message: `Operator ${cassini} has had too many refusals of cancel; again in 1 s`,
    });
    expect(refused.headers).toMatch(/\r\nretry-after: 1\r\n/);
    expect(refused.headers).toMatch(/\r\nconnection: close/);
    await closed;
    expect(calls).toEqual([]);
    expect(overBudget('refusals of cancel')).toHaveLength(1);
  });

  test('over many connections is counted as one; its other methods and the other peers go on; later it may again', async () => {
    const { port } = await serve({ peerRefusalsBurst: 20, peerRefusalsPerSecond: 1 });
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async () => (await attack(await secure(port, hostile), 'propose', '{}')).status),
    );
    expect(statuses.filter((status) => status === 400).length).toBeGreaterThanOrEqual(20);
    expect((await attack(await secure(port, hostile), 'propose', '{}')).status).toBe(429);
    const other = channelOf(cassini, hostile);
    expect(await other.call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
    await expect(other.call(borealis, 'propose', proposeRequest(1))).rejects.toMatchObject({ code: 'too-busy' });
    expect((await honest().call(borealis, 'propose', proposeRequest(1))).answers).toHaveLength(1);
    time += 60_000;
    expect((await other.call(borealis, 'propose', proposeRequest(1))).answers).toHaveLength(1);
  });

  test('what a handler refuses is charged as well', async () => {
    await serve(
      { peerRefusalsBurst: 3, peerRefusalsPerSecond: 1 },
      {
        handle: {
          forward: async () => {
            throw new TandemError('forbidden', 'not your number');
          },
        },
      },
    );
    const channel = channelOf(cassini, hostile);
    const codes: unknown[] = [];
    for (let count = 0; count < 5; count += 1) {
      codes.push(await channel.call(borealis, 'forward', forwardRequest('hi')).catch(codeOf));
    }
    expect(codes).toEqual(['forbidden', 'forbidden', 'forbidden', 'too-busy', 'too-busy']);
  });

  test('a key that names another operator is counted by its key', async () => {
    const { port } = await serve({ peerRefusalsBurst: 2, peerRefusalsPerSecond: 1 });
    const ask = async (): Promise<number> => {
      const socket = await secure(port, hostile);
      const data = once(socket, 'data') as Promise<[Buffer]>;
      socket.write(
        'POST /tandem/v1/hello HTTP/1.1\r\nhost: x\r\ntandem-version: 1\r\ntandem-from: 1\r\ncontent-length: 0\r\n\r\n',
      );
      return Number((await data)[0].toString().split(' ')[1]);
    };
    expect([await ask(), await ask(), await ask()]).toEqual([403, 403, 429]);
    expect(await honest().call(borealis, 'hello', helloOf(aurora))).toMatchObject({ operator: borealis });
  });
});

describe('a peer that sends large bodies', () => {
  const most = sizes.propose.request.bytes;

  test.each<[string, string, number, number]>([
    ['a million names for a hello', 'hello', 8 * 1024 * 1024, 413],
    ['eight MiB for a propose', 'propose', 8 * 1024 * 1024, 413],
    ['a text of 100 KiB for a forward', 'forward', 100 * 1024, 413],
  ])('%s: refused by its method before it is read', async (_what, method, length, status) => {
    const { port } = await serve({ drainBytes: 0, peerBytesBurst: 1 });
    expect(await attack(await secure(port, hostile), method, '{"k0":0,', length)).toMatchObject({
      status,
      code: 'too-large',
    });
    expect(calls).toEqual([]);
  });

  test.each<[string, (length: number) => string]>([
    [
      'names',
      (length) => `{${Array.from({ length: Math.floor(length / 9) }, (_, index) => `"k${index}":0`).join(',')}`,
    ],
    ['objects', (length) => `[${'{},'.repeat(length / 3 - 2)}{}]`],
    ['lists in one another', (length) => '['.repeat(length / 2) + ']'.repeat(length / 2)],
    ['numbers', (length) => `[${'1,'.repeat(length / 2 - 2)}1]`],
  ])('a body full of %s is refused by a look at its bytes', async (_what, make) => {
    const { port } = await serve();
    const answer = await attack(await secure(port, hostile), 'propose', make(most - 1000).slice(0, most));
    expect(answer).toMatchObject({
      status: 413,
      code: 'too-large',
      message: expect.stringMatching(/request of propose/) as string,
    });
  });

  test('more bytes than its share: 429 before they are read, and what was promised is never asked for', async () => {
    const { port } = await serve({ peerBytesBurst: 1_000_000, peerBytesPerSecond: 1_000, drainBytes: 0 });
    const large = `"${'x'.repeat(600_000)}"`;
    expect((await attack(await secure(port, hostile), 'propose', large)).status).toBe(400);
    expect((await attack(await secure(port, hostile), 'propose', large)).status).toBe(400);
    const refused = await attack(await secure(port, hostile), 'propose', '"', 4_000_000);
    expect(refused).toMatchObject({
      status: 429,
      message: expect.stringMatching(/too many bytes; again in \d+ s/) as string,
    });
    expect(overBudget('bytes')).toHaveLength(1);
    expect(await honest().call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
  });

  test('what it asks for counts like what it sends', async () => {
    await serve({ peerBytesBurst: 40_000, peerBytesPerSecond: 1 });
    const channel = channelOf(cassini, hostile);
    const outcomes: unknown[] = [];
    for (let count = 0; count < 4; count += 1) {
      const call = channel.call(borealis, 'withdraw', {
        pairs: Array.from({ length: 500 }, (_, index) => pairIdOf(index)),
      });
      outcomes.push(await call.then(() => 'answered', codeOf));
    }
    // A request of 20 KB has an answer of 37 KB.
    expect(outcomes).toEqual(['answered', 'too-busy', 'too-busy', 'too-busy']);
  });

  test('more time for parsing than its share: 429, and the others’ are parsed', async () => {
    let spent = 0;
    // Each look at the clock costs the peer a quarter of what it has.
    const { port } = await serve(
      { peerParseMillisBurst: 1_000, peerParseMillisPerSecond: 1 },
      { cpuMillis: () => (spent += 250) },
    );
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      statuses.push((await attack(await secure(port, hostile), 'propose', '"')).status);
    }
    expect(statuses).toEqual([400, 400, 400, 400, 429, 429]);
    expect(overBudget('parsing')).toHaveLength(2);
    expect(await honest().call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
  });

  test('many at once that do not come to an end: what is kept of them has a bound', async () => {
    const { port } = await serve({ peerBufferedBytes: 500_000, drainBytes: 0 });
    const piece = 'x'.repeat(200_000);
    const slow = await Promise.all([1, 2].map(() => secure(port, hostile)));
    const pending = slow.map((socket) => attack(socket, 'propose', `"${piece}`, 'chunked').catch(() => undefined));
    const refused = await attack(await secure(port, hostile), 'propose', `"${piece}${piece}`, 'chunked');
    expect(refused).toMatchObject({
      status: 429,
      message: expect.stringMatching(/too many bytes under way/) as string,
    });
    expect(await honest().call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
    for (const socket of slow) socket.destroy();
    await Promise.all(pending);
    // What they had kept is free again.
    expect((await attack(await secure(port, hostile), 'propose', `"${piece}${piece}"`)).status).toBe(400);
  });

  test('more requests that make much work than its share', async () => {
    await serve({ peerHeavyBurst: 2, peerHeavyPerSecond: 1 });
    const channel = channelOf(cassini, hostile);
    const hello = (): Promise<unknown> =>
      channel.call(borealis, 'hello', helloOf(cassini)).then(() => 'answered', codeOf);
    expect([await hello(), await hello(), await hello()]).toEqual(['answered', 'answered', 'too-busy']);
  });

  test('a body that goes on and on after its refusal is not read any further, and cut', async () => {
    const { port } = await serve({
      drainBytes: 100_000,
      peerBytesBurst: 100_000,
      peerBytesPerSecond: 1,
      lingerMillis: 20,
    });
    const socket = await secure(port, hostile);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const answer = attack(socket, 'propose', 'x'.repeat(1_000_000), 100_000_000);
    expect((await answer).status).toBe(413);
    const more = setInterval(() => socket.write('x'.repeat(100_000)), 5);
    cleanUp.push(() => clearInterval(more));
    await closed;
  });
});

describe('connections that prove nothing', () => {
  async function silent(port: number, count: number): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (let index = 0; index < count; index += 1) {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => undefined);
      cleanUp.push(() => socket.destroy());
      await once(socket, 'connect');
      sockets.push(socket);
    }
    return sockets;
  }

  test('six hundred silent ones of one address keep no peer out of the same address, nor cut one that is in', async () => {
    const server = await serve({ serverConnections: 512, unprovenConnections: 100 });
    const inside = honest();
    await inside.call(borealis, 'hello', helloOf(aurora));
    await silent(server.port, 600);
    expect(await inside.call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
    const outside = channelOf(cassini, hostile);
    expect(await outside.call(borealis, 'hello', helloOf(cassini))).toMatchObject({ operator: borealis });
    await expect.poll(() => server.connections.unproven).toBeLessThanOrEqual(100);
    expect(server.connections.proven).toBe(2);
    expect(cuts.length).toBeGreaterThanOrEqual(500);
    expect(new Set(cuts.map(({ reason }) => reason))).toEqual(new Set(['crowded']));
  });

  test('an address that is nobody’s proxy has a bound of its own, and one whose handshakes fail is not listened to', async () => {
    const server = await serve(
      { unprovenPerAddress: 10, failuresBurst: 40, failuresPerSecond: 1 },
      { sharedAddresses: [] },
    );
    await silent(server.port, 30);
    await expect.poll(() => server.connections.unproven).toBeLessThanOrEqual(10);
    await silent(server.port, 60);
    await expect.poll(() => cuts.some(({ reason }) => reason === 'address-failing')).toBe(true);
    const late = connectTcp(server.port, '127.0.0.1');
    late.on('error', () => undefined);
    await once(late, 'close');
    time += 3_600_000;
    expect(await honest().call(borealis, 'hello', helloOf(aurora))).toMatchObject({ operator: borealis });
  });

  test('a key that opens one after another keeps its newest, and the others keep theirs', async () => {
    const server = await serve({ connectionsPerKey: 5 });
    const inside = honest();
    await inside.call(borealis, 'hello', helloOf(aurora));
    const sockets: TLSSocket[] = [];
    for (let index = 0; index < 20; index += 1) sockets.push(await secure(server.port, hostile));
    await expect.poll(() => server.connections.proven).toBe(6);
    expect((await attack(sockets.at(-1) as TLSSocket, 'cancel', '{}')).status).toBe(400);
    expect(await inside.call(borealis, 'cancel', { pair: pairIdOf(1) })).toMatchObject({ answer: 'declined' });
    expect(cuts.every(({ reason, party }) => reason === 'party-crowded' && party === hostile.pin)).toBe(true);
  });

  test('ones that begin a handshake and stop are ended in time', async () => {
    const server = await serve({ handshakeMillis: 100 });
    const sockets = await silent(server.port, 3);
    const closed = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await Promise.all(closed);
    await expect.poll(() => server.connections.unproven).toBe(0);
  });
});
