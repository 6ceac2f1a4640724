/** The SMPP gateway, put together: one store, a door for the node, and for each route its binds, sender and receiver. */
import { drawBelow, systemClock, systemRandom, type Clock, type Random } from '../engine/clock.ts';
import { toTimestamp, type Timestamp } from '../model/ids.ts';
import { openLevelStore } from '../store/level.ts';
import type { Store } from '../store/store.ts';
import type { SmppConfig } from './smpp-config.ts';
import { Door } from './door.ts';
import { Entry } from './entry.ts';
import { forgetOld } from './forget.ts';
import { InEntry, Inbox } from './inbox.ts';
import { createSmppMetrics, type SmppMetrics } from './smpp-metrics.ts';
import { Notices, type Log } from './notices.ts';
import { Outbox } from './outbox.ts';
import { Route } from './smsc-route.ts';
import { inTable, outTable, partialTable, unconfirmedTable } from './smpp-tables.ts';

export interface GatewayOptions {
  readonly log: Log;
  /** The store has failed: nothing more may be acknowledged. */
  readonly onFatal: (error: Error) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface RunningGateway {
  readonly port: number;
  readonly metrics: SmppMetrics;
  stop(): Promise<void>;
}

const sweepMillis = 5_000;
const forgetMillis = 3_600_000;
/** What is kept is seldom read again. */
const cacheBytes = 1024 * 1024;
/** Writes of so long share one sync: nothing beside an SMS, and a fraction of the work. */
const gatherMillis = 5;
/** For what was sent to be answered before the end. */
const stopMillis = 5_000;

/** @throws {TandemError} `store-failed`, `store-damaged`, or a port that is taken */
export async function startSmppGateway(config: SmppConfig, options: GatewayOptions): Promise<RunningGateway> {
  const { log, onFatal, clock = systemClock, random = systemRandom } = options;
  const store = await openLevelStore(config.dataDir, {
    cacheBytes,
    schedule: (flush) => void clock.after(gatherMillis, flush),
  });
  const metrics = createSmppMetrics();
  const notices = new Notices(clock, log, metrics);
  let failed = false;
  const fatal = (error: unknown): void => {
    if (failed) return;
    failed = true;
    onFatal(error instanceof Error ? error : new Error(String(error)));
  };
  const shared = { store, clock, random, metrics, notices, log, fatal };
  const inbox = new Inbox({ ...shared, config });
  const routes = config.routes.map((one) => new Route({ ...shared, route: one, inbox }));
  const outbox = new Outbox(config, store, clock, routes);
  await load(store, routes, inbox);

  const door = new Door({
    ...shared,
    config: config.listen,
    take: (messages) => outbox.take(messages),
    refresh: () => {
      for (const route of routes) route.measure();
      metrics.waiting('in', 'all', inbox.waiting);
    },
    down: () => routes.filter((route) => !route.isUp).map(({ config: { name } }) => name),
  });
  const port = await door.listen();
  for (const route of routes) route.start();
  const sweeping = every(clock, sweepMillis, fatal, async () => {
    for (const route of routes) await sweep(route, outbox, clock);
  });
  const forgetting = every(clock, forgetMillis, fatal, () => forgetOld(store, config.rememberDays, clock));
  return {
    port,
    metrics,
    async stop() {
      await door.close();
      await Promise.all([sweeping(), forgetting()]);
      await Promise.all(routes.map((route) => route.stop(stopMillis)));
      await inbox.stop(stopMillis);
      // What is still under way finds the store closed, and is there again at the next start.
      failed = true;
      await store.close();
    },
  };
}

/** Everything that was taken and is not done with, in the order in which it came. */
async function load(store: Store, routes: readonly Route[], inbox: Inbox): Promise<void> {
  const byName = new Map(routes.map((route) => [route.config.name, route]));
  const [first] = routes;
  for await (const [key, record] of store.scan(outTable)) {
    // A route that was taken out of the configuration leaves its messages to the first one.
    (byName.get(record.route) ?? first)?.sender.load(new Entry(key, record));
  }
  for await (const [key, { route, print }] of store.scan(unconfirmedTable))
    byName.get(route)?.repetitions.load(key, print);
  for await (const [key] of store.scan(partialTable))
    byName.get(key.slice(0, key.indexOf('!')))?.receiver.loadPartial(key);
  for await (const [key, record] of store.scan(inTable)) inbox.add(new InEntry(key, record));
}

async function sweep(
  { config, receiver, repetitions, sender, notices, store }: Route,
  outbox: Outbox,
  clock: Clock,
): Promise<void> {
  await sender.sweep();
  await repetitions.sweep();
  for (const { key, piece } of await receiver.overdue()) {
    notices.note(config.name, 'parts-missing', 'they have not come in time');
    if (config.incompleteText !== undefined) {
      const at: Timestamp = toTimestamp(clock.now());
      // Its own number and time: told once, also where this is interrupted.
      await outbox.take([
        { id: `parts-missing ${key} ${piece.at}`, from: piece.to, to: piece.from, text: config.incompleteText, at },
      ]);
    }
    await store.transact((tx) => tx.del(partialTable, key));
    receiver.dropPartial(key);
  }
}

/** Runs `work` again and again, never twice at once; what it returns ends that, and waits for the last one. */
function every(
  clock: Clock,
  millis: number,
  fatal: (error: unknown) => void,
  work: () => Promise<void>,
): () => Promise<void> {
  let stopped = false;
  let call = (): void => {};
  let running = Promise.resolve();
  const again = (): void => {
    // Several gateways of one machine need not do it in the same moment.
    call = clock.after(millis + drawBelow(Math.ceil(millis / 10), systemRandom), () => {
      running = work()
        .catch(fatal)
        .finally(() => {
          if (!stopped) again();
        });
    });
  };
  again();
  return async () => {
    stopped = true;
    call();
    await running;
  };
}
