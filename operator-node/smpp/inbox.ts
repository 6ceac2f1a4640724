/** Messages from phones until the node has taken them: those of one phone in their order, each under one id for good. */
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import type { Clock } from '../engine/clock.ts';
import type { Store, Tx } from '../store/store.ts';
import type { SmppConfig } from './smpp-config.ts';
import { Lanes, type Queued } from './lanes.ts';
import type { SmppMetrics } from './smpp-metrics.ts';
import type { Log, Notices } from './notices.ts';
import { counterTable, inTable, numbered, type InRecord } from './smpp-tables.ts';

export class InEntry implements Queued {
  readonly key: string;
  readonly record: InRecord;
  readonly urgent = false;
  readonly over = false;

  constructor(key: string, record: InRecord) {
    this.key = key;
    this.record = record;
  }

  get lane(): string {
    return this.record.from;
  }
}

export interface InboxParts {
  readonly config: Pick<SmppConfig, 'node' | 'maxWaiting'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: SmppMetrics;
  readonly notices: Notices;
  readonly log: Log;
  readonly fatal: (error: unknown) => void;
}

const atOnce = 16;
const timeoutMillis = 20_000;
const firstWaitMillis = 250;
const longestWaitMillis = 15_000;
/** An answer of the node is a few hundred octets. */
const maxAnswerBytes = 65_536;

type Handed = { readonly kind: 'taken' } | { readonly kind: 'refused' | 'later'; readonly reason: string };

export class Inbox {
  readonly #parts: InboxParts;
  readonly #lanes = new Lanes<InEntry>();
  /** Where the node is, worked out once. */
  readonly #target: RequestOptions;
  readonly #agent: PlainAgent;
  readonly #send: typeof requestPlain;
  #underWay = 0;
  #wait = firstWaitMillis;
  #isPaused = false;
  #isAway = false;
  #stopped = false;

  constructor(parts: InboxParts) {
    this.#parts = parts;
    const url = new URL('/v1/messages', parts.config.node.url);
    const isTls = url.protocol === 'https:';
    this.#agent = new (isTls ? TlsAgent : PlainAgent)({ keepAlive: true, maxSockets: atOnce });
    this.#send = isTls ? requestTls : requestPlain;
    this.#target = { ...urlToHttpOptions(url), method: 'POST', agent: this.#agent, timeout: timeoutMillis };
  }

  get waiting(): number {
    return this.#lanes.length;
  }

  get isFull(): boolean {
    return this.#lanes.length >= this.#parts.config.maxWaiting;
  }

  /** Into the write that takes a message from its phone; `add` follows when that is durable. */
  put(tx: Tx, record: InRecord): InEntry {
    const number = (tx.get(counterTable, 'in') ?? 0) + 1;
    tx.put(counterTable, 'in', number);
    tx.put(inTable, numbered(number), record);
    return new InEntry(numbered(number), record);
  }

  add(entry: InEntry): void {
    this.#lanes.add(entry);
    this.#pump();
  }

  async stop(millis: number): Promise<void> {
    this.#stopped = true;
    const end = this.#parts.clock.now() + millis;
    while (this.#underWay > 0 && this.#parts.clock.now() < end) {
      await new Promise<void>((resolve) => void this.#parts.clock.after(10, resolve));
    }
    this.#agent.destroy();
  }

  #pump(): void {
    while (!this.#stopped && !this.#isPaused && this.#underWay < atOnce) {
      const entry = this.#lanes.next();
      if (entry === undefined) return;
      this.#underWay += 1;
      this.#hand(entry).catch((error: unknown) => this.#parts.fatal(error));
    }
  }

  async #hand(entry: InEntry): Promise<void> {
    const { metrics, notices, store } = this.#parts;
    const { route } = entry.record;
    const handed = await this.#post(entry.record);
    this.#underWay -= 1;
    if (handed.kind === 'later') {
      this.#lanes.again(entry);
      this.#pauseFor(handed.reason);
      return;
    }
    this.#isBack();
    if (handed.kind === 'refused') notices.note(route, 'refused-by-node', handed.reason);
    else metrics.handedOver(route);
    this.#lanes.done(entry);
    this.#pump();
    // Should it be lost, the node is given the message again, under the id that it knows.
    await store.transact((tx) => tx.del(inTable, entry.key));
  }

  #pauseFor(reason: string): void {
    const { clock, log } = this.#parts;
    if (this.#isPaused) return;
    if (!this.#isAway) log({ level: 'warn', type: 'node-away', reason });
    this.#isAway = true;
    this.#isPaused = true;
    clock.after(this.#wait, () => {
      this.#isPaused = false;
      this.#pump();
    });
    this.#wait = Math.min(2 * this.#wait, longestWaitMillis);
  }

  #isBack(): void {
    this.#wait = firstWaitMillis;
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#parts.log({ level: 'info', type: 'node-back' });
  }

  async #post({ id, from, to, text }: InRecord): Promise<Handed> {
    const body = Buffer.from(JSON.stringify({ id, from, to, text }));
    const first = await this.#once(body);
    // A kept connection that the node was just closing says nothing of the node: once more on another.
    return first === 'stale'
      ? await this.#once(body).then((again) => (again === 'stale' ? later('ECONNRESET') : again))
      : first;
  }

  #once(body: Buffer): Promise<Handed | 'stale'> {
    return new Promise((resolve) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': body.length,
        authorization: `Bearer ${this.#parts.config.node.token}`,
      };
      const request = this.#send({ ...this.#target, headers });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && error.code === 'ECONNRESET') resolve('stale');
        else resolve(later(error.code ?? error.message));
      });
      request.on('response', (response) => {
        answerTo(response, resolve);
      });
      request.end(body);
    });
  }
}

const later = (reason: string): Handed => ({ kind: 'later', reason });

/** What will not be better the next time; everything else is tried again. */
const final: ReadonlySet<string> = new Set([
  'bad-request',
  'bad-json',
  'unknown-sender',
  'conflict',
  'too-large',
  'unprocessable',
]);

function answerTo(response: IncomingMessage, done: (handed: Handed) => void): void {
  const status = response.statusCode ?? 0;
  const isTaken = status >= 200 && status <= 299;
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (piece: string) => {
    text += piece;
    if (text.length > maxAnswerBytes) response.destroy();
  });
  response.on('error', () => done(later('its answer was cut off')));
  response.on('close', () => {
    const code = isTaken ? undefined : codeIn(text);
    if (!response.complete) done(later('its answer was cut off'));
    else if (isTaken) done({ kind: 'taken' });
    else if (code !== undefined && final.has(code)) done({ kind: 'refused', reason: code });
    else done(later(`it answered ${status}${code === undefined ? '' : `, ${code}`}`));
  });
}

/** As the node writes refusals. */
function codeIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly code?: unknown } };
    return typeof error?.code === 'string' ? error.code : undefined;
  } catch {
    return undefined;
  }
}
