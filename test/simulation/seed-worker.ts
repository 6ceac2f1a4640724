/** A process that runs the seeds it is given, one after another, and reports each (`scripts/simulate.ts`). */
import { simulate } from './world.ts';

/** What one seed came to, in a form that can be sent between processes. */
export interface SeedReport {
  readonly seed: number;
  /** Its message. */
  readonly violation: string | undefined;
  readonly hash: string;
  readonly pairs: number;
  readonly committed: number;
  readonly events: number;
  /** Simulated. */
  readonly seconds: number;
  readonly coverage: readonly string[];
  readonly transitions: readonly string[];
  /** Of the processor, by this process since its last report; the first has its start in it. */
  readonly cpuMicros: number;
}

let reported = 0;

export interface Job {
  readonly seed: number;
  readonly hostile: boolean;
}

export async function report({ seed, hostile }: Job): Promise<SeedReport> {
  const { violation, hash, pairs, committed, events, seconds, coverage, transitions } = await simulate({
    seed,
    hostile,
  });
  const { user, system } = process.cpuUsage();
  const cpuMicros = user + system - reported;
  reported = user + system;
  return {
    seed,
    violation: violation?.message,
    hash,
    pairs,
    committed,
    events,
    seconds,
    coverage: [...coverage],
    transitions: [...transitions],
    cpuMicros,
  };
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.on('message', (job: Job) => {
    report(job).then(
      (found) => process.send?.(found),
      (error: unknown) => {
        console.error(`seed ${job.seed}:`, error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => {
    process.exit(0);
  });
}
