/** One SMS centre: its binds, and what is sent and received over them. */
import type { Clock, Random } from '../engine/clock.ts';
import type { Store } from '../store/store.ts';
import { Bind, type BindMode } from './bind.ts';
import type { RouteConfig } from './smpp-config.ts';
import type { Inbox } from './inbox.ts';
import type { SmppMetrics } from './smpp-metrics.ts';
import type { Log, Notices } from './notices.ts';
import { Receiver } from './receiver.ts';
import { Repetitions } from './repetitions.ts';
import { RouteSender } from './route-sender.ts';
import type { Session } from './session.ts';

export interface RouteParts {
  readonly route: RouteConfig;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: SmppMetrics;
  readonly notices: Notices;
  readonly log: Log;
  readonly inbox: Inbox;
  readonly fatal: (error: unknown) => void;
}

export class Route {
  readonly config: RouteConfig;
  readonly store: Store;
  readonly notices: Notices;
  readonly sender: RouteSender;
  readonly receiver: Receiver;
  readonly repetitions: Repetitions;
  readonly #parts: RouteParts;
  readonly #sessions = new Map<BindMode, Session>();
  readonly #said = new Map<BindMode, string>();
  #binds: readonly Bind[] = [];

  constructor(parts: RouteParts) {
    this.#parts = parts;
    this.config = parts.route;
    this.store = parts.store;
    this.notices = parts.notices;
    this.sender = new RouteSender(parts);
    this.repetitions = new Repetitions(parts);
    const takeReceipt = this.sender.receipts.take.bind(this.sender.receipts);
    this.receiver = new Receiver({ ...parts, repetitions: this.repetitions, takeReceipt });
  }

  get prefixes(): readonly string[] {
    return this.config.prefixes;
  }

  get #modes(): readonly BindMode[] {
    return this.config.bind === 'transceiver' ? ['transceiver'] : ['receiver', 'transmitter'];
  }

  get isUp(): boolean {
    return this.#modes.every((mode) => this.#sessions.has(mode));
  }

  start(): void {
    this.#binds = this.#modes.map((mode) => {
      this.#parts.metrics.bindUp(this.config.name, mode, false);
      return new Bind({
        ...this.#parts,
        mode,
        request: (pdu, session) => this.receiver.request(pdu, session),
        fault: (kind, detail) => this.notices.note(this.config.name, kind, detail),
        up: (session) => this.#up(mode, session),
        down: (reason) => this.#down(mode, reason),
      });
    });
  }

  async stop(millis: number): Promise<void> {
    await this.sender.stop(millis);
    await Promise.all(this.#binds.map((bind) => bind.stop()));
  }

  /** How much waits, for a reader of the metrics. */
  measure(): void {
    const { metrics } = this.#parts;
    const { name } = this.config;
    metrics.waiting('out', name, this.sender.waiting);
    metrics.waiting('awaiting-receipt', name, this.sender.awaiting);
    metrics.waiting('partial', name, this.receiver.partials);
  }

  #up(mode: BindMode, session: Session): void {
    const { log, metrics } = this.#parts;
    const { name } = this.config;
    this.#sessions.set(mode, session);
    this.#said.delete(mode);
    metrics.bindUp(name, mode, true);
    log({ level: 'info', type: 'bind-up', route: name, mode });
    if (mode !== 'transmitter') this.repetitions.up();
    this.#joinDirections();
    // At once, and not only when the bind is tried again.
    void session.ended.then(() => this.#over(mode, session));
  }

  /** Messages leave when receipts can come back: until then nothing could tell what has arrived. */
  #joinDirections(): void {
    const session = this.#sessions.get(this.config.bind === 'transceiver' ? 'transceiver' : 'transmitter');
    if (session !== undefined && this.isUp) this.sender.up(session);
    else this.sender.down();
  }

  #over(mode: BindMode, session: Session): void {
    if (this.#sessions.get(mode) !== session) return;
    this.#sessions.delete(mode);
    this.#parts.metrics.bindUp(this.config.name, mode, false);
    if (mode !== 'transmitter') this.repetitions.down(session);
    this.#joinDirections();
  }

  /** One reason is logged once, however often the bind is tried. */
  #down(mode: BindMode, reason: string): void {
    const { log, metrics } = this.#parts;
    const { name } = this.config;
    metrics.bindFailed(name, mode);
    if (this.#said.get(mode) === reason) return;
    this.#said.set(mode, reason);
    log({ level: 'warn', type: 'bind-down', route: name, mode, reason });
  }
}
