/** The message gateway's side of a node's webhook: checks the signature, hands the messages on, answers 200. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import { signatureHeader, timestampHeader, verifySignature } from '../../operator-node/messaging/signature.ts';

export interface Receiver {
  readonly url: string;
  /** Requests whose signature was wrong. */
  readonly refused: () => number;
  close(): Promise<void>;
}

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? undefined : header);

export async function startReceiver(secret: string, take: (message: OutboundMessage) => void): Promise<Receiver> {
  let refused = 0;
  const server: Server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const timestamp = one(request.headers[timestampHeader]);
      const signature = one(request.headers[signatureHeader]);
      if (!verifySignature(secret, { timestamp, signature, body }, Math.floor(Date.now() / 1000)).ok) {
        refused += 1;
        answer.writeHead(401).end();
        return;
      }
      const { messages } = JSON.parse(body.toString('utf8')) as { messages: OutboundMessage[] };
      for (const message of messages) take(message);
      answer.writeHead(200).end();
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/messages`,
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
