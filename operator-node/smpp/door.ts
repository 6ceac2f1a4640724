/** The door for the node and for monitoring: the webhook's posts, what became of a message, metrics, readiness. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { send, refuse } from '../api/http-answer.ts';
import { TandemError } from '../errors.ts';
import type { Clock } from '../engine/clock.ts';
import { signatureHeader, timestampHeader, verifySignature } from '../messaging/signature.ts';
import { isMsisdn, timestampPattern, type Msisdn, type Timestamp } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import type { SmppConfig } from './smpp-config.ts';
import type { SmppMetrics } from './smpp-metrics.ts';
import type { Log } from './notices.ts';
import { knownTable, type OutboundText } from './smpp-tables.ts';

export interface DoorParts {
  readonly config: SmppConfig['listen'];
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: SmppMetrics;
  readonly log: Log;
  readonly take: (messages: readonly OutboundText[]) => Promise<void>;
  /** Before each reading of the metrics. */
  readonly refresh: () => void;
  /** Routes whose bind is not up. */
  readonly down: () => readonly string[];
}

/** A group is at most 1 MiB, but for a message that is larger alone. */
const maxBodyBytes = 4 * 1024 * 1024;
const maxConnections = 200;

const msisdn = z.custom<Msisdn>((value) => typeof value === 'string' && isMsisdn(value), 'must be a number in E.164');
const timestamp = z
  .string()
  .regex(timestampPattern, 'must be RFC 3339 in UTC')
  .transform((text) => text as Timestamp);
/** Fields that a later node may add mean nothing here, and refuse nothing. */
const group = z.object({
  messages: z.array(
    z.object({
      id: z.string().min(1).max(200),
      from: msisdn,
      to: msisdn,
      text: z.string(),
      at: timestamp,
      deadline: timestamp.optional(),
      priority: z.literal('question').optional(),
    }),
  ),
});

export class Door {
  readonly #parts: DoorParts;
  readonly #server: Server;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.#server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        const { hidden } = refuse(request, response, error);
        if (hidden)
          parts.log({ level: 'error', type: 'door', message: error instanceof Error ? error.message : String(error) });
      });
    });
    this.#server.maxConnections = maxConnections;
  }

  /** The port that it listens on. */
  async listen(): Promise<number> {
    const { host, port } = this.#parts.config;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await Promise.race([closed, new Promise<void>((resolve) => void this.#parts.clock.after(2_000, resolve))]);
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (request.method === 'POST') {
      const body = await bodyOf(request);
      this.#check(request, body);
      if (path === '/messages') {
        await this.#parts.take(messagesIn(body));
        response.writeHead(204).end();
      } else if (path === '/outcomes') send(response, { status: 200, json: this.#outcomes(body) });
      else
        throw new TandemError('not-found', `There is nothing at ${path.slice(0, 100)}: the node posts to /messages.`);
      return;
    }
    if (request.method !== 'GET') throw new TandemError('method-not-allowed', 'GET or POST');
    if (path === '/metrics') {
      this.#parts.refresh();
      const { registry } = this.#parts.metrics;
      send(response, { status: 200, type: registry.contentType, text: await registry.metrics() });
    } else if (path === '/readyz') {
      const down = this.#parts.down();
      send(response, { status: down.length === 0 ? 200 : 503, json: { ready: down.length === 0, down } });
    } else throw new TandemError('not-found', 'There is /metrics and /readyz.');
  }

  /** @throws {TandemError} `unauthorized` */
  #check({ headers }: IncomingMessage, body: Buffer): void {
    const one = (value: string | string[] | undefined): string | undefined =>
      Array.isArray(value) ? value.join(',') : value;
    const signed = { timestamp: one(headers[timestampHeader]), signature: one(headers[signatureHeader]), body };
    const nowSeconds = Math.floor(this.#parts.clock.now() / 1000);
    const verdicts = this.#parts.config.secrets.map((secret) => verifySignature(secret, signed, nowSeconds));
    if (verdicts.some(({ ok }) => ok)) return;
    const why = verdicts.map((verdict) => (verdict.ok ? '' : verdict.code)).join(', ');
    throw new TandemError('unauthorized', `The signature of the webhook does not hold: ${why}.`);
  }

  #outcomes(body: Buffer): object {
    const { ids } = parsed(z.object({ ids: z.array(z.string()).max(1_000) }), body);
    return {
      outcomes: ids.map((id) => {
        const known = this.#parts.store.newest.get(knownTable, id);
        return known === undefined ? { id, outcome: 'not-known' } : { id, outcome: 'under-way', ...known };
      }),
    };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    pieces.push(piece as Buffer);
    bytes += (piece as Buffer).length;
    if (bytes > maxBodyBytes) throw new TandemError('too-large', `More than ${maxBodyBytes} bytes in one POST.`);
  }
  return Buffer.concat(pieces);
}

const messagesIn = (body: Buffer): readonly OutboundText[] => parsed(group, body).messages;

function parsed<T>(schema: z.ZodType<T>, body: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (cause) {
    throw new TandemError('bad-json', 'The body is no JSON.', { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TandemError('bad-request', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as it should be'}`);
}
