/** What can happen to a batch as one operator keeps it. `batch-machine.ts` has what each state does with each. */
import type { BatchRefusal } from '../channel/messages.ts';
import type { Work } from '../engine/engine.ts';
import type { Cell } from '../engine/state-table.ts';
import type { BatchId, Hash, Hex, OperatorId } from '../model/ids.ts';
import type { BatchState, BatchStateName, KnownBatch } from './batch.ts';
import type { FlowContext } from './context.ts';

export const offerQueue = 'offer';
export const countersignQueue = 'countersign';

export interface BatchItem {
  readonly peer: OperatorId;
  readonly batchId: BatchId;
}

export type BatchEvent =
  /** Initiator: the acceptor's signature has come and counts, and this operator signs too. */
  | { readonly type: 'accepted'; readonly acceptorSignature: Hex; readonly initiatorSignature: Hex }
  /** Initiator: the acceptor will not sign it. */
  | { readonly type: 'refused'; readonly refusal: BatchRefusal }
  /** Acceptor: asked for the same content again, and signs it with the key that it has now. */
  | { readonly type: 'asked-again'; readonly acceptorSignature: Hex }
  /** Acceptor: the initiator's signature has come, for the first time or by a newer key. */
  | { readonly type: 'handed-over'; readonly initiatorSignature: Hex }
  /** It is on the chain, in a final block. */
  | {
      readonly type: 'prepared';
      readonly block: NonNullable<BatchState['prepared']>;
      readonly sequence: number;
      readonly count: number;
    }
  /** So many of its pairs have a final outcome that had none. */
  | { readonly type: 'pairs-ended'; readonly count: number }
  /** This operator's own attestation is in a final block. */
  | { readonly type: 'attested'; readonly digest: Hash }
  /** Both have attested. */
  | { readonly type: 'reconciled'; readonly as: NonNullable<BatchState['reconciled']> }
  /** Initiator: what was taken up after a loss is dead, and it is its turn (rules 8, 11). */
  | { readonly type: 'dead' }
  /** The keys that count are others: which of its signatures still do, and the own one as it is now (rule 8). */
  | { readonly type: 'keys-changed'; readonly othersVoid: boolean; readonly ownVoid: boolean; readonly signature: Hex }
  /** Initiator, after a loss: it was offered, and may have been signed or refused since. */
  | { readonly type: 'recovered-offered' }
  /** After a loss: it is on the chain; its block is still to come. */
  | { readonly type: 'recovered-prepared' };

export type BatchEventName = BatchEvent['type'];
export type BatchEventOf<T extends BatchEventName> = Extract<BatchEvent, { type: T }>;

/** Queues, also those that its pairs fill when it is signed or refused. */
export type BatchSends = 'offer' | 'countersign' | 'message' | 'withdraw';

/** What a step makes of the state; what is not named stays. */
export type NextBatch = Pick<BatchState, 'state'> & Partial<Omit<BatchState, 'state' | 'since'>>;

export type BatchStep<T extends BatchEventName> = (
  flow: FlowContext,
  work: Work,
  known: KnownBatch,
  event: BatchEventOf<T>,
) => NextBatch;

export type BatchCell<T extends BatchEventName> = Cell<BatchStateName, BatchSends, BatchStep<T>>;
