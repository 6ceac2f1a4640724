/** One measurement: what the processes use, write and pay while the load's orders are settled. */
import { blockNumber } from '../devnet/chain.ts';
import { mirror, noHolds, readBooks, sumsConstant } from '../devnet/checks.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { rpc } from '../devnet/rpc.ts';
import { until } from '../devnet/wait.ts';
import type { partiesOf } from './lanes.ts';
import type { Load } from './load.ts';
import { showProgress } from './progress.ts';
import { latencies, operatorUse, percentiles, settledAt, type ProcessUse, type Report } from './report.ts';
import { cpuSeconds, memoryBytes, storedBytes } from './resources.ts';

/** Without a pair settled for so long, the rest is given up. */
const standstillMillis = 30_000;
const quietMillis = 30_000;
/** Of the pairs after the warm-up, how many must be settled for the measurement to end. */
const measuredShare = 0.98;

interface Receipt {
  readonly gasUsed: string;
}

/** Gas of every transaction in the blocks after `from`. */
async function gasSince(rpcUrl: string, from: number, to: number): Promise<{ gas: number; transactions: number }> {
  let gas = 0;
  let transactions = 0;
  for (let block = from + 1; block <= to; block += 1) {
    const receipts = await rpc<Receipt[]>(rpcUrl, 'eth_getBlockReceipts', [`0x${block.toString(16)}`]);
    transactions += receipts.length;
    for (const { gasUsed } of receipts) gas += Number(gasUsed);
  }
  return { gas, transactions };
}

export interface MeasureOptions {
  readonly rate: number;
  readonly pairs: number;
  readonly warmUpPairs: number;
  readonly turns: ReturnType<typeof partiesOf>;
  readonly say: (text: string) => void;
}

/** What the processes of a devnet have used up to now, by name. */
class Meters {
  readonly #pids: Readonly<Record<string, number>>;
  readonly #folders: Readonly<Record<string, string>>;

  constructor(devnet: Devnet) {
    this.#pids = devnet.pids();
    const { operators } = devnet.layout;
    this.#folders = Object.fromEntries(operators.map(({ handle, dataDir }) => [handle, dataDir]));
  }

  get names(): readonly string[] {
    return Object.keys(this.#pids);
  }

  /** Seconds of processor time; undefined where the system does not say. */
  cpu(): Readonly<Record<string, number | undefined>> {
    return mapValues(this.#pids, (pid) => cpuSeconds(pid));
  }

  memory(): Readonly<Record<string, number | undefined>> {
    return mapValues(this.#pids, (pid) => memoryBytes(pid));
  }

  /** Bytes of each operator's store. */
  stored(): Readonly<Record<string, number>> {
    return mapValues(this.#folders, storedBytes);
  }
}

const mapValues = <From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));

/** From the end of the warm-up until nearly all pairs are settled. */
interface Measured {
  /** By `performance.now()`. */
  readonly from: number;
  readonly to: number;
  readonly settled: number;
  readonly memory: Readonly<Record<string, number | undefined>>;
  /** Milliseconds a settled pair, by process; undefined where the system does not say. */
  readonly cpuMillis: Readonly<Record<string, number | undefined>>;
  readonly ownCpuMillis: number;
}

async function watch(load: Load, meters: Meters, { rate, pairs, warmUpPairs }: MeasureOptions): Promise<Measured> {
  await until(() => (load.settled + load.failed >= warmUpPairs ? true : undefined), {
    timeoutMillis: (warmUpPairs / rate) * 1000 * 5 + standstillMillis,
    failure: () => `only ${load.settled} of ${warmUpPairs} pairs of the warm-up were settled`,
  });
  const from = performance.now();
  const cpuFrom = meters.cpu();
  const ownFrom = process.cpuUsage();
  const settledFrom = load.settled;
  // Pairs go on being settled at the rate of their orders until shortly before the end; the last few wait for one another.
  await untilSettled(load, warmUpPairs + Math.ceil(pairs * measuredShare));
  const to = performance.now();
  const settled = load.settled - settledFrom;
  const cpuTo = meters.cpu();
  const own = process.cpuUsage(ownFrom);
  const cpuMillis = Object.fromEntries(
    meters.names.map((name) => {
      const [before, after] = [cpuFrom[name], cpuTo[name]];
      return [name, before === undefined || after === undefined ? undefined : ((after - before) * 1000) / settled];
    }),
  );
  return { from, to, settled, memory: meters.memory(), cpuMillis, ownCpuMillis: (own.user + own.system) / 1000 };
}

function processesOf(
  { memory, cpuMillis }: Measured,
  stored: readonly [before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>],
  settled: number,
): Report['processes'] {
  const [before, after] = stored;
  return Object.fromEntries(
    Object.entries(cpuMillis).map<[string, ProcessUse]>(([name, cpuMillisAPair]) => {
      const [bytes, kept] = [memory[name], after[name]];
      const use: ProcessUse = {
        ...(cpuMillisAPair === undefined ? {} : { cpuMillisAPair }),
        ...(bytes === undefined ? {} : { memoryMiB: bytes / 1_048_576 }),
        ...(kept === undefined ? {} : { storedBytesAPair: (kept - (before[name] ?? 0)) / Math.max(1, settled) }),
      };
      return [name, use];
    }),
  );
}

function operatorsOf(
  handles: readonly string[],
  load: Load,
  { from, to, cpuMillis, settled }: Measured,
  { warmUpPairs, turns }: MeasureOptions,
): Report['operators'] {
  return Object.fromEntries(
    handles.map((handle) => {
      const side = (index: number): 'first' | 'second' | undefined => {
        const { first, second } = turns(index);
        return first.operator === handle ? 'first' : second.operator === handle ? 'second' : undefined;
      };
      const used = cpuMillis[handle];
      return [handle, operatorUse(load.times, side, { from, to, warmUpPairs }, used && used * settled)];
    }),
  );
}

const reasonsOf = ({ times, notices }: Load): string[] => [
  ...[...new Set(times.flatMap(({ failed }) => (failed === undefined ? [] : [failed])))].slice(0, 5),
  ...[...notices].slice(0, 5).map(([text, count]) => `${count} users were told "${text}"`),
];

/** What the load itself says, once it is over. */
function loadReport(load: Load, { pairs, rate, warmUpPairs }: MeasureOptions) {
  const { whole, withoutAnswer } = latencies(load.times.slice(warmUpPairs));
  return {
    pairs,
    rate,
    warmUpPairs,
    settled: load.settled,
    failed: load.failed,
    unfinished: load.times.filter((pair) => settledAt(pair) === undefined && pair.failed === undefined).length,
    heldBackMillis: load.heldBackMillis,
    latencyMillis: percentiles(whole),
    latencyWithoutAnswerMillis: percentiles(withoutAnswer),
    reasons: reasonsOf(load),
  };
}

/** Sends the orders and watches what they cost, from the end of the warm-up until nearly all are settled. */
export async function measure(devnet: Devnet, load: Load, options: MeasureOptions): Promise<Report> {
  const { rate, pairs, warmUpPairs, say } = options;
  const { layout } = devnet;
  const total = warmUpPairs + pairs;
  const file = await devnet.describe();
  const before = await readBooks(file, devnet.clients);
  const meters = new Meters(devnet);
  const firstBlock = await blockNumber(layout);
  const storedBefore = meters.stored();
  say(`Sending ${total} orders at ${rate} a second, ${warmUpPairs} of them to warm up`);
  const stopProgress = showProgress(total, () => ({
    done: load.settled,
    text: `${load.settled} of ${total} settled, ${load.open} open, ${load.failed} failed`,
  }));
  const sending = load.run();
  const measured = await watch(load, meters, options);
  await sending;
  await untilSettled(load, total);
  stopProgress();
  const after = await quietBooks(devnet, file);
  const gas = await gasSince(layout.rpcUrl, firstBlock, await blockNumber(layout));

  const millis = measured.to - measured.from;
  const cpuParts = Object.values(measured.cpuMillis);
  const cpuMillisAPair = cpuParts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
  const handles = layout.operators.map(({ handle }) => handle);
  return {
    ...loadReport(load, options),
    settledPerSecond: (measured.settled * 1000) / millis,
    measuredSeconds: millis / 1000,
    gasAPair: gas.gas / Math.max(1, load.settled),
    transactions: gas.transactions,
    ...(cpuParts.includes(undefined) ? {} : { cpuMillisAPair }),
    processes: processesOf(measured, [storedBefore, meters.stored()], load.settled),
    operators: operatorsOf(handles, load, measured, options),
    loadCpuMillisAPair: measured.ownCpuMillis / measured.settled,
    checks: [noHolds(after), sumsConstant(before, after, file), mirror(after)],
  };
}

/** Until so many pairs are settled or failed, or none has been for a while. */
async function untilSettled(load: Load, wanted: number): Promise<void> {
  let settled = load.settled;
  let since = performance.now();
  await until(
    () => {
      if (load.settled !== settled) [settled, since] = [load.settled, performance.now()];
      const over = load.settled + load.failed >= wanted || performance.now() - since > standstillMillis;
      return over ? true : undefined;
    },
    { timeoutMillis: Number.MAX_SAFE_INTEGER, failure: () => '' },
  );
}

/** The books once no hold is left: both nodes execute on the same final block, but not at the same moment. */
async function quietBooks(devnet: Devnet, file: Awaited<ReturnType<Devnet['describe']>>) {
  const end = performance.now() + quietMillis;
  for (;;) {
    const books = await readBooks(file, devnet.clients);
    if ((noHolds(books).ok && mirror(books).ok) || performance.now() > end) return books;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
