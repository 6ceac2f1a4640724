/** Runs seeds for a test: the first that fails is shown with its story. */
import { expect } from 'vitest';
import type { RunResult } from './run-result.ts';
import { simulate, type RunOptions } from './world.ts';

const shownLines = 120;

/** What a failing run is reported with: all that is needed to see it again. */
async function storyOf(options: RunOptions): Promise<string> {
  const { violation, lines } = await simulate({ ...options, trace: true });
  return `seed ${options.seed}: ${violation?.message ?? 'no violation when run again'}\n${lines.slice(-shownLines).join('\n')}`;
}

export async function expectClean(options: RunOptions): Promise<RunResult> {
  const result = await simulate(options);
  if (result.violation !== undefined) expect.fail(await storyOf(options));
  return result;
}

/** @returns how many pairs they began. */
export async function expectCleanSeeds(from: number, to: number, how: Omit<RunOptions, 'seed'> = {}): Promise<number> {
  let pairs = 0;
  for (let seed = from; seed <= to; seed += 1) pairs += (await expectClean({ seed, ...how })).pairs;
  return pairs;
}
