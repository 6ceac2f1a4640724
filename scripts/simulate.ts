/**
 * `npm run simulate -- --seeds A..B [--seed S --trace]`: runs of the deterministic simulator (docs/simulation.md). Prints
 * what the seeds found, the (fault, state) pairs that they met, and the story of the first seed that failed.
 */
import { parseArgs } from 'node:util';
import { faultNames } from '../test/simulation/faults.ts';
import { simulate, type RunResult } from '../test/simulation/world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..500' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
    /** Go on after a seed that failed. */
    all: { type: 'boolean', default: false },
  },
});

const [, from = '1', to = from] = /^(\d+)(?:\.\.(\d+))?$/.exec(values.seed ?? values.seeds) ?? [];
process.on('unhandledRejection', (error) => {
  console.error('A promise was rejected and nobody listened:', error);
  process.exit(1);
});

const begun = performance.now();
const failed: RunResult[] = [];
const coverage = new Map<string, number>();
let pairs = 0;
let committed = 0;
let runs = 0;
let simulated = 0;
for (let seed = Number(from); seed <= Number(to); seed += 1) {
  const result = await simulate({ seed, trace: values.trace });
  runs += 1;
  pairs += result.pairs;
  committed += result.committed;
  simulated += result.seconds;
  for (const met of result.coverage) coverage.set(met, (coverage.get(met) ?? 0) + 1);
  if (values.seed !== undefined && values.trace) for (const line of result.lines) console.log(line);
  if (values.seed !== undefined) console.log(`seed ${seed}: hash ${result.hash}, ${result.events} events`);
  if (result.violation === undefined) continue;
  failed.push(result);
  console.log(`seed ${seed} FAILED: ${result.violation.message}`);
  if (!values.all) break;
}
const [first] = failed;
if (first !== undefined && values.seed === undefined && !values.all) {
  const story = await simulate({ seed: first.seed, trace: true });
  for (const line of story.lines) console.log(line);
  console.log(`seed ${first.seed}: ${story.violation?.message ?? ''}`);
  console.log(`replays ${story.hash === first.hash ? 'exactly' : `DIFFERENTLY: ${first.hash}, then ${story.hash}`}`);
}
if (values.coverage) {
  const states = [...new Set([...coverage.keys()].map((met) => met.slice(met.indexOf('|') + 1)))].sort();
  for (const fault of faultNames) {
    console.log(
      fault.padEnd(24),
      states.map((state) => String(coverage.get(`${fault}|${state}`) ?? 0).padStart(5)).join(''),
    );
  }
  console.log(states.join(', '));
}
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage();
const cpuSeconds = (user + system) / 1e6;
console.log(
  `${runs} seeds, ${failed.length} failed; ${pairs} pairs, ${committed} committed, ${Math.round(simulated / 60)} simulated minutes in ${seconds.toFixed(1)} s: ${Math.round(pairs / seconds)} pairs/s, ${Math.round(pairs / cpuSeconds)} a second of processor time; ${coverage.size} (fault, state) pairs met`,
);
if (failed.length > 0) process.exitCode = 1;
