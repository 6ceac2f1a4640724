/** Messages that the node posts: each is stored once, whatever comes again, and then belongs to its route's sender. */
import { TandemError } from '../errors.ts';
import { drawBelow, systemRandom, type Clock } from '../engine/clock.ts';
import type { UnixMillis } from '../model/ids.ts';
import type { Store, Tx } from '../store/store.ts';
import { routeFor } from './smsc-address.ts';
import type { RouteConfig, SmppConfig } from './smpp-config.ts';
import { Entry } from './entry.ts';
import type { RouteSender } from './route-sender.ts';
import { split, type Part } from './split.ts';
import { counterTable, knownTable, numbered, outTable, type OutboundText, type OutRecord } from './smpp-tables.ts';

export interface SendingRoute {
  readonly config: RouteConfig;
  readonly prefixes: readonly string[];
  readonly sender: RouteSender;
}

interface Planned {
  readonly message: OutboundText;
  readonly route: SendingRoute;
  readonly parts: readonly Part[];
}

export class Outbox {
  readonly #config: Pick<SmppConfig, 'maxWaiting'>;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #routes: readonly SendingRoute[];
  /** Of the last long text, whose parts it marks. After a restart it begins elsewhere: a phone may still have parts of before. */
  #reference = drawBelow(0x1_0000, systemRandom);

  constructor(config: Pick<SmppConfig, 'maxWaiting'>, store: Store, clock: Clock, routes: readonly SendingRoute[]) {
    this.#config = config;
    this.#store = store;
    this.#clock = clock;
    this.#routes = routes;
  }

  /**
   * Takes all of them durably, or none.
   * @throws {TandemError} `unprocessable` for a message that no route can take, `too-busy` while too many wait
   */
  async take(messages: readonly OutboundText[]): Promise<void> {
    const waiting = this.#routes.reduce((sum, { sender }) => sum + sender.waiting, 0);
    if (waiting + messages.length > this.#config.maxWaiting) {
      throw new TandemError('too-busy', `${waiting} messages wait for their SMS centre; no more are taken.`);
    }
    const planned = messages.map((message) => this.#plan(message));
    const taken = await this.#store.transact((tx) => {
      return planned.flatMap((one) => {
        const entry = this.#put(tx, one);
        return entry === undefined ? [] : [{ entry, route: one.route }];
      });
    });
    for (const route of this.#routes) {
      const own = taken.flatMap((one) => (one.route === route ? one.entry : []));
      if (own.length > 0) route.sender.add(own);
    }
  }

  #plan(message: OutboundText): Planned {
    const route = routeFor(message.to, this.#routes);
    if (route === undefined) {
      throw new TandemError('unprocessable', `Message ${message.id}: no route has a prefix of its number.`);
    }
    this.#reference = (this.#reference + 1) & 0xffff;
    const parts = split(message.text, this.#reference, route.config);
    if (parts === undefined) {
      throw new TandemError('unprocessable', `Message ${message.id}: its text has more parts than an SMS can have.`);
    }
    return { message, route, parts };
  }

  /** Undefined for one that was taken before. */
  #put(tx: Tx, { message, route: { config: route }, parts }: Planned): Entry | undefined {
    const { id, from, to, deadline, priority } = message;
    if (tx.get(knownTable, id) !== undefined) return undefined;
    const number = (tx.get(counterTable, 'out') ?? 0) + 1;
    const now = this.#clock.now();
    const until = deadline === undefined ? now + route.validitySeconds * 1000 : Date.parse(deadline);
    const record: OutRecord = {
      ...{ id, route: route.name, from, to, coding: parts[0]?.coding ?? 0, payload: parts[0]?.payload === true },
      parts: parts.map(({ octets, esmClass, sar }) => ({
        state: 'waiting',
        octets: octets.toString('base64'),
        esmClass,
        ...(sar === undefined ? {} : { sar: { ref: sar.ref & 0xffff, total: sar.total, index: sar.index } }),
      })),
      urgent: priority === 'question',
      takenAt: now,
      validUntil: until as UnixMillis,
      tries: 0,
    };
    tx.put(counterTable, 'out', number);
    tx.put(outTable, numbered(number), record);
    tx.put(knownTable, id, { at: now, to });
    return new Entry(numbered(number), record);
  }
}
