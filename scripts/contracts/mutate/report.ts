/** The committed report of a mutation run: of which sources, how many were killed, and why the others live. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Mutant } from './mutants.ts';
import { subjects } from './subjects.ts';

export interface Survivor {
  readonly file: string;
  readonly line: number;
  /** The line of the source, without its indentation. */
  readonly text: string;
  readonly original: string;
  readonly mutated: string;
  /** Why no test can notice; empty until somebody has said it. */
  readonly reason: string;
}

export interface Count {
  readonly mutants: number;
  readonly killed: number;
  readonly survived: number;
  /** Does not compile. */
  readonly invalid: number;
  /** Compiles to the very same code. */
  readonly same: number;
  /** Killed of those that compile to other code, in percent, rounded down to two decimals. */
  readonly score: number;
}

export interface Report {
  /** SHA-256 of each mutated source. */
  readonly sources: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, Count>>;
  readonly survivors: readonly Survivor[];
}

const root = join(import.meta.dirname, '..', '..', '..');
export const reportFile = join(root, 'snapshots', 'mutation.json');

export const readReport = (): Report => JSON.parse(readFileSync(reportFile, 'utf8')) as Report;

export const hashOf = (file: string): string =>
  createHash('sha256')
    .update(readFileSync(join(root, file)))
    .digest('hex');

/** The sources that the report must be of. */
export const sourceHashes = (): Readonly<Record<string, string>> =>
  Object.fromEntries(subjects.map(({ file }) => [file, hashOf(file)]));

export type Verdict = 'killed' | 'survived' | 'invalid' | 'same';

export function countOf(verdicts: readonly Verdict[]): Count {
  const number = (verdict: Verdict): number => verdicts.filter((each) => each === verdict).length;
  const [killed, survived] = [number('killed'), number('survived')];
  const score = killed + survived === 0 ? 100 : Math.floor((10_000 * killed) / (killed + survived)) / 100;
  return { mutants: verdicts.length, killed, survived, invalid: number('invalid'), same: number('same'), score };
}

export function survivorOf({ file, line, original, mutated }: Mutant, known: readonly Survivor[]): Survivor {
  const text = readFileSync(join(root, file), 'utf8').split('\n')[line - 1]?.trim() ?? '';
  const same = known.find(
    (each) => each.file === file && each.text === text && each.original === original && each.mutated === mutated,
  );
  return { file, line, text, original, mutated, reason: same?.reason ?? '' };
}
