/** Judges the mutants that it is sent, one at a time: first the table of cells in this process, then vitest. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Chain, openChain } from '../../../test/contracts/chain.ts';
import type { Cell } from '../../../test/contracts/cells/table.ts';
import { tables } from '../../../test/contracts/cells/tables.ts';
import { codeOf, optimised } from './compiler.ts';
import type { Mutant } from './mutants.ts';
import type { Verdict } from './report.ts';
import type { Subject } from './subjects.ts';

export interface Job {
  readonly index: number;
  readonly subject: Subject;
  readonly mutant: Mutant;
}

export interface Judged {
  readonly index: number;
  readonly verdict: Verdict;
}

const root = join(import.meta.dirname, '..', '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tandem-mutant-'));
const mutantFile = join(folder, 'mutant.json');
process.env['TANDEM_MUTANT_FILE'] = mutantFile;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const unchanged = new Map<string, string | undefined>();

/** @throws when the contract as it is fails: then every mutant would seem to be killed. */
async function requirePassing({ contract, tests }: Subject): Promise<void> {
  const code = codeOf(contract, new Map());
  writeFileSync(mutantFile, JSON.stringify({ contract, code }));
  const fails = (await failsACell(contract)) || (await failsATest(tests));
  if (fails) throw new Error(`${contract} fails its tests without any change: run vitest first`);
}

const passing = new Map<string, Promise<void>>();

async function judge({ subject, mutant }: Job): Promise<Verdict> {
  const known = passing.get(subject.file) ?? requirePassing(subject);
  passing.set(subject.file, known);
  await known;
  const replaced = new Map([[mutant.file, mutant.source]]);
  const code = codeOf(subject.contract, replaced);
  if (code === undefined) return 'invalid';
  writeFileSync(mutantFile, JSON.stringify({ contract: subject.contract, code }));
  if (await failsACell(subject.contract)) return 'killed';
  if (await failsATest(subject.tests)) return 'killed';
  const { contract } = subject;
  if (!unchanged.has(contract)) unchanged.set(contract, codeOf(contract, new Map(), optimised));
  return codeOf(contract, replaced, optimised) === unchanged.get(contract) ? 'same' : 'survived';
}

let chain: Promise<Chain> | undefined;

/** Cells that noticed mutants before, the latest first: what is changed nearby is often noticed by the same. */
const noticed: Cell[] = [];

async function failsACell(contract: string): Promise<boolean> {
  const firstDifference = tables[contract];
  if (firstDifference === undefined) return false;
  chain ??= openChain();
  const opened = await chain;
  const undoAll = await opened.snapshot();
  try {
    const cell = await firstDifference(opened, noticed);
    if (cell === undefined) return false;
    const known = noticed.findIndex(({ state, column }) => state === cell.state && column === cell.column);
    if (known !== -1) noticed.splice(known, 1);
    noticed.unshift(cell);
    noticed.splice(12);
    return true;
  } catch {
    // Not even the consortium can be set up.
    return true;
  } finally {
    await undoAll();
  }
}

function failsATest(files: readonly string[]): Promise<boolean> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = ['run', ...files, '--bail=1', '--no-file-parallelism', '--reporter=dot', '--project=parts'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, ...args], { cwd: root, stdio: 'ignore', env: process.env });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve(exitCode !== 0));
  });
}

process.on('message', (job: Job) => {
  void judge(job).then(
    (verdict) => process.send?.({ index: job.index, verdict } satisfies Judged),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
