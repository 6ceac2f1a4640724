/**
 * The node's metrics. What happens often is counted in plain maps and given to prom-client only when somebody reads
 * `/metrics`: an increment costs one map look-up.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { alarmCodes, type AlarmCode } from '../alarms/catalogue.ts';
import type { ErrorCode } from '../errors.ts';
import type { Disposition } from '../model/events.ts';
import type { Role } from '../model/ids.ts';
import type { PartGauge } from '../parts/part.ts';

export interface Metrics {
  incMessage(disposition: Disposition): void;
  /** A pair has reached a final state, on this node's side of it. */
  incPair(role: Role, outcome: 'committed' | 'aborted', pairs?: number): void;
  /** An order or request that was refused; codes come from closed unions, so there are few. */
  incRefusal(code: string): void;
  incAlarm(code: AlarmCode): void;
  incPeerCall(method: string, outcome: 'ok' | 'refused' | ErrorCode): void;
  /** A request of a peer on the channel that was refused; `unknown` where no operator has been proved. */
  incPeerRefusal(peer: number | 'unknown', method: string, code: ErrorCode): void;
  /** A connection that was not taken, or closed to make room. */
  incConnectionClosed(server: 'channel' | 'api', reason: string): void;
  incHttpAnswer(operationId: string, status: number): void;
  /** Shown from now on: each is read when somebody reads the metrics. */
  show(gauges: Iterable<PartGauge>): void;
  /** One group commit of the store. */
  observeFlush(seconds: number, transactions: number): void;
  /** Prometheus text. */
  text(): Promise<string>;
}

/** Counts by one key of joined labels, which never hold a space. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(key: string, by = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  counter(registry: Registry, name: string, help: string, labelNames: readonly string[]): void {
    const counts = this.#counts;
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        for (const [key, count] of counts) this.labels(...key.split(' ')).inc(count);
      },
    });
  }
}

function showGauge(registry: Registry, { name, help, labels = [], read }: PartGauge): void {
  new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    async collect() {
      const value = await read();
      this.reset();
      if (value === undefined) this.remove();
      else if (typeof value === 'number') this.set(value);
      else for (const [labelled, sample] of value) this.set({ ...labelled }, sample);
    },
  });
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const tally = (name: string, help: string, labels: readonly string[]) => {
    const counts = new Tally();
    counts.counter(registry, name, help, labels);
    return counts;
  };

  const messages = tally('tandem_messages_total', 'Messages from users, by what was done with them.', ['disposition']);
  const pairs = tally('tandem_pairs_total', 'Pairs that are final.', ['role', 'outcome']);
  const refusals = tally('tandem_refusals_total', 'Orders and requests refused.', ['code']);
  const peerCalls = tally('tandem_peer_calls_total', 'Calls by other operators.', ['method', 'outcome']);
  const peerRefusals = tally('tandem_peer_refusals_total', 'Refused requests from other operators.', [
    ...['peer', 'method', 'code'],
  ]);
  const closed = tally('tandem_connections_closed_total', 'Connections refused, or closed to make room.', [
    ...['server', 'reason'],
  ]);
  const answers = tally('tandem_http_answers_total', 'Answers of the HTTP API.', ['operation', 'status']);
  const alarms = tally('tandem_alarms_total', 'Alarms raised by this process.', ['code']);
  // From the start, so that an alert on their growth sees the first one.
  for (const code of alarmCodes) alarms.add(code, 0);
  const flushSeconds = new Histogram({
    name: 'tandem_store_flush_seconds',
    help: 'Duration of a synced write of the store.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers: [registry],
  });
  const flushTransactions = new Histogram({
    name: 'tandem_store_flush_transactions',
    help: 'Transactions that shared one synced write.',
    buckets: [1, 3, 10, 30, 100, 300, 1000],
    registers: [registry],
  });

  return {
    incMessage: (disposition) => messages.add(disposition),
    incPair: (role, outcome, count = 1) => pairs.add(`${role} ${outcome}`, count),
    incRefusal: (code) => refusals.add(code),
    incAlarm: (code) => alarms.add(code),
    incPeerCall: (method, outcome) => peerCalls.add(`${method} ${outcome}`),
    incPeerRefusal: (peer, method, code) => peerRefusals.add(`${peer} ${method} ${code}`),
    incConnectionClosed: (server, reason) => closed.add(`${server} ${reason}`),
    incHttpAnswer: (operationId, status) => answers.add(`${operationId} ${status}`),
    show(gauges) {
      for (const gauge of gauges) showGauge(registry, gauge);
    },
    observeFlush: (seconds, transactions) => {
      flushSeconds.observe(seconds);
      flushTransactions.observe(transactions);
    },
    text: () => registry.metrics(),
  };
}
