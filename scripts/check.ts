/**
 * `npm run check`: format, lint, types, generated files, links of the documents, and the rules of `tidy.ts`. Runs all of
 * them, shows the output of those that fail, and exits with 1 if any did.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const tool = (path: string): string => join(root, 'node_modules', path);

interface Check {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** What to do when it fails. */
  readonly remedy: string;
}

const checks: readonly Check[] = [
  {
    name: 'format',
    file: tool('prettier/bin/prettier.cjs'),
    args: ['--check', '--log-level', 'warn', '.'],
    remedy: 'npx prettier --write .',
  },
  { name: 'types', file: tool('typescript/bin/tsc'), args: ['--noEmit', '-p', '.'], remedy: 'fix the types' },
  { name: 'lint', file: tool('eslint/bin/eslint.js'), args: ['--max-warnings', '0', '.'], remedy: 'fix what it names' },
  {
    name: 'solidity lint',
    file: tool('solhint/solhint.js'),
    args: ['--max-warnings', '0', '--noPoster', 'contracts/**/*.sol'],
    remedy: 'fix what it names',
  },
  {
    name: 'contract bindings',
    file: join(root, 'scripts', 'contracts', 'bindings.ts'),
    args: ['--check'],
    remedy: 'node scripts/run.mjs scripts/contracts/bindings.ts',
  },
  {
    name: 'channel schemas',
    file: join(root, 'scripts', 'channel', 'schemas.ts'),
    args: ['--check'],
    remedy: 'node scripts/run.mjs scripts/channel/schemas.ts',
  },
  {
    name: 'states',
    file: join(root, 'scripts', 'states.ts'),
    args: ['--check'],
    remedy: 'node scripts/run.mjs scripts/states.ts',
  },
  {
    name: 'audit schemas',
    file: join(root, 'scripts', 'audit', 'schemas.ts'),
    args: ['--check'],
    remedy: 'node scripts/run.mjs scripts/audit/schemas.ts',
  },
  { name: 'links', file: join(root, 'scripts', 'links.ts'), args: [], remedy: 'fix the links' },
  {
    name: 'tidy',
    file: join(root, 'scripts', 'tidy.ts'),
    args: [],
    remedy: 'fix what is named; the lists in scripts/tidy/exceptions.ts only get shorter',
  },
];

async function run(check: Check): Promise<{ ok: boolean; output: string }> {
  const child = spawn(process.execPath, [check.file, ...check.args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const ok = await new Promise<boolean>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code === 0);
    });
  });
  return { ok, output };
}

let failed = 0;
for (const check of checks) {
  if (!existsSync(check.file)) throw new Error(`${check.name}: there is no ${check.file}`);
  const begun = performance.now();
  const { ok, output } = await run(check);
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${check.name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
  if (ok) continue;
  failed += 1;
  console.log(output.trimEnd());
  console.log(`     → ${check.remedy}`);
}
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${checks.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
