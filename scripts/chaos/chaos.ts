/** `npm run chaos`: real processes under load while everything between and below them breaks; at the end, I1–I7. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { reportOf } from './report.ts';
import { runChaos, type ChaosOptions } from './run.ts';
import { maxOperators, minOperators } from '../devnet/description.ts';
import { maxEndpoints } from '../devnet/layout.ts';
import { classesFor, faultClasses, leastEndpoints, type FaultClass } from './schedule.ts';

const usage = `usage: npm run chaos -- [--minutes N] [--seed S] [--rate R] [--operators N] [--endpoints N]
                       [--hostile] [--only CLASS,…] [--without CLASS,…] [--keep]
  --minutes   how long faults are injected (default 3)
  --seed      of the schedule of faults: the same one again has the same faults at the same times (default: drawn)
  --rate      orders a second (default 8)
  --operators so many operators, ${minOperators} to ${maxOperators} (default 2)
  --endpoints so many endpoints of the chain for each node, 1 to ${maxEndpoints} (default 1); from ${leastEndpoints} on they misbehave, a minority at a time
  --hostile   the last operator, of at least three, uses all its keys against the others
  --only      only these classes of faults; --without: all but these
              ${faultClasses.join(', ')}
  --keep      leave the devnet's folder behind; where something is wrong it is kept anyway`;

function classesOf(only: string | undefined, without: string | undefined, endpoints: number): ReadonlySet<FaultClass> {
  const named = (text: string | undefined): readonly string[] => text?.split(',').map((name) => name.trim()) ?? [];
  for (const name of [...named(only), ...named(without)]) {
    if (!faultClasses.some((known) => known === name)) throw new Error(`There is no class of faults "${name}".`);
  }
  if (named(only).includes('endpoint') && endpoints < leastEndpoints) {
    throw new Error(`Endpoints misbehave as a minority: for the class "endpoint" give --endpoints ${leastEndpoints}.`);
  }
  return new Set(
    classesFor(endpoints).filter(
      (name) => (only === undefined || named(only).includes(name)) && !named(without).includes(name),
    ),
  );
}

function options(signal: AbortSignal): ChaosOptions {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '3' },
        seed: { type: 'string' },
        rate: { type: 'string', default: '8' },
        operators: { type: 'string', default: '2' },
        endpoints: { type: 'string', default: '1' },
        hostile: { type: 'boolean', default: false },
        only: { type: 'string' },
        without: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const positive = (name: string, text: string): number => {
      const value = Number(text);
      if (!(value > 0)) throw new Error(`--${name} is "${text}": give a number above 0.`);
      return value;
    };
    const between = (name: string, text: string, from: number, to: number): number => {
      const value = positive(name, text);
      if (Number.isInteger(value) && value >= from && value <= to) return value;
      throw new Error(`--${name} is "${text}": give a number from ${from} to ${to}.`);
    };
    const operators = between('operators', values.operators, minOperators, maxOperators);
    if (values.hostile && operators < 3) throw new Error('--hostile needs two others: give --operators 3 or more.');
    const endpoints = between('endpoints', values.endpoints, 1, maxEndpoints);
    return {
      stormMillis: Math.round(positive('minutes', values.minutes) * 60_000),
      seed: values.seed ?? randomBytes(4).toString('hex'),
      operators,
      hostile: values.hostile,
      endpoints,
      classes: classesOf(values.only, values.without, endpoints),
      rate: positive('rate', values.rate),
      peopleASide: 12,
      acceptSeconds: 20,
      patienceMillis: 150_000,
      prompt: false,
      keep: values.keep,
      signal,
      print: (line) => console.log(line),
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const abort = new AbortController();
  const chosen = options(abort.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => abort.abort(new Error('Stopped.')));
  }
  try {
    const result = await runChaos(chosen);
    console.log(reportOf(result));
    const wrong = result.checks.filter(({ problems }) => problems.length > 0).length;
    console.log(wrong === 0 ? `\nClean. Seed ${result.seed}.` : `\n${wrong} checks failed. Seed ${result.seed}.`);
    return wrong === 0 ? 0 : 1;
  } catch (error) {
    console.error(abort.signal.aborted ? 'Stopped.' : error);
    return 1;
  }
}

process.exit(await main());
