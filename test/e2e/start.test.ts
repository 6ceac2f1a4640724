/** `npm start` and `npm run demo` as processes: how they begin, what they say when they cannot, and how they end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { freePortBase } from '../../scripts/devnet/ports.ts';
import { temporaryFolder } from './devnet.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'devnet', 'start.ts');

interface Run {
  readonly child: ChildProcess;
  readonly dir: string;
  readonly portBase: number;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

const runs: Run[] = [];

afterEach(async () => {
  for (const run of runs.splice(0)) {
    if (run.child.exitCode === null && run.child.signalCode === null) run.child.kill('SIGTERM');
    await run.ended;
    rmSync(run.dir, { recursive: true, force: true });
  }
});

function start(args: readonly string[], place: { dir: string; portBase: number }): Run {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, TANDEM_DEVNET_DIR: place.dir, TANDEM_DEVNET_PORT_BASE: String(place.portBase) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const run = { child, ...place, output: () => output, ended };
  runs.push(run);
  return run;
}

const isUp = (run: Run): Promise<true> =>
  until(() => (existsSync(join(run.dir, 'devnet.json')) ? true : undefined), {
    timeoutMillis: 60_000,
    failure: run.output,
  });

const answers = async (url: string): Promise<boolean> =>
  fetch(url, { method: 'POST', body: '{}' }).then(
    () => true,
    () => false,
  );

/** Nothing of that devnet listens any more. */
async function expectGone(file: DevnetFile): Promise<void> {
  const urls = [file.rpcUrl, ...file.operators.map(({ apiUrl }) => `${apiUrl}/healthz`)];
  await until(
    async () => {
      const up = await Promise.all(urls.map(answers));
      return up.includes(true) ? undefined : true;
    },
    { timeoutMillis: 10_000, failure: () => 'something of the devnet still listens' },
  );
}

const fileOf = (run: Run): DevnetFile => JSON.parse(readFileSync(join(run.dir, 'devnet.json'), 'utf8')) as DevnetFile;

describe('npm start', () => {
  it('names a busy port and says what to do', async () => {
    const portBase = await freePortBase();
    const server = createServer().listen(portBase + 45, '127.0.0.1');
    const run = start([], { dir: temporaryFolder(), portBase });
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain(`port ${portBase + 45} (chain)`);
    expect(run.output()).toContain('TANDEM_DEVNET_PORT_BASE');
    server.close();
  });

  it('refuses a port base that is none, and unknown options', async () => {
    const bad = start([], { dir: temporaryFolder(), portBase: 65_530 });
    expect(await bad.ended).toBe(1);
    expect(bad.output()).toContain('TANDEM_DEVNET_PORT_BASE is 65530');
    const unknown = start(['--nonsense'], { dir: temporaryFolder(), portBase: await freePortBase() });
    expect(await unknown.ended).toBe(2);
    expect(unknown.output()).toContain('usage: npm start');
  });

  it.each([
    ['so many operators', ['--operators', '9'], 1, 'give a number from 2 to 8'],
    ['a number of operators that is none', ['--operators', 'four'], 2, 'usage: npm start'],
    ['a description that is not there', ['--file', '/nowhere/my.yaml'], 1, 'Cannot read /nowhere/my.yaml'],
  ])('refuses %s, and starts nothing', async (_, args, code, expected) => {
    const run = start(args, { dir: temporaryFolder(), portBase: await freePortBase() });
    expect(await run.ended).toBe(code);
    expect(run.output()).toContain(expected);
    expect(run.output()).not.toContain('Starting');
  });

  it('goes on with the same chain and balances each time, and leaves nothing running', async () => {
    const place = { dir: temporaryFolder(), portBase: await freePortBase() };
    const first = start(['--no-play'], place);
    await isUp(first);
    const made = fileOf(first);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    await expectGone(made);

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const again = start([], place);
      await isUp(again);
      expect(fileOf(again)).toEqual(made);
      again.child.kill(signal);
      expect(await again.ended).toBe(0);
      await expectGone(made);
    }
    // Its operators are on its chain.
    const others = start(['--operators', '3'], place);
    expect(await others.ended).toBe(1);
    expect(others.output()).toContain('was made with aurora and borealis, who are on its chain');
  });

  it('a second time leaves the one that runs alone, and says which it is and how to stop it', async () => {
    const place = { dir: temporaryFolder(), portBase: await freePortBase() };
    const first = start(['--no-play'], place);
    await isUp(first);
    const content = () =>
      Object.fromEntries(
        ['devnet.json', 'network.json', 'made.json', 'devnet.pid', 'directory.yaml', 'aurora/config.yaml'].map(
          (name) => [name, readFileSync(join(place.dir, name), 'utf8')],
        ),
      );
    const before = content();
    for (const args of [[], ['--fresh'], ['--operators', '3']]) {
      const second = start(args, place);
      expect(await second.ended, args.join()).toBe(1);
      expect(second.output()).toContain(`A devnet runs in ${place.dir} already (process ${first.child.pid})`);
      expect(second.output()).toContain(`kill ${first.child.pid}`);
      expect(second.output()).not.toMatch(/\n\s+at /);
      expect(content()).toEqual(before);
    }
    // In another folder it is the ports that are taken.
    const beside = start([], { dir: temporaryFolder(), portBase: place.portBase });
    expect(await beside.ended).toBe(1);
    expect(beside.output()).toContain(`port ${place.portBase} (aurora API)`);
    expect(content()).toEqual(before);
    expect(await answers(`${fileOf(first).operators[0]?.apiUrl}/healthz`)).toBe(true);
  });

  it.each([
    ['a file', (dir: string) => (writeFileSync(join(dir, 'file'), ''), join(dir, 'file', 'devnet'))],
    ['a place where nobody can make one', () => '/sys/nowhere/devnet'],
  ])('says that its folder cannot be used: %s', async (_what, folder) => {
    const dir = temporaryFolder();
    const run = start([], { dir: folder(dir), portBase: await freePortBase() });
    expect(await run.ended).toBe(1);
    expect(run.output()).toMatch(/The devnet's folder \S+ cannot be used: .*TANDEM_DEVNET_DIR/);
    expect(run.output()).not.toMatch(/\n\s+at /);
    rmSync(dir, { recursive: true, force: true });
  });

  it('leaves a folder that is not a devnet’s as it is', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'devnet.json'), 'mine');
    const run = start([], { dir, portBase: await freePortBase() });
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain('holds something that is not a devnet');
    expect(readdirSync(dir)).toEqual(['devnet.json']);
  });

  it('lets nobody else on the machine read phones, logs, keys and stores', async () => {
    const run = start(['--no-play'], { dir: temporaryFolder(), portBase: await freePortBase() });
    await isUp(run);
    for (const handle of ['aurora', 'borealis']) {
      for (const name of ['', 'node.log', 'config.yaml', 'keys.json', 'tls-key.pem', 'phones', 'data']) {
        const { mode } = statSync(join(run.dir, handle, name));
        expect((mode & 0o077).toString(8), `${handle}/${name}`).toBe('0');
      }
    }
  });

  it('leaves nothing running when it is killed outright', async () => {
    const run = start(['--no-play'], { dir: temporaryFolder(), portBase: await freePortBase() });
    await isUp(run);
    const file = fileOf(run);
    run.child.kill('SIGKILL');
    await run.ended;
    await expectGone(file);
  });

  it('ends with a fault when one of its processes dies, and names it', async () => {
    const run = start(['--no-play'], { dir: temporaryFolder(), portBase: await freePortBase() });
    await isUp(run);
    const file = fileOf(run);
    const { pid } = JSON.parse(readFileSync(join(run.dir, 'processes.json'), 'utf8')) as {
      pid: Record<string, number>;
    };
    process.kill(pid['borealis'] ?? 0, 'SIGKILL');
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain('borealis ended by itself (SIGKILL)');
    await expectGone(file);
  });
});

describe('npm run demo', () => {
  it('plays the recorded conversation, finds it as recorded, and ends by itself with 0', async () => {
    const run = start(['--demo'], { dir: temporaryFolder(), portBase: await freePortBase() });
    expect(await run.ended, run.output()).toBe(0);
    expect(run.output()).toContain('The demo came out as recorded.');
  });
});
