/** Checks the rules of the house that no other tool knows: `scripts/tidy/rules.ts` lists them. Ends with 1 if one is broken. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingsIn } from './tidy/rules.ts';
import { readTree } from './tidy/tree.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..');
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const findings = findingsIn(readTree(root), [...Object.keys(dependencies), ...Object.keys(devDependencies)]);
for (const { path, line, text } of findings) console.error(`${path}${line === undefined ? '' : `:${line}`}: ${text}`);
process.exitCode = findings.length === 0 ? 0 : 1;
