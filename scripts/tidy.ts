/** Checks the rules of the house that no other tool knows: `scripts/tidy/rules.ts` lists them. Ends with 1 if one is broken. */
import { join } from 'node:path';
import { findingsIn } from './tidy/rules.ts';
import { readTree } from './tidy/tree.ts';

const findings = findingsIn(readTree(join(import.meta.dirname, '..')));
for (const { path, line, text } of findings) console.error(`${path}${line === undefined ? '' : `:${line}`}: ${text}`);
process.exitCode = findings.length === 0 ? 0 : 1;
