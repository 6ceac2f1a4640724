/**
 * The users: they pay, request, buy, refund, cancel, ask and write to one another, and answer yes, no, twice, wrongly,
 * late or never. All of it through the gateway, whatever the nodes are suffering.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeClient } from '../../operator-node/api/client.ts';
import type { Chance } from './chance.ts';
import type { Gateway, Sent, Told } from './gateway.ts';
import { cancelRef, noteOf, questionCode, refundRef } from './words.ts';

export interface Party {
  readonly operator: string;
  readonly number: string;
  readonly client: NodeClient;
  readonly serviceNumber: string;
  readonly machine: boolean;
  /** A number of another operator where nobody is. */
  readonly nobody: string;
}

export type Kind = 'pay' | 'request' | 'buy' | 'refund' | 'cancel' | 'answer' | 'plain' | 'command' | 'nobody';

export interface Act {
  readonly kind: Kind;
  readonly sent: Sent;
  /** Of an order with a note. */
  readonly note?: string;
  /** Of an answer: the pair of its question. */
  readonly pair?: string;
}

const tickMillis = 20;
/** Orders wait while so many messages have no 202. */
const maxUndelivered = 400;

export class Load {
  readonly acts: Act[] = [];
  /** No more answers that come late or never: what is asked from here on is answered. */
  prompt: boolean;
  readonly #gateway: Gateway;
  readonly #chance: Chance;
  readonly #parties: readonly Party[];
  readonly #byNumber: ReadonlyMap<string, Party>;
  readonly #lateMillis: number;
  readonly #rate: number;
  readonly #run: string;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Notes of orders that are answered yes. */
  readonly #probes = new Set<string>();
  #messages = 0;
  #notes = 0;
  #ordering = true;

  constructor(options: {
    gateway: Gateway;
    chance: Chance;
    parties: readonly Party[];
    /** Orders a second. */
    rate: number;
    /** After which an answer is too late. */
    lateMillis: number;
    prompt: boolean;
    /** Makes message ids of this run unique. */
    run: string;
  }) {
    this.#gateway = options.gateway;
    this.#chance = options.chance;
    this.#parties = options.parties;
    this.#byNumber = new Map(options.parties.map((party) => [party.number, party]));
    this.#lateMillis = options.lateMillis;
    this.#rate = options.rate;
    this.#run = options.run;
    this.prompt = options.prompt;
    this.#gateway.onTold((told) => this.#hear(told));
  }

  get counts(): ReadonlyMap<Kind, number> {
    const counts = new Map<Kind, number>();
    for (const { kind } of this.acts) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  /** Orders until `end`; resolves when the last has been begun. */
  async order(): Promise<void> {
    const begun = performance.now();
    let ordered = 0;
    while (this.#ordering) {
      const due = Math.floor(((performance.now() - begun) / 1000) * this.#rate);
      for (; ordered < due; ordered += 1) if (this.#gateway.undelivered < maxUndelivered) this.#orderOne();
      await sleep(tickMillis);
    }
  }

  end(): void {
    this.#ordering = false;
  }

  /** One payment that is answered yes, for the end: a pair in this direction still settles. */
  probe(from: string, to: string): Act {
    const [first, second] = [from, to].map((operator) =>
      this.#parties.find((party) => !party.machine && party.operator === operator),
    );
    if (first === undefined || second === undefined) throw new Error(`nobody lives at ${from} or ${to}`);
    const note = this.#note();
    this.#probes.add(note);
    return this.#say(first, second.number, `PAY 1 ${note}`, { kind: 'pay', note });
  }

  /** Nothing is on its way to a node any more, and no answer is being thought over. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await this.#gateway.idle();
  }

  #note(): string {
    this.#notes += 1;
    return `w${this.#notes}`;
  }

  #person(operator?: string): Party {
    return this.#chance.pick(
      this.#parties.filter((party) => !party.machine && (operator === undefined || party.operator === operator)),
    );
  }

  #orderOne(): void {
    const first = this.#person();
    // One in eight stays inside one operator.
    const inside = this.#chance.happens(0.12);
    const others = this.#parties.filter(
      (party) => party.number !== first.number && (party.operator === first.operator) === inside,
    );
    const people = others.filter(({ machine }) => !machine);
    const machines = others.filter(({ machine }) => machine);
    const draw = this.#chance.next();
    const amount = this.#chance.between(1, 9);
    if (draw < 0.55) this.#order(first, this.#chance.pick(people), 'pay', `PAY ${amount}`);
    else if (draw < 0.77) this.#order(first, this.#chance.pick(people), 'request', `REQUEST ${amount}`);
    else if (draw < 0.89) {
      const item = this.#chance.happens(0.05) ? '12' : '11';
      this.#say(first, this.#chance.pick(machines).number, `BUY ${item}`, { kind: 'buy' });
    } else if (draw < 0.94) {
      const text = `See you at ${this.#messages}, I pay lunch`;
      this.#say(first, this.#chance.pick(people).number, text, { kind: 'plain' });
    } else if (draw < 0.98) {
      const text = this.#chance.happens(0.5) ? 'BALANCE' : 'HISTORY';
      this.#say(first, first.serviceNumber, text, { kind: 'command' });
    } else this.#order(first, undefined, 'nobody', `PAY ${amount}`);
  }

  #order(first: Party, second: Party | undefined, kind: Kind, words: string): void {
    const note = this.#note();
    this.#say(first, second?.number ?? first.nobody, `${words} ${note}`, { kind, note });
  }

  #say(from: Party, to: string, text: string, what: Omit<Act, 'sent'>): Act {
    this.#messages += 1;
    const message = { id: `${this.#run}-${this.#messages}`, from: from.number, to, text };
    this.#later(this.#gateway.deliver(from.operator, from.client, message));
    const sent = this.#gateway.sent.get(message.id);
    if (sent === undefined) throw new Error(`message ${message.id} was not begun`);
    const act: Act = { ...what, sent };
    this.acts.push(act);
    return act;
  }

  #later(work: Promise<unknown>): void {
    const noted = work
      .catch((error: unknown) => this.#gateway.problems.push(`the load failed: ${String(error)}`))
      .finally(() => this.#underWay.delete(noted));
    this.#underWay.add(noted);
  }

  #hear({ message }: Told): void {
    const user = this.#byNumber.get(message.to);
    if (user === undefined || message.pair === undefined) return;
    const { text, pair } = message;
    const code = questionCode(text);
    if (code !== undefined && this.#probes.has(noteOf(text) ?? '')) {
      this.#toService(user, `YES ${code}`, { kind: 'answer', pair });
    } else if (code !== undefined) this.#later(this.#answer(user, pair, code));
    const cancel = cancelRef(text);
    if (cancel !== undefined && this.#chance.happens(0.06)) {
      this.#later(this.#afterwards(2500, () => this.#toService(user, `CANCEL ${cancel}`, { kind: 'cancel' })));
    }
    const refund = refundRef(text);
    if (refund !== undefined && !user.machine && this.#ordering && this.#chance.happens(0.08)) {
      const note = this.#note();
      const text = `REFUND ${refund} ${this.#chance.happens(0.5) ? '1' : '0.50'} ${note}`;
      this.#later(this.#afterwards(3000, () => this.#toService(user, text, { kind: 'refund', note })));
    }
  }

  async #afterwards(mostMillis: number, act: () => void): Promise<void> {
    await sleep(this.#chance.between(0, mostMillis));
    act();
  }

  #toService(user: Party, text: string, what: Omit<Act, 'sent'>): void {
    this.#say(user, user.serviceNumber, text, what);
  }

  async #answer(user: Party, pair: string, code: string): Promise<void> {
    const say = (word: string, withCode = code): void =>
      this.#toService(user, `${word} ${withCode}`, { kind: 'answer', pair });
    const draw = this.#chance.next();
    await sleep(this.#chance.between(20, 1500));
    if (draw < 0.68) say('YES');
    else if (draw < 0.8) say('NO');
    else if (draw < 0.86) {
      // A wrong code, then the right one.
      say('YES', String((Number(code) + 1) % 10_000).padStart(4, '0'));
      await sleep(500);
      say('YES');
    } else if (draw < 0.92) {
      say('YES');
      say(this.#chance.happens(0.5) ? 'NO' : 'YES');
    } else if (this.prompt) say('YES');
    else if (draw < 0.96) {
      await sleep(this.#lateMillis);
      say('YES');
    }
    // The rest never answer.
  }
}
