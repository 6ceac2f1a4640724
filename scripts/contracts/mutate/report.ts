/** The committed report of a mutation run: of which sources, how many were killed, and why the others live. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import type { Mutant } from './mutants.ts';
import { subjects } from './subjects.ts';

export interface Survivor {
  readonly file: string;
  readonly line: number;
  /** The line of the source, without its indentation. */
  readonly text: string;
  readonly original: string;
  readonly mutated: string;
  /** Why it lives; empty until somebody has said it. */
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
const reportFile = join(root, 'snapshots', 'mutation.json');

/** @returns the committed report; an empty one where there is none. */
export const readReport = (): Report =>
  existsSync(reportFile)
    ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report)
    : { sources: {}, counts: {}, survivors: [] };

export async function writeReport(report: Report): Promise<void> {
  const options = await resolveConfig(reportFile);
  writeFileSync(reportFile, await format(JSON.stringify(report), { ...options, filepath: reportFile }));
}

export const hashOf = (file: string): string =>
  createHash('sha256')
    .update(readFileSync(join(root, file)))
    .digest('hex');

/** The sources that the report must be of. */
export const sourceHashes = (): Readonly<Record<string, string>> =>
  Object.fromEntries(subjects.map(({ file }) => [file, hashOf(file)]));

export type Verdict = 'killed' | 'survived' | 'invalid' | 'same';

const scoreOf = (killed: number, survived: number): number =>
  killed + survived === 0 ? 100 : Math.floor((10_000 * killed) / (killed + survived)) / 100;

export function countOf(verdicts: readonly Verdict[]): Count {
  const number = (verdict: Verdict): number => verdicts.filter((each) => each === verdict).length;
  const [killed, survived] = [number('killed'), number('survived')];
  const [invalid, same] = [number('invalid'), number('same')];
  return { mutants: verdicts.length, killed, survived, invalid, same, score: scoreOf(killed, survived) };
}

/** The count of a file of whose survivors so many are left. */
export function recount(count: Count, survived: number): Count {
  const killed = count.killed + count.survived - survived;
  return { ...count, killed, survived, score: scoreOf(killed, survived) };
}

type Place = Pick<Survivor, 'file' | 'text' | 'original' | 'mutated'>;

function placeOf({ file, line, original, mutated }: Mutant): Place {
  const text = readFileSync(join(root, file), 'utf8').split('\n')[line - 1]?.trim() ?? '';
  return { file, text, original, mutated };
}

const samePlace = (one: Place, other: Place): boolean =>
  one.file === other.file &&
  one.text === other.text &&
  one.original === other.original &&
  one.mutated === other.mutated;

/** Also true of another mutant of the same words on an equal line: the report does not tell the two apart. */
export const isSurvivor = (known: Survivor, mutant: Mutant): boolean => samePlace(known, placeOf(mutant));

export function survivorOf(mutant: Mutant, known: readonly Survivor[]): Survivor {
  const place = placeOf(mutant);
  const reason = known.find((each) => samePlace(each, place))?.reason ?? '';
  return {
    file: mutant.file,
    line: mutant.line,
    text: place.text,
    original: place.original,
    mutated: place.mutated,
    reason,
  };
}
