/**
 * `npm run bench`: pairs between operators on a real devnet of its own (own processes, TLS, synced writes, chain), from
 * the first user's message to both users' confirmations. docs/bench.md says how to read it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { defaultFile, maxOperators, minOperators, readDescription } from '../devnet/description.ts';
import { Devnet } from '../devnet/devnet.ts';
import { endingOf } from '../devnet/last-words.ts';
import { DevnetError, environmentPlace } from '../devnet/layout.ts';
import { randomToken } from '../devnet/secrets.ts';
import { partiesOf, type Member } from './lanes.ts';
import { Load } from './load.ts';
import { measure } from './measure.ts';
import { people } from './people.ts';
import { startReceiver } from './receiver.ts';
import { tableOf } from './report.ts';

const usage = `usage: npm run bench -- [--pairs N | --seconds S] [--rate R] [--warm-up S] [--users U] [--max-open M] [--json]
  --pairs     pairs that are measured, after the warm-up (default: --seconds × --rate)
  --seconds   how long orders are sent, after the warm-up (default 60)
  --rate      orders a second (default 500)
  --warm-up   seconds at that rate before measuring begins (default 10)
  --users     users of each operator (default 200)
  --operators so many operators, ${minOperators} to ${maxOperators}; orders go from each to each other one in turn (default 2)
  --max-open  no more orders while so many pairs are open (default 30 s of orders)
  --keep      leave the devnet's folder behind
  --profile D write a CPU profile of each node into folder D
  --json      the report as JSON on stdout`;

/** Above the devnet's own ports, so that the two can run side by side. */
const portOffset = 200;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        pairs: { type: 'string' },
        seconds: { type: 'string', default: '60' },
        rate: { type: 'string', default: '500' },
        'warm-up': { type: 'string', default: '10' },
        users: { type: 'string', default: '200' },
        operators: { type: 'string', default: '2' },
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
    const operators = positive('operators', values.operators);
    if (!Number.isInteger(operators) || operators < minOperators || operators > maxOperators) {
      throw new Error(`--operators is "${values.operators}": give a number from ${minOperators} to ${maxOperators}.`);
    }
    const pairs = Math.round(
      values.pairs === undefined ? positive('seconds', values.seconds) * rate : positive('pairs', values.pairs),
    );
    return {
      rate,
      pairs,
      warmUpPairs: Math.round(Math.max(0, Number(values['warm-up'])) * rate),
      users: Math.round(positive('users', values.users)),
      operators,
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

function membersOf({ operators, users }: DevnetFile, clients: ReadonlyMap<string, NodeClient>): readonly Member[] {
  return users.map(({ operator, number }) => {
    const client = clients.get(operator);
    const serviceNumber = operators.find(({ handle }) => handle === operator)?.serviceNumber;
    if (client === undefined || serviceNumber === undefined) throw new Error(`no operator ${operator}`);
    return { number, operator, client, serviceNumber };
  });
}

async function main(): Promise<number> {
  const { rate, pairs, warmUpPairs, users, operators, maxOpen, keep, profile, json } = options();
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
    const description = readDescription(defaultFile, operators);
    const population = description.operators.flatMap(({ handle, numbers }) => people(handle, numbers, users));
    devnet = await Devnet.start({
      dir,
      portBase: portBase + portOffset < 65_000 ? portBase + portOffset : portBase - portOffset,
      fresh: true,
      description,
      users: population,
      keepChain: false,
      nodeArguments: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`],
      webhook: { url: receiver.url, secret },
      // A node's own default, not the devnet's two minutes: a backlog is to show as latency, not as expired pairs.
      overrides: { timing: { acceptSeconds: 600 }, journal: {} },
      signal,
      say,
      onDeath: (part, exit, logFile) => abort.abort(new DevnetError(endingOf(part, exit, logFile))),
    });
    const file = await devnet.describe();
    const senders = new Map(
      file.operators.map((operator) => [operator.handle, nodeClient(operator, { maxSockets: 64 })]),
    );
    const parties = membersOf(file, senders);
    const sides = file.operators.map(({ handle }) => parties.filter(({ operator }) => operator === handle));
    const turns = partiesOf(sides);
    load = new Load({
      rate,
      pairs: warmUpPairs + pairs,
      maxOpen,
      run: randomToken().slice(0, 8),
      parties: turns,
    });
    const report = await Promise.race([measure(devnet, load, { rate, pairs, warmUpPairs, turns, say }), aborted]);
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

process.exit(await main());
