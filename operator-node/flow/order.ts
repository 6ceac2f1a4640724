/**
 * An order becomes a pair: the two operations it means, the first of them held, the terms fixed. All of it is one write,
 * together with the gateway's message id.
 */
import type { NoticeKey, Order, TextParams } from '../analysis/analysis.ts';
import { subjectDigest } from '../commitment/record.ts';
import { operationSecret, termsSecret } from '../commitment/secrets.ts';
import { newPairId } from '../engine/clock.ts';
import type { Work } from '../engine/engine.ts';
import { toAmount, toTimestamp, toUnixSeconds, type OperatorId, type PairId, type UnixSeconds } from '../model/ids.ts';
import type { Terms } from '../model/records.ts';
import type { View } from '../store/store.ts';
import { userKeyOf } from '../users/keys.ts';
import { userTable, type User } from '../users/user.ts';
import type { FlowContext } from './context.ts';
import { noFee, openSide, operationOf, recordOf, type Agreed } from './open-side.ts';
import type { Side } from './pair.ts';
import { refundable, takeRefund } from './refund.ts';
import { holdNotices, limitIn } from './refusal.ts';
import { proposeQueue, type PairItem } from './side-events.ts';
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
  const { first } = plan;
  const agreed: Agreed = {
    role: 'initiator',
    peer: order.peer,
    terms: termsOf(flow, work, pair, order),
    termsSecret: termsSecret(flow.operatorKey, pair),
    user,
    otherNumber: order.to,
    otherName: order.toName ?? order.to,
    note: order.note,
    item: order.item,
    plan: first,
    fee: first.action === 'debit' ? flow.analysis.fee(order.service, money) : noFee,
  };
  const operation = operationOf(agreed);
  const held = flow.domains.get(first.domain).hold(work, operation, work.now);
  if (!held.ok) return refuse(holdNotices[held.code], limitIn(held, money));
  if (order.reverses !== undefined) takeRefund(work, order.reverses, money.amount);

  const record = recordOf(flow, work, agreed, { account: held.account, counterparty: '' });
  openSide(flow, work, { ...agreed, operation, record, delivers: '' });
  const item: PairItem = { peer: order.peer, pair };
  work.enqueue(proposeQueue, pair, item);
  work.emit({ type: 'ordered', pair, service: order.service, peer: order.peer });
  return true;
}

function termsOf(flow: FlowContext, work: Work, pair: PairId, { service, money, peer, reverses }: PricedOrder): Terms {
  const deadline = roundUp(toUnixSeconds(work.now) + flow.config.timing.acceptSeconds);
  return {
    pair,
    service,
    firstAsset: money.asset,
    firstAmount: money.amount,
    secondAsset: money.asset,
    secondAmount: money.amount,
    initiator: String(flow.self),
    acceptor: String(peer),
    created: toTimestamp(work.now),
    deadline: String(deadline),
    reverses: reverses?.pair ?? '',
  };
}

/** The digest of this side's `subject` disclosure: what the other record names as its counterparty. */
export const ownSubjectDigest = (view: View, user: User, pair: PairId, leg: Side['leg']): string =>
  subjectDigest(operationSecret(userKeyOf(view, user.id), pair, leg), user.number);
