/**
 * Runs every test runner and ends with one line, "N passed, N failed", summed over all of them. Arguments are handed to
 * vitest (`npm test -- test/node/store`); with arguments nothing but vitest runs.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const root = join(import.meta.dirname, '..');

interface Tally {
  readonly runner: string;
  readonly passed: number;
  readonly failed: number;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** Runs a tool with the project's Node; what it writes is shown and handed back. */
async function runTool(file: string, args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const child = spawn(process.execPath, [join(root, 'node_modules', file), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    output += chunk.toString('utf8');
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
  return { exitCode, output };
}

/** A runner that fails without a failed test (a file that does not load, an error after the end) counts as one failure. */
const tally = (runner: string, passed: number, failed: number, exitCode: number): Tally => ({
  runner,
  passed,
  failed: failed === 0 && exitCode !== 0 ? 1 : failed,
});

async function vitest(args: readonly string[]): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-test-'));
  const reportFile = join(folder, 'report.json');
  try {
    const { exitCode } = await runTool('vitest/vitest.mjs', [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
      ...args,
    ]);
    if (!existsSync(reportFile)) return tally('vitest', 0, 0, exitCode);
    const report = JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport;
    const unloadable = report.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    ).length;
    return tally('vitest', report.numPassedTests, report.numFailedTests + unloadable, exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tests written in Solidity, where there are any. */
async function solidityTests(): Promise<Tally | undefined> {
  const folders = ['contracts', 'test/contracts'].map((name) => join(root, name)).filter((path) => existsSync(path));
  const found = folders.some((folder) =>
    readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('.t.sol')),
  );
  if (!found) return undefined;
  const { exitCode, output } = await runTool('hardhat/dist/src/cli.js', ['test', 'solidity']);
  const text = stripVTControlCharacters(output);
  const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(text)?.[1] ?? 0);
  return tally('solidity', count('passing'), count('failing'), exitCode);
}

const args = process.argv.slice(2);
const tallies = [await vitest(args)];
if (args.length === 0) {
  const solidity = await solidityTests();
  if (solidity !== undefined) tallies.push(solidity);
}
const passed = tallies.reduce((sum, each) => sum + each.passed, 0);
const failed = tallies.reduce((sum, each) => sum + each.failed, 0);
if (tallies.length > 1) {
  for (const each of tallies) console.log(`${each.runner}: ${each.passed} passed, ${each.failed} failed`);
}
if (passed + failed === 0) console.error('No test ran: that is a failure.');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
