/**
 * What one transition tells whoever listens (logs, metrics, the console), when it is on disk. It is nobody's fault: faults are
 * alarms. Each event has its own facts, so that nobody who listens has to guess their types.
 */
import type { Asset, BatchId, Leg, OperatorId, PairId, Role } from './ids.ts';

/** `forwarded`: passed on unchanged; `intercepted`: became or answered an order; `answered`: only the sender got a reply. */
export type Disposition = 'forwarded' | 'intercepted' | 'answered';

type OfPair = { readonly pair: PairId };
type OfSide = OfPair & { readonly leg: Leg; readonly role: Role };
type OfBatch = { readonly batchId: BatchId; readonly role: Role };
type MadeBatch = {
  readonly batchId: BatchId;
  readonly peer: OperatorId;
  readonly sequence: number;
  readonly count: number;
};
type OfWindow = { readonly peer: OperatorId; readonly number: number };

interface EventFacts {
  // ---- messages and pairs ----
  readonly message: { readonly disposition: Disposition };
  /** A text that belongs to no service, by its key. */
  readonly notice: { readonly key: string };
  readonly ordered: OfPair & { readonly service: string; readonly peer: OperatorId };
  readonly held: OfPair & { readonly service: string; readonly peer: OperatorId };
  readonly refused: OfPair & { readonly peer: OperatorId; readonly reason: string };
  readonly committed: OfSide;
  readonly aborted: OfSide & { readonly reason: string; readonly from: string };
  readonly told: OfSide & { readonly state: string };

  // ---- batches ----
  readonly 'batch-formed': MadeBatch;
  readonly 'batch-signed': MadeBatch;
  readonly countersigned: OfBatch & { readonly count: number };
  readonly 'signed-again': { readonly batchId: BatchId; readonly peer: OperatorId };
  readonly prepared: OfBatch & { readonly block: number; readonly count: number; readonly sequence: number };
  readonly 'batch-ended': OfBatch;
  readonly attested: OfBatch;
  readonly reconciled: OfBatch;
  readonly discrepancy: OfBatch;
  readonly 'decision-too-late': { readonly batchId: BatchId; readonly word: number };
  readonly block: { readonly number: number };

  // ---- windows and caps ----
  readonly 'window-proposed': OfWindow;
  readonly 'window-signed': OfWindow & { readonly role: 'proposer' | 'answerer' };
  readonly 'window-anchored': OfWindow;
  readonly 'window-discharged': OfWindow;
  readonly 'discharge-ordered': OfWindow & { readonly asset: Asset };
  readonly 'caps-heard': { readonly peer: OperatorId };
  readonly 'cap-changed': { readonly peer: OperatorId; readonly asset: Asset };

  // ---- auditors, journal, staff ----
  readonly 'disclosure-requested': { readonly request: number; readonly auditor: number; readonly due: number };
  readonly 'disclosure-answered': { readonly request: number; readonly late: boolean };
  readonly 'answer-ordered': { readonly request: number };
  readonly 'journal-anchored': { readonly entry: number; readonly block: number };
  readonly 'journal-heads-disowned': { readonly last: number; readonly entry: number; readonly block: number };
  readonly 'alarm-acknowledged': { readonly what: string; readonly by: string };
  readonly released: { readonly by: string; readonly what: string };
  readonly recovered: { readonly block: number };
  readonly erased: { readonly what: string; readonly records: number; readonly told: readonly OperatorId[] };
  readonly forgotten: { readonly peer: OperatorId; readonly pairs: number };
}

export type PlainEvent = {
  [T in keyof EventFacts]: { readonly type: T } & EventFacts[T];
}[keyof EventFacts];
