/** Keeps one bind to an SMS centre up: connects, binds, and after each end again, with growing waits in between. */
import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { drawBelow, type Clock, type Random } from '../engine/clock.ts';
import type { RouteConfig } from './smpp-config.ts';
import { status, statusName } from './pdu.ts';
import { Session, type SessionHandlers } from './session.ts';

export type BindMode = 'transceiver' | 'transmitter' | 'receiver';

export interface BindParts extends SessionHandlers {
  readonly route: RouteConfig;
  readonly mode: BindMode;
  readonly clock: Clock;
  readonly random: Random;
  readonly up: (session: Session) => void;
  /** After `up`, or where it was never up. */
  readonly down: (reason: string) => void;
}

/** A bind that was up so long was good: the next wait is short again. */
const goodMillis = 30_000;
const connectMillis = 30_000;
const interfaceVersion = 0x34;

export class Bind {
  readonly #parts: BindParts;
  #wait: number;
  readonly #stopping = new AbortController();
  #session: Session | undefined;
  #wake: () => void = () => {};
  readonly #done: Promise<void>;

  constructor(parts: BindParts) {
    this.#parts = parts;
    this.#wait = parts.route.reconnectMillis;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#session?.unbind(1_000);
    await this.#done;
  }

  async #run(): Promise<void> {
    const { clock, down, random, route } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const begun = clock.now();
      const reason = await this.#once();
      if (this.#stopping.signal.aborted) break;
      down(reason);
      if (clock.now() - begun >= goodMillis) this.#wait = route.reconnectMillis;
      // Several gateways must not come back in the same moment.
      await this.#pause(this.#wait / 2 + drawBelow(Math.ceil(this.#wait / 2), random));
      this.#wait = Math.min(2 * this.#wait, route.longestReconnectMillis);
    }
  }

  #pause(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#parts.clock.after(millis, resolve);
      this.#wake = () => {
        stop();
        resolve();
      };
    });
  }

  /** Why it ended, or could not begin. */
  async #once(): Promise<string> {
    const { clock, mode, route, up } = this.#parts;
    try {
      const socket = await open(route);
      const times = { responseMillis: route.responseSeconds * 1000, enquireMillis: route.enquireSeconds * 1000 };
      const session = new Session(socket, clock, times, this.#parts);
      this.#session = session;
      const answer = await session.request(`bind_${mode}`, {
        system_id: route.systemId,
        password: route.password,
        system_type: route.systemType,
        interface_version: interfaceVersion,
      });
      if (answer.command_status !== status.ok) {
        session.end('refused');
        return `the centre has refused the bind: ${statusName(answer.command_status)}`;
      }
      up(session);
      return await session.ended;
    } catch (error) {
      return reasonOf(error);
    }
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);

/** Certificates are read each time: a renewed one counts from the next connection. */
function open({ host, port, tls }: RouteConfig): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const read = (file: string | undefined): Buffer | undefined =>
      file === undefined ? undefined : readFileSync(file);
    const socket =
      tls === undefined
        ? connect({ host, port })
        : connectTls({
            ...{ host, port },
            // A name is sent along, an address never is.
            ...(tls.serverName === undefined && isIP(host) !== 0 ? {} : { servername: tls.serverName ?? host }),
            ...{ ca: read(tls.caFile), cert: read(tls.certFile), key: read(tls.keyFile) },
          });
    const failed = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(connectMillis, () => failed(new Error('no connection in time')));
    socket.once('error', failed);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.setTimeout(0);
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}
