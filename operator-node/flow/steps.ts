/**
 * What can happen to one side of a pair, and what is done then. `flow.ts` says which of these a state allows; here is how.
 * Every step works inside one transaction and leaves the side, the domain, the words to the user and the work for others
 * consistent with each other.
 */
import type { NoticeKey, ServiceTextKey } from '../analysis/analysis.ts';
import type { ProposalAnswer } from '../channel/messages.ts';
import { operationCommitment } from '../commitment/record.ts';
import { operationSecret } from '../commitment/secrets.ts';
import { TandemError } from '../errors.ts';
import type { Work } from '../engine/engine.ts';
import { toUnixSeconds, type BatchId, type OperatorId, type PairId, type UnixSeconds } from '../model/ids.ts';
import { recoveryOf } from '../recovery/state.ts';
import { userKeyOf } from '../users/keys.ts';
import { userTable } from '../users/user.ts';
import { remember } from './account.ts';
import { halt, peerCommitmentTable } from './batch.ts';
import type { FlowContext } from './context.ts';
import {
  moveSide,
  reopenSide,
  sealedTable,
  sideKey,
  sideTable,
  type EndReason,
  type PairSide,
  type Side,
} from './pair.ts';
import { askForOutcome } from './outcome.ts';
import { closeQuestion, openQuestion } from './question.ts';
import { returnRefund } from './refund.ts';
import { holdNotices, limitIn } from './refusal.ts';
import { moneyOf, nameOf, notify, tellSide } from './tell.ts';

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
  | { readonly type: 'aborted'; readonly reason: 'declined' | 'expired'; readonly block: number };

export type SideEventName = SideEvent['type'];
export type EventOf<T extends SideEventName> = Extract<SideEvent, { type: T }>;

export type StepResult = 'done';

export const proposeQueue = 'propose';
export const withdrawQueue = 'withdraw';
export const cancelQueue = 'cancel';

/** Work that concerns one pair and one peer. */
export interface PairItem {
  readonly peer: OperatorId;
  readonly pair: PairId;
}

const leaveHeld = (flow: FlowContext, work: Work, { side }: PairSide): void => {
  work.afterwards(() => {
    flow.open.sideLeftHeld(side.pair, side.leg);
    if (side.role === 'initiator') flow.open.waitsNoMore(side.peer, side.deadline, side.pair);
  });
};

/** Nobody has to be told: the side is over in this write. */
function endSilently(flow: FlowContext, work: Work, found: PairSide): void {
  moveSide(work, work.now, found, { told: true });
  work.afterwards(() => {
    flow.open.sideEnded(found.side);
  });
}

function abortSide(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): PairSide {
  const { side, state } = found;
  flow.domains.get(side.domain).release(work, side.pair, side.leg, work.now);
  // Once: a side that is reopened has given back what its refund took.
  if (side.terms.reverses !== '' && state.reopened !== true) returnRefund(work, side);
  if (side.role === 'acceptor')
    closeQuestion(work, side.user, side.pair, reason === 'cancelled' ? 'cancelled' : 'over');
  leaveHeld(flow, work, found);
  work.emit({ type: 'aborted', pair: side.pair, leg: side.leg, role: side.role, reason, from: state.state });
  return moveSide(work, work.now, found, { state: 'aborted', reason });
}

/** Gives a pair up that is free to be given up: its batch has not left, or was refused. */
function giveUp(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): PairSide {
  const { side } = found;
  const item: PairItem = { peer: side.peer, pair: side.pair };
  work.done(proposeQueue, side.pair);
  work.enqueue(withdrawQueue, side.pair, item);
  return abortSide(flow, work, found, reason);
}

const endText = (leg: Side['leg'], reason: EndReason): ServiceTextKey => {
  if (reason === 'declined' || reason === 'cancelled') return `${leg}-${reason}`;
  if (leg === 'first') return 'first-unsettled';
  return reason === 'late' ? 'second-late' : 'second-expired';
};

/** The peer holds its operation: the record is complete, and the first user learns who will be asked. */
export function agree(flow: FlowContext, work: Work, found: PairSide, { answer }: EventOf<'agreed'>): StepResult {
  const { side } = found;
  const user = work.get(userTable, side.user);
  if (user === undefined || side.record === undefined)
    throw new TandemError('internal', `Pair ${side.pair} has no user or record.`);
  const record = { ...side.record, counterparty: answer.secondSubject };
  const agreed: Side = {
    ...side,
    otherName: answer.toName === '' ? side.otherNumber : answer.toName,
    delivers: answer.delivers,
    record,
    ownCommitment: operationCommitment(operationSecret(userKeyOf(work, user.id), side.pair, side.leg), record),
  };
  work.put(peerCommitmentTable, `${side.pair}!${side.role}`, answer.secondCommitment);
  work.put(sideTable, sideKey(side.pair, side.leg), agreed);
  work.put(sealedTable, sideKey(side.pair, 'second'), { from: side.peer, sealed: answer.sealed });
  work.done(proposeQueue, side.pair);
  const next = moveSide(work, work.now, { side: agreed, state: found.state }, { agreed: true });
  tellSide(flow, work, next.side, { key: 'pending', journal: 'confirmation', ends: false });
  work.afterwards(() => {
    flow.open.sideLeftHeld(side.pair, side.leg);
    flow.open.waits(side.peer, side.deadline, side.pair);
  });
  return 'done';
}

/** The peer will not hold: nothing is prepared anywhere. */
export function refuse(flow: FlowContext, work: Work, found: PairSide, event: EventOf<'refused'>): StepResult {
  work.done(proposeQueue, found.side.pair);
  const end = event.withdraw === true ? giveUp : abortSide;
  return endWithNotice(flow, work, end(flow, work, found, 'refused'), event.notice);
}

function endWithNotice(flow: FlowContext, work: Work, found: PairSide, notice: NoticeKey): StepResult {
  const { side } = found;
  const user = work.get(userTable, side.user);
  if (user !== undefined) {
    const { otherName: name, otherNumber: number, item, ref } = side;
    const operator = nameOf(flow, side.peer);
    notify(flow, work, user, notice, { money: moneyOf(side), operator, name, number, item, ref }, side);
  } else endSilently(flow, work, found);
  return 'done';
}

/** The peer did not answer in time, or the deadline is too near for a batch. */
export function lapseAsInitiator(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  { notice }: EventOf<'lapsed'>,
): StepResult {
  const ended = giveUp(flow, work, found, 'unreachable');
  const words = notice ?? (found.state.agreed ? undefined : 'peer-unreachable');
  if (words !== undefined) return endWithNotice(flow, work, ended, words);
  tellSide(flow, work, ended.side, { key: 'first-unsettled', journal: 'confirmation', ends: true });
  return 'done';
}

export function cancelHeld(flow: FlowContext, work: Work, found: PairSide): StepResult {
  const { side } = giveUp(flow, work, found, 'cancelled');
  tellSide(flow, work, side, { key: 'first-cancelled', journal: 'confirmation', ends: true });
  return 'done';
}

/** Its batch has left: only the acceptor can still set the abort bit (rule 8). */
export function askToCancel(_flow: FlowContext, work: Work, found: PairSide): StepResult {
  const item: PairItem = { peer: found.side.peer, pair: found.side.pair };
  work.enqueue(cancelQueue, found.side.pair, item);
  moveSide(work, work.now, found, { cancelAsked: true });
  return 'done';
}

/** Into a batch that is stored; from here it may have left. */
export function enterBatch(flow: FlowContext, work: Work, found: PairSide, event: EventOf<'batched'>): StepResult {
  const { side } = found;
  if (side.role === 'acceptor' && side.peer !== flow.self) {
    work.afterwards(() => {
      flow.lookups.credit(side.peer);
    });
  }
  moveSide(work, work.now, found, { state: 'signed', batch: event.batch, index: event.index });
  leaveHeld(flow, work, found);
  return 'done';
}

/** What the acceptor can no longer honour stands in the batch all the same, declined for good. */
export function enterBatchDeclined(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<'batched'>,
): StepResult {
  const reopened = reopenSide(work, work.now, found, {
    state: 'declined',
    reason: found.state.reason ?? 'lapsed',
    batch: event.batch,
    index: event.index,
  });
  work.afterwards(() => {
    flow.open.sideCreated(found.side, work.now);
    flow.open.sideLeftHeld(found.side.pair, found.side.leg);
  });
  decideLater(flow, work, reopened, false);
  return 'done';
}

/** The acceptor signs nothing of it, so the pair is free to be given up; its hold there need not wait to lapse. */
export function loseBatch(flow: FlowContext, work: Work, found: PairSide): StepResult {
  return endWithNotice(flow, work, giveUp(flow, work, found, 'batch-refused'), 'order-failed');
}

export function countersignAsInitiator(_flow: FlowContext, work: Work, found: PairSide): StepResult {
  moveSide(work, work.now, found, { state: 'countersigned' });
  return 'done';
}

/** Now the second user can decide: asked, unless it has said that credits need no question. */
export function ask(flow: FlowContext, work: Work, found: PairSide): StepResult {
  const { side } = found;
  const asked = moveSide(work, work.now, found, { state: 'countersigned' });
  // Nobody can say yes any more: it is left to expire.
  if (tooLate(flow, work, side.deadline)) return 'done';
  const user = work.get(userTable, side.user);
  // Erased since the backup that this store is of: likewise.
  if (user === undefined) return 'done';
  if (user.autoAccept && !side.debits) return accept(flow, work, asked);
  const question = openQuestion(work, flow.engine.random, side.user, side);
  moveSide(work, work.now, asked, { asked: true });
  tellSide(flow, work, side, { key: 'ask', journal: 'question', ends: false, params: { code: question.code } });
  return 'done';
}

/** By the later of own clock and newest header: what could reach the chain only after its deadline is not accepted (rule 6). */
export function tooLate(flow: FlowContext, work: Work, deadline: UnixSeconds): boolean {
  const now = Math.max(toUnixSeconds(work.now), flow.chainView.headTime ?? 0);
  return now + flow.config.timing.commitMarginSeconds + flow.chainView.finalitySeconds > deadline;
}

/** Yes: the money is set aside where it was not yet, and the decision is stored before it can leave (rule 1). */
export function accept(flow: FlowContext, work: Work, found: PairSide): StepResult {
  const { side } = found;
  closeQuestion(work, side.user, side.pair, 'answered');
  const held = flow.domains.get(side.domain).hold(work, side.operation, work.now);
  if (!held.ok) {
    declineAs(flow, work, found, 'not-held');
    const user = work.get(userTable, side.user);
    const key = held.code === 'insufficient-funds' ? 'answer-no-funds' : holdNotices[held.code];
    if (user !== undefined)
      notify(flow, work, user, key, { ...limitIn(held, moneyOf(side)), currency: side.operation.asset });
    return 'done';
  }
  moveSide(work, work.now, found, { state: 'accepted' });
  decideLater(flow, work, found, true);
  return 'done';
}

export function decline(flow: FlowContext, work: Work, found: PairSide, { spent }: EventOf<'no'>): StepResult {
  closeQuestion(work, found.side.user, found.side.pair, 'answered');
  declineAs(flow, work, found, spent === true ? 'spent' : 'declined');
  return 'done';
}

/** The first user took it back before the second had said yes. */
export function cancelAsAcceptor(flow: FlowContext, work: Work, found: PairSide): StepResult {
  closeQuestion(work, found.side.user, found.side.pair, 'cancelled');
  declineAs(flow, work, found, 'cancelled');
  return 'done';
}

/** Recorded and released in one write; never committed by this node from here on. */
function declineAs(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): void {
  const { side } = found;
  flow.domains.get(side.domain).release(work, side.pair, side.leg, work.now);
  moveSide(work, work.now, found, { state: 'declined', reason });
  decideLater(flow, work, found, false);
}

function decideLater(flow: FlowContext, work: Work, { state }: PairSide, commit: boolean): void {
  const { batch, index } = state;
  if (batch === undefined || index === undefined) return;
  work.afterwards(() => {
    flow.submitter.decide(batch, index, commit);
  });
}

/** Held for a peer, whose user has been told a name, and nothing came of it. */
function heldInVain(flow: FlowContext, work: Work, { side }: PairSide): void {
  if (side.peer === flow.self) return;
  work.afterwards(() => {
    flow.lookups.charge(side.peer);
  });
}

export function cancelHeldAsAcceptor(flow: FlowContext, work: Work, found: PairSide): StepResult {
  heldInVain(flow, work, found);
  endSilently(flow, work, abortSide(flow, work, found, 'cancelled'));
  return 'done';
}

export function withdraw(flow: FlowContext, work: Work, found: PairSide): StepResult {
  heldInVain(flow, work, found);
  endSilently(flow, work, abortSide(flow, work, found, 'given-up'));
  return 'done';
}

/** No batch came in time: the hold goes back. If one comes after all, the pair stands in it declined. */
export function lapseAsAcceptor(flow: FlowContext, work: Work, found: PairSide): StepResult {
  heldInVain(flow, work, found);
  endSilently(flow, work, abortSide(flow, work, found, 'lapsed'));
  return 'done';
}

/** The chain has decided: the operation is booked, whatever this node thought before (rule 4). */
export function execute(flow: FlowContext, work: Work, found: PairSide, event: EventOf<'committed'>): StepResult {
  const { side, state } = found;
  const { withoutHold } = flow.domains.get(side.domain).commit(work, side.operation, work.now);
  const expected = side.role === 'acceptor' ? state.state === 'accepted' : state.state === 'countersigned';
  if (withoutHold || !expected) {
    work.journal('fault', {
      what: 'executed-unexpectedly',
      pair: side.pair,
      leg: side.leg,
      state: state.state,
      withoutHold,
    });
    work.emit({ type: 'alarm', what: 'executed-unexpectedly', pair: side.pair, state: state.state, withoutHold });
  }
  if (side.role === 'acceptor' && !expected) decidedElsewhere(flow, work, found, 'committed');
  if (side.role === 'acceptor') closeQuestion(work, side.user, side.pair, 'over');
  const next = moveSide(work, work.now, found, { state: 'committed', finalBlock: event.block });
  remember(work, next.side);
  tellSide(flow, work, side, { key: `${side.leg}-done`, journal: 'confirmation', ends: true });
  work.emit({ type: 'committed', pair: side.pair, leg: side.leg, role: side.role });
  return 'done';
}

/**
 * Only the acceptor's account can decide, and each of this node's decisions is stored before it leaves: somebody else has
 * the key, or the store is behind. A store that knows so waits for what it has lost; any other begins nothing new.
 */
function decidedElsewhere(
  flow: FlowContext,
  work: Work,
  { side, state }: PairSide,
  decision: 'committed' | 'aborted',
): void {
  const what = 'a decision on chain that this node never made';
  work.journal('fault', { what, pair: side.pair, decision, state: state.state });
  work.emit({ type: 'alarm', what: 'foreign-decision', pair: side.pair, decision, state: state.state });
  if (recoveryOf(work) === undefined) halt(work, flow.open, what, state.batch);
}

/** Committed by the chain though it was released here (a stolen key, a forgotten decision): booked all the same (rule 4). */
export function executeAfterAll(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<'committed'>,
): StepResult {
  const reopened = reopenSide(work, work.now, found, {});
  work.afterwards(() => {
    flow.open.sideCreated(found.side, work.now);
    flow.open.sideLeftHeld(found.side.pair, found.side.leg);
  });
  return execute(flow, work, reopened, event);
}

/** The chain has decided, or the deadline is past in a final block without a commit bit (rule 3). */
export function release(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  { reason, block }: EventOf<'aborted'>,
): StepResult {
  const { state } = found;
  const why = state.reason ?? endReason(found, reason);
  if (found.side.role === 'acceptor' && reason === 'declined' && state.state !== 'declined')
    decidedElsewhere(flow, work, found, 'aborted');
  const aborted = abortSide(flow, work, { ...found, state: { ...state, finalBlock: block } }, why);
  // Who was never asked has nothing to be told; whose yes could not be held, or whose codes were wrong, has been told so.
  if (aborted.side.role === 'acceptor' && (!state.asked || why === 'not-held' || why === 'spent')) {
    endSilently(flow, work, aborted);
    return 'done';
  }
  if (aborted.side.role === 'initiator' && why === 'expired') askForOutcome(work, aborted);
  else tellSide(flow, work, aborted.side, { key: endText(aborted.side.leg, why), journal: 'confirmation', ends: true });
  return 'done';
}

/** As far as this side knows: the acceptor's user has said no only where this node has stored that it did. */
function endReason({ side, state }: PairSide, reason: 'declined' | 'expired'): EndReason {
  if (side.role === 'initiator') return state.cancelAsked && reason === 'declined' ? 'cancelled' : reason;
  return state.state === 'accepted' ? 'late' : 'expired';
}
