/** Counterparties are told of an erasure, and tell of theirs (docs/erasure.md). */
import type { FlowContext } from '../flow/context.ts';
import { peerQueue } from '../flow/flow-part.ts';
import { peerMethod, queue, type Part } from '../parts/part.ts';
import { answerErased, erasedQueue, tellErased, type ErasedItem } from './notice.ts';
import { writtenOutTable } from './records.ts';
import { erasureTable } from './state.ts';

/** A notice of an erasure is in no hurry, and a peer may be away for days. */
const retryMillis = [1_000, 5_000, 60_000, 600_000] as const;

export const erasurePart = (flow: FlowContext): Part => ({
  name: 'erasure',
  tables: [erasureTable, writtenOutTable],
  queues: [
    queue<ErasedItem>(erasedQueue, { ...peerQueue, maxGroup: 1, retryMillis }, (group) => tellErased(flow, group)),
  ],
  peerMethods: [peerMethod('erased', (from, request) => answerErased(flow, from, request))],
});
