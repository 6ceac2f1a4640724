/**
 * What either side of a pair does when something happens to it. The tables say which of these a state allows; here is how.
 * A step works inside one transaction, leaves the domain, the words to the user and the work for others consistent with
 * each other, and returns what the side is then: only its table writes that (`flow.ts`).
 */
import type { ServiceTextKey } from '../analysis/analysis.ts';
import type { Work } from '../engine/engine.ts';
import { recoveryOf } from './past.ts';
import { remember } from './account.ts';
import { halt } from './batch.ts';
import type { FlowContext } from './context.ts';
import { noteFault } from './note-fault.ts';
import type { EndReason, PairSide, Side } from './pair.ts';
import { closeQuestion } from './question.ts';
import { returnRefund } from './refund.ts';
import { outcomeQueue, type EventOf, type NextSide, type PairItem } from './side-events.ts';
import { tellSide } from './tell.ts';

/** Nobody has to be told: the side is over in this write. */
export const silently = (next: NextSide): NextSide => ({ ...next, told: true });

export function abort(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): NextSide {
  const { side, state } = found;
  flow.domains.get(side.domain).release(work, side.pair, side.leg, work.now);
  // Once: a side that is reopened has given back what its refund took.
  if (side.terms.reverses !== '' && state.reopened !== true) returnRefund(work, side);
  if (side.role === 'acceptor')
    closeQuestion(work, side.user, side.pair, reason === 'cancelled' ? 'cancelled' : 'over');
  work.emit({ type: 'aborted', pair: side.pair, leg: side.leg, role: side.role, reason, from: state.state });
  return { state: 'aborted', reason };
}

/** Into a batch that is stored; from here it may have left. */
export function enterBatch(
  flow: FlowContext,
  work: Work,
  { side }: PairSide,
  { batch, index }: Pick<EventOf<'batched'>, 'batch' | 'index'>,
): NextSide {
  if (side.role === 'acceptor' && side.peer !== flow.self) {
    work.afterwards(() => {
      flow.lookups.credit(side.peer);
    });
  }
  return { state: 'signed', batch, index };
}

/** The chain has decided: the operation is booked, whatever this node thought before (rule 4). */
export function execute(flow: FlowContext, work: Work, found: PairSide, event: EventOf<'committed'>): NextSide {
  const { side, state } = found;
  const { withoutHold } = flow.domains.get(side.domain).commit(work, side.operation, work.now);
  const expected = side.role === 'acceptor' ? state.state === 'accepted' : state.state === 'countersigned';
  if (withoutHold || !expected) {
    noteFault(work, 'executed-unexpectedly', { pair: side.pair, leg: side.leg, state: state.state, withoutHold });
  }
  if (side.role === 'acceptor' && !expected) decidedElsewhere(flow, work, found, 'committed');
  if (side.role === 'acceptor') closeQuestion(work, side.user, side.pair, 'over');
  remember(work, side);
  tellSide(flow, work, side, { key: `${side.leg}-done`, journal: 'confirmation', ends: true });
  work.emit({ type: 'committed', pair: side.pair, leg: side.leg, role: side.role });
  return { state: 'committed', finalBlock: event.block };
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
  noteFault(work, 'foreign-decision', { pair: side.pair, decision, state: state.state });
  if (recoveryOf(work) === undefined) halt(work, flow.open, 'foreign-decision', state.batch);
}

/** Committed by the chain though it was released here (a stolen key, a forgotten decision): booked all the same (rule 4). */
export const executeAfterAll = (
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<'committed'>,
): NextSide => ({ ...execute(flow, work, found, event), reopened: true, told: false });

const endText = (leg: Side['leg'], reason: EndReason): ServiceTextKey => {
  if (reason === 'declined' || reason === 'cancelled') return `${leg}-${reason}`;
  if (leg === 'first') return 'first-unsettled';
  return reason === 'late' ? 'second-late' : 'second-expired';
};

/** The chain has decided, or the deadline is past in a final block without a commit bit (rule 3). */
export function release(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  { reason, block }: EventOf<'aborted'>,
): NextSide {
  const { side, state } = found;
  const why = state.reason ?? endReason(found, reason);
  if (side.role === 'acceptor' && reason === 'declined' && state.state !== 'declined')
    decidedElsewhere(flow, work, found, 'aborted');
  const next: NextSide = { ...abort(flow, work, found, why), finalBlock: block };
  // Who was never asked has nothing to be told; whose yes could not be held, or whose codes were wrong, has been told so.
  if (side.role === 'acceptor' && (!state.asked || why === 'not-held' || why === 'spent')) return silently(next);
  if (side.role === 'initiator' && why === 'expired') askForOutcome(work, side);
  else tellSide(flow, work, side, { key: endText(side.leg, why), journal: 'confirmation', ends: true });
  return next;
}

/** Instead of the last word to the first user: its text waits for what the acceptor says. */
function askForOutcome(work: Work, { peer, pair }: Side): void {
  const item: PairItem = { peer, pair };
  work.enqueue(outcomeQueue, pair, item);
}

/** As far as this side knows: the acceptor's user has said no only where this node has stored that it did. */
function endReason({ side, state }: PairSide, reason: 'declined' | 'expired'): EndReason {
  if (side.role === 'initiator') return state.cancelAsked && reason === 'declined' ? 'cancelled' : reason;
  return state.state === 'accepted' ? 'late' : 'expired';
}

/** The gateway has taken the last word: nothing is left to do. */
export function end(_flow: FlowContext, work: Work, { side, state }: PairSide): NextSide {
  work.emit({ type: 'told', pair: side.pair, leg: side.leg, state: state.state, role: side.role });
  return { state: state.state, told: true };
}
