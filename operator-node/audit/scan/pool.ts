/** Runs batch checks on threads, a few at a time; with no threads, here. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TandemError } from '../../errors.ts';
import type { BatchJob, BatchResult, OriginalFacts } from './batch.ts';
import { safely, type PoolAnswer, type PoolRequest } from './worker.ts';

/** Jobs that wait at a thread beside the one it works on. */
const queuedPerThread = 1;
/**
 * Memory limits of a thread, in MiB. Two sections of 4,096 pairs with every field take about 100; a low limit makes it
 * collect earlier.
 */
const threadLimits = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 } as const;

const newWorker = (): Worker => new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: threadLimits });

/** A job that cannot be done, whatever thread does it. The message says why. */
export class Uncheckable extends Error {}

interface Asked {
  readonly request: PoolRequest;
  readonly resolve: (answer: PoolAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A thread and what it was given, in order; the first is what it works on. */
interface Thread {
  worker: Worker;
  readonly asked: Asked[];
}

export class Pool implements AsyncDisposable {
  readonly #threads: readonly Thread[];
  readonly #free: (() => void)[] = [];
  #next = 0;
  #closed = false;

  /** `threads` 0: everything runs in the caller's thread. */
  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, (): Thread => ({ worker: newWorker(), asked: [] }));
    for (const thread of this.#threads) this.#attend(thread);
  }

  #attend(thread: Thread): void {
    const { worker } = thread;
    worker.on('message', (answer: PoolAnswer) => {
      const at = thread.asked.findIndex(({ request }) => request.id === answer.id);
      for (const { resolve } of thread.asked.splice(at, at < 0 ? 0 : 1)) resolve(answer);
      this.#free.shift()?.();
    });
    worker.on('error', (error: Error) => {
      if (!this.#closed) this.#replace(thread, error);
    });
  }

  /**
   * A thread that has ended, by what it worked on: a section may need more memory than it has. The rest is given to a
   * new one.
   */
  #replace(thread: Thread, error: Error): void {
    const [first, ...others] = thread.asked.splice(0);
    thread.worker = newWorker();
    this.#attend(thread);
    thread.asked.push(...others);
    for (const { request } of others) thread.worker.postMessage(request);
    first?.reject(new Uncheckable(error.message));
    this.#free.shift()?.();
  }

  async #ask(job: Omit<PoolRequest, 'id'>): Promise<PoolAnswer> {
    const request = { id: (this.#next += 1), ...job };
    const answer = await this.#answer(request);
    if ('error' in answer) throw new Uncheckable(answer.error);
    return answer;
  }

  #answer(request: PoolRequest): Promise<PoolAnswer> | PoolAnswer {
    const [thread] = [...this.#threads].sort((a, b) => a.asked.length - b.asked.length);
    if (thread === undefined) return safely(request);
    return new Promise((resolve, reject) => {
      thread.asked.push({ request, resolve, reject });
      thread.worker.postMessage(request);
    });
  }

  /** @throws {Uncheckable} */
  async check(job: BatchJob): Promise<BatchResult> {
    const answer = await this.#ask({ job });
    if (!('result' in answer)) throw new TandemError('internal', 'the pool answered something else');
    return answer.result;
  }

  /** @throws {Uncheckable} */
  async originals(job: BatchJob, originals: readonly number[]): Promise<readonly OriginalFacts[]> {
    const answer = await this.#ask({ job, originals });
    if (!('originals' in answer)) throw new TandemError('internal', 'the pool answered something else');
    return answer.originals;
  }

  /** Resolves as soon as a thread takes another job: what is under way stays bounded. */
  async room(): Promise<void> {
    while (this.#threads.length > 0 && this.#threads.every(({ asked }) => asked.length > queuedPerThread)) {
      await new Promise<void>((resolve) => this.#free.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(
      this.#threads.map(async ({ worker }) => {
        const exited = once(worker, 'exit');
        await worker.terminate();
        await exited;
      }),
    );
  }
}
