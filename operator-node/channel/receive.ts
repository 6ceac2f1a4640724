/**
 * One request of a trusted connection, from its headers to its answer: bounds, then form, and only then a handler sees
 * it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PeerRegistry } from '../chain/chain.ts';
import { errorCatalogue, TandemError, type ErrorCode } from '../errors.ts';
import { isOperatorId, type Hash, type OperatorId, type UnixMillis } from '../model/ids.ts';
import { OverBudget, PeerBudgets, type Spent } from './budget.ts';
import type { PeerHandlers } from './channel.ts';
import type { ChannelLimits } from './limits.ts';
import { protocolForms, type KnownForms } from './forms.ts';
import type { Answer, Method, Request } from './messages.ts';
import type { Size } from './sizes.ts';
import { assertJsonSize } from '../json-size.ts';
import { maySpeak } from './trust.ts';
import { Turns } from './turns.ts';
import {
  checkRequest,
  errorBody,
  headers,
  isJsonType,
  jsonType,
  parseBody,
  pathPrefix,
  protocolVersion,
} from './wire.ts';

/** For logs and counters. */
export type ChannelEvent =
  | { readonly type: 'connection-refused'; readonly remote: string; readonly reason: string; readonly pin?: Hash }
  /** The registry no longer allows this key. */
  | { readonly type: 'connection-cut'; readonly remote: string; readonly pin: Hash }
  | {
      readonly type: 'request-refused';
      readonly from?: OperatorId;
      readonly method?: Method;
      readonly path: string;
      readonly code: ErrorCode;
      readonly reason: string;
      /** It was refused because this operator has none of it left. */
      readonly spent?: Spent;
    }
  | { readonly type: 'handler-failed'; readonly from: OperatorId; readonly method: Method; readonly error: unknown };

/** Never rejects: every outcome is an answer, or a connection that is gone. */
export type Receive = (request: IncomingMessage, response: ServerResponse, pin: Hash) => Promise<void>;

interface ReceiverOptions {
  readonly operator: OperatorId;
  readonly peers: PeerRegistry;
  readonly handlers: PeerHandlers;
  readonly forms?: KnownForms;
  readonly limits: ChannelLimits;
  readonly now: () => UnixMillis;
  /** CPU time of this thread so far. */
  readonly cpuMillis: () => number;
  readonly observe: (event: ChannelEvent) => void;
}

/** CPU time, as time on the clock would count what others do meanwhile. */
export function threadCpuMillis(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Named {
  from?: OperatorId;
  method?: Method;
}

export function createReceiver(options: ReceiverOptions): Receive {
  const receiver = new Receiver(options);
  return (request, response, pin) => receiver.receive(request, response, pin);
}

class Receiver {
  readonly #options: ReceiverOptions;
  readonly #forms: KnownForms;
  readonly #inProgress = new Map<OperatorId, number>();
  readonly #budgets: PeerBudgets;
  readonly #turns = new Turns();

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#forms = options.forms ?? protocolForms;
    this.#budgets = new PeerBudgets(options.limits, options.now);
  }

  async receive(request: IncomingMessage, response: ServerResponse, pin: Hash): Promise<void> {
    const named: Named = {};
    try {
      const { from, method } = this.#admit(request, pin, named);
      const answer = Buffer.from(JSON.stringify(await this.#work(from, method, request)));
      this.#budgets.moved(from, answer.length);
      send(response, 200, answer);
    } catch (error) {
      this.#refuse(request, response, pin, named, error);
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, pin: Hash, named: Named, error: unknown): void {
    const { limits, observe } = this.#options;
    const code = error instanceof TandemError ? error.code : 'internal';
    const reason = error instanceof Error ? error.message : String(error);
    const { status } = errorCatalogue[code];
    if (status < 500 && status !== 429) this.#budgets.refused(named.from ?? pin, named.method);
    const spent = error instanceof OverBudget ? { spent: error.spent } : {};
    observe({ type: 'request-refused', path: (request.url ?? '').slice(0, 200), code, reason, ...named, ...spent });
    const text = errorBody(code, code === 'internal' ? errorCatalogue.internal.remedy : reason);
    const retrySeconds = status === 429 ? retryOf(error) : undefined;
    sendRefusal(request, response, status, Buffer.from(text), {
      ...(retrySeconds === undefined ? {} : { retrySeconds }),
      close: error instanceof OverBudget,
      lingerMillis: limits.lingerMillis,
      mayDrain: (bytes, sofar) => sofar <= limits.drainBytes || this.#budgets.drops(named.from, bytes),
    });
  }

  /**
   * Puts what is known of the request into `named` as soon as it is known. @throws {TandemError} for whatever the
   * headers already show.
   */
  #admit(request: IncomingMessage, pin: Hash, named: Named): Required<Named> {
    this.#budgets.assertRefusals(pin);
    const version = request.headers[headers.version];
    if (version !== protocolVersion) {
      const found =
        version === undefined ? 'The request names no version' : `The request is of version ${String(version)}`;
      throw new TandemError('bad-request', `${found}; this operator speaks version ${protocolVersion}`);
    }
    const from = operatorIn(request, headers.from);
    if (!maySpeak(this.#options.peers, from, pin)) {
      throw new TandemError(
        'forbidden',
        `The key of this connection, ${pin}, is not a pin of operator ${from} in the registry`,
      );
    }
    named.from = from;
    this.#budgets.assertRefusals(from);
    const { operator } = this.#options;
    const to = operatorIn(request, headers.to);
    if (to !== operator)
      throw new TandemError('forbidden', `A request for operator ${to}; this is operator ${operator}`);
    const path = request.url ?? '';
    const method = path.startsWith(pathPrefix) ? path.slice(pathPrefix.length) : '';
    if (!this.#forms.has(method))
      throw new TandemError('not-found', `No method at ${path}; methods are at ${pathPrefix}<method>`);
    named.method = method;
    this.#budgets.admit(from, method);
    if (request.method !== 'POST')
      throw new TandemError('bad-request', `${request.method} ${path}; methods are POSTed`);
    if (!isJsonType(request.headers['content-type'])) {
      const found = request.headers['content-type'] ?? 'nothing';
      throw new TandemError('bad-request', `The content type is ${found}; expected ${jsonType}`);
    }
    if (Number(request.headers['content-length'] ?? 0) > this.#sizeOf(method).bytes)
      throw tooLarge(method, this.#sizeOf(method));
    return { from, method };
  }

  #sizeOf(method: Method): Size {
    return this.#forms.of(method).size.request;
  }

  async #work<M extends Method>(from: OperatorId, method: M, request: IncomingMessage): Promise<Answer<M>> {
    const busy = this.#inProgress.get(from) ?? 0;
    if (busy >= this.#options.limits.requestsPerPeer) {
      throw new TandemError('too-busy', `${busy} requests of operator ${from} are in progress; at most ${busy} may be`);
    }
    this.#inProgress.set(from, busy + 1);
    try {
      const checked = await this.#read(from, method, request);
      return await this.#attributed(from, method, () => this.#options.handlers[method](from, checked));
    } finally {
      const left = (this.#inProgress.get(from) ?? 1) - 1;
      if (left === 0) this.#inProgress.delete(from);
      else this.#inProgress.set(from, left);
    }
  }

  async #read<M extends Method>(from: OperatorId, method: M, request: IncomingMessage): Promise<Request<M>> {
    let kept = 0;
    try {
      const body = await readBody(request, method, this.#sizeOf(method), (bytes) => {
        this.#budgets.moved(from, bytes);
        this.#budgets.keep(from, bytes);
        kept += bytes;
      });
      if (body.length > this.#options.limits.largeBytes) await this.#turns.next(from);
      const begun = this.#options.cpuMillis();
      try {
        assertJsonSize(body, this.#sizeOf(method), `request of ${method}`);
        return checkRequest(method, parseBody(body), this.#forms);
      } finally {
        this.#budgets.parsed(from, this.#options.cpuMillis() - begun);
      }
    } finally {
      this.#budgets.release(from, kept);
    }
  }

  /** What a handler throws is this node's fault, unless it says that it is the request's. */
  async #attributed<R>(from: OperatorId, method: Method, handle: () => Promise<R>): Promise<R> {
    try {
      return await handle();
    } catch (error) {
      if (error instanceof TandemError && error.status < 500) throw error;
      this.#options.observe({ type: 'handler-failed', from, method, error });
      // The peer learns the kind of fault, and nothing of this node's insides.
      const code = error instanceof TandemError ? error.code : 'internal';
      throw new TandemError(code, `The operator could not answer: ${errorCatalogue[code].remedy}`, { cause: error });
    }
  }
}

/** What a handler refuses for want of an allowance says when there is more. */
function retryOf(error: unknown): number {
  const seconds = error instanceof TandemError ? error.facts['retrySeconds'] : undefined;
  return typeof seconds === 'number' ? seconds : 1;
}

const headOf = (bytes: Buffer): Record<string, string | number> => ({
  'content-type': jsonType,
  'content-length': bytes.length,
  [headers.version]: protocolVersion,
});

function send(response: ServerResponse, status: number, body: Buffer): void {
  if (response.destroyed) return;
  response.writeHead(status, headOf(body));
  response.end(body);
}

interface Refusing {
  readonly retrySeconds?: number;
  /** The connection is not kept. */
  readonly close: boolean;
  readonly lingerMillis: number;
  /** Whether these bytes, the last of `sofar`, may still be read and dropped. */
  readonly mayDrain: (bytes: number, sofar: number) => boolean;
}

/**
 * What is left of the body is read and dropped, so that its sender comes to read the answer; to cut it would lose that. Who
 * sends more than it may is not read any further, and cut a moment after it was answered.
 */
function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: Buffer,
  how: Refusing,
): void {
  if (response.destroyed) return;
  const head = headOf(body);
  if (how.retrySeconds !== undefined) head['retry-after'] = how.retrySeconds;
  if (how.close) head['connection'] = 'close';
  response.writeHead(status, head);
  if (request.complete) {
    response.end(body);
    return;
  }
  response.write(body);
  let sofar = 0;
  const drop = (piece: Buffer): void => {
    sofar += piece.length;
    if (how.mayDrain(piece.length, sofar)) return;
    request.off('data', drop);
    request.pause();
    const cut = setTimeout(() => request.socket.destroy(), how.lingerMillis);
    request.socket.once('close', () => clearTimeout(cut));
  };
  request.on('error', () => undefined);
  request.once('end', () => response.end());
  request.on('data', drop);
}

function tooLarge(method: Method, size: Size): TandemError {
  return new TandemError('too-large', `The body of a ${method} has at most ${size.bytes} bytes`);
}

/**
 * @param keep is told of each piece before it is kept. @throws {TandemError} what `keep` throws; `too-large`,
 * `bad-request`
 */
async function readBody(
  request: IncomingMessage,
  method: Method,
  size: Size,
  keep: (bytes: number) => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return await new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      try {
        if (bytes > size.bytes) throw tooLarge(method, size);
        keep(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        request.off('data', take);
        reject(error);
      }
    };
    request.on('data', take);
    request.once('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    const gone = (): void => {
      if (!request.complete)
        reject(new TandemError('bad-request', 'The connection was closed before the body was complete'));
    };
    request.once('error', gone);
    request.once('close', gone);
  });
}

function operatorIn(request: IncomingMessage, name: string): OperatorId {
  const text = request.headers[name];
  const id = typeof text === 'string' && /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : 0;
  if (!isOperatorId(id))
    throw new TandemError('bad-request', `The header ${name} is "${String(text)}"; expected an operator id`);
  return id;
}
