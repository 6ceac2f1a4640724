/**
 * Runs Slither (`pip install slither-analyzer`, then on the PATH or in SLITHER) on the contracts and compares what it finds
 * with the answers in `contracts/slither.json`: a finding without an answer fails, and an answer without its finding.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { contractNames } from './deployment.ts';

interface Answer {
  readonly check: string;
  /** Contract and function, as Slither names them. */
  readonly where: string;
  readonly answer: string;
}

interface Finding {
  readonly check: string;
  readonly description: string;
  readonly elements: readonly {
    readonly type: string;
    readonly name: string;
    readonly type_specific_fields?: Parent;
  }[];
}

interface Parent {
  readonly parent?: { readonly type: string; readonly name: string; readonly type_specific_fields?: Parent };
}

interface Solc {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } }): string;
}

const root = join(import.meta.dirname, '..', '..');
const solc = createRequire(import.meta.url)('solc') as Solc;
const version = '0.8.37';

/** The form that Hardhat 2 wrote its builds in, which Slither reads. */
function writeBuild(folder: string): void {
  const read = (path: string): { content: string } => ({
    content: readFileSync(path.startsWith('@') ? join(root, 'node_modules', path) : join(root, path), 'utf8'),
  });
  const own = Object.fromEntries(contractNames.map((name) => [`contracts/${name}.sol`, read(`contracts/${name}.sol`)]));
  const sources: Record<string, { content: string }> = { ...own };
  const outputs = ['abi', 'evm.bytecode', 'evm.deployedBytecode', 'evm.methodIdentifiers', 'userdoc', 'devdoc'];
  const settings = { evmVersion: 'cancun', outputSelection: { '*': { '*': outputs, '': ['ast'] } } };
  const output = solc.compile(JSON.stringify({ language: 'Solidity', sources: own, settings }), {
    import: (path) => {
      const source = read(path);
      sources[path] = source;
      return { contents: source.content };
    },
  });
  const build = {
    solcVersion: version,
    input: { language: 'Solidity', sources, settings },
    output: JSON.parse(output),
  };
  mkdirSync(join(folder, 'artifacts', 'build-info'), { recursive: true });
  writeFileSync(join(folder, 'artifacts', 'build-info', 'all.json'), JSON.stringify(build));
  writeFileSync(join(folder, 'hardhat.config.js'), 'module.exports = {};\n');
  cpSync(join(root, 'contracts'), join(folder, 'contracts'), { recursive: true });
  symlinkSync(join(root, 'node_modules', '@openzeppelin'), join(folder, '@openzeppelin'));
}

function whereOf({ elements }: Finding): string {
  const [first] = elements;
  if (first === undefined) return '(nowhere)';
  const names = [first.name];
  for (let parent = first.type_specific_fields?.parent; parent !== undefined;) {
    if (parent.type === 'contract' || parent.type === 'function') names.unshift(parent.name);
    parent = parent.type_specific_fields?.parent;
  }
  return names.join('.');
}

const folder = mkdtempSync(join(tmpdir(), 'tandem-slither-'));
try {
  writeBuild(folder);
  const report = join(folder, 'report.json');
  const args = ['.', '--ignore-compile', '--compile-force-framework', 'hardhat', '--filter-paths', '@openzeppelin'];
  const { error, stderr } = spawnSync(
    process.env['SLITHER'] ?? 'slither',
    [...args, '--exclude-informational', '--json', report],
    { cwd: folder, encoding: 'utf8' },
  );
  if (error !== undefined) throw new Error(`Slither does not run: ${error.message}. pip install slither-analyzer`);
  const { success, results } = JSON.parse(readFileSync(report, 'utf8')) as {
    readonly success: boolean;
    readonly results: { readonly detectors?: readonly Finding[] };
  };
  if (!success) throw new Error(`Slither failed:\n${stderr}`);
  const answers = JSON.parse(readFileSync(join(root, 'contracts', 'slither.json'), 'utf8')) as readonly Answer[];
  const found = new Set((results.detectors ?? []).map((finding) => `${finding.check} ${whereOf(finding)}`));
  const answered = new Set(answers.map(({ check, where }) => `${check} ${where}`));
  for (const each of found) if (!answered.has(each)) console.error(`without an answer: ${each}`);
  for (const each of answered) if (!found.has(each)) console.error(`no longer found: ${each}`);
  const equal = found.size === answered.size && [...found].every((each) => answered.has(each));
  console.log(`${found.size} findings, ${answered.size} answers${equal ? ', all of them answered' : ''}`);
  process.exitCode = equal ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
