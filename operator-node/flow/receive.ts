/**
 * A message comes in. It is passed on unchanged, or it is looked at: then what it does and the fact that it was taken
 * are one write, keyed by the gateway's message id, so that sending it again changes nothing (faults: 17).
 */
import { hash } from 'node:crypto';
import type { NoticeKey, Order, Reading, Refund, TextParams } from '../analysis/analysis.ts';
import { cleanMessage } from '../analysis/clean.ts';
import type { Answer, Request } from '../channel/messages.ts';
import { hmac } from '../commitment/hmac.ts';
import type { Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { Disposition } from '../model/events.ts';
import { toAmount, toTimestamp, type Msisdn, type OperatorId } from '../model/ids.ts';
import { table } from '../store/store.ts';
import { messagesKeyOf } from '../users/keys.ts';
import { userByNumber, type User } from '../users/user.ts';
import { join, leave, mainAsset, recentTable, refsOf, refTable, tellBalance, tellHistory } from './account.ts';
import { takeAnswer } from './answer.ts';
import { cancelPair } from './cancel.ts';
import { assertCaughtUp, type FlowContext } from './context.ts';
import { beginPair, type PricedOrder } from './order.ts';
import { loadSide, type Side } from './pair.ts';
import { speaksFor } from './speaks.ts';
import { refundable, wasPaid } from './refund.ts';
import { nameOf, notify } from './tell.ts';

export interface InboundMessage {
  /** The gateway's id for the message: the key of idempotency. */
  readonly id: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly text: string;
}

/** A message that was taken. `content` is a keyed digest: the text cannot be guessed from it. Key: the gateway's id. */
export const inboundTable = table<{ readonly content: string; readonly disposition: Disposition }>('inbound');

interface Taken {
  readonly id: string;
  readonly disposition: Disposition;
}

/** What is done about a message, once everything that needs the peer is known. */
type Act = (work: Work) => Disposition;

export class Receiver {
  /** Messages under way, by id: the same one again waits for the same result. */
  readonly #underWay = new Map<string, { readonly content: string; readonly result: Promise<Taken> }>();
  readonly #flow: FlowContext;

  constructor(flow: FlowContext) {
    this.#flow = flow;
  }

  async receive(message: InboundMessage): Promise<Taken> {
    const content = this.#digest(message);
    const now = this.#underWay.get(message.id);
    if (now !== undefined) {
      if (now.content !== content) throw conflict(message.id);
      return now.result;
    }
    const result = this.#take(message, content);
    this.#underWay.set(message.id, { content, result });
    try {
      return await result;
    } finally {
      this.#underWay.delete(message.id);
    }
  }

  /** Under the sender's own key: who has only the operator's cannot try guesses against it once the sender is erased. */
  #digest({ from, to, text }: InboundMessage): string {
    const { newest } = this.#flow.engine;
    const user = userByNumber(newest, from);
    const key = user === undefined ? this.#flow.operatorKey : messagesKeyOf(newest, user.id);
    return hmac(key, hash('sha256', JSON.stringify([from, to, text]), 'buffer'));
  }

  async #take(message: InboundMessage, content: string): Promise<Taken> {
    const flow = this.#flow;
    const { id } = message;
    const known = flow.engine.newest.get(inboundTable, id);
    if (known !== undefined) {
      if (known.content !== content) throw conflict(id);
      // Not told before it is on disk.
      await flow.engine.run(() => undefined);
      return { id, disposition: known.disposition };
    }
    // A node in recovery takes nothing (rule 11).
    if (flow.readiness.recovering) assertCaughtUp(flow);
    const user = userByNumber(flow.engine.newest, message.from);
    if (user === undefined) {
      throw new TandemError('unknown-sender', `${message.from} is not a customer of this operator.`);
    }
    const act = await this.#decide(message, user);
    return flow.engine.run((work) => {
      const disposition = act(work);
      work.put(inboundTable, id, { content, disposition });
      work.emit({ type: 'message', disposition });
      return { id, disposition };
    });
  }

  /** Reads the message and asks the peer what has to be known first; changes nothing yet. */
  async #decide(message: InboundMessage, user: User): Promise<Act> {
    const flow = this.#flow;
    const toService = message.to === flow.serviceNumber;
    if (!user.joined && !toService) return this.#passOn(message, user);
    const addressee = toService ? undefined : userByNumber(flow.engine.newest, message.to);
    const reading = flow.analysis.read(
      {
        from: { number: user.number, language: user.language, asset: mainAsset(user) },
        to: message.to,
        text: message.text,
        ...(addressee?.kind === 'machine' || flow.directory.isMachine?.(message.to) === true
          ? { addresseeIsMachine: true }
          : {}),
      },
      toService,
    );
    if (mustWait(flow, reading)) assertCaughtUp(flow);
    if (!user.joined && !(reading.kind === 'command' && reading.command === 'join'))
      return say(flow, user, 'not-joined');
    if (reading.kind === 'pass') return this.#passOn(message, user);
    if (reading.kind === 'order') return this.#order(message, user, reading);
    return this.#own(message, user, reading);
  }

  /**
   * To the addressee's phone, through its operator. The text is kept nowhere: the gateway has its 202 when it is there.
   */
  async #passOn({ id, from, to, text }: InboundMessage, user: User): Promise<Act> {
    const flow = this.#flow;
    const peer = flow.directory.find(to);
    const answer =
      peer === undefined ? 'not-mine' : (await flow.channel.call(peer, 'forward', { id, from, to, text })).answer;
    return answer === 'delivered' ? () => 'forwarded' : say(flow, user, 'unknown-number', { number: to });
  }

  async #order(message: InboundMessage, user: User, order: Order): Promise<Act> {
    const flow = this.#flow;
    const peer = flow.directory.find(order.to);
    if (order.to === user.number) return say(flow, user, 'own-number');
    const nobody = peer === flow.self && userByNumber(flow.engine.newest, order.to) === undefined;
    if (peer === undefined || nobody) return say(flow, user, 'unknown-number', { number: order.to });
    // Without the chain no seller is asked for a price.
    const blocking = flow.chainView.caughtUp ? undefined : flow.readiness.blocking();
    if (order.money === undefined && blocking !== undefined) {
      return say(flow, user, blocking.notice, { operator: nameOf(flow, flow.self), name: '' });
    }
    const priced =
      order.money === undefined ? await this.#price(user, order, peer) : { ...order, money: order.money, peer };
    if (typeof priced === 'function') return priced;
    return (work) => {
      work.journal('order', { id: message.id, from: message.from, to: message.to, text: message.text }, user.id);
      return beginPair(flow, work, user, priced) ? 'intercepted' : 'answered';
    };
  }

  /** What the seller asks for it. Asked before anything is stored: without an answer there is no order. */
  async #price(user: User, order: Order, peer: OperatorId): Promise<PricedOrder | Act> {
    const flow = this.#flow;
    let answer: Answer<'quote'>;
    try {
      answer = await flow.channel.call(peer, 'quote', { to: order.to, item: order.item });
    } catch (error) {
      if (error instanceof TandemError && error.code === 'peer-unavailable')
        return say(flow, user, 'peer-unreachable', { operator: nameOf(flow, peer), name: order.to });
      throw error;
    }
    if (answer.answer === 'quoted') {
      const { asset, amount, label, toName } = answer;
      return { ...order, item: label, money: { asset, amount }, peer, toName };
    }
    const params = { number: order.to, name: order.to, item: order.item, operator: nameOf(flow, peer) };
    if (answer.reason === 'busy' || answer.reason === 'cannot-settle') return say(flow, user, answer.reason, params);
    if (answer.reason === 'unknown-addressee') return say(flow, user, 'unknown-number', params);
    return say(flow, user, answer.reason === 'terms' ? 'unknown-item' : 'sold-out', params);
  }

  /** What a user says to its own operator. */
  #own(message: InboundMessage, user: User, reading: Exclude<Reading, Order | { kind: 'pass' }>): Act {
    const flow = this.#flow;
    switch (reading.kind) {
      case 'refusal':
        return say(flow, user, reading.text, reading.params);
      case 'answer':
        return (work) => (takeAnswer(flow, work, user, reading.yes, reading.code) ? 'intercepted' : 'answered');
      case 'cancel':
        return (work) => (cancelPair(flow, work, user, reading.code) ? 'intercepted' : 'answered');
      case 'refund':
        return (work) => {
          work.journal('order', { id: message.id, from: message.from, to: message.to, text: message.text }, user.id);
          return this.#refund(work, user, reading) ? 'intercepted' : 'answered';
        };
      case 'command':
        return (work) => {
          this.#command(work, user, reading.command);
          return 'answered';
        };
    }
  }

  #command(work: Work, user: User, command: Extract<Reading, { kind: 'command' }>['command']): void {
    const flow = this.#flow;
    if (command === 'join') join(flow, work, user);
    else if (command === 'stop') leave(flow, work, user);
    else if (command === 'balance') tellBalance(flow, work, user);
    else if (command === 'history') tellHistory(flow, work, user, ({ pair, leg }) => loadSide(work, pair, leg)?.side);
    else notify(flow, work, user, 'help');
  }

  #refund(work: Work, user: User, reading: Refund): boolean {
    const flow = this.#flow;
    const refuse = (notice: NoticeKey, params: TextParams = {}): false => {
      notify(flow, work, user, notice, params);
      return false;
    };
    const originals = refundableOriginals(work, user, reading);
    const [original] = originals;
    if (original === undefined) return refuse('refund-none', { ref: reading.code ?? '' });
    if (originals.length > 1) return refuse('refund-which', { refs: refsOf(originals) });
    const { asset } = original.operation;
    const left = { asset, amount: toAmount(refundable(work, original)) };
    const money = reading.amount ?? left;
    if (money.asset !== asset) return refuse('refund-currency', { ref: original.ref, money: left });
    if (money.amount === '0' || left.amount === '0') return refuse('refund-too-much', { money: left });
    return beginPair(flow, work, user, {
      kind: 'order',
      service: 'refund',
      to: original.otherNumber,
      toName: original.otherName,
      money,
      item: '',
      note: reading.note,
      peer: original.peer,
      reverses: original,
    });
  }
}

/** The payment that is named, or all that can still be refunded. */
function refundableOriginals(work: Work, user: User, { code, to }: Refund): readonly Side[] {
  const named = code === undefined ? undefined : work.get(refTable, `${user.id}!${code}`);
  const entries = code === undefined ? (work.get(recentTable, user.id) ?? []) : named === undefined ? [] : [named];
  return entries.flatMap(({ pair, leg }) => {
    const found = loadSide(work, pair, leg);
    if (found?.state.state !== 'committed' || found.side.service === 'refund' || !wasPaid(found.side)) return [];
    if (to !== undefined && found.side.otherNumber !== to) return [];
    return code === undefined && refundable(work, found.side) === 0n ? [] : [found.side];
  });
}

/**
 * Just after a start the gateway is asked to send it again in a moment. While the chain is out of reach that may be long:
 * what needs no chain is done, and an order is refused with the reason; what may change a pair still waits.
 */
function mustWait({ chainView, readiness }: FlowContext, reading: Reading): boolean {
  if (chainView.caughtUp || reading.kind === 'pass' || reading.kind === 'refusal') return false;
  if (reading.kind === 'command') return reading.command === 'join' || reading.command === 'stop';
  return reading.kind === 'answer' || reading.kind === 'cancel' || !readiness.troubled;
}

const say =
  (
    flow: FlowContext,
    user: User,
    ...[key, params]: [Parameters<typeof notify>[3], Parameters<typeof notify>[4]?]
  ): Act =>
  (work) => {
    notify(flow, work, userByNumber(work, user.number) ?? user, key, params);
    return 'answered';
  };

const conflict = (id: string): TandemError =>
  new TandemError('conflict', `The message id ${id} was already used for another message.`, { facts: { id } });

const forwardedTooMuch = (from: OperatorId, what: string, retrySeconds: number): TandemError =>
  new TandemError('too-busy', `Operator ${from} has forwarded too many ${what}; retry in ${retrySeconds} s`, {
    facts: { retrySeconds },
  });

/** A plain message from another operator, for a phone of this one. */
export async function deliverForwarded(
  flow: FlowContext,
  from: OperatorId,
  request: Request<'forward'>,
): Promise<Answer<'forward'>> {
  const { id, to } = request;
  if (!speaksFor(flow, from, request.from)) {
    flow.troubles.note('peer-foreign-number', from, { why: 'forward' });
    throw new TandemError(
      'forbidden',
      `The number directory of operator ${flow.self} does not assign the number in “from” to operator ${from}; only a number’s own operator may forward its messages. If the number is yours, have that directory corrected.`,
    );
  }
  if (userByNumber(flow.engine.newest, to) === undefined) {
    if (from !== flow.self && !flow.lookups.take(from))
      throw forwardedTooMuch(from, 'messages to numbers that nobody here has', 60);
    return { id, answer: 'not-mine' };
  }
  const text = cleanMessage(request.text);
  const none = from === flow.self ? undefined : flow.forwarding.take(from, to, Buffer.byteLength(request.text));
  if (none !== undefined) {
    flow.troubles.note('peer-over-budget', from, { why: `forwarded ${none.spent}` });
    throw forwardedTooMuch(from, none.spent, none.retrySeconds);
  }
  await flow.gateway.deliver([
    { id: `${from}-${id}`, from: request.from, to, text, at: toTimestamp(flow.engine.clock.now()) },
  ]);
  return { id, answer: 'delivered' };
}
