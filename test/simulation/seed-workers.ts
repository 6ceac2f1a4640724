/** Seeds side by side, in as many processes as there are cores. A seed knows nothing of others, so their order is no matter. */
import { fork, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeedReport } from './seed-worker.ts';

const workerFile = join(import.meta.dirname, 'seed-worker.ts');
/**
 * A run makes much that is soon forgotten: with a young generation of the default size, or one that has to grow first, a
 * tenth of the time goes into moving it.
 */
const flags = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--disable-warning=ExperimentalWarning'];

/** What the processes have compiled, for the next ones: a third of the time that one takes to start. */
const compiled = join(tmpdir(), 'tandem-compile-cache');

export interface SeedsOptions {
  readonly from: number;
  readonly to: number;
  readonly workers: number;
  /** Go on after a seed that failed. */
  readonly all: boolean;
  /** A member that is hostile from the beginning, in each of them. */
  readonly hostile: boolean;
  readonly onReport: (report: SeedReport) => void;
}

/** Resolves when all are run, or when those under way at the first failure are. @throws {Error} when a process ends by itself */
export async function runSeeds({ from, to, workers, all, hostile, onReport }: SeedsOptions): Promise<void> {
  let next = from;
  let failed = false;
  const take = (): number | undefined => {
    if (next > to || (failed && !all)) return undefined;
    next += 1;
    return next - 1;
  };
  const done = (found: SeedReport): void => {
    failed ||= found.violation !== undefined;
    onReport(found);
  };
  if (workers === 1) {
    const { report } = await import('./seed-worker.ts');
    for (let seed = take(); seed !== undefined; seed = take()) done(await report({ seed, hostile }));
    return;
  }
  const count = Math.min(workers, to - from + 1);
  const ended = Array.from({ length: count }, () => {
    const worker = fork(workerFile, [], { execArgv: flags, env: { ...process.env, NODE_COMPILE_CACHE: compiled } });
    return serve(worker, hostile, take, done);
  });
  await Promise.all(ended);
}

function serve(
  worker: ChildProcess,
  hostile: boolean,
  take: () => number | undefined,
  done: (report: SeedReport) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let running: number | undefined;
    const give = (): void => {
      running = take();
      if (running === undefined) worker.disconnect();
      else worker.send({ seed: running, hostile });
    };
    worker.on('message', (found: SeedReport) => {
      done(found);
      give();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (running === undefined) resolve();
      else reject(new Error(`The process that ran seed ${running} ended by itself with ${code ?? 'a signal'}`));
    });
    give();
  });
}
