/** What can happen to one side of a pair, and what leaves because of it. `flow.ts` has what each state does with each. */
import type { NoticeKey } from '../analysis/analysis.ts';
import type { OutcomeWord, ProposalAnswer } from '../channel/messages.ts';
import type { Cell } from '../engine/state-table.ts';
import type { Work } from '../engine/engine.ts';
import type { BatchId, OperatorId, PairId } from '../model/ids.ts';
import type { FlowContext } from './context.ts';
import type { PairSide, Side, SideState, SideStateName } from './pair.ts';

export type HeldAnswer = Extract<ProposalAnswer, { answer: 'held' }>;

export type SideEvent =
  /** Initiator: the peer holds its operation. */
  | { readonly type: 'agreed'; readonly answer: HeldAnswer }
  /** Initiator: the peer will not; what the first user is told of it. */
  | {
      readonly type: 'refused';
      readonly notice: NoticeKey;
      /** The peer may have prepared it all the same. */
      readonly withdraw?: true;
    }
  /** `proposalTimeout` is over, or there is no batch before the deadline comes near. */
  | { readonly type: 'lapsed'; /** In place of what a timeout has to say. */ readonly notice?: NoticeKey }
  /** Acceptor: the initiator gave the pair up before its batch left. */
  | { readonly type: 'withdrawn' }
  /** The first user wants it back. */
  | { readonly type: 'cancel' }
  /** Initiator: it is in a batch that is stored. Acceptor: it is in a batch that is being signed. */
  | { readonly type: 'batched'; readonly batch: BatchId; readonly index: number }
  /** Initiator: the acceptor refused the batch for good. */
  | { readonly type: 'batch-refused' }
  /** Both signatures are stored, or the batch is on chain. */
  | { readonly type: 'countersigned' }
  /** The second user's answer, matched to this pair. */
  | { readonly type: 'yes' }
  | { readonly type: 'no'; /** No word of the user's: its codes were wrong too often. */ readonly spent?: true }
  /** The chain's final decision. */
  | { readonly type: 'committed'; readonly block: number }
  | { readonly type: 'aborted'; readonly reason: 'declined' | 'expired'; readonly block: number }
  /** Initiator, the time is over: what the acceptor says of the second user's answer, or that it says nothing. */
  | { readonly type: 'heard'; readonly word: OutcomeWord }
  /** The gateway has taken the last word to the user. */
  | { readonly type: 'told' }
  /** Initiator, after a loss (rule 11): the peer gives back what it held; the side with what was forgotten of it. */
  | { readonly type: 'recovered-agreed'; readonly side?: Side }
  /** After a loss: it stands in a batch that the peer gives back. */
  | { readonly type: 'recovered-batched'; readonly batch: BatchId; readonly index: number }
  /** Acceptor, after a loss: the chain had this operator's own decision when it was read. The final one is still to come. */
  | { readonly type: 'recovered-committed' }
  | { readonly type: 'recovered-aborted' };

export type SideEventName = SideEvent['type'];
export type EventOf<T extends SideEventName> = Extract<SideEvent, { type: T }>;

export const proposeQueue = 'propose';
export const withdrawQueue = 'withdraw';
export const cancelQueue = 'cancel';
export const outcomeQueue = 'outcome';

/** Work that concerns one pair and one peer. */
export interface PairItem {
  readonly peer: OperatorId;
  readonly pair: PairId;
}

/** Queues, and the decision, which follows from a side that is `accepted` or `declined` in a batch. */
export type SideSends = 'message' | 'withdraw' | 'cancel' | 'outcome' | 'decision';

/** What a step makes of the state; what is not named stays. */
export type NextSide = Pick<SideState, 'state'> & Partial<Omit<SideState, 'state' | 'since'>>;

export type SideStep<T extends SideEventName> = (
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<T>,
) => NextSide;

export type SideCell<T extends SideEventName> = Cell<SideStateName, SideSends, SideStep<T>>;
