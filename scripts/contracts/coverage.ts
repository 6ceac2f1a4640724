/**
 * Writes `snapshots/coverage.json`: lines and statements of the contracts that the tests under `test/contracts` reach, and
 * branches. Hardhat counts lines and statements, and no branches; here a branch is one of the two ways of a condition, and
 * it is covered when a test notices that it is no longer taken (the condition replaced by `true` or `false`), which the
 * mutation report says. That is more than being run through. Takes some minutes; with `--branches` only they are counted
 * again.
 */
import { spawnSync } from 'node:child_process';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';

import config from '../../hardhat.config.ts';
import { coverageId, coveragePaths } from '../../test/contracts/chain.ts';
import { mutantsOf } from './mutate/mutants.ts';
import { hashOf, readReport } from './mutate/report.ts';
import { subjects } from './mutate/subjects.ts';

export interface Covered {
  /** SHA-256 of the source. */
  readonly source: string;
  readonly lines: string;
  readonly unreached: readonly number[];
  readonly statements: string;
  readonly branches: string;
}

interface FileReport {
  readonly lineExecutionCounts: ReadonlyMap<number, number>;
  readonly unexecutedLines: ReadonlySet<number>;
  readonly executedStatementsCount: number;
  readonly unexecutedStatementsCount: number;
}

interface Coverage {
  clearData(id: string): Promise<void>;
  loadData(...ids: string[]): Promise<void>;
  getReport(): Promise<Readonly<Record<string, FileReport>>>;
}

type Reached = Omit<Covered, 'branches'>;

const root = join(import.meta.dirname, '..', '..');
const target = join(root, 'snapshots', 'coverage.json');
const { values } = parseArgs({ options: { branches: { type: 'boolean', default: false } } });

/** @throws when the tests fail, or Hardhat knows nothing of a contract. */
async function measure(): Promise<Readonly<Record<string, Reached>>> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-coverage-'));
  try {
    const paths = { ...config.paths, ...coveragePaths(folder) };
    const hre = await createHardhatRuntimeEnvironment({ ...config, paths }, { coverage: true }, root);
    const coverage = (hre as unknown as { _coverage: Coverage })._coverage;
    await coverage.clearData(coverageId);
    await hre.tasks.getTask('build').run({ noTests: true });
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    // Gas and code sizes are not those of the build: these tests are left out.
    const omitted = ['gas', 'snapshots', 'deploy', 'bindings', 'mutation'].map((name) => `${name}.test.ts`);
    const tests = readdirSync(join(root, 'test', 'contracts'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts') && !omitted.includes(name))
      .map((name) => `test/contracts/${name}`);
    const { status } = spawnSync(process.execPath, [vitest, 'run', ...tests], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, TANDEM_COVERAGE_DIR: folder },
    });
    if (status !== 0) throw new Error('the tests fail under coverage: run them alone first');
    await coverage.loadData(coverageId);
    const files = await coverage.getReport();
    return Object.fromEntries(
      subjects.map(({ file }) => {
        const found = files[file];
        if (found === undefined) throw new Error(`nothing is known of ${file}`);
        const { lineExecutionCounts, unexecutedLines, executedStatementsCount, unexecutedStatementsCount } = found;
        const lines = lineExecutionCounts.size;
        const reached: Reached = {
          source: hashOf(file),
          lines: `${lines - unexecutedLines.size} of ${lines}`,
          unreached: [...unexecutedLines],
          statements: `${executedStatementsCount} of ${executedStatementsCount + unexecutedStatementsCount}`,
        };
        return [file, reached];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function branchesOf(file: string): string {
  const { sources, survivors } = readReport();
  if (sources[file] !== hashOf(file)) return 'not counted: its mutants were not judged';
  const ways = mutantsOf(file).filter(({ operator }) => operator === 'guard');
  const unnoticed = ways.filter(({ line, original, mutated }) =>
    survivors.some(
      (each) => each.file === file && each.line === line && each.original === original && each.mutated === mutated,
    ),
  );
  return `${ways.length - unnoticed.length} of ${ways.length}`;
}

const reached = values.branches
  ? (JSON.parse(readFileSync(target, 'utf8')) as Readonly<Record<string, Covered>>)
  : await measure();
const covered: Record<string, Covered> = {};
for (const [file, each] of Object.entries(reached)) covered[file] = { ...each, branches: branchesOf(file) };
const options = await resolveConfig(target);
writeFileSync(target, await format(JSON.stringify(covered), { ...options, filepath: target }));
console.table(covered, ['lines', 'statements', 'branches']);
