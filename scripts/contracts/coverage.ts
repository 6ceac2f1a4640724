/**
 * Lines and statements of the contracts that `test/contracts` reaches, and branches, as `snapshots/coverage.json`. A branch
 * is one of the two ways of a condition; it is covered when a test notices that it is no longer taken, which the mutation
 * report says. Takes some minutes.
 */
import { spawnSync } from 'node:child_process';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import config from '../../hardhat.config.ts';
import { coverageId, coveragePaths } from '../../test/contracts/chain.ts';
import { mutantsOf } from './mutate/mutants.ts';
import { readReport } from './mutate/report.ts';
import { subjects } from './mutate/subjects.ts';

interface FileReport {
  readonly path: string;
  readonly data: {
    readonly lineExecutionCounts: ReadonlyMap<number, number>;
    readonly executedStatementsCount: number;
    readonly unexecutedStatementsCount: number;
  };
}

interface Coverage {
  clearData(id: string): Promise<void>;
  loadData(...ids: string[]): Promise<void>;
  getReport(): Promise<unknown>;
}

const root = join(import.meta.dirname, '..', '..');
const target = join(root, 'snapshots', 'coverage.json');
const folder = mkdtempSync(join(tmpdir(), 'tandem-coverage-'));
try {
  const paths = { ...config.paths, ...coveragePaths(folder) };
  const hre = await createHardhatRuntimeEnvironment({ ...config, paths }, { coverage: true }, root);
  const coverage = (hre as unknown as { _coverage: Coverage })._coverage;
  await coverage.clearData(coverageId);
  await hre.tasks.getTask('build').run({ noTests: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  // Gas and code sizes are not those of the build: these tests are left out.
  const omitted = ['gas', 'snapshots', 'deploy', 'bindings'].map((name) => `--exclude=test/contracts/${name}.test.ts`);
  const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/contracts', ...omitted], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TANDEM_COVERAGE_DIR: folder },
  });
  if (status !== 0) throw new Error('the tests fail under coverage: run them alone first');
  await coverage.loadData(coverageId);
  const files = Object.values((await coverage.getReport()) as Record<string, FileReport> | FileReport[]);
  const survivors = readReport().survivors;
  const result: Record<string, Record<string, string>> = {};
  for (const { file } of subjects) {
    const found = files.find(({ path }) => path === file);
    if (found === undefined) throw new Error(`nothing is known of ${file}`);
    const { lineExecutionCounts, executedStatementsCount, unexecutedStatementsCount } = found.data;
    const lines = [...lineExecutionCounts.values()];
    const branches = mutantsOf(file).filter(({ operator }) => operator === 'guard');
    const untaken = survivors.filter(
      (each) =>
        each.file === file &&
        branches.some(
          ({ line, mutated, original }) => line === each.line && mutated === each.mutated && original === each.original,
        ),
    );
    result[file] = {
      lines: `${lines.filter((count) => count > 0).length} of ${lines.length}`,
      statements: `${executedStatementsCount} of ${executedStatementsCount + unexecutedStatementsCount}`,
      branches: `${branches.length - untaken.length} of ${branches.length}`,
    };
  }
  const options = await resolveConfig(target);
  writeFileSync(target, await format(JSON.stringify(result), { ...options, filepath: target }));
  console.table(result);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
