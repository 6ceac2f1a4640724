/** What the main path shows in `/metrics`. */
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { toUnixSeconds, type UnixSeconds } from '../model/ids.ts';
import type { PartGauge, Sample } from '../parts/part.ts';
import { loadBatch } from './batch.ts';
import type { FlowContext } from './context.ts';
import { listSetAside } from './deliver.ts';
import type { KeyGas } from './gas.ts';

/** A hold is near its deadline so long before. */
const nearSeconds = 60;

/** Pairs, agreed or in a batch, that are not final and whose deadline is before `time`; on us each side counts. */
function holdsBefore({ open, engine }: Pick<FlowContext, 'open' | 'engine'>, time: number): number {
  let count = open.waitingBefore(time as UnixSeconds);
  for (const { batchId, role, deadline } of open.allBatches()) {
    if (deadline < time) count += loadBatch(engine.newest, batchId, role)?.state.remaining ?? 0;
  }
  return count;
}

/** Of each cap that there is, how much is used, holds counted. */
function* capsUsed({ engine, caps }: Pick<FlowContext, 'engine' | 'caps'>, payments: PaymentsDomain): Iterable<Sample> {
  for (const { operator, asset, owes, owed } of payments.exposures(engine.newest)) {
    const cap = caps.of(operator, asset);
    if (cap === undefined) continue;
    const used = Number(owes > owed ? owes : owed);
    yield [{ counterparty: operator, asset }, cap === '0' ? 1 : used / Number(cap)];
  }
}

const pairGauges = (flow: FlowContext, nowSeconds: () => UnixSeconds): readonly PartGauge[] => [
  { name: 'tandem_open_pairs', help: 'Pairs that are not final.', read: () => flow.open.openSides },
  {
    name: 'tandem_oldest_open_pair_seconds',
    help: 'Age of the oldest pair that is not final.',
    read() {
      const oldest = flow.open.oldestSince();
      return oldest === undefined ? 0 : Math.max(0, nowSeconds() - toUnixSeconds(oldest));
    },
  },
  {
    name: 'tandem_holds_near_deadline',
    help: 'Open pairs whose deadline has passed or is less than a minute away.',
    read: () => holdsBefore(flow, nowSeconds() + nearSeconds),
  },
  {
    name: 'tandem_holds_past_deadline',
    help: 'Open pairs whose deadline has passed.',
    read: () => holdsBefore(flow, nowSeconds()),
  },
  {
    name: 'tandem_halted',
    help: '1 if the node is halted and starts nothing new (tandem resume).',
    read: () => Number(flow.open.halted),
  },
  {
    name: 'tandem_messages_set_aside',
    help: 'Messages that the gateway refused permanently.',
    read: async () => (await listSetAside(flow.engine)).length,
  },
];

const loadGauges = (flow: FlowContext, payments: PaymentsDomain): readonly PartGauge[] => [
  { name: 'tandem_disk_free_bytes', help: 'Free space on the store’s disk.', read: () => flow.room.freeBytes },
  {
    name: 'tandem_out_of_room',
    help: '1 if no orders are accepted because the disk is nearly full.',
    read: () => Number(flow.room.short),
  },
  {
    name: 'tandem_oldest_unproposed_seconds',
    help: 'Age of the oldest pair that is not in a batch yet.',
    read: () => flow.overload.status.unproposedSeconds,
  },
  {
    name: 'tandem_oldest_unanchored_seconds',
    help: 'How long the oldest signed batch or decision has waited for the chain, beyond the time to finality.',
    read: () => flow.overload.status.unanchoredSeconds,
  },
  {
    name: 'tandem_overloaded',
    help: '1 if orders to that operator, or to all (“chain”), are refused as busy.',
    labels: ['subject'],
    read: () => flow.overload.status.braked.map((subject): Sample => [{ subject }, 1]),
  },
  {
    name: 'tandem_cap_used_ratio',
    help: 'Share of the agreed cap in use, including holds; at 1 orders are refused.',
    labels: ['counterparty', 'asset'],
    read: () => capsUsed(flow, payments),
  },
];

function gasGauges({ gas }: Pick<FlowContext, 'gas'>): readonly PartGauge[] {
  const ofKeys = (name: string, help: string, value: (one: KeyGas) => number | undefined): PartGauge => ({
    name,
    help,
    labels: ['key'],
    read: () =>
      gas.keys.flatMap((one): Sample[] => {
        const found = value(one);
        return found === undefined ? [] : [[{ key: one.key }, found]];
      }),
  });
  return [
    ofKeys('tandem_gas_balance_wei', 'Balance of a sending key.', ({ balance }) => Number(balance)),
    ofKeys('tandem_gas_needed_wei', 'What a sending key needs for the open batches and one more.', ({ needed }) =>
      Number(needed),
    ),
    ofKeys(
      'tandem_gas_days_left',
      'How many days the balance of a sending key lasts at the rate of the last 24 hours.',
      ({ daysLeft }) => daysLeft,
    ),
    {
      name: 'tandem_gas_short',
      help: '1 if no orders are accepted because a key’s transactions cannot be paid for or are not included.',
      read: () => Number(gas.trouble !== undefined),
    },
  ];
}

export const flowGauges = (flow: FlowContext, payments: PaymentsDomain): readonly PartGauge[] => [
  ...pairGauges(flow, () => toUnixSeconds(flow.engine.clock.now())),
  ...loadGauges(flow, payments),
  ...gasGauges(flow),
];
