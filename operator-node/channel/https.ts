/**
 * The secure channel over HTTPS (protocol §6): TLS 1.3, a certificate on both sides, no authority, no resumption. Each
 * end compares the other's key with the registry before the first byte of a request, and again at each change of the
 * registry. What is asked and answered: `link.ts` (client) and `receive.ts` (server).
 */
import { constants } from 'node:crypto';
import { createServer } from 'node:https';
import type { ServerResponse } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import type { PeerRegistry } from '../chain/chain.ts';
import { sharedAddresses } from '../connections/address.ts';
import { Connections, remoteOf, type ConnectionBounds, type Cut } from '../connections/connections.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { Channel, PeerHandlers } from './channel.ts';
import { channelLimits, type ChannelLimits } from './limits.ts';
import { Link } from './link.ts';
import type { Answer, Method, Request } from './messages.ts';
import { OwnCertificate } from './own-certificate.ts';
import { createReceiver, threadCpuMillis, type ChannelEvent } from './receive.ts';
import { errorSize, sizes } from './sizes.ts';
import { assertJsonSize } from '../json-size.ts';
import { mayConnect, maySpeak, presented } from './trust.ts';
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

export interface HttpsChannelOptions {
  /** This node's own operator. */
  readonly operator: OperatorId;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
  /** In place of both, where they can be replaced while the channel is open. */
  readonly certificate?: OwnCertificate;
  readonly peers: PeerRegistry;
  readonly now: () => UnixMillis;
  readonly limits?: Partial<ChannelLimits>;
}

/** @throws {TandemError} `config-invalid` when key and certificate do not fit, or are out of date. */
export function createHttpsChannel(options: HttpsChannelOptions): Channel {
  const { operator, peers, now } = options;
  const limits = { ...channelLimits, ...options.limits };
  const own = options.certificate ?? new OwnCertificate(options, now());
  const links = new Map<OperatorId, Link>();
  let closed = false;

  /** The registry says where a peer is; a link to where it was is cut. */
  function linkTo(peer: OperatorId): Link {
    const entry = peers.get(peer);
    if (closed) throw new TandemError('peer-unavailable', 'This node’s channel is closed');
    if (entry === undefined || (entry.status !== 'active' && entry.status !== 'suspended')) {
      const found = entry === undefined ? 'unknown' : entry.status;
      throw new TandemError('peer-unavailable', `Operator ${peer} is ${found} in the registry`, { facts: { peer } });
    }
    const known = links.get(peer);
    if (known?.endpoint === entry.endpoint) return known;
    known?.close();
    links.delete(peer);
    if (!isEndpoint(entry.endpoint)) {
      throw new TandemError(
        'peer-unavailable',
        `The endpoint of operator ${peer} in the registry is "${entry.endpoint}", not https://host:port`,
        { facts: { peer } },
      );
    }
    const trusts = (pin: Hash): boolean => maySpeak(peers, peer, pin);
    const link = new Link({ peer, endpoint: entry.endpoint, secureContext: () => own.context, trusts, now, limits });
    links.set(peer, link);
    return link;
  }

  peers.onChange(() => {
    for (const [peer, link] of links) {
      if (peers.get(peer)?.endpoint === link.endpoint) link.recheck();
      else {
        link.close();
        links.delete(peer);
      }
    }
  });

  return {
    async call<M extends Method>(peer: OperatorId, method: M, request: Request<M>): Promise<Answer<M>> {
      const body = Buffer.from(JSON.stringify(request));
      const most = sizes[method].request.bytes;
      if (body.length > most) {
        throw new TandemError('too-large', `A ${method} of ${body.length} bytes; at most ${most} can be sent`);
      }
      const reply = await linkTo(peer).post(
        `${pathPrefix}${method}`,
        {
          'content-type': jsonType,
          'content-length': body.length,
          [headers.version]: protocolVersion,
          [headers.from]: String(operator),
          [headers.to]: String(peer),
        },
        body,
        Math.max(sizes[method].answer.bytes, errorSize.bytes),
      );
      if (reply.status !== 200) {
        const refusal = refusalOf(peer, method, reply.status, reply.body);
        // If the form is at fault, this says where; it is not looked at before, since own requests have been typed.
        if (refusal.code === 'bad-request') checkRequest(method, request);
        throw refusal;
      }
      if (!isJsonType(reply.contentType)) {
        throw new TandemError(
          'unprocessable',
          `Operator ${peer} answered ${method} as ${reply.contentType}, not ${jsonType}`,
        );
      }
      return checkAnswer(peer, method, request, parseAnswer(peer, method, reply.body));
    },

    async close(): Promise<void> {
      closed = true;
      for (const link of links.values()) link.close();
      links.clear();
    },
  };
}

function parseAnswer(peer: OperatorId, method: Method, body: Buffer): unknown {
  try {
    assertJsonSize(body, sizes[method].answer, `answer of ${method}`);
    return parseBody(body);
  } catch (cause) {
    throw new TandemError('unprocessable', `Operator ${peer}: ${(cause as Error).message}`, { cause });
  }
}

/** `https://host:port`, nothing behind it. */
function isEndpoint(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(endpoint);
  return protocol === 'https:' && pathname === '/' && `${search}${hash}${username}${password}` === '';
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

/**
 * @throws {TandemError} `config-invalid` when key and certificate do not fit, are out of date, or the port cannot be
 *   listened on.
 */
export async function startChannelServer(options: ChannelServerOptions): Promise<ChannelServer> {
  const { peers, now } = options;
  const limits = { ...channelLimits, ...options.limits };
  const observe = options.observe ?? (() => undefined);
  const own = options.certificate ?? new OwnCertificate(options, now());

  /** Connections whose key was found in the registry. */
  const trusted = new Map<Socket, Hash>();
  /** What is being answered on a connection. */
  const answering = new WeakMap<Socket, ServerResponse>();
  const connections = new Connections({
    bounds: boundsOf(limits),
    shared: sharedAddresses(options.sharedAddresses ?? []),
    now,
    proofExpected: true,
    onCut: options.onCut ?? (() => undefined),
  });
  const receive = createReceiver({ ...options, limits, observe, cpuMillis: options.cpuMillis ?? threadCpuMillis });
  let closing = false;

  const server = createServer(
    {
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
    },
    (request, response) => {
      const pin = trusted.get(request.socket);
      if (pin === undefined) {
        request.socket.destroy();
        return;
      }
      answering.set(request.socket, response);
      const end = connections.begin(request.socket);
      response.once('close', () => {
        end();
        if (closing) server.closeIdleConnections();
      });
      void receive(request, response, pin);
    },
  );
  own.onReplace((pem) => {
    server.setSecureContext({ ...pem, ...context });
  });
  connections.guard(server);
  server.timeout = limits.idleMillis;

  // Before the HTTP server's own listener: a refused connection never gets a parser with anything in it.
  server.prependListener('secureConnection', (socket) => {
    const remote = remoteOf(socket);
    const proof = presented(socket, now(), (pin) => mayConnect(peers, pin));
    if (!proof.ok) {
      socket.destroy();
      observe({ type: 'connection-refused', remote, reason: proof.reason, ...(proof.pin ? { pin: proof.pin } : {}) });
      return;
    }
    if (!connections.prove(socket, proof.pin)) {
      socket.destroy();
      return;
    }
    trusted.set(socket, proof.pin);
    socket.once('close', () => trusted.delete(socket));
  });
  server.on('tlsClientError', (error, socket) => {
    observe({ type: 'connection-refused', remote: remoteOf(socket), reason: error.message });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Also emitted for what was reported as 'tlsClientError'; no HTTP is spoken then.
    const answered = socket instanceof Socket && answering.get(socket)?.headersSent === true;
    if (!(socket instanceof Socket) || !trusted.has(socket) || !socket.writable || answered) {
      socket.destroy();
      return;
    }
    const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const reason = slow
      ? `The request was not complete within ${limits.requestMillis} ms`
      : `Not HTTP/1.1: ${error.message}`;
    observe({ type: 'request-refused', path: '', code: 'bad-request', reason });
    socket.end(rawRefusal(slow ? '408 Request Timeout' : '400 Bad Request', errorBody('bad-request', reason)));
  });
  peers.onChange(() => {
    for (const [socket, pin] of trusted) {
      if (mayConnect(peers, pin)) continue;
      socket.destroy();
      observe({ type: 'connection-cut', remote: remoteOf(socket), pin });
    }
  });

  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      const where = `${options.host}:${options.port}`;
      reject(new TandemError('config-invalid', `Cannot listen to peers on ${where}: ${cause.message}`, { cause }));
    };
    server.once('error', failed);
    server.listen(options.port, options.host, () => {
      server.off('error', failed);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.counts;
    },
    close: () =>
      new Promise((resolve) => {
        closing = true;
        const timer = setTimeout(() => {
          for (const socket of connections.sockets()) socket.destroy();
        }, limits.closeMillis);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

const rawRefusal = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: ${jsonType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
