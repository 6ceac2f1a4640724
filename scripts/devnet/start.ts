/**
 * `npm start`: a devnet that comes up, plays the recorded conversation and stays. `npm run demo`: the same on a fresh
 * folder, which ends by itself, with 0 only if everything came out as recorded and the checks hold.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { verify } from '../../operator-node/cli/verify.ts';
import { blockNumber } from './chain.ts';
import { ChainWatch } from './chain-watch.ts';
import { bundlesVerify, mirror, noHolds, pairOutcomes, readBooks, sumsConstant, type Finding } from './checks.ts';
import { Devnet } from './devnet.ts';
import { DevnetError, environmentPlace, layout } from './layout.ts';
import { Player } from './play.ts';
import { readRecording } from './recording.ts';
import { terminalScreen } from './screen.ts';
import { devnetUsers } from './users.ts';
import { until } from './wait.ts';

const usage = `usage: npm start [-- --fresh] [-- --no-play]
       npm run demo
  --fresh    forget the devnet of the last start, its chain and its balances
  --no-play  do not play the recorded conversation
  --demo     on a fresh folder of its own; ends by itself
Environment: TANDEM_DEVNET_PORT_BASE moves all ports (default 7400), TANDEM_DEVNET_DIR the folder (default .devnet).`;

const screen = terminalScreen();
const parentPollMillis = 500;
/** Holds, attestations and the last confirmations follow a scene within a few blocks. */
const quietMillis = 30_000;

class Interrupted extends Error {}

function options(): { readonly demo: boolean; readonly fresh: boolean; readonly play: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        demo: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        'no-play': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return { demo: values.demo, fresh: values.fresh || values.demo, play: !values['no-play'] };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Rejects when it is time to go: a signal, the end of the parent, a part that died. */
function ending(): { readonly promise: Promise<never>; readonly fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
  });
  promise.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => fail(new Interrupted(signal)));
  }
  const parent = process.ppid;
  if (process.env['TANDEM_WATCH_PARENT'] === '1') {
    setInterval(() => {
      if (process.ppid !== parent) fail(new Interrupted('its parent is gone'));
    }, parentPollMillis).unref();
  }
  return { promise, fail };
}

async function playRecording(devnet: Devnet, file: DevnetFile): Promise<boolean> {
  const recording = readRecording(join(import.meta.dirname, 'messages.yaml'));
  const handleOf = (id: number): string => file.operators.find((each) => each.id === id)?.handle ?? String(id);
  const watch = new ChainWatch({
    rpcUrl: file.rpcUrl,
    contract: file.contracts.PairSettlement,
    fromBlock: await blockNumber(devnet.layout),
    handleOf,
    say: (text) => screen.chain(text),
  });
  watch.start();
  try {
    const before = await readBooks(file, devnet.clients);
    const played = await new Player(devnet, file, screen).play(recording);
    screen.scene('Checks');
    await until(
      async () => {
        await watch.read();
        const open = [...watch.batches.values()].some((batch) => !batch.reconciled && !batch.discrepancy);
        return open ? undefined : true;
      },
      { timeoutMillis: quietMillis, everyMillis: 200, failure: () => 'not every batch was reconciled' },
    ).catch(() => {});
    const after = await readBooks(file, devnet.clients);
    const outcomes = await pairOutcomes(file, devnet.clients, played.pairs);
    const unreconciled = [...watch.batches.values()].filter((batch) => !batch.reconciled).length;
    const findings: Finding[] = [
      {
        ok: played.faults.length === 0,
        text:
          played.faults.length === 0
            ? `${played.messages} messages came out as recorded`
            : `${played.faults.length} messages came out otherwise than recorded`,
      },
      noHolds(after),
      sumsConstant(before, after, file),
      mirror(after),
      ...outcomes.findings,
      {
        ok: unreconciled === 0,
        text:
          unreconciled === 0
            ? `${watch.batches.size} batches are reconciled on chain`
            : `${unreconciled} of ${watch.batches.size} batches are not reconciled on chain`,
      },
      await bundlesVerify(verify, devnet.layout.networkFile, file, devnet.clients, outcomes.committed),
    ];
    for (const { ok, text } of findings) screen.check(ok, text);
    return findings.every(({ ok }) => ok);
  } finally {
    watch.stop();
  }
}

function tellHow(file: DevnetFile, seconds: string): void {
  const [first, second] = [file.users[0], file.users.find(({ operator }) => operator !== file.users[0]?.operator)];
  screen.scene(`The devnet is up (${seconds} s). Ctrl-C stops it.`);
  for (const user of file.users) {
    const money = user.accounts.map(({ asset, balance }) => `${decimals(balance)} ${asset}`).join(', ');
    screen.plain(`  ${user.number}  ${user.name.padEnd(12)} ${user.operator.padEnd(9)} ${user.language}  ${money}`);
  }
  for (const { handle, apiUrl, serviceNumber } of file.operators) {
    screen.plain(`  ${handle.padEnd(9)} ${apiUrl}  service number ${serviceNumber}`);
  }
  screen.plain('\nFrom another terminal:');
  screen.plain(`  npx tandem send ${first?.number} ${second?.number} "PAY 120 lunch"`);
  screen.plain(`  npx tandem inbox ${second?.number} --follow`);
  screen.plain(`  npx tandem send ${second?.number} service "JA"`);
}

/** Every asset of the devnet has two decimals. */
const decimals = (minor: string): string => {
  const digits = minor.replace('-', '').padStart(3, '0');
  return `${minor.startsWith('-') ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};

async function main(): Promise<number> {
  const { demo, fresh, play } = options();
  const { promise: end, fail } = ending();
  const begun = performance.now();
  const place = environmentPlace();
  // The demo leaves the folder of npm start alone.
  const own = demo && process.env['TANDEM_DEVNET_DIR'] === undefined;
  const dir = own ? join(tmpdir(), `tandem-demo-${randomUUID()}`) : place.dir;
  let devnet: Devnet | undefined;
  let exitCode = 0;
  const abort = new AbortController();
  end.catch((reason: unknown) => abort.abort(reason));
  const starting = Devnet.start({
    ...place,
    dir,
    signal: abort.signal,
    fresh,
    users: devnetUsers,
    keepChain: !demo,
    say: (text) => screen.step(text),
    onDeath: (part, { code, signal }, logFile) =>
      fail(new DevnetError(`${part} ended by itself (${signal ?? `exit code ${code}`}): see ${logFile}.`)),
  });
  try {
    devnet = await starting;
    const file = await devnet.describe();
    if (play && !devnet.resumed) {
      const ok = await Promise.race([playRecording(devnet, file), end]);
      if (!ok) exitCode = 1;
    } else if (play) {
      screen.step('The recorded conversation was played when this devnet was made: --fresh plays it again');
    }
    const published = await devnet.publish();
    if (!demo) {
      tellHow(published, ((performance.now() - begun) / 1000).toFixed(1));
      await end;
    }
    screen.scene(exitCode === 0 ? 'The demo came out as recorded.' : 'The demo did NOT come out as recorded.');
  } catch (error) {
    if (error instanceof Interrupted) {
      screen.step('Stopping');
      // Ctrl-C is how a devnet ends; a demo that was stopped has shown nothing.
      exitCode = demo ? 130 : 0;
    } else {
      screen.problem(error instanceof DevnetError ? error.message : String((error as Error).stack));
      exitCode = 1;
    }
  }
  await devnet?.stop();
  // Whoever waits for the file must not find one of a devnet that is gone.
  if (!demo) rmSync(layout({ ...place, dir }).devnetFile, { force: true });
  if (own && exitCode === 0) rmSync(dir, { recursive: true, force: true });
  else if (own) screen.plain(`The demo's folder is ${dir}`);
  return exitCode;
}

process.exit(await main());
