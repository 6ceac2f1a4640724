/** A gateway between a node that a test plays and the SMS centre of the tests, all in this process and over real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import { WebhookGateway } from '../../operator-node/messaging/webhook.ts';
import type { Msisdn, Timestamp } from '../../operator-node/model/ids.ts';
import { encodeUcs2 } from '../../operator-node/smpp/alphabet.ts';
import { smppConfigOf } from '../../operator-node/smpp/smpp-config.ts';
import { startSmppGateway, type RunningGateway } from '../../operator-node/smpp/smpp-gateway.ts';
import { Smsc, type SmscOptions } from './smsc.fixture.ts';

export const secret = 'the-secret-of-the-webhook';
const token = 'the-token-of-the-gateway';
export const service = '+46700000001' as Msisdn;
export const phone = '+46701234567' as Msisdn;

const clean: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of clean.splice(0).reverse()) await end();
});
export const afterTest = (end: () => Promise<unknown> | void): void => void clean.push(end);

export interface Handed {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** The node's half: takes messages as `POST /v1/messages` does, known ids once. */
export class FakeNode {
  readonly posts: Handed[] = [];
  readonly taken = new Map<string, Handed>();
  /** What the next posts are answered, before it takes everything: a status with its code, or `cut`. */
  readonly script: ({ readonly status: number; readonly code: string } | 'cut')[] = [];
  #server: Server | undefined;

  get url(): string {
    return `http://127.0.0.1:${(this.#server?.address() as AddressInfo).port}`;
  }

  get texts(): string[] {
    return [...this.taken.values()].map(({ text }) => text);
  }

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      request.on('end', () => {
        const message = JSON.parse(body) as Handed;
        this.posts.push(message);
        const next = this.script.shift();
        if (request.headers.authorization !== `Bearer ${token}`) {
          response.writeHead(401).end('{"error":{"code":"unauthorized","message":""}}');
        } else if (next === 'cut') {
          this.taken.set(message.id, message);
          response.destroy();
        } else if (next !== undefined) {
          response.writeHead(next.status).end(JSON.stringify({ error: { code: next.code, message: '' } }));
        } else {
          this.taken.set(message.id, message);
          response.writeHead(202).end(JSON.stringify({ id: message.id, disposition: 'intercepted' }));
        }
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    afterTest(() => {
      this.#server?.closeAllConnections();
      this.#server?.close();
    });
    return this;
  }
}

export interface Rig {
  readonly smsc: Smsc;
  readonly node: FakeNode;
  readonly logged: Readonly<Record<string, unknown>>[];
  gateway(): RunningGateway;
  /** As the node does it, with the webhook of the node itself. */
  send(...messages: Partial<OutboundMessage>[]): Promise<void>;
  /** Stops the gateway and starts it again on the same folder. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
  metric(name: string): Promise<number>;
  outcome(id: string): Promise<string>;
}

let number = 0;

export interface RigOptions {
  readonly smsc?: SmscOptions;
  readonly route?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further centres. */
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
}

const fast = {
  ...{ reconnectMillis: 20, longestReconnectMillis: 100, responseSeconds: 2, enquireSeconds: 1 },
  ...{ doubtSeconds: 1, redeliverySeconds: 30, window: 100 },
};

export async function rig(options: RigOptions = {}): Promise<Rig> {
  const smsc = await new Smsc(options.smsc).start();
  afterTest(() => smsc.kill());
  const node = await new FakeNode().start();
  const dataDir = join(mkdtempSync(join(tmpdir(), 'tandem-smpp-')), 'store');
  afterTest(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));
  const route = { name: 'main', host: '127.0.0.1', port: smsc.port, systemId: 'tandem', password: 'secret', ...fast };
  const config = smppConfigOf({
    ...{ dataDir, listen: { port: 0, secrets: [secret] }, node: { url: node.url, token } },
    routes: [{ ...route, ...options.route }, ...(options.routes ?? [])],
    ...options.config,
  });
  const logged: Readonly<Record<string, unknown>>[] = [];
  let running: RunningGateway | undefined;
  let webhook: WebhookGateway | undefined;
  const made: Rig = {
    ...{ smsc, node, logged },
    gateway() {
      if (running === undefined) throw new Error('the gateway is stopped');
      return running;
    },
    async send(...messages) {
      const full = messages.map((message): OutboundMessage => {
        number += 1;
        const at = '2026-11-30T12:00:00Z' as Timestamp;
        return { id: `message-${number}`, from: service, to: phone, text: `text ${number}`, at, ...message };
      });
      await webhook?.deliver(full);
    },
    async start() {
      running = await startSmppGateway(config, {
        log: (entry) => void logged.push(entry),
        onFatal: (error) => void logged.push({ fatal: String(error), stack: error.stack }),
      });
      const url = `http://127.0.0.1:${running.port}/messages`;
      webhook = new WebhookGateway({ url, secret, timeoutMillis: 10_000, now: Date.now });
    },
    async stop() {
      const before = running;
      running = undefined;
      await webhook?.close();
      await before?.stop();
    },
    async restart() {
      await made.stop();
      await made.start();
    },
    async metric(name) {
      const text = await made.gateway().metrics.registry.metrics();
      const line = text.split('\n').find((one) => one.startsWith(`tandem_smpp_${name} `));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    async outcome(id) {
      const { sign } = await import('../../operator-node/messaging/signature.ts');
      const body = JSON.stringify({ ids: [id] });
      const timestamp = String(Math.floor(Date.now() / 1000));
      const headers = { 'tandem-timestamp': timestamp, 'tandem-signature': sign(secret, timestamp, body) };
      const answer = await fetch(`http://127.0.0.1:${made.gateway().port}/outcomes`, { method: 'POST', body, headers });
      const { outcomes } = (await answer.json()) as { outcomes: { outcome: string }[] };
      return outcomes[0]?.outcome ?? '';
    },
  };
  await made.start();
  afterTest(() => made.stop());
  return made;
}

/** Waits until it is so. */
export async function until(what: () => boolean | Promise<boolean>, millis = 10_000): Promise<void> {
  const end = Date.now() + millis;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not within ${millis} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A text from a phone to the service, as a centre delivers it. */
export const fromPhone = (text: string, more: object = {}): object => ({
  ...{ source_addr_ton: 1, source_addr_npi: 1, source_addr: phone.slice(1) },
  ...{ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: service.slice(1) },
  ...{ data_coding: 8, short_message: encodeUcs2(text) },
  ...more,
});
