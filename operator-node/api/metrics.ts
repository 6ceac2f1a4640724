/**
 * The node's metrics. What happens often is counted in plain maps and given to prom-client only when somebody reads
 * `/metrics`: an increment costs one map look-up.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { alarmCodes, type AlarmCode } from '../alarms/catalogue.ts';
import type { EndpointStatus } from '../chain/endpoints.ts';
import type { ErrorCode } from '../errors.ts';
import type { Overload } from '../flow/overload.ts';
import type { AnchorStatus } from '../flow/checkpoint.ts';
import type { KeyGas } from '../flow/gas.ts';
import type { Disposition } from '../model/events.ts';
import type { Role, UnixSeconds } from '../model/ids.ts';

export interface Metrics {
  incMessage(disposition: Disposition): void;
  /** A pair has reached a final state, on this node's side of it. */
  incPair(role: Role, outcome: 'committed' | 'aborted', pairs?: number): void;
  /** An order or request that was refused; codes come from closed unions, so there are few. */
  incRefusal(code: string): void;
  incAlarm(code: AlarmCode): void;
  /** Of each code that has one, how many are active. */
  setActiveAlarms(active: ReadonlyMap<AlarmCode, number>): void;
  incPeerCall(method: string, outcome: 'ok' | 'refused' | ErrorCode): void;
  /** A request of a peer on the channel that was refused; `unknown` where no operator has been proved. */
  incPeerRefusal(peer: number | 'unknown', method: string, code: ErrorCode): void;
  /** A connection that was not taken, or closed to make room. */
  incConnectionClosed(server: 'channel' | 'api', reason: string): void;
  setConnections(server: 'channel' | 'api', counts: { readonly proven: number; readonly unproven: number }): void;
  setOverload(status: Overload['status']): void;
  incHttpAnswer(operationId: string, status: number): void;
  /** How much waits in the outbox, by queue. */
  setOutboxDepth(queue: string, entries: number): void;
  /** How long the oldest entry of a queue waits, in this process; 0 for an empty queue. */
  setOutboxLag(queue: string, seconds: number): void;
  setOpenPairs(pairs: number): void;
  /** Undefined while no pair is open. */
  setOldestOpenPair(created: UnixSeconds | undefined): void;
  setChainHead(height: number, timestamp: UnixSeconds): void;
  setChainFinal(height: number, timestamp: UnixSeconds): void;
  /** What staff has to see in time. */
  setWatch(watch: Watch): void;
  setAnchor(status: AnchorStatus): void;
  /** One group commit of the store. */
  observeFlush(seconds: number, transactions: number): void;
  /** Prometheus text. */
  text(): Promise<string>;
}

export interface Watch {
  /** Pairs that are not final and whose deadline is at most a minute away, or past. */
  readonly holdsNearDeadline: number;
  readonly holdsPastDeadline: number;
  readonly endpointsOk: number;
  readonly endpointsSilent: number;
  readonly endpoints: readonly EndpointStatus[];
  /** Questions that have one answer and to which the endpoints gave two; not settled yet. */
  readonly disagreements: number;
  /** This node begins nothing new: staff has to look. */
  readonly halted: boolean;
  readonly recovering: boolean;
  /** On the store's disk; undefined before the first look. */
  readonly freeBytes: number | undefined;
  /** Messages that the gateway would not take. */
  readonly setAside: number;
  /** Nothing new is taken for want of room. */
  readonly outOfRoom: boolean;
  /** Settlement windows that are not discharged. */
  readonly openWindows: number;
  readonly overdueWindows: number;
  /** 0 for none. */
  readonly oldestWindowSeconds: number;
  /** Money of the keys that send transactions. */
  readonly gas: readonly KeyGas[];
  /** Nothing new is begun: its keys cannot pay, or their transactions do not get in. */
  readonly gasShort: boolean;
  /** Auditors' requests without a final answer, and those of them that are past their due time. */
  readonly openRequests: number;
  readonly overdueRequests: number;
  /** Every operator that was ever admitted, as the registry has it. */
  readonly standings: readonly { readonly operator: number; readonly status: string }[];
  /** By counterparty and asset: the part of the agreed cap that is used, holds counted. */
  readonly capsUsed: readonly { readonly operator: number; readonly asset: string; readonly share: number }[];
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

/** `nowSeconds` is read only when somebody reads the metrics; `certificateEnds` is when the channel's certificate does. */
export function createMetrics(nowSeconds: () => number, certificateEnds?: () => UnixSeconds): Metrics {
  const registry = new Registry();
  const tally = (name: string, help: string, labels: readonly string[]) => {
    const counts = new Tally();
    counts.counter(registry, name, help, labels);
    return counts;
  };
  /** A gauge of what `read` says then; undefined leaves it out. */
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });

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
  const connections = new Gauge({
    name: 'tandem_connections',
    help: 'Open connections, by whether they are authenticated.',
    labelNames: ['server', 'state'],
    registers: [registry],
  });
  const answers = tally('tandem_http_answers_total', 'Answers of the HTTP API.', ['operation', 'status']);
  const alarms = tally('tandem_alarms_total', 'Alarms raised by this process.', ['code']);
  // From the start, so that an alert on their growth sees the first one.
  for (const code of alarmCodes) alarms.add(code, 0);
  new Gauge({
    name: 'tandem_alarm_active',
    help: 'Active alarms with that code: conditions that hold now, and events that are not acknowledged.',
    labelNames: ['code'],
    registers: [registry],
    collect() {
      for (const code of alarmCodes) this.set({ code }, activeAlarms.get(code) ?? 0);
    },
  });
  const outbox = new Gauge({
    name: 'tandem_outbox_entries',
    help: 'Items waiting in the outbox.',
    labelNames: ['queue'],
    registers: [registry],
  });
  const outboxLag = new Gauge({
    name: 'tandem_outbox_lag_seconds',
    help: 'Age of the oldest item of a queue.',
    labelNames: ['queue'],
    registers: [registry],
  });
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

  let activeAlarms: ReadonlyMap<AlarmCode, number> = new Map();
  let openPairs = 0;
  let oldest: UnixSeconds | undefined;
  let head: { height: number; timestamp: UnixSeconds } | undefined;
  let final: { height: number; timestamp: UnixSeconds } | undefined;
  let watch: Watch | undefined;
  let overload: Overload['status'] | undefined;
  let anchor: AnchorStatus | undefined;
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : Number(value));
  const age = (since: UnixSeconds | undefined) =>
    since === undefined ? undefined : Math.max(0, Math.round(nowSeconds() - since));
  gauge('tandem_open_pairs', 'Pairs that are not final.', () => openPairs);
  gauge('tandem_oldest_open_pair_seconds', 'Age of the oldest pair that is not final.', () => age(oldest) ?? 0);
  gauge('tandem_chain_head_height', 'Newest block seen.', () => head?.height);
  gauge('tandem_chain_head_age_seconds', 'Age of the newest block seen.', () => age(head?.timestamp));
  gauge('tandem_chain_final_height', 'Newest final block.', () => final?.height);
  gauge('tandem_chain_final_age_seconds', 'Age of the newest final block.', () => age(final?.timestamp));
  gauge(
    'tandem_holds_near_deadline',
    'Open pairs whose deadline has passed or is less than a minute away.',
    () => watch?.holdsNearDeadline,
  );
  gauge('tandem_holds_past_deadline', 'Open pairs whose deadline has passed.', () => watch?.holdsPastDeadline);
  gauge('tandem_endpoints_ok', 'RPC endpoints that answer.', () => watch?.endpointsOk);
  gauge('tandem_endpoints_silent', 'RPC endpoints that do not answer.', () => watch?.endpointsSilent);
  gauge('tandem_endpoints_disagreeing', 'Questions on which the RPC endpoints disagree.', () => watch?.disagreements);
  const perEndpoint = (name: string, help: string, holds: (endpoint: EndpointStatus) => boolean): void => {
    new Gauge({
      name,
      help,
      labelNames: ['endpoint'],
      registers: [registry],
      collect() {
        this.reset();
        for (const endpoint of watch?.endpoints ?? []) this.set({ endpoint: endpoint.name }, Number(holds(endpoint)));
      },
    });
  };
  perEndpoint(
    'tandem_endpoint_ok',
    '1 if the RPC endpoint answers and serves the right network.',
    (endpoint) => endpoint.state === 'ok',
  );
  perEndpoint(
    'tandem_endpoint_disagrees',
    '1 if the RPC endpoint contradicts the others.',
    (endpoint) => endpoint.disagrees !== undefined,
  );
  gauge('tandem_halted', '1 if the node is halted and starts nothing new (tandem resume).', () => flag(watch?.halted));
  gauge('tandem_recovering', '1 if the node is in recovery because its store may be behind (tandem recover).', () =>
    flag(watch?.recovering),
  );
  gauge('tandem_messages_set_aside', 'Messages that the gateway refused permanently.', () => watch?.setAside);
  gauge('tandem_disk_free_bytes', 'Free space on the store’s disk.', () => watch?.freeBytes);
  gauge('tandem_out_of_room', '1 if no orders are accepted because the disk is nearly full.', () =>
    flag(watch?.outOfRoom),
  );
  gauge('tandem_journal_anchor_age_seconds', 'Age of the newest anchored journal head.', () =>
    age(anchor?.newest?.block.timestamp),
  );
  gauge(
    'tandem_journal_unanchored_entries',
    'Journal entries that no anchored head covers yet.',
    () => anchor?.entries,
  );
  gauge('tandem_journal_unanchored_seconds', 'Age of the oldest journal entry that no anchored head covers yet.', () =>
    anchor === undefined ? undefined : Math.round(anchor.waitingMillis / 1000),
  );
  gauge(
    'tandem_oldest_unproposed_seconds',
    'Age of the oldest pair that is not in a batch yet.',
    () => overload?.unproposedSeconds,
  );
  gauge(
    'tandem_oldest_unanchored_seconds',
    'How long the oldest signed batch or decision has waited for the chain, beyond the time to finality.',
    () => overload?.unanchoredSeconds,
  );
  new Gauge({
    name: 'tandem_overloaded',
    help: '1 if orders to that operator, or to all (“chain”), are refused as busy.',
    labelNames: ['subject'],
    registers: [registry],
    collect() {
      this.reset();
      for (const subject of overload?.braked ?? []) this.set({ subject }, 1);
    },
  });
  gauge('tandem_open_windows', 'Settlement windows that are not discharged yet.', () => watch?.openWindows);
  gauge('tandem_overdue_windows', 'Settlement windows that are overdue.', () => watch?.overdueWindows);
  gauge('tandem_oldest_window_seconds', 'Age of the oldest window that is not discharged.', () =>
    watch === undefined ? undefined : Math.round(watch.oldestWindowSeconds),
  );
  gauge('tandem_open_requests', 'Auditors’ requests without a final answer.', () => watch?.openRequests);
  gauge('tandem_overdue_requests', 'Auditors’ requests that are overdue.', () => watch?.overdueRequests);
  new Gauge({
    name: 'tandem_operator_standing',
    help: 'Operators in the registry, including this one, by status: active, suspended, retired.',
    labelNames: ['operator', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { operator, status } of watch?.standings ?? []) this.set({ operator, status }, 1);
    },
  });
  new Gauge({
    name: 'tandem_cap_used_ratio',
    help: 'Share of the agreed cap in use, including holds; at 1 orders are refused.',
    labelNames: ['counterparty', 'asset'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { operator, asset, share } of watch?.capsUsed ?? [])
        this.set({ counterparty: operator, asset }, share);
    },
  });
  const ofKeys = (name: string, help: string, read: (gas: KeyGas) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['key'],
      registers: [registry],
      collect() {
        this.reset();
        for (const gas of watch?.gas ?? []) {
          const value = read(gas);
          if (value !== undefined) this.set({ key: gas.key }, value);
        }
      },
    });
  ofKeys('tandem_gas_balance_wei', 'Balance of a sending key.', ({ balance }) => Number(balance));
  ofKeys('tandem_gas_needed_wei', 'What a sending key needs for the open batches and one more.', ({ needed }) =>
    Number(needed),
  );
  ofKeys(
    'tandem_gas_days_left',
    'How many days the balance of a sending key lasts at the rate of the last 24 hours.',
    ({ daysLeft }) => daysLeft,
  );
  gauge(
    'tandem_gas_short',
    '1 if no orders are accepted because a key’s transactions cannot be paid for or are not included.',
    () => flag(watch?.gasShort),
  );
  gauge('tandem_certificate_days_left', 'Days until the channel’s certificate expires.', () =>
    certificateEnds === undefined ? undefined : Math.floor((certificateEnds() - nowSeconds()) / 86_400),
  );
  gauge('tandem_process_cpu_seconds', 'CPU time of the process so far.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('tandem_process_resident_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss());

  return {
    incMessage: (disposition) => messages.add(disposition),
    incPair: (role, outcome, count = 1) => pairs.add(`${role} ${outcome}`, count),
    incRefusal: (code) => refusals.add(code),
    incAlarm: (code) => alarms.add(code),
    setActiveAlarms: (active) => {
      activeAlarms = active;
    },
    incPeerCall: (method, outcome) => peerCalls.add(`${method} ${outcome}`),
    incPeerRefusal: (peer, method, code) => peerRefusals.add(`${peer} ${method} ${code}`),
    incConnectionClosed: (server, reason) => closed.add(`${server} ${reason}`),
    setConnections: (server, { proven, unproven }) => {
      connections.set({ server, state: 'proven' }, proven);
      connections.set({ server, state: 'unproven' }, unproven);
    },
    setOverload: (status) => {
      overload = status;
    },
    incHttpAnswer: (operationId, status) => answers.add(`${operationId} ${status}`),
    setOutboxDepth: (queue, entries) => outbox.set({ queue }, entries),
    setOutboxLag: (queue, seconds) => outboxLag.set({ queue }, seconds),
    setWatch: (seen) => {
      watch = seen;
    },
    setOpenPairs: (count) => {
      openPairs = count;
    },
    setOldestOpenPair: (created) => {
      oldest = created;
    },
    setChainHead: (height, timestamp) => {
      head = { height, timestamp };
    },
    setChainFinal: (height, timestamp) => {
      final = { height, timestamp };
    },
    setAnchor: (status) => {
      anchor = status;
    },
    observeFlush: (seconds, transactions) => {
      flushSeconds.observe(seconds);
      flushTransactions.observe(transactions);
    },
    text: () => registry.metrics(),
  };
}
