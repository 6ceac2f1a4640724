/**
 * `npm run model [-- --only NAME] [--story]`: checks docs/model/tandem.pml with SPIN, whole and with each rule taken out, and
 * compares every verdict with the expected one. `--only` runs those whose name contains NAME; `--story` prints the
 * counterexamples. Ends with 1 if a verdict is another one. Needs `spin` (6.5 or newer) and a C compiler.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scriptArguments } from './arguments.ts';

const runFile = promisify(execFile);
const source = join(import.meta.dirname, '..', 'docs', 'model', 'tandem.pml');
const memoryMegabytes = 2000;
const minutesARun = 3;
const minutesASample = 1;
const maxDepth = 1_000_000;
const outputBytes = 64 * 1024 * 1024;

/** As in `skip_…` of the model. */
const properties = ['atomic', 'hold', 'once', 'final', 'lane', 'kept', 'told'] as const;
type Property = (typeof properties)[number];

interface Run {
  readonly name: string;
  readonly macros: readonly string[];
  /**
   * `safety`: every state; `end`: that every run ends once the faults have stopped; `sample`: bit-state, as many states as
   * come in the time there is.
   */
  readonly search: 'safety' | 'end' | 'sample';
  /** The property that is violated; none where the rules are whole. */
  readonly violates?: Property;
}

const chaos = ['REORG', 'DROP'];
const worlds = {
  'two honest sides': ['BATCHES=2', ...chaos],
  'the second user pays': ['BATCHES=2', 'SECOND_PAYS', ...chaos],
  'a lying initiator': ['BATCHES=1', 'LIAR_I', 'REORG'],
  'a lying acceptor': ['BATCHES=2', 'LIAR_A', 'REORG'],
  'a restored initiator': ['BATCHES=1', 'RESTORE_I', ...chaos],
  'a restored acceptor': ['BATCHES=1', 'RESTORE_A', ...chaos],
  'a restored initiator, a lying acceptor': ['BATCHES=1', 'RESTORE_I', 'LIAR_A', 'REORG'],
  'a restored acceptor, a lying initiator': ['BATCHES=0', 'RESTORE_A', 'LIAR_I', 'REORG'],
  /** Without what the model adds to rule 11: it is needed against a lying acceptor only. */
  'a restored initiator that offers again what was lost': ['BATCHES=1', 'RESTORE_I', 'NO_RULE_11_DEAD', ...chaos],
  'a thief of the account': ['BATCHES=1', 'STOLEN', ...chaos],
  'a prompt chain, a slow peer': ['BATCHES=2', 'PROMPT'],
} as const;
type World = keyof typeof worlds;

/** Too large to be searched to the end. */
const largeWorlds: Readonly<Record<string, readonly string[]>> = {
  'three batches': ['BATCHES=3', ...chaos],
  'a lying initiator, three batches': ['BATCHES=2', 'LIAR_I', 'REORG'],
  'a restored initiator, two batches': ['BATCHES=2', 'RESTORE_I', 'REORG'],
  'a restored acceptor, two batches': ['BATCHES=2', 'RESTORE_A', 'REORG'],
};

/** A rule that is taken out, the property that this costs, and where it shows. */
const without: readonly (readonly [rule: string, violates: Property, world: World])[] = [
  ['NO_RULE_1_HOLD', 'hold', 'two honest sides'],
  ['NO_RULE_1', 'atomic', 'two honest sides'],
  ['NO_RULE_1_UNSIGNED', 'atomic', 'a lying acceptor'],
  ['NO_RULE_1_ACCEPTOR', 'hold', 'the second user pays'],
  ['NO_RULE_1_DECLINE', 'atomic', 'two honest sides'],
  ['NO_RULE_2', 'atomic', 'two honest sides'],
  ['NO_RULE_2_RECEIPT', 'atomic', 'two honest sides'],
  ['NO_RULE_2_DEADLINE', 'atomic', 'two honest sides'],
  ['NO_RULE_2_ACCEPTOR', 'atomic', 'a lying initiator'],
  ['NO_RULE_3_CLOCK', 'atomic', 'two honest sides'],
  ['NO_RULE_3_LATEST', 'atomic', 'two honest sides'],
  ['NO_RULE_3_LOGS', 'atomic', 'two honest sides'],
  ['NO_RULE_4', 'atomic', 'a thief of the account'],
  ['NO_RULE_5', 'atomic', 'two honest sides'],
  ['NO_RULE_6', 'kept', 'a prompt chain, a slow peer'],
  ['NO_RULE_8_PAIR', 'atomic', 'two honest sides'],
  ['NO_RULE_8_PAIR_CHECK', 'atomic', 'a lying initiator'],
  ['NO_RULE_8_LANE', 'kept', 'a prompt chain, a slow peer'],
  ['NO_RULE_8_CARRY', 'kept', 'a prompt chain, a slow peer'],
  ['NO_RULE_8_GIVE_UP', 'atomic', 'two honest sides'],
  ['NO_RULE_8_CONTENT', 'lane', 'two honest sides'],
  ['NO_RULE_8_DEAD', 'lane', 'two honest sides'],
  ['NO_RULE_8_ANCHOR', 'lane', 'two honest sides'],
  ['NO_RULE_9', 'once', 'a lying initiator'],
  ...(['a restored initiator', 'a restored acceptor', 'a restored initiator, a lying acceptor'] as const).flatMap(
    (world) =>
      ['NO_RULE_11', 'NO_RULE_11_ROTATE', 'NO_RULE_11_FINAL', 'NO_RULE_11_CHAIN'].map(
        (rule) => [rule, 'atomic', world] as const,
      ),
  ),
  ['NO_RULE_11_ROTATE', 'atomic', 'a restored acceptor, a lying initiator'],
  ['NO_RULE_11_GIVE_UP', 'told', 'a restored initiator'],
  ['NO_RULE_11_DEAD', 'told', 'a restored initiator, a lying acceptor'],
];

export const runs: readonly Run[] = [
  ...Object.entries(worlds).flatMap(([name, macros]): Run[] => [
    { name, macros, search: 'safety' },
    { name, macros, search: 'end' },
  ]),
  ...Object.entries(largeWorlds).map(([name, macros]): Run => ({ name, macros, search: 'sample' })),
  ...without.map(([rule, violates, world]): Run => {
    // Only the property that the rule is there for: others may break as well, and earlier.
    const skipped = properties
      .filter((property) => property !== violates)
      .map((name) => `SKIP_${name.toUpperCase()}=1`);
    return {
      name: `${rule}: ${world}`,
      macros: [...worlds[world], rule, ...skipped],
      search: 'safety',
      violates,
    };
  }),
];

interface Result {
  readonly verdict: string;
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  readonly story: string;
}

const compilerFlags: Readonly<Record<Run['search'], readonly string[]>> = {
  safety: ['-DSAFETY', '-DNOCLAIM', '-DCOLLAPSE'],
  end: ['-DNOFAIR', '-DCOLLAPSE'],
  sample: ['-DSAFETY', '-DNOCLAIM', '-DBITSTATE'],
};
const searchFlags: Readonly<Record<Run['search'], readonly string[]>> = {
  safety: [`-Q${minutesARun}`],
  end: ['-a', `-Q${minutesARun}`],
  sample: ['-w30', '-k3', `-Q${minutesASample}`],
};

async function check({ macros, search, violates }: Run, withStory: boolean): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-model-'));
  const defines = macros.map((macro) => `-D${macro}`);
  const inFolder = { cwd: folder, maxBuffer: outputBytes };
  try {
    await copyFile(source, join(folder, 'tandem.pml'));
    await runFile('spin', ['-a', ...defines, 'tandem.pml'], inFolder);
    const flags = [...compilerFlags[search], `-DMEMLIM=${memoryMegabytes}`];
    // A counterexample is found sooner than the optimiser is done.
    const optimise = violates === undefined ? '-O2' : '-O0';
    await runFile('gcc', [optimise, '-w', ...flags, '-o', 'pan', 'pan.c'], inFolder);
    const begun = performance.now();
    const { stdout } = await runFile('./pan', [`-m${maxDepth}`, ...searchFlags[search]], inFolder);
    const seconds = (performance.now() - begun) / 1000;
    const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? NaN);
    const violated = /assertion violated .*?skip_([a-z]+)/.exec(stdout)?.[1];
    const unfinished = /out of memory|MEMLIM bound|max search depth too small|Search not completed|Time limit/.test(
      stdout,
    );
    const errors = number(/errors: (\d+)/);
    let verdict = 'holds';
    if (violated !== undefined) verdict = `violates ${violated}`;
    else if (errors > 0) verdict = 'does not end';
    else if (errors !== 0) verdict = 'no result';
    else if (search === 'sample') verdict = 'nothing found';
    else if (unfinished) verdict = 'not searched to the end';
    const story =
      withStory && errors > 0
        ? (await runFile('spin', ['-t', '-T', '-B', ...defines, 'tandem.pml'], inFolder)).stdout
        : '';
    return {
      verdict,
      states: number(/(\d+) states, stored/),
      depth: number(/depth reached (\d+)/),
      seconds,
      story: story
        .split('\n')
        .filter((line) => /^ *(?:[A-Za-z ]+: |----|the |a snapshot)/.test(line) && !/spin:|^ltl /.test(line))
        .map((line) => `    ${line.trim()}`)
        .join('\n'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const expected = ({ violates, search }: Run): string =>
  violates === undefined ? (search === 'sample' ? 'nothing found' : 'holds') : `violates ${violates}`;

const meanings: Readonly<Record<Run['search'], string>> = { safety: 'all states', end: 'ends', sample: 'bit-state' };

async function main(): Promise<number> {
  const usage = `usage: npm run model -- [--only TEXT] [--story]
  --only   runs whose name has that text in it
  --story  how a property was violated, step by step`;
  const options = { only: { type: 'string', default: '' }, story: { type: 'boolean', default: false } } as const;
  const { values } = scriptArguments(usage, options);
  try {
    await runFile('spin', ['-V']);
    await runFile('gcc', ['--version']);
  } catch {
    console.error(
      'The model is checked by SPIN, which compiles it with gcc; one of them is not installed. Debian and Ubuntu:\n' +
        '  apt-get install spin gcc libc6-dev\nmacOS:\n  brew install spin\nSources: https://github.com/nimble-code/Spin',
    );
    return 2;
  }
  await readFile(source);
  const chosen = runs.filter(({ name }) => name.includes(values.only));
  let wrong = 0;
  console.log('| run | search | verdict | states | depth | seconds |\n| --- | --- | --- | ---: | ---: | ---: |');
  for (const run of chosen) {
    const { verdict, states, depth, seconds, story } = await check(run, values.story);
    const asExpected = verdict === expected(run);
    if (!asExpected) wrong += 1;
    const shown = asExpected ? verdict : `**${verdict}**, expected: ${expected(run)}`;
    console.log(
      `| ${run.name} | ${meanings[run.search]} | ${shown} | ${states.toLocaleString('en')} | ${depth} | ${seconds.toFixed(1)} |`,
    );
    if (story !== '') console.log(`\n${story}\n`);
  }
  console.log(`\n${chosen.length} runs, ${wrong} with another verdict than expected.`);
  return wrong === 0 && chosen.length > 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
