/** The API on a port: bounds for slow and many clients, and an end that finishes what has begun. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { sharedAddresses } from '../connections/address.ts';
import { Connections, type ConnectionBounds, type Cut } from '../connections/connections.ts';
import type { UnixMillis } from '../model/ids.ts';
import { TandemError, errorCatalogue, type ErrorCode } from '../errors.ts';
import type { ApiAccess, ApiTokens } from './access.ts';
import { createApi, type ApiHooks } from './app.ts';
import type { RouteGroup } from './route.ts';

export interface ApiListen extends ApiTokens {
  readonly host: string;
  /** In place of the tokens here, where they can change while the API runs. */
  readonly access?: ApiAccess;
  /** 0: one that the system chooses. */
  readonly port: number;
  /** Addresses and networks that many come through, such as a proxy's: no bound of one address counts there. */
  readonly sharedAddresses?: readonly string[];
}

export interface ApiLimits {
  readonly maxConnections: number;
  /** Of those, ones on which no request has had the right token yet; the others are kept for those that have. */
  readonly maxUnproven: number;
  /** Likewise of one address. */
  readonly maxUnprovenPerAddress: number;
  readonly maxHeaderBytes: number;
  readonly headersMillis: number;
  /** The whole request, body and all. */
  readonly requestMillis: number;
  /** A connection on which nothing moves, in a request or an answer. */
  readonly silentMillis: number;
  /** Between two requests; longer than the minute after which load balancers let go. */
  readonly keepAliveMillis: number;
  /** How long `close` waits for answers under way. */
  readonly closeMillis: number;
}

export const apiLimits: ApiLimits = {
  maxConnections: 2_000,
  maxUnproven: 1_000,
  maxUnprovenPerAddress: 500,
  maxHeaderBytes: 8_192,
  headersMillis: 10_000,
  requestMillis: 30_000,
  silentMillis: 60_000,
  keepAliveMillis: 75_000,
  closeMillis: 5_000,
};

export interface ServerHooks extends ApiHooks {
  /** A connection was closed, or not taken, for want of room. */
  readonly onCut?: (cut: Cut) => void;
  readonly now?: () => UnixMillis;
}

/** From an address from which somebody has had the right token within so long, a connection is preferred. */
const rememberMillis = 86_400_000;
/** Connections of one address that had to give way: beyond these its next ones are closed unread. */
const crowding = { burst: 500, perSecond: 10 };
/** What has the right token is bounded by `maxConnections` alone. */
const boundless = { burst: Number.MAX_SAFE_INTEGER, perSecond: Number.MAX_SAFE_INTEGER };

export interface RunningApi {
  readonly port: number;
  readonly connections: Connections['counts'];
  /** Takes no new connections, lets requests under way be answered, closes what is idle. */
  close(): Promise<void>;
}

/** What never became a request (no HTTP, too slow, too long headers) is answered without express. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, message]: [ErrorCode, string] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['too-large', 'The headers are too long.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['bad-request', 'The request did not arrive in time.']
        : ['bad-request', 'This is not HTTP/1.1.'];
  const body = JSON.stringify({ error: { code, message } });
  socket.write(
    `HTTP/1.1 ${errorCatalogue[code].status} Refused\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.destroySoon();
}

function listen(server: Server, { host, port }: ApiListen): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
      reject(new TandemError('config-invalid', `api: cannot listen on ${host}:${port}: ${why}`, { cause }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

const boundsOf = (limits: ApiLimits): ConnectionBounds => ({
  total: limits.maxConnections,
  unproven: limits.maxUnproven,
  unprovenPerAddress: limits.maxUnprovenPerAddress,
  perParty: limits.maxConnections,
  partyRate: boundless,
  failures: crowding,
  rememberMillis,
});

/** @throws {TandemError} `config-invalid` when the port cannot be had */
export async function startApi(
  groups: readonly RouteGroup[],
  config: ApiListen,
  hooks: ServerHooks = {},
  limits: ApiLimits = apiLimits,
): Promise<RunningApi> {
  const connections = new Connections({
    bounds: boundsOf(limits),
    shared: sharedAddresses(config.sharedAddresses ?? []),
    now: hooks.now ?? (() => Date.now() as UnixMillis),
    // Probes and metrics have no token to prove anything with.
    proofExpected: false,
    onCut: hooks.onCut ?? (() => undefined),
  });
  const app = createApi(groups, config.access ?? config, {
    ...hooks,
    onToken: (request, token) => {
      connections.prove(request.socket, token);
    },
  });
  const underWay = new Set<ServerResponse>();
  let closing = false;
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMillis,
    requestTimeout: limits.requestMillis,
    keepAliveTimeout: limits.keepAliveMillis,
    connectionsCheckingInterval: Math.min(limits.headersMillis, 5_000),
  });
  connections.guard(server);
  server.setTimeout(limits.silentMillis);
  server.on('clientError', refuseBytes);
  server.on('request', (request, response) => {
    if (closing) response.shouldKeepAlive = false;
    underWay.add(response);
    const end = connections.begin(request.socket);
    response.once('close', () => {
      end();
      underWay.delete(response);
    });
    app(request, response);
  });
  const port = await listen(server, config);

  let closed: Promise<void> | undefined;
  const close = () =>
    (closed ??= new Promise((resolve) => {
      closing = true;
      for (const response of underWay) response.shouldKeepAlive = false;
      const last = setTimeout(() => server.closeAllConnections(), limits.closeMillis);
      server.close(() => {
        clearTimeout(last);
        resolve();
      });
    }));
  return {
    port,
    get connections() {
      return connections.counts;
    },
    close,
  };
}
