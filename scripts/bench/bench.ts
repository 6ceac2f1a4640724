/**
 * `npm run bench`: pairs between two operators on a real devnet of its own (own processes, TLS, synced writes, chain),
 * from the first user's message to both users' confirmations.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { NodeClient } from '../../operator-node/cli/client.ts';
import { blockNumber } from '../devnet/chain.ts';
import { mirror, noHolds, readBooks, sumsConstant } from '../devnet/checks.ts';
import { Devnet } from '../devnet/devnet.ts';
import { DevnetError, environmentPlace } from '../devnet/layout.ts';
import { rpc } from '../devnet/rpc.ts';
import { randomToken } from '../devnet/secrets.ts';
import { until } from '../devnet/wait.ts';
import { Load, type Party } from './load.ts';
import { people } from './people.ts';
import { showProgress } from './progress.ts';
import { startReceiver } from './receiver.ts';
import { latencies, percentiles, settledAt, tableOf, type ProcessUse, type Report } from './report.ts';
import { cpuSeconds, memoryBytes, storedBytes } from './resources.ts';

const usage = `usage: npm run bench -- [--pairs N | --seconds S] [--rate R] [--warm-up S] [--users U] [--max-open M] [--json]
  --pairs     pairs that are measured, after the warm-up (default: --seconds × --rate)
  --seconds   how long orders are sent, after the warm-up (default 60)
  --rate      orders a second (default 500)
  --warm-up   seconds at that rate before measuring begins (default 10)
  --users     users of each operator (default 200)
  --max-open  no more orders while so many pairs are open (default 30 s of orders)
  --keep      leave the devnet's folder behind
  --profile D write a CPU profile of each node into folder D
  --json      the report as JSON on stdout`;

/** Above the devnet's own ports, so that the two can run side by side. */
const portOffset = 200;
/** Without a pair settled for so long, the rest is given up. */
const standstillMillis = 30_000;
const quietMillis = 30_000;
/** Of the pairs after the warm-up, how many must be settled for the measurement to end. */
const measuredShare = 0.98;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        pairs: { type: 'string' },
        seconds: { type: 'string', default: '60' },
        rate: { type: 'string', default: '500' },
        'warm-up': { type: 'string', default: '10' },
        users: { type: 'string', default: '200' },
        'max-open': { type: 'string' },
        keep: { type: 'boolean', default: false },
        profile: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const positive = (name: string, text: string): number => {
      const value = Number(text);
      if (!(value > 0)) throw new Error(`--${name} is "${text}": give a number above 0.`);
      return value;
    };
    const rate = positive('rate', values.rate);
    const pairs = Math.round(
      values.pairs === undefined ? positive('seconds', values.seconds) * rate : positive('pairs', values.pairs),
    );
    return {
      rate,
      pairs,
      warmUpPairs: Math.round(Math.max(0, Number(values['warm-up'])) * rate),
      users: Math.round(positive('users', values.users)),
      maxOpen: values['max-open'] === undefined ? Math.ceil(rate * 30) : positive('max-open', values['max-open']),
      keep: values.keep,
      profile: values.profile,
      json: values.json,
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

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

async function main(): Promise<number> {
  const { rate, pairs, warmUpPairs, users, maxOpen, keep, profile, json } = options();
  const say = (text: string): void => void process.stderr.write(`· ${text}\n`);
  const { portBase } = environmentPlace();
  const dir = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
  const secret = randomToken();
  let load: Load | undefined;
  const receiver = await startReceiver(secret, (message) => load?.take(message));
  const abort = new AbortController();
  const { signal } = abort;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => abort.abort(new DevnetError('Stopped.')));
  }
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => {});
  let devnet: Devnet | undefined;
  try {
    const population = [...people('aurora', '+467019', users), ...people('borealis', '+467029', users)];
    devnet = await Devnet.start({
      dir,
      portBase: portBase + portOffset < 65_000 ? portBase + portOffset : portBase - portOffset,
      fresh: true,
      users: population,
      keepChain: false,
      nodeArguments: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`],
      webhook: { url: receiver.url, secret },
      // A node's own default, not the devnet's two minutes: a backlog is to show as latency, not as expired pairs.
      overrides: { timing: { acceptSeconds: 600 }, journal: {} },
      signal,
      say,
      onDeath: (part, exit, logFile) =>
        abort.abort(new DevnetError(`${part} ended by itself (${exit.signal ?? exit.code}): see ${logFile}.`)),
    });
    const file = await devnet.describe();
    const senders = new Map(
      file.operators.map((operator) => [operator.handle, new NodeClient(operator, { maxSockets: 64 })]),
    );
    const parties = file.users.map<Party & { readonly operator: string }>((user) => {
      const client = senders.get(user.operator);
      const serviceNumber = file.operators.find(({ handle }) => handle === user.operator)?.serviceNumber;
      if (client === undefined || serviceNumber === undefined) throw new Error(`no operator ${user.operator}`);
      return { number: user.number, operator: user.operator, client, serviceNumber };
    });
    const sides = ['aurora', 'borealis'].map((handle) => parties.filter(({ operator }) => operator === handle));
    load = new Load({
      rate,
      pairs: warmUpPairs + pairs,
      maxOpen,
      run: randomToken().slice(0, 8),
      // Both directions in turn; each user meets others from round to round.
      parties: (index) => {
        const [from, to] = index % 2 === 0 ? [sides[0], sides[1]] : [sides[1], sides[0]];
        const step = Math.floor(index / 2);
        const first = from?.[step % users];
        const second = to?.[(step + Math.floor(step / users) * 7) % users];
        if (first === undefined || second === undefined) throw new Error('no users');
        return { first, second };
      },
    });
    const report = await Promise.race([measure(devnet, load, { rate, pairs, warmUpPairs, say }), aborted]);
    const refused = receiver.refused();
    const reasons = refused === 0 ? report.reasons : [...report.reasons, `${refused} webhooks had a wrong signature`];
    const whole = { ...report, reasons };
    console.log(json ? JSON.stringify(whole, undefined, 2) : `\n${tableOf(whole)}`);
    for (const client of senders.values()) client.close();
    return whole.unfinished === 0 && whole.failed === 0 && refused === 0 && whole.checks.every(({ ok }) => ok) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof DevnetError ? error.message : error);
    return 1;
  } finally {
    await devnet?.stop();
    await receiver.close();
    if (keep) say(`The folder is ${dir}`);
    else rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(
  devnet: Devnet,
  load: Load,
  options: { rate: number; pairs: number; warmUpPairs: number; say: (text: string) => void },
): Promise<Report> {
  const { rate, pairs, warmUpPairs, say } = options;
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
    loadCpuMillisAPair: (own.user + own.system) / 1000 / measuredSettled,
    checks: [noHolds(after), sumsConstant(before, after, file), mirror(after)],
    reasons: [...new Set(load.times.flatMap(({ failed }) => (failed === undefined ? [] : [failed])))].slice(0, 5),
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

process.exit(await main());
