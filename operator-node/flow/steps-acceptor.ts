/** What the acceptor's side of a pair does when something happens to it; what both sides do is in `steps.ts`. */
import type { Work } from '../engine/engine.ts';
import { toUnixSeconds, type UnixSeconds } from '../model/ids.ts';
import { userTable } from '../users/user.ts';
import type { FlowContext } from './context.ts';
import type { EndReason, PairSide, Side } from './pair.ts';
import { closeQuestion, openQuestion } from './question.ts';
import { holdNotices, limitIn } from './refusal.ts';
import type { EventOf, NextSide } from './side-events.ts';
import { abort, silently } from './steps.ts';
import { moneyOf, notify, tellSide } from './tell.ts';

/** What the acceptor can no longer honour stands in the batch all the same, declined for good. */
export function enterBatchDeclined(
  _flow: FlowContext,
  _work: Work,
  { state }: PairSide,
  { batch, index }: Pick<EventOf<'batched'>, 'batch' | 'index'>,
): NextSide {
  const reason = state.reason ?? 'lapsed';
  return { state: 'declined', reason, batch, index, reopened: true, told: false };
}

/** Now the second user can decide: asked, unless it has said that credits need no question. */
export function ask(flow: FlowContext, work: Work, found: PairSide): NextSide {
  const { side } = found;
  const next: NextSide = { state: 'countersigned' };
  // Nobody can say yes any more: it is left to expire.
  if (tooLate(flow, work, side.deadline)) return next;
  const user = work.get(userTable, side.user);
  // Erased since the backup that this store is of: likewise.
  if (user === undefined) return next;
  if (user.autoAccept && !side.debits) return accept(flow, work, found);
  const question = openQuestion(work, flow.engine.random, side.user, side);
  tellSide(flow, work, side, { key: 'ask', journal: 'question', ends: false, params: { code: question.code } });
  return { ...next, asked: true };
}

/** By the later of own clock and newest header: what could reach the chain only after its deadline is not accepted (rule 6). */
export function tooLate(flow: FlowContext, work: Work, deadline: UnixSeconds): boolean {
  const now = Math.max(toUnixSeconds(work.now), flow.chainView.headTime ?? 0);
  return now + flow.config.timing.commitMarginSeconds + flow.chainView.finalitySeconds > deadline;
}

/** Yes: the money is set aside where it was not yet, and the decision is stored before it can leave (rule 1). */
export function accept(flow: FlowContext, work: Work, found: PairSide): NextSide {
  const { side } = found;
  closeQuestion(work, side.user, side.pair, 'answered');
  const held = flow.domains.get(side.domain).hold(work, side.operation, work.now);
  if (held.ok) return { state: 'accepted' };
  const user = work.get(userTable, side.user);
  const key = held.code === 'insufficient-funds' ? 'answer-no-funds' : holdNotices[held.code];
  if (user !== undefined)
    notify(flow, work, user, key, { ...limitIn(held, moneyOf(side)), currency: side.operation.asset });
  return declined(flow, work, side, 'not-held');
}

export function decline(flow: FlowContext, work: Work, { side }: PairSide, { spent }: EventOf<'no'>): NextSide {
  closeQuestion(work, side.user, side.pair, 'answered');
  return declined(flow, work, side, spent === true ? 'spent' : 'declined');
}

/** The first user took it back before the second had said yes. */
export function cancel(flow: FlowContext, work: Work, { side }: PairSide): NextSide {
  closeQuestion(work, side.user, side.pair, 'cancelled');
  return declined(flow, work, side, 'cancelled');
}

/** Recorded and released in one write; never committed by this node from here on. */
function declined(flow: FlowContext, work: Work, side: Side, reason: EndReason): NextSide {
  flow.domains.get(side.domain).release(work, side.pair, side.leg, work.now);
  return { state: 'declined', reason };
}

/** Held for a peer, whose user has been told a name, and nothing came of it. */
function heldInVain(flow: FlowContext, work: Work, { side }: PairSide): void {
  if (side.peer === flow.self) return;
  work.afterwards(() => {
    flow.lookups.charge(side.peer);
  });
}

function endInVain(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): NextSide {
  heldInVain(flow, work, found);
  return silently(abort(flow, work, found, reason));
}

export const cancelHeld = (flow: FlowContext, work: Work, found: PairSide): NextSide =>
  endInVain(flow, work, found, 'cancelled');

export const withdraw = (flow: FlowContext, work: Work, found: PairSide): NextSide =>
  endInVain(flow, work, found, 'given-up');

/** No batch came in time: the hold goes back. If one comes after all, the pair stands in it declined. */
export const lapse = (flow: FlowContext, work: Work, found: PairSide): NextSide =>
  endInVain(flow, work, found, 'lapsed');

/** Decided by this operator before it forgot: the second user is not asked again, and the money is set aside again. */
export function acceptAgain(flow: FlowContext, work: Work, { side }: PairSide): NextSide {
  closeQuestion(work, side.user, side.pair, 'over');
  holdAgain(flow, work, side);
  return { state: 'accepted' };
}

export function declineAgain(flow: FlowContext, work: Work, { side }: PairSide): NextSide {
  closeQuestion(work, side.user, side.pair, 'over');
  return declined(flow, work, side, 'declined');
}

/** After a loss. What cannot be held is executed all the same if the chain says so, below zero if need be (rule 4). */
export function holdAgain(flow: FlowContext, work: Work, { pair, leg, domain, operation, delivers }: Side): void {
  const told = delivers === '' ? {} : { delivers };
  const held = flow.domains.get(domain).hold(work, { ...operation, ...told }, work.now);
  if (!held.ok) work.fault('rebuilt-without-hold', { pair, leg, why: held.code });
}
