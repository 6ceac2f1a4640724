/** A thread that checks batches: gets jobs, gives results. The files are read here, so no pair crosses threads. */
import { parentPort } from 'node:worker_threads';
import type { BatchJob, BatchResult, OriginalFacts } from './batch.ts';
import { checkBatch, readOriginals } from './check-batch.ts';

export interface PoolRequest {
  readonly id: number;
  readonly job: BatchJob;
  /** Given: these pairs are wanted as originals of refunds, and nothing is checked. */
  readonly originals?: readonly number[];
}

export type PoolAnswer =
  | { readonly id: number; readonly result: BatchResult }
  | { readonly id: number; readonly originals: readonly OriginalFacts[] }
  | { readonly id: number; readonly error: string };

const answerOf = ({ id, job, originals }: PoolRequest): PoolAnswer =>
  originals === undefined ? { id, result: checkBatch(job) } : { id, originals: readOriginals(job, originals) };

export function safely(request: PoolRequest): PoolAnswer {
  try {
    return answerOf(request);
  } catch (error) {
    return { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (request: PoolRequest) => {
  parentPort?.postMessage(safely(request));
});
