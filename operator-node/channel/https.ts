/**
 * The secure channel over HTTPS (protocol §6): TLS 1.3, a certificate on both sides, no authority, no resumption. Each
 * end compares the other's key with the registry before the first byte of a request, and again at each change of the
 * registry. What is asked and answered: `link.ts` (client) and `receive.ts` (server).
 */
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { PeerRegistry } from '../chain/chain.ts';
import { sharedAddresses } from '../connections/address.ts';
import { Connections, remoteOf, type ConnectionBounds, type Cut } from '../connections/connections.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { Channel, PeerHandlers } from './channel.ts';
import { channelLimits, type ChannelLimits } from './limits.ts';
import { Links, type LinksOptions } from './links.ts';
import { protocolForms, type KnownForms } from './forms.ts';
import type { Answer, Method, Request } from './messages.ts';
import { OwnCertificate } from './own-certificate.ts';
import { createReceiver, threadCpuMillis, type ChannelEvent, type Receive } from './receive.ts';
import { errorSize, type Size } from './sizes.ts';
import { assertJsonSize } from '../json-size.ts';
import { mayConnect, presented } from './trust.ts';
import {
  checkAnswer,
  checkRequest,
  errorBody,
  headers,
  isJsonType,
  jsonType,
  parseBody,
  pathPrefix,
  protocolVersion,
  refusalOf,
} from './wire.ts';

export interface HttpsChannelOptions extends LinksOptions {
  /** This node's own operator. */
  readonly operator: OperatorId;
  /** Those of the protocol unless given. */
  readonly forms?: KnownForms;
}

/** @throws {TandemError} `config-invalid` when key and certificate do not fit, or are out of date. */
export function createHttpsChannel(options: HttpsChannelOptions): Channel {
  const links = new Links(options);
  const { forms = protocolForms } = options;
  return {
    async call<M extends Method>(peer: OperatorId, method: M, request: Request<M>): Promise<Answer<M>> {
      const body = Buffer.from(JSON.stringify(request));
      const { size } = forms.of(method);
      const most = size.request.bytes;
      if (body.length > most) {
        throw new TandemError('too-large', `A ${method} of ${body.length} bytes; at most ${most} can be sent`);
      }
      const reply = await links.to(peer).post(
        `${pathPrefix}${method}`,
        {
          'content-type': jsonType,
          'content-length': body.length,
          [headers.version]: protocolVersion,
          [headers.from]: String(options.operator),
          [headers.to]: String(peer),
        },
        body,
        Math.max(size.answer.bytes, errorSize.bytes),
      );
      if (reply.status !== 200) {
        const refusal = refusalOf(peer, method, reply.status, reply.body);
        // If the form is at fault, this says where; it is not looked at before, since own requests have been typed.
        if (refusal.code === 'bad-request') checkRequest(method, request, forms);
        throw refusal;
      }
      if (!isJsonType(reply.contentType)) {
        throw new TandemError(
          'unprocessable',
          `Operator ${peer} answered ${method} as ${reply.contentType}, not ${jsonType}`,
        );
      }
      return checkAnswer(peer, method, request, parseAnswer(peer, method, size.answer, reply.body), forms);
    },

    async close(): Promise<void> {
      links.close();
    },
  };
}

function parseAnswer(peer: OperatorId, method: Method, size: Size, body: Buffer): unknown {
  try {
    assertJsonSize(body, size, `answer of ${method}`);
    return parseBody(body);
  } catch (cause) {
    throw new TandemError('unprocessable', `Operator ${peer}: ${(cause as Error).message}`, { cause });
  }
}

const context = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // No resumption: no tickets, and without a store of sessions none can be found again.
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

export interface ChannelServerOptions {
  /** This node's own operator: requests for another are refused. */
  readonly operator: OperatorId;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
  /** In place of both, where they can be replaced while the server runs. */
  readonly certificate?: OwnCertificate;
  readonly peers: PeerRegistry;
  readonly handlers: PeerHandlers;
  /** Those of the protocol unless given. */
  readonly forms?: KnownForms;
  readonly now: () => UnixMillis;
  readonly limits?: Partial<ChannelLimits>;
  /** Addresses and networks that many come through, such as a proxy's: no bound of one address counts there. */
  readonly sharedAddresses?: readonly string[];
  readonly observe?: (event: ChannelEvent) => void;
  /** A connection was closed, or not taken, for want of room. */
  readonly onCut?: (cut: Cut) => void;
  /** CPU time of this thread so far, in milliseconds. */
  readonly cpuMillis?: () => number;
}

export interface ChannelServer {
  readonly port: number;
  readonly connections: Connections['counts'];
  /** Takes nothing more, lets requests in progress end for `closeMillis`, then cuts. */
  close(): Promise<void>;
}

const boundsOf = (limits: ChannelLimits): ConnectionBounds => ({
  total: limits.serverConnections,
  unproven: limits.unprovenConnections,
  unprovenPerAddress: limits.unprovenPerAddress,
  perParty: limits.connectionsPerKey,
  partyRate: { burst: limits.newPerKeyBurst, perSecond: limits.newPerKeyPerSecond },
  failures: { burst: limits.failuresBurst, perSecond: limits.failuresPerSecond },
  rememberMillis: limits.rememberMillis,
});

/** What Node's server needs for mutual TLS without an authority, and the bounds that it keeps itself. */
function serverOptions(own: OwnCertificate, limits: ChannelLimits): ServerOptions {
  return {
    ...own.pem,
    ...context,
    requestCert: true,
    // No authority is asked: the key is compared with the registry in 'secureConnection'.
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMillis,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerMillis,
    requestTimeout: limits.requestMillis,
    connectionsCheckingInterval: limits.checkMillis,
    keepAliveTimeout: limits.keepAliveMillis,
    noDelay: true,
  };
}

class PeerServer {
  readonly #options: ChannelServerOptions;
  readonly #limits: ChannelLimits;
  readonly #observe: (event: ChannelEvent) => void;
  readonly #receive: Receive;
  readonly #server: Server;
  readonly connections: Connections;
  /** Connections whose key was found in the registry. */
  readonly #trusted = new Map<Socket, Hash>();
  /** What is being answered on a connection. */
  readonly #answering = new WeakMap<Socket, ServerResponse>();
  #closing = false;

  constructor(options: ChannelServerOptions) {
    const limits = { ...channelLimits, ...options.limits };
    const observe = options.observe ?? (() => undefined);
    const own = options.certificate ?? new OwnCertificate(options, options.now());
    this.#options = options;
    this.#limits = limits;
    this.#observe = observe;
    this.#receive = createReceiver({ ...options, limits, observe, cpuMillis: options.cpuMillis ?? threadCpuMillis });
    this.connections = new Connections({
      bounds: boundsOf(limits),
      shared: sharedAddresses(options.sharedAddresses ?? []),
      now: options.now,
      proofExpected: true,
      onCut: options.onCut ?? (() => undefined),
    });
    this.#server = createServer(serverOptions(own, limits), (request, response) => {
      this.#answer(request, response);
    });
    own.onReplace((pem) => {
      this.#server.setSecureContext({ ...pem, ...context });
    });
    this.connections.guard(this.#server);
    this.#server.timeout = limits.idleMillis;
    this.#watch();
  }

  #watch(): void {
    const server = this.#server;
    // Before the HTTP server's own listener: a refused connection never gets a parser with anything in it.
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      this.#admit(socket);
    });
    server.on('tlsClientError', (error, socket) => {
      this.#observe({ type: 'connection-refused', remote: remoteOf(socket), reason: error.message });
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#refuse(error, socket);
    });
    this.#options.peers.onChange(() => {
      this.#recheck();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const pin = this.#trusted.get(request.socket);
    if (pin === undefined) {
      request.socket.destroy();
      return;
    }
    this.#answering.set(request.socket, response);
    const end = this.connections.begin(request.socket);
    response.once('close', () => {
      end();
      if (this.#closing) this.#server.closeIdleConnections();
    });
    void this.#receive(request, response, pin);
  }

  #admit(socket: TLSSocket): void {
    const { peers, now } = this.#options;
    const remote = remoteOf(socket);
    const proof = presented(socket, now(), (pin) => mayConnect(peers, pin));
    if (!proof.ok) {
      socket.destroy();
      const key = proof.pin ? { pin: proof.pin } : {};
      this.#observe({ type: 'connection-refused', remote, reason: proof.reason, ...key });
      return;
    }
    if (!this.connections.prove(socket, proof.pin)) {
      socket.destroy();
      return;
    }
    this.#trusted.set(socket, proof.pin);
    socket.once('close', () => this.#trusted.delete(socket));
  }

  /** What is no HTTP, or takes too long. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    // Also emitted for what was reported as 'tlsClientError'; no HTTP is spoken then.
    const answered = socket instanceof Socket && this.#answering.get(socket)?.headersSent === true;
    if (!(socket instanceof Socket) || !this.#trusted.has(socket) || !socket.writable || answered) {
      socket.destroy();
      return;
    }
    const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const reason = slow
      ? `The request was not complete within ${this.#limits.requestMillis} ms`
      : `Not HTTP/1.1: ${error.message}`;
    this.#observe({ type: 'request-refused', path: '', code: 'bad-request', reason });
    socket.end(rawRefusal(slow ? '408 Request Timeout' : '400 Bad Request', errorBody('bad-request', reason)));
  }

  /** At a change of the registry. */
  #recheck(): void {
    for (const [socket, pin] of this.#trusted) {
      if (mayConnect(this.#options.peers, pin)) continue;
      socket.destroy();
      this.#observe({ type: 'connection-cut', remote: remoteOf(socket), pin });
    }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => {
        const text = `Cannot listen to peers on ${host}:${port}: ${cause.message}`;
        reject(new TandemError('config-invalid', text, { cause }));
      };
      this.#server.once('error', failed);
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#closing = true;
      const timer = setTimeout(() => {
        for (const socket of this.connections.sockets()) socket.destroy();
      }, this.#limits.closeMillis);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }
}

/**
 * @throws {TandemError} `config-invalid` when key and certificate do not fit, are out of date, or the port cannot be
 *   listened on.
 */
export async function startChannelServer(options: ChannelServerOptions): Promise<ChannelServer> {
  const server = new PeerServer(options);
  await server.listen();
  const { port } = server;
  return {
    port,
    get connections() {
      return server.connections.counts;
    },
    close: () => server.close(),
  };
}

const rawRefusal = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: ${jsonType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
