/** What the initiator's side of a pair does when something happens to it; what both sides do is in `steps.ts`. */
import type { NoticeKey, ServiceTextKey } from '../analysis/analysis.ts';
import type { OutcomeWord } from '../channel/messages.ts';
import { operationCommitment } from '../commitment/record.ts';
import { operationSecret } from '../commitment/secrets.ts';
import type { Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { userKeyOf } from '../users/keys.ts';
import { userTable } from '../users/user.ts';
import { peerCommitmentTable } from './batch.ts';
import type { FlowContext } from './context.ts';
import { sealedTable, sideKey, sideTable, type EndReason, type PairSide, type Side } from './pair.ts';
import { cancelQueue, proposeQueue, withdrawQueue, type EventOf, type NextSide, type PairItem } from './side-events.ts';
import { abort, silently } from './steps.ts';
import { moneyOf, nameOf, notify, tellSide } from './tell.ts';

/** The peer holds its operation: the record is complete, and the first user learns who will be asked. */
export function agree(flow: FlowContext, work: Work, found: PairSide, { answer }: EventOf<'agreed'>): NextSide {
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
  tellSide(flow, work, agreed, { key: 'pending', journal: 'confirmation', ends: false });
  return { state: 'held', agreed: true };
}

/** Gives a pair up that is free to be given up: its batch has not left, or was refused. */
function giveUp(flow: FlowContext, work: Work, found: PairSide, reason: EndReason): NextSide {
  const { side } = found;
  const item: PairItem = { peer: side.peer, pair: side.pair };
  work.done(proposeQueue, side.pair);
  work.enqueue(withdrawQueue, side.pair, item);
  return abort(flow, work, found, reason);
}

/** The peer will not hold: nothing is prepared anywhere. */
export function refuse(flow: FlowContext, work: Work, found: PairSide, event: EventOf<'refused'>): NextSide {
  work.done(proposeQueue, found.side.pair);
  const stop = event.withdraw === true ? giveUp : abort;
  return withNotice(flow, work, found, stop(flow, work, found, 'refused'), event.notice);
}

/** A user that is erased meanwhile has nothing to be told. */
function withNotice(flow: FlowContext, work: Work, { side }: PairSide, next: NextSide, notice: NoticeKey): NextSide {
  const user = work.get(userTable, side.user);
  if (user === undefined) return silently(next);
  const { otherName: name, otherNumber: number, item, ref } = side;
  const operator = nameOf(flow, side.peer);
  notify(flow, work, user, notice, { money: moneyOf(side), operator, name, number, item, ref }, side);
  return next;
}

/** The peer did not answer in time, or the deadline is too near for a batch. */
export function lapse(flow: FlowContext, work: Work, found: PairSide, { notice }: EventOf<'lapsed'>): NextSide {
  const next = giveUp(flow, work, found, 'unreachable');
  const words = notice ?? (found.state.agreed ? undefined : 'peer-unreachable');
  if (words !== undefined) return withNotice(flow, work, found, next, words);
  tellSide(flow, work, found.side, { key: 'first-unsettled', journal: 'confirmation', ends: true });
  return next;
}

export function cancelHeld(flow: FlowContext, work: Work, found: PairSide): NextSide {
  const next = giveUp(flow, work, found, 'cancelled');
  tellSide(flow, work, found.side, { key: 'first-cancelled', journal: 'confirmation', ends: true });
  return next;
}

/** Its batch has left: only the acceptor can still set the abort bit (rule 8). */
export function askToCancel(_flow: FlowContext, work: Work, { side, state }: PairSide): NextSide {
  const item: PairItem = { peer: side.peer, pair: side.pair };
  work.enqueue(cancelQueue, side.pair, item);
  return { state: state.state, cancelAsked: true };
}

/** The acceptor signs nothing of it, so the pair is free to be given up; its hold there need not wait to lapse. */
export const loseBatch = (flow: FlowContext, work: Work, found: PairSide): NextSide =>
  withNotice(flow, work, found, giveUp(flow, work, found, 'batch-refused'), 'order-failed');

export const countersign = (): NextSide => ({ state: 'countersigned' });

const texts: Readonly<Record<Exclude<OutcomeWord, 'later'>, ServiceTextKey>> = {
  unanswered: 'first-expired',
  late: 'first-late',
  no: 'first-declined',
  cancelled: 'first-cancelled',
  'not-asked': 'first-unsettled',
  'unknown-pair': 'first-unsettled',
};

/** The last word to the first user, with what the acceptor says of the other's answer. */
export function hear(flow: FlowContext, work: Work, { side, state }: PairSide, { word }: EventOf<'heard'>): NextSide {
  // Nobody else says that this user has taken something back.
  const believed = word === 'later' || (word === 'cancelled' && !state.cancelAsked) ? undefined : word;
  const key = believed === undefined ? 'first-unsettled' : texts[believed];
  tellSide(flow, work, side, { key, journal: 'confirmation', ends: true });
  return { state: state.state, ...(believed === undefined ? {} : { heard: believed }) };
}

/** This operator had proposed it when the backup was made, or only the lost store knew it; that the peer held it was forgotten. */
export function agreeAgain(
  _flow: FlowContext,
  work: Work,
  { side, state }: PairSide,
  { side: remembered }: EventOf<'recovered-agreed'>,
): NextSide {
  if (remembered !== undefined) work.put(sideTable, sideKey(side.pair, side.leg), remembered);
  work.done(proposeQueue, side.pair);
  return { state: state.state, agreed: true };
}

/** Given up before the backup: it stands in a batch all the same, and stays over unless the chain commits it (rule 4). */
export const standInBatch = (
  _flow: FlowContext,
  _work: Work,
  { state }: PairSide,
  { batch, index }: EventOf<'recovered-batched'>,
): NextSide => ({ state: state.state, batch, index });
