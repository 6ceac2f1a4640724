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

/** Sends the orders and watches what they cost, from the end of the warm-up until nearly all are settled. */
export async function measure(
  devnet: Devnet,
  load: Load,
  options: {
    readonly rate: number;
    readonly pairs: number;
    readonly warmUpPairs: number;
    readonly turns: ReturnType<typeof partiesOf>;
    readonly say: (text: string) => void;
  },
): Promise<Report> {
  const { rate, pairs, warmUpPairs, turns, say } = options;
  const { layout } = devnet;
  const total = warmUpPairs + pairs;
  const file = await devnet.describe();
  const before = await readBooks(file, devnet.clients);
  const pids = devnet.pids();
  const folders = Object.fromEntries(layout.operators.map(({ handle, dataDir }) => [handle, dataDir]));
  const stored = (): Record<string, number> =>
    Object.fromEntries(Object.entries(folders).map(([handle, folder]) => [handle, storedBytes(folder)]));
  const cpu = (): Record<string, number | undefined> =>
    Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
  const firstBlock = await blockNumber(layout);
  const storedBefore = stored();
  say(`Sending ${total} orders at ${rate} a second, ${warmUpPairs} of them to warm up`);
  const stopProgress = showProgress(total, () => ({
    done: load.settled,
    text: `${load.settled} of ${total} settled, ${load.open} open, ${load.failed} failed`,
  }));
  const sending = load.run();
  await until(() => (load.settled + load.failed >= warmUpPairs ? true : undefined), {
    timeoutMillis: (warmUpPairs / rate) * 1000 * 5 + standstillMillis,
    failure: () => `only ${load.settled} of ${warmUpPairs} pairs of the warm-up were settled`,
  });
  const measuredFrom = performance.now();
  const cpuFrom = cpu();
  const ownFrom = process.cpuUsage();
  const settledFrom = load.settled;
  // Pairs go on being settled at the rate of their orders until shortly before the end; the last few wait for one another.
  const measuredPairs = Math.ceil(pairs * measuredShare);
  await untilSettled(load, warmUpPairs + measuredPairs);
  const measuredTo = performance.now();
  const settledTo = load.settled;
  const cpuTo = cpu();
  const own = process.cpuUsage(ownFrom);
  const memory = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, memoryBytes(pid)]));
  await sending;
  await untilSettled(load, total);
  stopProgress();
  const after = await quietBooks(devnet, file);
  const gas = await gasSince(layout.rpcUrl, firstBlock, await blockNumber(layout));
  const storedAfter = stored();

  const measuredSettled = settledTo - settledFrom;
  const cpuMillis = (name: string): number | undefined => {
    const [from, to] = [cpuFrom[name], cpuTo[name]];
    return from === undefined || to === undefined ? undefined : ((to - from) * 1000) / measuredSettled;
  };
  const processes = Object.fromEntries(
    Object.keys(pids).map<[string, ProcessUse]>((name) => {
      const cpuMillisAPair = cpuMillis(name);
      const bytes = memory[name];
      const use: ProcessUse = {
        ...(cpuMillisAPair === undefined ? {} : { cpuMillisAPair }),
        ...(bytes === undefined ? {} : { memoryMiB: bytes / 1_048_576 }),
        ...(storedAfter[name] === undefined
          ? {}
          : { storedBytesAPair: (storedAfter[name] - (storedBefore[name] ?? 0)) / Math.max(1, load.settled) }),
      };
      return [name, use];
    }),
  );
  const cpuParts = Object.keys(pids).map(cpuMillis);
  const { whole, withoutAnswer } = latencies(load.times.slice(warmUpPairs));
  return {
    pairs,
    rate,
    warmUpPairs,
    settled: load.settled,
    failed: load.failed,
    unfinished: load.times.filter((pair) => settledAt(pair) === undefined && pair.failed === undefined).length,
    settledPerSecond: (measuredSettled * 1000) / (measuredTo - measuredFrom),
    measuredSeconds: (measuredTo - measuredFrom) / 1000,
    heldBackMillis: load.heldBackMillis,
    latencyMillis: percentiles(whole),
    latencyWithoutAnswerMillis: percentiles(withoutAnswer),
    gasAPair: gas.gas / Math.max(1, load.settled),
    transactions: gas.transactions,
    ...(cpuParts.includes(undefined)
      ? {}
      : { cpuMillisAPair: cpuParts.reduce<number>((sum, part) => sum + (part ?? 0), 0) }),
    processes,
    operators: Object.fromEntries(
      layout.operators.map(({ handle }) => {
        const side = (index: number): 'first' | 'second' | undefined => {
          const { first, second } = turns(index);
          return first.operator === handle ? 'first' : second.operator === handle ? 'second' : undefined;
        };
        const window = { from: measuredFrom, to: measuredTo, warmUpPairs };
        const cpuMillisUsed = cpuMillis(handle);
        return [handle, operatorUse(load.times, side, window, cpuMillisUsed && cpuMillisUsed * measuredSettled)];
      }),
    ),
    loadCpuMillisAPair: (own.user + own.system) / 1000 / measuredSettled,
    checks: [noHolds(after), sumsConstant(before, after, file), mirror(after)],
    reasons: [
      ...[...new Set(load.times.flatMap(({ failed }) => (failed === undefined ? [] : [failed])))].slice(0, 5),
      ...[...load.notices].slice(0, 5).map(([text, count]) => `${count} users were told "${text}"`),
    ],
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
