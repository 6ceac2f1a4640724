/** Words to users: rendered, journaled, and put into the outbox in the same write as what they say. */
import type { Money, NoticeKey, ServiceTextKey, TextParams } from '../analysis/analysis.ts';
import { newPairId } from '../engine/clock.ts';
import type { JournalKind } from '../engine/journal.ts';
import type { Work } from '../engine/engine.ts';
import type { OutboundMessage } from '../messaging/gateway.ts';
import {
  toTimestamp,
  type Leg,
  type Msisdn,
  type OperatorId,
  type PairId,
  type UnixSeconds,
  type UserId,
} from '../model/ids.ts';
import { table, type View } from '../store/store.ts';
import { userTable, type User } from '../users/user.ts';
import type { FlowContext } from './context.ts';
import type { Side } from './pair.ts';
import { originalRef } from './refund.ts';

export const messageQueue = 'message';

export interface MessageItem {
  /** To whom: the key of this user seals the message while it waits. */
  readonly user: UserId;
  /** Absent where the user was erased before it left. */
  readonly message?: OutboundMessage;
  /** It was refused, or waits behind one that was, for the same user (`deliver.ts`). */
  readonly apart?: true;
  /** The side that is over when the gateway has taken this message. */
  readonly ends?: { readonly pair: PairId; readonly leg: Leg };
}

/** Key: `message`. Counts up: the order in which messages leave. */
export const counterTable = table<number>('counter');

function nextNumber(work: Work, name: string): number {
  const number = (work.get(counterTable, name) ?? 0) + 1;
  work.put(counterTable, name, number);
  return number;
}

interface About {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly ends: boolean;
  /** Of a text that means nothing any more when the pair is decided. */
  readonly deadline?: UnixSeconds;
  readonly isQuestion?: boolean;
}

function enqueueMessage(flow: FlowContext, work: Work, user: UserId, to: Msisdn, text: string, about?: About): void {
  const message: OutboundMessage = {
    id: newPairId(work.now, flow.engine.random),
    from: flow.serviceNumber,
    to,
    text,
    ...(about === undefined ? {} : { pair: about.pair }),
    at: toTimestamp(work.now),
    ...(about?.deadline === undefined ? {} : { deadline: toTimestamp(about.deadline * 1000) }),
    ...(about?.isQuestion === true ? { priority: 'question' } : {}),
  };
  const item: MessageItem =
    about?.ends === true ? { user, message, ends: { pair: about.pair, leg: about.leg } } : { user, message };
  work.enqueue(messageQueue, String(nextNumber(work, 'message')).padStart(12, '0'), item);
}

/** A text that belongs to no service. With `ends`, it is the last word of that side of a pair. */
export function notify(
  flow: FlowContext,
  work: Work,
  user: User,
  key: NoticeKey,
  params: TextParams = {},
  ends?: Pick<Side, 'pair' | 'leg'>,
): void {
  const words = flow.analysis.notice(key, user.language, params);
  const about = ends === undefined ? undefined : { pair: ends.pair, leg: ends.leg, ends: true };
  enqueueMessage(flow, work, user.id, user.number, words, about);
  if (ends !== undefined)
    work.journal('confirmation', { pair: ends.pair, leg: ends.leg, to: user.number, text: words }, user.id);
  work.emit({ type: 'notice', key });
}

/** What an operator is called in texts to users: its handle. */
export const nameOf = (flow: FlowContext, operator: OperatorId): string =>
  operator === flow.self ? flow.handle : (flow.peers.get(operator)?.handle ?? `operator ${operator}`);

export const moneyOf = ({ operation }: Side): Money => ({ asset: operation.asset, amount: operation.amount });

/** The values that a pair's texts can use. */
function textParams(view: View, side: Side): TextParams {
  const first = side.leg === 'first';
  return {
    from: first ? side.userName : side.otherName,
    to: first ? side.otherName : side.userName,
    money: moneyOf(side),
    ...(side.operation.fee === '0' ? {} : { fee: { asset: side.operation.asset, amount: side.operation.fee } }),
    item: side.item,
    note: side.note,
    ref: side.ref,
    original: originalRef(view, side),
    delivers: first ? side.delivers : '',
  };
}

export interface PairText {
  readonly key: ServiceTextKey;
  readonly journal: Exclude<JournalKind, 'fault'>;
  /** When the gateway has taken this one, the side is over. */
  readonly ends: boolean;
  readonly params?: TextParams;
}

/** A text of the pair's service to this side's user, in the user's language. */
export function tellSide(flow: FlowContext, work: Work, side: Side, text: PairText): void {
  const user = work.get(userTable, side.user);
  const language = user?.language ?? flow.analysis.languages[0] ?? 'en';
  const words = flow.analysis.serviceText(side.service, text.key, language, {
    ...textParams(work, side),
    ...text.params,
  });
  work.journal(text.journal, { pair: side.pair, leg: side.leg, to: side.userNumber, text: words }, side.user);
  enqueueMessage(flow, work, side.user, side.userNumber, words, {
    ...{ pair: side.pair, leg: side.leg, ends: text.ends },
    ...(text.ends ? {} : { deadline: side.deadline, isQuestion: text.key === 'ask' }),
  });
}
