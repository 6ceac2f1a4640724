/** Messages, and a receiver of webhooks that fails as it is told. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Msisdn, PairId, Timestamp } from '../../operator-node/model/ids.ts';

export const alice = '+46701234567' as Msisdn;
export const bo = '+46707654321' as Msisdn;

export const outbound = (id: string, more: Partial<OutboundMessage> = {}): OutboundMessage => ({
  id,
  from: '+46700000001' as Msisdn,
  to: alice,
  text: `text of ${id}, “åäö” 😀`,
  pair: '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77' as PairId,
  at: '2026-11-23T10:00:00Z' as Timestamp,
  ...more,
});

export interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Ids of the messages in it. */
  readonly ids: readonly string[];
}

/** Answers one POST, or does not. */
export type Behaviour = (response: ServerResponse) => void;

export const takes: Behaviour = (response) => void response.writeHead(204).end();
export const answers =
  (status: number): Behaviour =>
  (response) =>
    void response.writeHead(status, { location: '/elsewhere' }).end('{"some":"answer"}');
export const isSilent: Behaviour = () => {};
export const hangsUp: Behaviour = (response) => void response.destroy();
export const cutsItsAnswer: Behaviour = (response) => {
  response.writeHead(200, { 'content-length': 1000 });
  response.write('half', () => response.destroy());
};
export const neverEndsItsAnswer: Behaviour = (response) => {
  response.writeHead(200);
  response.write('half');
};
export const talksForEver: Behaviour = (response) => {
  response.writeHead(200);
  const more = () => response.write('x'.repeat(65_536), (error) => error ?? more());
  more();
};

export interface Receiver {
  readonly url: string;
  readonly posts: Post[];
  /** Connections taken so far. */
  connections(): number;
  /** One for each POST to come, in order; then it takes everything. */
  readonly script: Behaviour[];
  stop(): Promise<void>;
}

const receivers: Receiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
});

/** Stopped after the test. */
export async function receiver(...script: Behaviour[]): Promise<Receiver> {
  const posts: Post[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString();
      const { messages } = JSON.parse(body) as { messages: OutboundMessage[] };
      posts.push({ headers: request.headers, body, ids: messages.map(({ id }) => id) });
      (script.shift() ?? takes)(response);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const made: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/inbox`,
    posts,
    connections: () => connections,
    script,
    stop,
  };
  receivers.push(made);
  return made;
}
