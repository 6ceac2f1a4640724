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
import { decimalOf } from '../../operator-node/model/money.ts';
import { defaultFile, maxOperators, minOperators, readDescription, type Description } from './description.ts';
import { Devnet } from './devnet.ts';
import { endingOf } from './last-words.ts';
import { gasModes, type GasMode } from './chain.ts';
import { DevnetError, environmentPlace, layout, maxEndpoints } from './layout.ts';
import { FolderNotOurs } from './lock.ts';
import { terminalScreen } from './screen.ts';
import { recordingOf, showDevnet } from './show.ts';

const usage = `usage: npm start [-- --fresh] [-- --no-play] [-- --operators N] [-- --file FILE]
       npm run demo [-- --operators N] [-- --file FILE]
  --fresh      forget the devnet of the last start, its chain and its balances
  --no-play    do not play the recorded conversation, and no payments between all operators
  --operators  so many of them, ${minOperators} to ${maxOperators}: those of the file, and further ones in the same pattern
  --file       whose devnet it is: operators and users in YAML (docs/devnet.md); default scripts/devnet/devnet.yaml
  --endpoints  so many endpoints of the chain, 1 to ${maxEndpoints}, each of which can be told to misbehave (docs/devnet.md)
  --gas        ${gasModes.join(', ')}: what the chain asks for, and whether the nodes' keys have money (docs/gas.md)
  --demo       on a fresh folder of its own; ends by itself
Environment: TANDEM_DEVNET_PORT_BASE moves all ports (default 7400), TANDEM_DEVNET_DIR the folder (default .devnet).`;

const screen = terminalScreen();
const parentPollMillis = 500;

class Interrupted extends Error {}

interface Options {
  readonly demo: boolean;
  readonly fresh: boolean;
  readonly play: boolean;
  readonly file: string;
  readonly operators: number | undefined;
  readonly endpoints: number;
  readonly gas: GasMode;
}

function options(): Options {
  try {
    const { values } = parseArgs({
      options: {
        demo: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        'no-play': { type: 'boolean', default: false },
        operators: { type: 'string' },
        endpoints: { type: 'string', default: '1' },
        gas: { type: 'string', default: 'free' },
        file: { type: 'string', default: defaultFile },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const { operators, endpoints } = values;
    if (operators !== undefined && !/^[0-9]{1,3}$/.test(operators)) {
      throw new Error(`--operators is "${operators}": give a number from ${minOperators} to ${maxOperators}.`);
    }
    if (!/^[0-9]{1,3}$/.test(endpoints)) {
      throw new Error(`--endpoints is "${endpoints}": give a number from 1 to ${maxEndpoints}.`);
    }
    const gas = gasModes.find((mode) => mode === values.gas);
    if (gas === undefined) throw new Error(`--gas is "${values.gas}": give one of ${gasModes.join(', ')}.`);
    return {
      gas,
      demo: values.demo,
      fresh: values.fresh || values.demo,
      play: !values['no-play'],
      file: values.file,
      operators: operators === undefined ? undefined : Number(operators),
      endpoints: Number(endpoints),
    };
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

function tellHow(file: DevnetFile, { operators }: Description, seconds: string): void {
  const [first, second] = [file.users[0], file.users.find(({ operator }) => operator !== file.users[0]?.operator)];
  const exponentOf = (handle: string, asset: string): number =>
    operators.find((each) => each.handle === handle)?.assets.find((each) => each.asset === asset)?.exponent ?? 0;
  const width = Math.max(...file.operators.map(({ handle }) => handle.length));
  screen.scene(`The devnet is up (${seconds} s). Ctrl-C stops it.`);
  for (const { number, name, operator, language, accounts } of file.users) {
    const money = accounts.map(({ asset, balance }) => `${decimalOf(balance, exponentOf(operator, asset))} ${asset}`);
    screen.plain(`  ${number}  ${name.padEnd(12)} ${operator.padEnd(width)} ${language}  ${money.join(', ')}`);
  }
  for (const { handle, apiUrl, serviceNumber } of file.operators) {
    screen.plain(`  ${handle.padEnd(width)} ${apiUrl}  service number ${serviceNumber}`);
  }
  for (const url of file.endpoints ?? []) screen.plain(`  endpoint of the chain  ${url}`);
  if (first === undefined || second === undefined) return;
  screen.plain('\nFrom another terminal:');
  screen.plain(`  npx tandem send ${first.number} ${second.number} "PAY 120 lunch"`);
  screen.plain(`  npx tandem inbox ${second.number} --follow`);
  screen.plain(`  npx tandem send ${second.number} service "JA"`);
}

/** Users are made with the devnet: one who was erased since, or has come into the file, is not there. */
function tellAbsent({ users }: DevnetFile, description: Description): void {
  const numbers = new Set(users.map(({ number }) => number));
  const absent = description.users.filter(({ user }) => !numbers.has(user.number)).map(({ user }) => user.name);
  if (absent.length === 0) return;
  screen.step(`Not on this devnet, which was made without them or has erased them: ${absent.join(', ')}`);
}

async function main(): Promise<number> {
  // A terminal that is closed takes what is written there with it: its hang-up stops the devnet, as Ctrl-C does.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const { demo, fresh, play, file: descriptionFile, operators, endpoints, gas } = options();
  const { promise: end, fail } = ending();
  const begun = performance.now();
  const place = environmentPlace();
  // The demo leaves the folder of npm start alone.
  const own = demo && process.env['TANDEM_DEVNET_DIR'] === undefined;
  const dir = own ? join(tmpdir(), `tandem-demo-${randomUUID()}`) : place.dir;
  const description = readDescription(descriptionFile, operators);
  if (play) recordingOf(description);
  let devnet: Devnet | undefined;
  let exitCode = 0;
  let ours = true;
  const abort = new AbortController();
  end.catch((reason: unknown) => abort.abort(reason));
  const starting = Devnet.start({
    ...place,
    dir,
    signal: abort.signal,
    fresh,
    description,
    endpointCount: endpoints,
    gas,
    users: description.users,
    keepChain: !demo,
    say: (text) => screen.step(text),
    onDeath: (part, exit, logFile) => fail(new DevnetError(endingOf(part, exit, logFile))),
  });
  try {
    devnet = await starting;
    if (play && !devnet.resumed) {
      const ok = await Promise.race([showDevnet(devnet, description, screen), end]);
      if (!ok) exitCode = 1;
    } else if (play) {
      screen.step('The recorded conversation was played when this devnet was made: --fresh plays it again');
    }
    const published = await devnet.publish();
    if (devnet.resumed) tellAbsent(published, description);
    if (!demo) {
      tellHow(published, description, ((performance.now() - begun) / 1000).toFixed(1));
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
      ours = !(error instanceof FolderNotOurs);
    }
  }
  await devnet?.stop();
  // Whoever waits for the file must not find one of a devnet that is gone; one that runs keeps it.
  if (!demo && ours) rmSync(layout({ ...place, dir, operators: description.operators }).devnetFile, { force: true });
  if (own && exitCode === 0) rmSync(dir, { recursive: true, force: true });
  else if (own) screen.plain(`The demo's folder is ${dir}`);
  return exitCode;
}

async function shown(): Promise<number> {
  try {
    return await main();
  } catch (error) {
    screen.problem(error instanceof DevnetError ? error.message : String((error as Error).stack));
    return 1;
  }
}

process.exit(await shown());
