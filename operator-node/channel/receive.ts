/** One request of a trusted connection, from its headers to its answer: bounds, then form, and only then a handler sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PeerRegistry } from '../chain/chain.ts';
import { errorCatalogue, TandemError, type ErrorCode } from '../errors.ts';
import { isOperatorId, type Hash, type OperatorId } from '../model/ids.ts';
import type { PeerHandlers } from './channel.ts';
import type { ChannelLimits } from './limits.ts';
import { maxMessageBytes, type Answer, type Method } from './messages.ts';
import { maySpeak } from './trust.ts';
import {
  checkRequest,
  errorBody,
  headers,
  isJsonType,
  isMethod,
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
      readonly path: string;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  | { readonly type: 'handler-failed'; readonly from: OperatorId; readonly method: Method; readonly error: unknown };

/** Never rejects: every outcome is an answer, or a connection that is gone. */
export type Receive = (request: IncomingMessage, response: ServerResponse, pin: Hash) => Promise<void>;

interface ReceiverOptions {
  readonly operator: OperatorId;
  readonly peers: PeerRegistry;
  readonly handlers: PeerHandlers;
  readonly limits: ChannelLimits;
  readonly observe: (event: ChannelEvent) => void;
}

export function createReceiver({ operator, peers, handlers, limits, observe }: ReceiverOptions): Receive {
  const inProgress = new Map<OperatorId, number>();

  /** @throws {TandemError} for whatever the headers already show. */
  function admit(request: IncomingMessage, pin: Hash): { readonly from: OperatorId; readonly method: Method } {
    const version = request.headers[headers.version];
    if (version !== protocolVersion) {
      const found =
        version === undefined ? 'The request names no version' : `The request is of version ${String(version)}`;
      throw new TandemError('bad-request', `${found}; this operator speaks version ${protocolVersion}`);
    }
    const from = operatorIn(request, headers.from);
    if (!maySpeak(peers, from, pin)) {
      throw new TandemError(
        'forbidden',
        `The key of this connection, ${pin}, is no pin of operator ${from} in the registry`,
      );
    }
    const to = operatorIn(request, headers.to);
    if (to !== operator)
      throw new TandemError('forbidden', `A request for operator ${to}; this is operator ${operator}`);
    const path = request.url ?? '';
    const method = path.startsWith(pathPrefix) ? path.slice(pathPrefix.length) : '';
    if (!isMethod(method))
      throw new TandemError('not-found', `No method at ${path}; methods are at ${pathPrefix}<method>`);
    if (request.method !== 'POST')
      throw new TandemError('bad-request', `${request.method} ${path}; methods are POSTed`);
    if (!isJsonType(request.headers['content-type'])) {
      const found = request.headers['content-type'] ?? 'nothing';
      throw new TandemError('bad-request', `The content type is ${found}; expected ${jsonType}`);
    }
    if (Number(request.headers['content-length'] ?? 0) > maxMessageBytes) throw tooLarge();
    return { from, method };
  }

  async function work<M extends Method>(from: OperatorId, method: M, request: IncomingMessage): Promise<Answer<M>> {
    const busy = inProgress.get(from) ?? 0;
    if (busy >= limits.requestsPerPeer) {
      throw new TandemError('too-busy', `${busy} requests of operator ${from} are in progress; at most ${busy} may be`);
    }
    inProgress.set(from, busy + 1);
    try {
      const checked = checkRequest(method, parseBody(await readBody(request)));
      return await attributed(from, method, () => handlers[method](from, checked));
    } finally {
      const left = (inProgress.get(from) ?? 1) - 1;
      if (left === 0) inProgress.delete(from);
      else inProgress.set(from, left);
    }
  }

  /** What a handler throws is this node's fault, unless it says that it is the request's. */
  async function attributed<R>(from: OperatorId, method: Method, handle: () => Promise<R>): Promise<R> {
    try {
      return await handle();
    } catch (error) {
      if (error instanceof TandemError && error.status < 500) throw error;
      observe({ type: 'handler-failed', from, method, error });
      // The peer learns the kind of fault, and nothing of this node's insides.
      const code = error instanceof TandemError ? error.code : 'internal';
      throw new TandemError(code, `The operator could not answer: ${errorCatalogue[code].remedy}`, { cause: error });
    }
  }

  return async (request, response, pin) => {
    let from: OperatorId | undefined;
    try {
      const admitted = admit(request, pin);
      from = admitted.from;
      send(response, 200, JSON.stringify(await work(from, admitted.method, request)));
    } catch (error) {
      const code = error instanceof TandemError ? error.code : 'internal';
      const reason = error instanceof Error ? error.message : String(error);
      observe({
        type: 'request-refused',
        path: request.url ?? '',
        code,
        reason,
        ...(from === undefined ? {} : { from }),
      });
      // What is left of the body is read and dropped, within `requestMillis`: cutting it would lose the answer.
      request.resume();
      send(
        response,
        errorCatalogue[code].status,
        errorBody(code, code === 'internal' ? errorCatalogue.internal.remedy : reason),
      );
    }
  };
}

function send(response: ServerResponse, status: number, body: string): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': jsonType,
    'content-length': bytes.length,
    [headers.version]: protocolVersion,
  });
  response.end(bytes);
}

const tooLarge = (): TandemError => new TandemError('too-large', `The body is larger than ${maxMessageBytes} bytes`);

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return await new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxMessageBytes) chunks.push(chunk);
      else {
        request.removeAllListeners('data');
        reject(tooLarge());
      }
    });
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
