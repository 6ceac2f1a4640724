/** The result of a run as text. */
import type { ChaosResult } from './run.ts';

const shownProblems = 12;

function table(rows: Iterable<readonly [string, string | number]>): string {
  return [...rows].map(([name, value]) => `  ${name.padEnd(44)} ${String(value).padStart(8)}`).join('\n');
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? '–' : `${(value / 1000).toFixed(1)} s`;
}

export function reportOf(result: ChaosResult): string {
  const { faults, kills, killsWhileStarting, readyMillis, pairs, acts, messages, checks, skipped, gaveUp } = result;
  const byName = (entries: ReadonlyMap<string, number>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    `\nFaults injected in ${result.stormSeconds.toFixed(0)} s, seed ${result.seed}:`,
    table(byName(faults)),
    ...[...skipped].map(([name, why]) => `  SKIPPED ${name}: ${why}`),
    `\nProcesses:`,
    table([
      ['kills', kills],
      ['  of these, of a node that was starting', killsWhileStarting],
      ['from start to readiness, median', percentile(readyMillis, 0.5)],
      ['  95 of 100', percentile(readyMillis, 0.95)],
      ...byName(gaveUp).map(([why, count]) => [`gave up, started again: ${why}`, count] as const),
      ['from healing to quiet', `${result.quietSeconds.toFixed(1)} s`],
    ]),
    '\nUsers:',
    table([
      ...byName(acts),
      ['messages to the nodes', messages.sent],
      ['  attempts', messages.attempts],
      ['messages to users', messages.told],
      ['  told again', messages.toldAgain],
    ]),
    '\nPairs, by how they ended:',
    table([
      ...byName(pairs),
      ['batches on chain', result.batches],
      ...byName(result.alarms).map(([what, count]) => [`alarm: ${what}`, count] as const),
    ]),
    '',
  ];
  for (const { name, problems } of checks) {
    lines.push(`${problems.length === 0 ? '✓' : '✗'} ${name}`);
    for (const problem of problems.slice(0, shownProblems)) lines.push(`    ${problem}`);
    if (problems.length > shownProblems) lines.push(`    … and ${problems.length - shownProblems} more`);
  }
  return lines.join('\n');
}
