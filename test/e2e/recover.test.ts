/** A node that has lost its store, on a real chain with real keys: restored from an old backup, recovered, and complete. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiError } from '../../operator-node/api/client.ts';
import { main } from '../../operator-node/cli/main.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

let net: TestNet;
const places: Record<string, string> = {};

beforeAll(async () => {
  net = await TestNet.start({
    overrides: () => ({
      backup: { dir: 'backups', followDir: 'followed', keysDir: 'keys' },
      timing: { acceptSeconds: 90 },
    }),
  });
  for (const handle of ['aurora', 'borealis']) places[handle] = join(net.dir, handle);
});
afterAll(async () => {
  await net.stop();
});

async function tandem(...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const out = { write: (more: string) => (text += more) };
  const code = await main([...args, '--devnet', net.dir], { stdout: out, stderr: out });
  return { code, text };
}

async function settled(from: string, to: string, note: string): Promise<void> {
  const since = net.received.length;
  await net.send(from, to, `${net.user(from).language === 'sv' ? 'BETALA' : 'PAY'} 1 ${note}`);
  const { match } = await net.arrived(to, /\b(?:YES|JA) (\d+)/, since);
  await net.send(to, 'service', `${net.user(to).language === 'sv' ? 'JA' : 'YES'} ${match[1] ?? ''}`);
  await net.arrived(from, new RegExp(note), since);
}

/** Nothing on hold, every pair final. */
const quiet = (handle: string): Promise<true> =>
  until(
    async () => {
      const list = await net.devnet.operator(handle).doubt();
      return list.pairs.length === 0 ? (true as const) : undefined;
    },
    { timeoutMillis: 120_000, everyMillis: 500, failure: () => `${handle} is still in doubt` },
  );

const nothingWrong = async (handle: string): Promise<void> => {
  const { code, text } = await tandem('doctor', '--operator', handle);
  expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('No problems found.') as string });
};

const across = (): { from: string; to: string } => {
  const from = net.file.users.find(({ operator, kind }) => operator === 'aurora' && kind === 'person');
  const to = net.file.users.find(({ operator, kind }) => operator === 'borealis' && kind === 'person');
  const first = (name = ''): string => name.split(' ')[0]?.toLowerCase() ?? '';
  return { from: first(from?.name), to: first(to?.name) };
};

describe('tandem doctor, doubt and backup', () => {
  it('find nothing wrong with a running node, and make a backup of it', async () => {
    const { from, to } = across();
    await settled(from, to, 'coffee');
    await quiet('aurora');
    await nothingWrong('aurora');
    expect((await tandem('doubt', '--operator', 'borealis')).text).toContain('Every pair is final');
    expect(await tandem('backup', '--operator', 'aurora')).toMatchObject({ code: 0 });
    expect(await tandem('backup', '--operator', 'aurora', '--follow')).toMatchObject({ code: 0 });
    expect(readdirSync(join(places['aurora'] ?? '', 'backups'))).toHaveLength(1);
  });
});

describe('a node restored from an old backup', () => {
  const lost = 'borealis';
  let file = '';
  let balances: readonly unknown[] = [];
  let open = '';
  const balancesOf = (...names: string[]) => Promise.all(names.map((name) => net.balances(name)));

  it('starts in recovery and takes nothing while the old keys count', async () => {
    const { from, to } = across();
    const made = JSON.parse((await tandem('backup', '--operator', lost, '--json')).text) as { file: string };
    file = made.file;
    const keys = JSON.parse((await tandem('backup', '--operator', lost, '--keys', '--json')).text) as { file: string };
    // What only the lost store knows of, in both directions, and one that the second user has been asked for.
    await settled(from, to, 'cake');
    await settled(to, from, 'back');
    await quiet(lost);
    await quiet('aurora');
    balances = await balancesOf(from, to);
    const since = net.received.length;
    await net.send(from, to, net.user(from).language === 'sv' ? 'BETALA 2 open' : 'PAY 2 open');
    open = (await net.arrived(to, /\b(?:YES|JA) (\d+)/, since)).match[1] ?? '';
    await net.devnet.killNode(lost);
    rmSync(join(places[lost] ?? '', 'data'), { recursive: true });
    const restored = await tandem('restore', '--operator', lost, '--from', file, '--keys', keys.file);
    expect(restored).toMatchObject({ code: 0 });
    net.devnet.startNode(lost);
    const status = await until(
      async () => {
        const seen = await tandem('recover', '--operator', lost);
        return seen.text.includes('signer from before') ? seen : undefined;
      },
      { timeoutMillis: 60_000, failure: () => `${lost} does not come up in recovery` },
    );
    expect(status).toMatchObject({ code: 1, text: expect.stringContaining('[keys]') as string });
    await expect(net.send(to, 'service', 'BALANCE')).rejects.toMatchObject({ status: 503 } satisfies Partial<ApiError>);
  });

  it('goes on when its keys are rotated: what it had forgotten has happened, and what was open is asked again', async () => {
    const { from, to } = across();
    await net.devnet.stopNode(lost);
    const since = net.received.length;
    const rotated = await tandem(
      'recover',
      '--operator',
      lost,
      '--controller',
      join(places[lost] ?? '', 'controller.json'),
    );
    expect(rotated).toMatchObject({ code: 0 });
    net.devnet.startNode(lost);
    await net.devnet.waitForNode(lost);
    expect(await tandem('recover', '--operator', lost)).toEqual({ code: 0, text: 'The node is not in recovery.\n' });
    const { match } = await net.arrived(to, /\b(?:YES|JA) (\d+)/, since);
    expect(match[1]).not.toBe(open);
    await net.send(to, 'service', `${net.user(to).language === 'sv' ? 'NEJ' : 'NO'} ${match[1] ?? ''}`);
    await quiet(lost);
    await quiet('aurora');
    expect(await balancesOf(from, to)).toEqual(balances);
    await settled(from, to, 'again');
    await settled(to, from, 'and back');
    await quiet(lost);
    await quiet('aurora');
    for (const handle of [lost, 'aurora']) await nothingWrong(handle);
    // What both hold of each other agrees to the last minor unit.
    const answers = await Promise.all([lost, 'aurora'].map((handle) => net.devnet.operator(handle).positions()));
    const sum = answers
      .flatMap(({ positions }) => positions)
      .filter(({ asset, operator }) => asset === 'SEK' && operator > 0)
      .reduce((total, { balance }) => total + BigInt(balance), 0n);
    expect(sum).toBe(0n);
  });
});

describe('a followed backup', () => {
  it('is restored without a recovery, and nothing is lost', async () => {
    const { from, to } = across();
    const place = places['borealis'] ?? '';
    const before = await net.balances(to);
    await settled(from, to, 'followed');
    await quiet('borealis');
    const after = await net.balances(to);
    expect(after).not.toEqual(before);
    await net.devnet.killNode('borealis');
    rmSync(join(place, 'data'), { recursive: true });
    rmSync(join(place, 'data.mark'));
    expect(existsSync(join(place, 'followed'))).toBe(true);
    const done = await tandem('restore', '--operator', 'borealis', '--from', join(place, 'followed'));
    expect(done).toMatchObject({ code: 0 });
    expect(done.text).toContain('nothing is lost');
    net.devnet.startNode('borealis');
    await net.devnet.waitForNode('borealis');
    expect(await net.balances(to)).toEqual(after);
    await settled(to, from, 'goes on');
  });
});

describe('a store that staff knows to be behind', () => {
  const lost = 'borealis';
  const data = (): string => join(places[lost] ?? '', 'data');
  const recover = (...args: string[]) => tandem('recover', '--operator', lost, ...args);

  async function rotatedAndStarted(): Promise<void> {
    expect(await recover('--controller', join(places[lost] ?? '', 'controller.json'))).toMatchObject({ code: 0 });
    net.devnet.startNode(lost);
    await net.devnet.waitForNode(lost);
    expect(await recover()).toEqual({ code: 0, text: 'The node is not in recovery.\n' });
    await quiet(lost);
    await quiet('aurora');
    for (const handle of [lost, 'aurora']) await nothingWrong(handle);
  }

  it('is taken with its loss: the chain and the other operator give back what it had', async () => {
    const { from, to } = across();
    const old = join(places[lost] ?? '', 'old');
    await quiet(lost);
    await net.devnet.stopNode(lost);
    cpSync(data(), old, { recursive: true });
    net.devnet.startNode(lost);
    await net.devnet.waitForNode(lost);
    await settled(from, to, 'forgotten');
    await settled(to, from, 'forgotten too');
    await quiet(lost);
    await quiet('aurora');
    const balances = await Promise.all([net.balances(from), net.balances(to)]);
    await net.devnet.stopNode(lost);
    // A disk that lost what it had said was written: the mark beside the store knows of more. The copy is gone with it.
    rmSync(data(), { recursive: true });
    rmSync(join(places[lost] ?? '', 'followed'), { recursive: true });
    cpSync(old, data(), { recursive: true });
    const refused = await recover('--begin');
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain('--accept-loss');
    expect(await recover('--accept-loss')).toMatchObject({ code: 0 });
    await rotatedAndStarted();
    expect(await Promise.all([net.balances(from), net.balances(to)])).toEqual(balances);
  });

  it('recovers also where nothing was missing', async () => {
    const { from, to } = across();
    const balances = await Promise.all([net.balances(from), net.balances(to)]);
    await net.devnet.stopNode(lost);
    expect(await recover('--begin')).toMatchObject({ code: 0 });
    await rotatedAndStarted();
    expect(await Promise.all([net.balances(from), net.balances(to)])).toEqual(balances);
    await settled(to, from, 'goes on');
  });
});

describe('a node on a damaged store', () => {
  const handle = 'borealis';
  const data = (): string => join(places[handle] ?? '', 'data');
  const sound = (): string => join(places[handle] ?? '', 'sound');

  /** What the process says last; the store is as it was left by a node that ended in order, but for what `damage` does. */
  async function startOn(damage: (dir: string) => void): Promise<string> {
    rmSync(data(), { recursive: true, force: true });
    cpSync(sound(), data(), { recursive: true });
    cpSync(`${sound()}.mark`, `${data()}.mark`);
    damage(data());
    const main = join(import.meta.dirname, '..', '..', 'operator-node', 'main.ts');
    const child = spawn(process.execPath, [main, '--config', join(places[handle] ?? '', 'config.yaml')], {
      cwd: places[handle],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    let said = '';
    const hear = (text: Buffer): void => {
      said += text.toString();
      // It serves: what was damaged was not noticed.
      if (said.includes('"ready":true')) child.kill('SIGTERM');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const [code] = (await once(child, 'exit')) as [number | null];
    return `${code}: ${said}`;
  }

  const flip = (file: string, at: (bytes: Buffer) => number): void => {
    const bytes = readFileSync(file);
    const place = at(bytes);
    expect(place).toBeGreaterThanOrEqual(0);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  };
  /** A file that holds the text, and where: what a record is, after its key. */
  const inRecord =
    (text: string) =>
    (dir: string): void => {
      const holds = (name: string): boolean => readFileSync(join(dir, name)).includes(text);
      const name = readdirSync(dir).find((each) => /\.(log|ldb)$/.test(each) && holds(each));
      if (name === undefined) throw new Error(`no file has ${text}`);
      flip(join(dir, name), (bytes) => bytes.indexOf(text) + text.length + 24);
    };
  const inFile =
    (pattern: RegExp) =>
    (dir: string): void => {
      const name = readdirSync(dir).find((each) => pattern.test(each) && statSync(join(dir, each)).size > 0);
      if (name === undefined) throw new Error(`no file is ${pattern.source}`);
      flip(join(dir, name), (bytes) => bytes.length >> 1);
    };

  /** Both its slots: with one of them it is known how far the store must have come. */
  const inMark = (dir: string): void => {
    for (const at of [10, 64 + 10]) flip(`${dir}.mark`, () => at);
  };

  beforeAll(async () => {
    await net.devnet.stopNode(handle);
    cpSync(data(), sound(), { recursive: true });
    cpSync(`${data()}.mark`, `${sound()}.mark`);
  });
  afterAll(() => {
    rmSync(data(), { recursive: true, force: true });
    cpSync(sound(), data(), { recursive: true });
    cpSync(`${sound()}.mark`, `${data()}.mark`);
  });

  it.each([
    ['in an entry of the journal', inRecord('journal!0000')],
    ['in a position', inRecord('position!')],
    ['in the log', inFile(/\.log$/)],
    ['in a table', inFile(/\.ldb$/)],
    ['in the manifest', inFile(/^MANIFEST-/)],
    ['in CURRENT', inFile(/^CURRENT$/)],
    ['in its mark', inMark],
  ] as const)('does not start with a bit flipped %s, and says what to do', async (_where, damage) => {
    const said = await startOn(damage);
    expect(said).toMatch(/^1: /);
    expect(said).toContain('store-damaged');
    expect(said).toMatch(/tandem restore/);
  });

  it('does not start on nothing, where there was a store', async () => {
    expect(
      await startOn((dir) => {
        rmSync(dir, { recursive: true });
      }),
    ).toMatch(/^1: .*store-damaged/s);
    // Its whole disk is not there; the followed copy is.
    expect(
      await startOn((dir) => {
        rmSync(dir, { recursive: true });
        rmSync(`${dir}.mark`);
      }),
    ).toMatch(/^1: .*backup\.followDir: .* is the copy of another store/s);
  });

  it('starts on the store as it was', async () => {
    expect(await startOn(() => undefined)).toMatch(/^0: .*"ready":true/s);
  });
});
