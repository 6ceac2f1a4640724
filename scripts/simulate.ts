/**
 * `npm run simulate -- --seeds A..B [--seed S --trace]`: runs of the deterministic simulator (docs/simulation.md), in as
 * many processes as there are cores. Prints what the seeds found, the (fault, state) pairs that they met, and the story of
 * the first seed that failed.
 */
// The world itself is loaded where it runs: as a rule in other processes.
import { availableParallelism } from 'node:os';
import type { SeedReport } from '../test/simulation/seed-worker.ts';
import { scriptArguments, wholeNumber } from './arguments.ts';
import { runSeeds } from '../test/simulation/seed-workers.ts';

const usage = `usage: npm run simulate -- [--seeds A..B] [--hostile] [--all] [--workers N] [--coverage]
       npm run simulate -- --seed S [--hostile] [--trace]
       npm run simulate -- --restores
  --seeds     runs of these (default 1..500); --all goes on after one that failed
  --hostile   one of three operators is hostile from the beginning, in each seed
  --workers   processes at once (default: one a core)
  --coverage  which faults met which states
  --seed      one run; --trace tells all that happened in it
  --restores  a store lost and restored at many points of the golden run, in place of seeds`;
const { values } = scriptArguments(usage, {
  seeds: { type: 'string', default: '1..500' },
  seed: { type: 'string' },
  trace: { type: 'boolean', default: false },
  coverage: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  hostile: { type: 'boolean', default: false },
  workers: { type: 'string', default: String(availableParallelism()) },
  restores: { type: 'boolean', default: false },
});

process.on('unhandledRejection', (error) => {
  console.error('A promise was rejected and nobody listened:', error);
  process.exit(1);
});

if (values.restores) await restores();
else if (values.seed === undefined) await many(values.seeds);
else await one(wholeNumber(usage, 'seed', values.seed, 0));

async function one(seed: number): Promise<void> {
  const { simulate } = await import('../test/simulation/world.ts');
  const { lines, hash, events, pairs, committed, violation } = await simulate({
    seed,
    trace: values.trace,
    hostile: values.hostile,
  });
  for (const line of lines) console.log(line);
  console.log(`seed ${seed}: ${pairs} pairs, ${committed} committed, ${events} events, hash ${hash}`);
  if (violation === undefined) return;
  console.log(`seed ${seed} FAILED: ${violation.message}`);
  process.exitCode = 1;
}

async function restores(): Promise<void> {
  const { goldenRun } = await import('../test/simulation/golden.ts');
  const { restorePoints, restoreRun, restoreStories } = await import('../test/simulation/restores.ts');
  const { writes } = await goldenRun();
  for (const { name, points, how } of restoreStories) {
    let failed = 0;
    for (const [operator, count] of writes) {
      for (const { name: point, plan } of restorePoints(operator, count, points, how)) {
        const { violation } = await restoreRun(plan);
        if (violation === undefined) continue;
        failed += 1;
        console.log(`${name}, ${point}: FAILED: ${violation.message}`);
      }
    }
    console.log(`${name}: ${writes.size * points} points, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
  }
}

async function many(range: string): Promise<void> {
  const [, from = '', to = from] = /^(.*?)(?:\.\.(.*))?$/s.exec(range) ?? [];
  const begun = performance.now();
  const reports: SeedReport[] = [];
  const workers = wholeNumber(usage, 'workers', values.workers);
  await runSeeds({
    from: wholeNumber(usage, 'seeds', from, 0),
    to: wholeNumber(usage, 'seeds', to, 0),
    workers,
    all: values.all,
    hostile: values.hostile,
    onReport: (report) => {
      reports.push(report);
      if (report.violation !== undefined) console.log(`seed ${report.seed} FAILED: ${report.violation}`);
    },
  });
  const seconds = (performance.now() - begun) / 1000;
  const failed = reports.filter(({ violation }) => violation !== undefined).sort((a, b) => a.seed - b.seed);
  const [first] = failed;
  if (first !== undefined && !values.all) await tellAgain(first);
  const coverage = new Map<string, number>();
  for (const report of reports) for (const met of report.coverage) coverage.set(met, (coverage.get(met) ?? 0) + 1);
  if (values.coverage) await printCoverage(coverage);
  await printTransitions(new Set(reports.flatMap(({ transitions }) => transitions)));
  const sum = (of: (report: SeedReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const pairs = sum((report) => report.pairs);
  const cpuSeconds = sum((report) => report.cpuMicros) / 1e6;
  console.log(
    `${reports.length} seeds, ${failed.length} failed; ${pairs} pairs, ${sum((report) => report.committed)} committed, ` +
      `${Math.round(sum((report) => report.seconds) / 60)} simulated minutes in ${seconds.toFixed(1)} s by ${workers} processes: ` +
      `${Math.round(pairs / seconds)} pairs/s, ${Math.round(pairs / cpuSeconds)} a second of processor time (${cpuSeconds.toFixed(0)} s); ` +
      `${coverage.size} (fault, state) pairs met`,
  );
  if (failed.length > 0) process.exitCode = 1;
}

async function tellAgain({ seed, hash }: SeedReport): Promise<void> {
  const { simulate } = await import('../test/simulation/world.ts');
  const story = await simulate({ seed, trace: true, hostile: values.hostile });
  for (const line of story.lines) console.log(line);
  console.log(`seed ${seed}: ${story.violation?.message ?? ''}`);
  console.log(`replays ${story.hash === hash ? 'exactly' : `DIFFERENTLY: ${hash}, then ${story.hash}`}`);
}

/** Every step that was taken is listed in its table; those that are listed and were never taken are named. */
async function printTransitions(taken: ReadonlySet<string>): Promise<void> {
  const { machines } = await import('../operator-node/flow/machines.ts');
  const { listedIn } = await import('../test/simulation/transitions.ts');
  const listed = listedIn(machines);
  const never = listed.filter((transition) => !taken.has(transition));
  for (const transition of never) console.log(`never taken: ${transition}`);
  const unlisted = [...taken].filter((transition) => !listed.includes(transition));
  for (const transition of unlisted) console.log(`NOT LISTED: ${transition}`);
  if (unlisted.length > 0) process.exitCode = 1;
  console.log(`${listed.length - never.length} of ${listed.length} listed transitions were taken`);
}

async function printCoverage(coverage: ReadonlyMap<string, number>): Promise<void> {
  const { everyFault } = await import('../test/simulation/reachable.ts');
  const { restoreNames } = await import('../test/simulation/restore.ts');
  const states = [...new Set([...coverage.keys()].map((met) => met.slice(met.indexOf('|') + 1)))].sort();
  for (const fault of [...everyFault, ...restoreNames]) {
    const counts = states.map((state) => String(coverage.get(`${fault}|${state}`) ?? 0).padStart(6));
    console.log(fault.padEnd(24), counts.join(''));
  }
  console.log(states.join(', '));
}
