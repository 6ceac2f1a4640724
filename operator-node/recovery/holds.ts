/** What is on hold and close to its end: for staff, who has a minute left to see what stands in the way. */
import { loadBatch } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import type { UnixSeconds } from '../model/ids.ts';

/** Pairs, agreed or in a batch, that are not final and whose deadline is before `time`; on us each side counts. */
export function holdsBefore({ open, engine }: FlowContext, time: UnixSeconds): number {
  let count = open.waitingBefore(time);
  for (const { batchId, role, deadline } of open.allBatches()) {
    if (deadline < time) count += loadBatch(engine.newest, batchId, role)?.state.remaining ?? 0;
  }
  return count;
}
