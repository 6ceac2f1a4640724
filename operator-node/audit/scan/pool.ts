/** Runs batch checks on threads, a few at a time; with no threads, here. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TandemError } from '../../errors.ts';
import type { BatchJob, BatchResult, OriginalFacts } from './batch.ts';
import { answerOf, type PoolAnswer, type PoolRequest } from './worker.ts';

/** Jobs that wait at a thread beside the one it works on. */
const queuedPerThread = 1;
/** Of a thread, in MiB: two sections of 4,096 pairs with every field take some 100. Less lets it collect sooner. */
const threadLimits = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 } as const;

export class Pool implements AsyncDisposable {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, { resolve: (answer: PoolAnswer) => void; reject: (error: Error) => void }>();
  readonly #load: number[];
  readonly #free: (() => void)[] = [];
  #next = 0;
  #failure: Error | undefined;

  /** `threads` 0: everything runs in the caller's thread. */
  constructor(threads: number) {
    this.#workers = Array.from(
      { length: threads },
      () =>
        new Worker(new URL('./worker.ts', import.meta.url), {
          resourceLimits: threadLimits,
        }),
    );
    this.#load = this.#workers.map(() => 0);
    for (const [at, worker] of this.#workers.entries()) {
      worker.on('message', (answer: PoolAnswer) => {
        this.#waiting.get(answer.id)?.resolve(answer);
        this.#waiting.delete(answer.id);
        this.#load[at] = (this.#load[at] ?? 1) - 1;
        this.#free.shift()?.();
      });
      worker.on('error', (error: Error) => {
        this.#failure = error;
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        for (const free of this.#free.splice(0)) free();
      });
    }
  }

  async #ask(request: Omit<PoolRequest, 'id'>): Promise<PoolAnswer> {
    const id = (this.#next += 1);
    if (this.#workers.length === 0) return answerOf({ id, ...request });
    const least = this.#load.indexOf(Math.min(...this.#load));
    const worker = this.#workers[least];
    if (this.#failure !== undefined) throw this.#failure;
    if (worker === undefined) throw new TandemError('internal', 'the pool has no thread');
    this.#load[least] = (this.#load[least] ?? 0) + 1;
    const answer = await new Promise<PoolAnswer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...request });
    });
    if ('error' in answer) throw new TandemError('internal', `A batch could not be checked: ${answer.error}`);
    return answer;
  }

  async check(job: BatchJob): Promise<BatchResult> {
    const answer = await this.#ask({ job });
    if (!('result' in answer)) throw new TandemError('internal', 'the pool answered something else');
    return answer.result;
  }

  async originals(job: BatchJob, originals: readonly number[]): Promise<readonly OriginalFacts[]> {
    const answer = await this.#ask({ job, originals });
    if (!('originals' in answer)) throw new TandemError('internal', 'the pool answered something else');
    return answer.originals;
  }

  /** Resolves as soon as a thread takes another job: what is under way stays bounded. */
  async room(): Promise<void> {
    while (this.#failure === undefined && this.#workers.length > 0 && Math.min(...this.#load) > queuedPerThread) {
      await new Promise<void>((resolve) => this.#free.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        const exited = once(worker, 'exit');
        await worker.terminate();
        await exited;
      }),
    );
  }
}
