/**
 * An order becomes a pair: the two operations it means, the first of them held, the terms fixed. All of it is one write,
 * together with the gateway's message id.
 */
import type { NoticeKey, Order, TextParams } from '../analysis/analysis.ts';
import { subjectDigest, termsCommitment } from '../commitment/record.ts';
import { operationSecret, termsSecret } from '../commitment/secrets.ts';
import type { Operation } from '../domains/domain.ts';
import { newPairId } from '../engine/clock.ts';
import type { Work } from '../engine/engine.ts';
import { toAmount, toTimestamp, toUnixSeconds, type OperatorId, type PairId, type UnixSeconds } from '../model/ids.ts';
import type { OperationRecord, Terms } from '../model/records.ts';
import type { View } from '../store/store.ts';
import { userKeyOf } from '../users/keys.ts';
import { userTable, type User } from '../users/user.ts';
import { newRef, refTable } from './account.ts';
import type { FlowContext } from './context.ts';
import { createSide, type Side } from './pair.ts';
import { refundable, takeRefund } from './refund.ts';
import { holdNotices, limitIn } from './refusal.ts';
import { proposeQueue, type PairItem } from './steps.ts';
import { nameOf, notify } from './tell.ts';

/** An order whose price is known and whose addressee has an operator. */
export interface PricedOrder extends Order {
  readonly money: NonNullable<Order['money']>;
  readonly peer: OperatorId;
  /** As the seller calls it, where it is known before the pair begins. */
  readonly toName?: string;
  /** The original that this refunds: this operator's side of it. */
  readonly reverses?: Side;
}

/** Deadlines are rounded up to a multiple of 15 s, so that batches fill (protocol §4). */
const roundUp = (seconds: number): UnixSeconds => (Math.ceil(seconds / 15) * 15) as UnixSeconds;

interface NotNow {
  readonly notice: NoticeKey;
  /** Whose operator stands in the way. */
  readonly operator?: OperatorId;
}

/** Why no order can be taken now, before anything is looked at. */
function notNow(flow: FlowContext, user: User, order: PricedOrder): NotNow | undefined {
  if (order.to === user.number) return { notice: 'own-number' };
  const blocking = flow.readiness.blocking();
  if (blocking !== undefined) return { notice: blocking.notice, operator: flow.self };
  if (flow.overload.refuses(order.peer)) return { notice: 'busy' };
  if (flow.open.ordersOf(user.id) >= flow.config.maxOpenPairsPerUser) return { notice: 'busy' };
  if (flow.open.openOfPeer('initiator', order.peer) >= flow.config.maxOpenPairsPerPeer) return { notice: 'busy' };
  // Nobody starts anything with a suspended operator.
  if (flow.peers.get(order.peer)?.status !== 'active') return { notice: 'cannot-settle', operator: order.peer };
  return undefined;
}

/** True if the order became a pair; otherwise the user has been told why not, and nothing else has changed. */
export function beginPair(flow: FlowContext, work: Work, before: User, order: PricedOrder): boolean {
  const { money } = order;
  // As the user is now: the peer may have been asked for a price in between.
  const user = work.get(userTable, before.id) ?? before;
  const refuse = (notice: NoticeKey, more: TextParams = {}): false => {
    const { to: number, item, toName: name = number } = order;
    notify(flow, work, user, notice, { money, name, number, item, currency: money.asset, ...more });
    return false;
  };
  if (!user.joined) return refuse('not-joined');
  const plan = flow.analysis.plan(order.service);
  if (plan === undefined) return refuse('not-available');
  const early = notNow(flow, user, order);
  if (early !== undefined) {
    const { notice, operator } = early;
    // What stands in the way here has nothing to do with the other user.
    const about = operator === flow.self ? { name: '' } : {};
    return refuse(notice, operator === undefined ? {} : { operator: nameOf(flow, operator), ...about });
  }
  const largest = plan.maxAmount[money.asset];
  if (largest !== undefined && BigInt(money.amount) > BigInt(largest)) {
    return refuse('over-limit', { money: { ...money, amount: largest } });
  }
  const left = order.reverses === undefined ? undefined : refundable(work, order.reverses);
  if (left !== undefined && BigInt(money.amount) > left) {
    return refuse('refund-too-much', { money: { ...money, amount: toAmount(left) } });
  }

  const pair = newPairId(work.now, flow.engine.random);
  const debits = plan.first.action === 'debit';
  const operation: Operation = {
    pair,
    leg: 'first',
    service: order.service,
    action: plan.first.action,
    user: user.id,
    asset: money.asset,
    amount: money.amount,
    fee: debits ? flow.analysis.fee(order.service, money) : ('0' as Operation['fee']),
    counterparty: order.peer,
    ...(order.item === '' ? {} : { item: order.item }),
  };
  const held = flow.domains.get(plan.first.domain).hold(work, operation, work.now);
  if (!held.ok) return refuse(holdNotices[held.code], limitIn(held, money));
  if (order.reverses !== undefined) takeRefund(work, order.reverses, money.amount);

  const side = firstSide(flow, work, user, order, operation, held.account, plan.first.domain, debits);
  createSide(work, work.now, side);
  work.put(refTable, `${user.id}!${side.ref}`, { pair, leg: 'first' });
  const item: PairItem = { peer: order.peer, pair };
  work.enqueue(proposeQueue, pair, item);
  work.afterwards(() => {
    flow.open.sideCreated(side, work.now);
  });
  work.emit({ type: 'ordered', pair, service: order.service, peer: order.peer });
  return true;
}

function firstSide(
  flow: FlowContext,
  work: Work,
  user: User,
  order: PricedOrder,
  operation: Operation,
  account: string,
  domain: string,
  debits: boolean,
): Side {
  const { pair } = operation;
  const deadline = roundUp(toUnixSeconds(work.now) + flow.config.timing.acceptSeconds);
  const secret = termsSecret(flow.operatorKey, pair);
  const terms: Terms = {
    pair,
    service: order.service,
    firstAsset: order.money.asset,
    firstAmount: order.money.amount,
    secondAsset: order.money.asset,
    secondAmount: order.money.amount,
    initiator: String(flow.self),
    acceptor: String(order.peer),
    created: toTimestamp(work.now),
    deadline: String(deadline),
    reverses: order.reverses?.pair ?? '',
  };
  const record: OperationRecord = {
    pair,
    leg: 'first',
    operator: String(flow.self),
    domain,
    action: operation.action,
    account,
    subject: user.number,
    asset: operation.asset,
    amount: operation.amount,
    counterparty: '',
    detail: order.item === '' ? order.note : order.item,
    heldAt: toTimestamp(work.now),
  };
  return {
    pair,
    leg: 'first',
    role: 'initiator',
    peer: order.peer,
    service: order.service,
    terms,
    termsSecret: secret,
    termsCommitment: termsCommitment(secret, terms),
    user: user.id,
    userNumber: user.number,
    userName: user.name,
    otherNumber: order.to,
    otherName: order.toName ?? order.to,
    note: order.note,
    item: order.item,
    domain,
    operation,
    debits,
    record,
    heldAt: work.now,
    deadline,
    delivers: '',
    ref: newRef(work, flow.engine.random, user.id),
  };
}

/** The digest of this side's `subject` disclosure: what the other record names as its counterparty. */
export const ownSubjectDigest = (view: View, user: User, pair: PairId, leg: Side['leg']): string =>
  subjectDigest(operationSecret(userKeyOf(view, user.id), pair, leg), user.number);
