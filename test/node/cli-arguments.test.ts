/** Every command and script, used wrongly: one clear message, exit code 2, and never a stack trace. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';

interface Outcome {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

async function tandem(...args: readonly string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const to = (stream: 'stdout' | 'stderr') => ({ write: (text: string) => ((written[stream] += text), true) });
  const code = await main(args, { stdout: to('stdout'), stderr: to('stderr') });
  return { code, ...written };
}

/** From the help itself, so that a new command is walked too: its name, and the words that its summary begins with. */
async function commands(): Promise<string[][]> {
  const { stdout } = await tandem('--help');
  return stdout.split('\n').flatMap((line) => {
    const [, name, summary = ''] = /^ {2}([a-z][a-z-]*) +(.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const [, parts = ''] = /^((?:[a-z-]+ \| )+[a-z-]+)\b/.exec(summary) ?? [];
    return [[name], ...parts.split(' | ').flatMap((part) => (part === '' ? [] : [[name, part]]))];
  });
}

const all = await commands();

const expectUsage = ({ code, stdout, stderr }: Outcome): void => {
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toBe('');
  expect(stderr).not.toMatch(/\n\s+at |TypeError|ERR_|positional argument/);
};

describe('tandem', () => {
  it('has its commands in its help', () => {
    expect(all.length).toBeGreaterThan(35);
    expect(all).toEqual(expect.arrayContaining([['verify'], ['audit', 'scan'], ['window', 'settle']]));
  });

  describe.each(all.map((command) => ({ name: command.join(' '), command })))('$name', ({ command }) => {
    it.each(['--help', '-h'])('%s says how it is used', async (option) => {
      const { code, stdout, stderr } = await tandem(...command, option);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^usage: tandem /);
    });

    it.each([
      ['an unknown option', ['--nonsense']],
      ['an unknown option with a value', ['--nonsense=1']],
      ['an option without its value', ['--rpc']],
      ['one with a value too many', ['--json=yes']],
      ['arguments too many', Array.from({ length: 9 }, (_, index) => join('/nowhere', `${index}`))],
      ['an empty argument', ['']],
    ])('refuses %s', async (_what, args) => {
      expectUsage(await tandem(...command, ...args, ...(command[0] === 'accounts' ? ['--devnet', '/nowhere'] : [])));
    });
  });

  it.each(all.map((command) => command.join(' ')))('%s says which file is not there', async (command) => {
    const outcome = await tandem(...command.split(' '), '/nowhere/file', '--devnet', '/nowhere');
    expect([1, 2]).toContain(outcome.code);
    expectUsage({ ...outcome, code: 2 });
  });

  it.each([[], ['nonsense'], ['__proto__'], ['constructor'], ['']])('refuses %o', async (...args) => {
    expectUsage(await tandem(...args.flat()));
  });
});

describe('scripts', () => {
  const root = join(import.meta.dirname, '..', '..');
  const run = (file: string, ...args: readonly string[]): Outcome => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, file), ...args], { encoding: 'utf8' });
    return { code: status, stdout, stderr };
  };
  const files = [
    'operator-node/main.ts',
    'scripts/devnet/start.ts',
    'scripts/bench/bench.ts',
    'scripts/bench/audit.ts',
    'scripts/chaos/chaos.ts',
    'scripts/contracts/mutate/mutate.ts',
    'scripts/contracts/network.ts',
    'scripts/model.ts',
    'scripts/release.ts',
    'scripts/simulate.ts',
  ];

  it.each(files)('%s says how it is used, and what is wrong', (file) => {
    const help = run(file, '--help');
    expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^usage: /);
    expectUsage(run(file, '--nonsense'));
  });

  it.each([
    ['scripts/contracts/network.ts', ['verify']],
    ['scripts/contracts/network.ts', ['verify', '--rpc']],
    ['scripts/contracts/network.ts', ['toString']],
    ['scripts/contracts/network.ts', []],
    ['scripts/simulate.ts', ['--seeds', '1..']],
    ['scripts/simulate.ts', ['--seeds', 'x']],
    ['scripts/simulate.ts', ['--seed', '-1']],
    ['operator-node/main.ts', []],
    ['operator-node/main.ts', ['--config']],
  ])('%s %o is refused', (file, args) => {
    expectUsage(run(file, ...args));
  });
});
