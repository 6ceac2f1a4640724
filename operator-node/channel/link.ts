/** The connections of one node to one peer at one endpoint: TLS 1.3, the peer's pin compared before a byte is written. */
import { Agent, request as httpsRequest } from 'node:https';
import type { ClientRequestArgs, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { ChannelLimits } from './limits.ts';
import { presented } from './trust.ts';

export interface LinkOptions {
  readonly peer: OperatorId;
  /** `https://host:port` from the registry. */
  readonly endpoint: string;
  /** This node's key and certificate of now, TLS 1.3 only. */
  readonly secureContext: () => SecureContext;
  /** Whether the key with this pin may speak for the peer now. */
  readonly trusts: (pin: Hash) => boolean;
  readonly now: () => UnixMillis;
  readonly limits: ChannelLimits;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** Hands its sockets out only after the handshake and the check of the peer: no request is written before. */
class PinnedAgent extends Agent {
  readonly opened = new Map<TLSSocket, Hash | undefined>();
  readonly link: LinkOptions;

  constructor(link: LinkOptions) {
    super({
      keepAlive: true,
      maxSockets: link.limits.connectionsPerPeer,
      maxFreeSockets: link.limits.connectionsPerPeer,
      scheduling: 'lifo',
      timeout: link.limits.idleMillis,
      maxCachedSessions: 0,
    });
    this.link = link;
  }

  override createConnection(_options: ClientRequestArgs, connected: Connected): undefined {
    const { peer, endpoint, secureContext, trusts, now, limits } = this.link;
    const url = new URL(endpoint);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const socket = connect({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      secureContext: secureContext(),
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      // No authority is asked: `presented` compares the key with the registry below.
      rejectUnauthorized: false,
    });
    this.opened.set(socket, undefined);
    socket.setNoDelay(true);
    socket.setTimeout(limits.handshakeMillis, () => {
      socket.destroy(new Error(`no TLS handshake within ${limits.handshakeMillis} ms`));
    });
    const failed = (error: Error): void => connected(error, socket);
    socket.once('error', failed);
    // Between the check and the request's own listener there is a turn in which an error would have none.
    socket.on('error', () => undefined);
    socket.once('close', () => this.opened.delete(socket));
    socket.once('secureConnect', () => {
      socket.off('error', failed);
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      const proof = presented(socket, now(), trusts);
      if (!proof.ok) {
        socket.destroy();
        failed(new TandemError('peer-unavailable', `Operator ${peer} at ${endpoint} is not trusted: ${proof.reason}`));
        return;
      }
      this.opened.set(socket, proof.pin);
      connected(null, socket);
    });
  }
}

export class Link {
  readonly endpoint: string;
  readonly #options: LinkOptions;
  readonly #agent: PinnedAgent;
  readonly #calls = new Set<AbortController>();
  /** Calls that have a connection or are making one. Counted here: an agent does not count connections that it is making. */
  #active = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: LinkOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    this.#agent = new PinnedAgent(options);
  }

  /**
   * One POST and its reply, whatever its status.
   *
   * @throws {TandemError} `peer-unavailable` when there was none in time; `too-busy` when too many calls wait already;
   *   `unprocessable` when it is larger than `maxAnswerBytes`.
   */
  async post(path: string, headers: OutgoingHttpHeaders, body: Buffer, maxAnswerBytes: number): Promise<Reply> {
    const { callMillis } = this.#options.limits;
    const call = new AbortController();
    const timer = setTimeout(() => call.abort(new Error(`no answer within ${callMillis} ms`)), callMillis);
    this.#calls.add(call);
    try {
      await this.#turn(call.signal);
      try {
        return await this.#attempt(path, headers, body, call.signal, maxAnswerBytes);
      } catch (error) {
        // A kept connection may be closed by the peer just as it is written to. Requests are idempotent, so one more
        // attempt, on another connection, is safe.
        if (!(error instanceof StaleConnection)) throw error;
        return await this.#attempt(path, headers, body, call.signal, maxAnswerBytes);
      } finally {
        this.#pass();
      }
    } catch (error) {
      throw error instanceof TandemError ? error : this.#unavailable(call.signal.aborted ? call.signal.reason : error);
    } finally {
      clearTimeout(timer);
      this.#calls.delete(call);
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { limits, peer } = this.#options;
    if (this.#active < limits.connectionsPerPeer) {
      this.#active += 1;
      return Promise.resolve();
    }
    if (this.#waiting.size >= limits.waitingPerPeer) {
      const text = `${this.#waiting.size} calls to operator ${peer} wait for a connection already`;
      return Promise.reject(new TandemError('too-busy', text, { facts: { peer } }));
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(start);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(start);
    });
  }

  /** Hands the ended call's turn to the one that has waited longest. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#active -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #attempt(
    path: string,
    headers: OutgoingHttpHeaders,
    body: Buffer,
    signal: AbortSignal,
    maxAnswerBytes: number,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.endpoint);
      const request = httpsRequest(url, { method: 'POST', agent: this.#agent, headers, signal });
      let responded = false;
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && !responded && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
      });
      request.once('response', (response) => {
        responded = true;
        resolve(collect(response, this.#options.peer, maxAnswerBytes));
      });
      request.end(body);
    });
  }

  #unavailable(cause: unknown): TandemError {
    const { peer } = this.#options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `No answer of operator ${peer} at ${this.endpoint}: ${reason}`;
    return new TandemError('peer-unavailable', text, { cause, facts: { peer } });
  }

  /** Cuts the connections whose peer's key no longer counts; what was asked on them fails as unavailable. */
  recheck(): number {
    const { trusts } = this.#options;
    const distrusted = [...this.#agent.opened].filter(([, pin]) => pin !== undefined && !trusts(pin));
    for (const [socket] of distrusted) socket.destroy();
    return distrusted.length;
  }

  /** Cuts everything; open calls fail as unavailable. */
  close(): void {
    for (const call of this.#calls) call.abort(new Error('the channel was closed'));
    for (const socket of this.#agent.opened.keys()) socket.destroy();
    this.#agent.destroy();
  }
}

/** Never leaves this file as itself. */
class StaleConnection extends Error {}

async function collect(response: IncomingMessage, peer: OperatorId, most: number): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) {
      throw new TandemError('unprocessable', `The answer of operator ${peer} is larger than ${most} bytes`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'],
    body: Buffer.concat(chunks),
  };
}
