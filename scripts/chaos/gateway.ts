/**
 * The message gateway of all operators: hands users' messages to the nodes until there is a 202, sometimes twice, and
 * takes what the nodes tell their users, behaving as badly as it is told to.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type NodeClient } from '../../operator-node/api/client.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import { signatureHeader, timestampHeader, verifySignature } from '../../operator-node/messaging/signature.ts';
import type { Chance } from './chance.ts';

export interface Inbound {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** A message of a user and what became of it. */
export interface Sent {
  readonly operator: string;
  readonly message: Inbound;
  /** From the first 202. */
  disposition?: string;
  /** How often it was sent. */
  attempts: number;
}

export interface Told {
  readonly operator: string;
  readonly message: OutboundMessage;
}

/** How the gateway takes what a node tells: not at all, without saying so, or after so long. */
export type Reception = 'refuses' | 'hangs-up' | 'is-slow';

const slowMillis = 3000;
const retryMillis = [50, 100, 200, 400, 800] as const;
const twiceAtOnce = 0.08;
const againLater = 0.06;

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? undefined : header);

export class Gateway {
  readonly sent = new Map<string, Sent>();
  /** Each once, in order of arrival. */
  readonly told: Told[] = [];
  /** What must not happen: a refusal for good, two answers to one message, one id with two contents. */
  readonly problems: string[] = [];
  readonly url: string;
  duplicatesSent = 0;
  duplicatesTold = 0;
  readonly #server: Server;
  readonly #secret: string;
  readonly #chance: Chance;
  readonly #receptions = new Map<string, Reception>();
  readonly #texts = new Map<string, string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #listener: (told: Told) => void = () => undefined;
  #ended = false;

  private constructor(server: Server, secret: string, chance: Chance) {
    this.#server = server;
    this.#secret = secret;
    this.#chance = chance;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(secret: string, chance: Chance): Promise<Gateway> {
    const server = createServer();
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gateway = new Gateway(server, secret, chance);
    server.on('request', (request, answer) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const timestamp = one(request.headers[timestampHeader]);
        const signature = one(request.headers[signatureHeader]);
        const operator = (request.url ?? '').slice(1);
        if (verifySignature(secret, { timestamp, signature, body }, Math.floor(Date.now() / 1000)).ok) {
          void gateway.#take(operator, body, answer);
        } else {
          gateway.problems.push(`${operator} called the webhook with a wrong signature`);
          answer.writeHead(401).end();
        }
      });
    });
    return gateway;
  }

  /** What a node's configuration says of it. */
  webhook(operator: string): { readonly url: string; readonly secret: string } {
    return { url: `${this.url}/${operator}`, secret: this.#secret };
  }

  onTold(listener: (told: Told) => void): void {
    this.#listener = listener;
  }

  receive(operator: string, how: Reception | undefined): void {
    if (how === undefined) this.#receptions.delete(operator);
    else this.#receptions.set(operator, how);
  }

  /** Messages that have no 202 yet. */
  get undelivered(): number {
    let count = 0;
    for (const { disposition } of this.sent.values()) if (disposition === undefined) count += 1;
    return count;
  }

  /** Until there is a 202, with the same id; resolves with the disposition, undefined where it was refused for good. */
  async deliver(operator: string, client: NodeClient, message: Inbound): Promise<string | undefined> {
    const sent: Sent = { operator, message, attempts: 0 };
    this.sent.set(message.id, sent);
    if (this.#chance.happens(twiceAtOnce)) this.#later(this.#repeat(client, sent));
    const disposition = await this.#untilTaken(client, sent);
    if (this.#chance.happens(againLater)) {
      this.#later(sleep(this.#chance.between(200, 4000)).then(() => this.#repeat(client, sent)));
    }
    return disposition;
  }

  /** Sends a message again that was taken; the answer must be the same. */
  async again(client: NodeClient, sent: Sent): Promise<void> {
    await this.#untilTaken(client, sent);
  }

  /** Nothing of the gateway's own is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #later(work: Promise<unknown>): void {
    const noted = work
      .catch((error: unknown) => this.problems.push(`the gateway failed: ${String(error)}`))
      .finally(() => this.#underWay.delete(noted));
    this.#underWay.add(noted);
  }

  async #repeat(client: NodeClient, sent: Sent): Promise<void> {
    this.duplicatesSent += 1;
    await this.#untilTaken(client, sent);
  }

  async #untilTaken(client: NodeClient, sent: Sent): Promise<string | undefined> {
    for (let attempt = 0; !this.#ended; attempt += 1) {
      sent.attempts += 1;
      try {
        const { disposition } = await client.receiveMessage(sent.message);
        if (sent.disposition !== undefined && sent.disposition !== disposition) {
          this.problems.push(
            `message ${sent.message.id} ("${sent.message.text}") was ${sent.disposition} and then ${disposition}`,
          );
        }
        sent.disposition ??= disposition;
        return disposition;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (![0, 429, 503].includes(error.status)) {
          const { id, text } = sent.message;
          this.problems.push(`message ${id} ("${text}") was answered ${error.status} ${error.code}: ${error.message}`);
          sent.disposition ??= `refused ${error.status}`;
          return undefined;
        }
        await sleep(retryMillis[Math.min(attempt, retryMillis.length - 1)]);
      }
    }
    return undefined;
  }

  async #take(operator: string, body: Buffer, answer: ServerResponse): Promise<void> {
    const how = this.#receptions.get(operator);
    if (how === 'refuses') {
      answer.writeHead(503).end();
      return;
    }
    const { messages } = JSON.parse(body.toString('utf8')) as { messages: OutboundMessage[] };
    for (const message of messages) this.#takeOne(operator, message);
    if (how === 'hangs-up') {
      answer.destroy();
      return;
    }
    if (how === 'is-slow') await sleep(slowMillis);
    answer.writeHead(200).end();
  }

  #takeOne(operator: string, message: OutboundMessage): void {
    const key = `${operator}/${message.id}`;
    const known = this.#texts.get(key);
    const content = JSON.stringify([message.to, message.text, message.pair]);
    if (known !== undefined) {
      this.duplicatesTold += 1;
      if (known !== content) this.problems.push(`${operator} told ${message.id} as ${known} and as ${content}`);
      return;
    }
    this.#texts.set(key, content);
    const told = { operator, message };
    this.told.push(told);
    this.#listener(told);
  }
}
