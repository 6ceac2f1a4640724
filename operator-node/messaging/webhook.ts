/** A gateway over HTTP: groups of messages are POSTed as `{"messages":[…]}`, signed; any 2xx means that all are taken. */
import * as http from 'node:http';
import * as https from 'node:https';
import { TandemError } from '../errors.ts';
import type { MessageGateway, OutboundMessage } from './gateway.ts';
import { sign, signatureHeader, timestampHeader } from './signature.ts';

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
  /** From sending to the end of the answer. */
  readonly timeoutMillis: number;
  /** Unix milliseconds, for the signature's timestamp. */
  readonly now: () => number;
  readonly maxMessages?: number;
  readonly maxBodyBytes?: number;
}

/** Answers are thrown away; a receiver that sends more than this is cut off, though what it took is taken. */
const maxAnswerBytes = 65_536;

/** Bodies of at most so many messages and bytes; a message larger than the bound goes alone. */
export function* groups(
  messages: readonly OutboundMessage[],
  maxMessages: number,
  maxBytes: number,
): Generator<string> {
  let pieces: string[] = [];
  let bytes = 0;
  const body = () => `{"messages":[${pieces.join(',')}]}`;
  for (const message of messages) {
    const piece = JSON.stringify(message);
    const size = Buffer.byteLength(piece) + 1;
    if (pieces.length > 0 && (pieces.length >= maxMessages || bytes + size > maxBytes)) {
      yield body();
      pieces = [];
      bytes = 0;
    }
    pieces.push(piece);
    bytes += size;
  }
  if (pieces.length > 0) yield body();
}

/** Where groups go, and what they are signed with. */
interface Receiver {
  readonly url: URL;
  readonly secret: string;
  readonly agent: http.Agent;
  readonly request: typeof http.request;
}

function receiverOf({ url: address, secret }: Pick<WebhookOptions, 'url' | 'secret'>): Receiver {
  const url = new URL(address);
  const { Agent, request } = url.protocol === 'https:' ? https : http;
  return { url, secret, agent: new Agent({ keepAlive: true, maxSockets: 8 }), request };
}

export class WebhookGateway implements MessageGateway {
  readonly name = 'webhook';
  readonly #options: WebhookOptions;
  #receiver: Receiver;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#receiver = receiverOf(options);
  }

  /** Groups from now on go there; what is on its way is answered where it went. */
  replace(target: Pick<WebhookOptions, 'url' | 'secret'>): void {
    const before = this.#receiver;
    this.#receiver = receiverOf(target);
    for (const sockets of Object.values(before.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  async deliver(messages: readonly OutboundMessage[]): Promise<void> {
    const { maxMessages = 500, maxBodyBytes = 1_048_576 } = this.#options;
    for (const body of groups(messages, maxMessages, maxBodyBytes)) await this.#post(Buffer.from(body));
  }

  async close(): Promise<void> {
    this.#receiver.agent.destroy();
  }

  async #post(body: Buffer): Promise<void> {
    const receiver = this.#receiver;
    const timestamp = String(Math.floor(this.#options.now() / 1000));
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      [timestampHeader]: timestamp,
      [signatureHeader]: sign(receiver.secret, timestamp, body),
    };
    const first = await this.#send(receiver, headers, body);
    // A kept connection that the receiver was just closing says nothing of the receiver: once more on another.
    const result = first === 'stale-connection' ? await this.#send(receiver, headers, body) : first;
    if (result === 'taken') return;
    const why =
      result === 'stale-connection'
        ? 'it closes its connections unanswered'
        : typeof result === 'number'
          ? `it answered ${result}`
          : result;
    throw new TandemError(
      'gateway-unavailable',
      `The webhook at ${receiver.url.host} did not accept the messages: ${why}.`,
      { facts: typeof result === 'number' ? { status: result } : {} },
    );
  }

  /** `taken`, `stale-connection`, the status of another answer, or why there was none. */
  #send(
    { url, agent, request: make }: Receiver,
    headers: http.OutgoingHttpHeaders,
    body: Buffer,
  ): Promise<string | number> {
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(this.#options.timeoutMillis);
      const request = make(url, { method: 'POST', agent, headers, signal });
      const failed = (error: NodeJS.ErrnoException) => {
        if (signal.aborted) resolve(`no answer within ${this.#options.timeoutMillis} ms`);
        else if (request.reusedSocket && error.code === 'ECONNRESET') resolve('stale-connection');
        else resolve(error.code ?? error.message);
      };
      request.on('error', failed);
      request.once('response', (response) => {
        const status = response.statusCode ?? 0;
        let size = 0;
        response.on('data', (piece: Buffer) => {
          size += piece.length;
          if (size > maxAnswerBytes) response.destroy();
        });
        response.on('error', () => resolve('its answer was cut off'));
        response.once('close', () => {
          if (status < 200 || status > 299) resolve(status);
          else resolve(response.complete || size > maxAnswerBytes ? 'taken' : 'its answer was cut off');
        });
      });
      request.end(body);
    });
  }
}
