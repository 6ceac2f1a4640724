/**
 * Users and their phones: what people do with an ordinary message, in every order and as often as they like. The gateway
 * between phone and node keeps a message until the node has taken it, and sometimes sends it twice.
 */
import { TandemError } from '../../operator-node/errors.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Msisdn, OperatorId } from '../../operator-node/model/ids.ts';
import type { Chance } from './random.ts';
import { directory, numberOf, serviceNumberOf } from './setting.ts';
import type { Scripted, World } from './world.ts';

export interface Person {
  readonly number: Msisdn;
  readonly operator: OperatorId;
  readonly kind: 'person' | 'machine';
  readonly autoAccept: boolean;
  readonly sells: boolean;
  readonly language: 'en' | 'sv';
}

/** How an asked person answers. */
type Mood = 'yes' | 'no' | 'silent' | 'late' | 'wrong-code' | 'twice' | 'both' | 'plain';

const moods: readonly Mood[] = [
  'yes',
  'yes',
  'yes',
  'yes',
  'yes',
  'yes',
  'yes',
  'no',
  'silent',
  'late',
  'wrong-code',
  'twice',
  'both',
  'plain',
];

const takeMillis = 800;

export class Phones {
  readonly people: readonly Person[];
  readonly #world: World;
  readonly #chance: Chance;
  readonly #seen = new Set<string>();
  readonly #refs = new Map<Msisdn, string[]>();
  #sent = 0;
  /** Messages that a node has not taken yet. */
  waiting = 0;
  /** These answer nothing, in runs where everybody else says yes. */
  readonly silent = new Set<Msisdn>();
  /** Users do as they like; otherwise they answer yes and nothing else. */
  lively = true;
  /** Probability that the gateway hands a message over twice. */
  doubled = 0;

  constructor(world: World, perOperator: number) {
    this.#world = world;
    this.#chance = world.chance.fork('people');
    this.people = world.operators.flatMap((operator) =>
      Array.from({ length: perOperator }, (_, index): Person => {
        const sells = index >= perOperator - 2;
        const kind = index === perOperator - 1 ? 'machine' : 'person';
        return {
          number: numberOf(operator, index + 1),
          operator,
          kind,
          autoAccept: sells && this.#chance.happens(0.7),
          sells,
          language: this.#chance.happens(0.2) ? 'sv' : 'en',
        };
      }),
    );
  }

  /** What somebody does of their own accord. */
  act(): void {
    const chance = this.#chance;
    const from = chance.pick(this.people.filter(({ kind }) => kind === 'person'));
    const to = chance.pick(this.people.filter(({ number }) => number !== from.number));
    const amount = chance.between(1, 40);
    const what = chance.below(100);
    if (to.sells && what < 70) {
      this.send(from, to.number, chance.happens(0.8) ? 'BUY 12' : 'BUY cola');
    } else if (what < 45) this.send(from, to.number, `PAY ${amount} lunch`);
    else if (what < 55) this.send(from, serviceNumberOf(from.operator), `PAY ${amount} ${to.number}`);
    else if (what < 75) this.send(from, to.number, `REQUEST ${amount} rent`);
    else if (what < 78) this.send(from, to.number, 'PAY 90000 too much');
    else if (what < 82) this.#refund(from);
    else if (what < 86) this.send(from, serviceNumberOf(from.operator), 'CANCEL');
    else if (what < 88) this.send(from, serviceNumberOf(from.operator), 'BALANCE');
    else if (what < 90) this.send(from, serviceNumberOf(from.operator), 'HISTORY');
    else if (what < 92) this.send(from, serviceNumberOf(from.operator), 'YES 1234');
    else if (what < 94) this.send(from, to.number, 'see you at noon');
    else if (what < 96) this.#leaveAndCome(from);
    else {
      // Both at once: each orders of the other what the other orders of it.
      this.send(from, to.number, `PAY ${amount}`);
      if (to.kind === 'person') this.send(to, from.number, `PAY ${amount}`);
    }
  }

  follow({ from, to, text }: Scripted): void {
    const sender = this.#personAt(from);
    const ref = this.#refs.get(sender.number)?.at(-1) ?? '';
    const addressee = to === undefined ? serviceNumberOf(sender.operator) : this.#personAt(to).number;
    this.send(sender, addressee, text.replace('{ref}', ref));
  }

  #personAt([operator, index]: readonly [number, number]): Person {
    const found = this.people.find(({ number }) => number === numberOf(operator, index));
    if (found === undefined) throw new RangeError(`operator ${operator} has no person ${index}`);
    return found;
  }

  #refund(from: Person): void {
    const refs = this.#refs.get(from.number) ?? [];
    const ref = refs.length === 0 ? '' : ` ${this.#chance.pick(refs)}`;
    const part = this.#chance.happens(0.4) ? ` ${this.#chance.between(1, 10)}` : '';
    this.send(from, serviceNumberOf(from.operator), `REFUND${ref}${part}`);
  }

  #leaveAndCome(from: Person): void {
    this.send(from, serviceNumberOf(from.operator), 'STOP');
    this.#later(5_000, () => {
      this.send(from, serviceNumberOf(from.operator), 'JOIN');
    });
  }

  /** What comes to a phone: read once, however often it comes. */
  receive(message: OutboundMessage): void {
    if (this.#seen.has(message.id)) return;
    this.#seen.add(message.id);
    this.#world.tell('phone', 'gets', message.to, message.text);
    const person = this.people.find(({ number }) => number === message.to);
    if (person === undefined) return;
    const code = /(?:YES|JA) (\d{4})/.exec(message.text)?.[1];
    if (code !== undefined) this.#answer(person, code);
    const cancel = /(?:CANCEL|AVBRYT) ([A-Z0-9]{4})\b/.exec(message.text)?.[1];
    if (cancel !== undefined && this.lively && this.#chance.happens(0.12)) {
      this.#later(this.#chance.between(10, 8_000), () => {
        this.send(person, serviceNumberOf(person.operator), `CANCEL ${cancel}`);
      });
    }
    const refund = /(?:REFUND|ÅTERBETALA) ([A-Z0-9]{4})\b/.exec(message.text)?.[1];
    if (refund === undefined) return;
    const refs = this.#refs.get(person.number) ?? [];
    this.#refs.set(person.number, [...refs, refund]);
    if (this.lively && this.#chance.happens(0.15)) {
      this.#later(this.#chance.between(10, 10_000), () => {
        this.#refund(person);
      });
    }
  }

  #answer(person: Person, code: string): void {
    const chance = this.#chance;
    const service = serviceNumberOf(person.operator);
    const say = (text: string, millis = chance.between(50, 5_000)): void => {
      this.#later(millis, () => {
        this.send(person, service, text);
      });
    };
    if (this.silent.has(person.number)) return;
    const never = this.#world.refuser === person.number;
    const mood = never ? 'no' : this.lively ? chance.pick(moods) : 'yes';
    const [yes, no] = person.language === 'sv' ? ['JA', 'NEJ'] : ['YES', 'NO'];
    const wrong = String((Number(code) + 1) % 10_000).padStart(4, '0');
    switch (mood) {
      case 'yes':
        say(`${yes} ${code}`);
        break;
      case 'no':
        say(`${no} ${code}`);
        break;
      case 'silent':
        break;
      case 'late':
        say(`${yes} ${code}`, chance.between(15_000, 50_000));
        break;
      case 'wrong-code':
        for (let count = chance.between(1, 4); count > 0; count -= 1) say(`${yes} ${wrong}`);
        say(`${yes} ${code}`);
        break;
      case 'twice':
        say(`${yes} ${code}`);
        say(`${yes} ${code}`);
        break;
      case 'both':
        say(`${yes} ${code}`);
        say(`${no} ${code}`);
        break;
      case 'plain':
        say(yes);
        say(`${yes} ${code}`, chance.between(5_000, 9_000));
    }
  }

  #later(millis: number, action: () => void): void {
    this.#world.time.after(millis, action);
  }

  send(from: Person, to: Msisdn, text: string): void {
    this.#sent += 1;
    const id = `m${this.#sent}`;
    this.waiting += 1;
    this.#world.tell('phone', 'sends', from.number, to, text);
    this.#handOver({ id, from: from.number, to, text }, from.operator, true);
    if (this.#chance.happens(this.doubled)) {
      this.#later(this.#chance.between(1, 10_000), () => {
        this.waiting += 1;
        this.#world.fired('user-message-doubled', from.operator);
        this.#handOver({ id, from: from.number, to, text }, from.operator, true);
      });
    }
  }

  #handOver(
    message: { readonly id: string; readonly from: Msisdn; readonly to: Msisdn; readonly text: string },
    operator: OperatorId,
    first: boolean,
  ): void {
    const again = (): void => {
      this.#later(this.#chance.between(500, 3_000), () => {
        this.#handOver(message, operator, false);
      });
    };
    this.#later(first ? this.#chance.between(1, takeMillis) : 0, () => {
      const process = this.#world.node(operator).serving;
      if (process === undefined) {
        again();
        return;
      }
      // The gateway gives a request up after a while: whether it was taken is not known.
      let settled = false;
      const end = (settle: () => void): void => {
        if (settled) return;
        settled = true;
        settle();
      };
      const cancel = this.#world.time.after(8_000, () => {
        end(again);
      });
      process.gate(() => {
        process.node.receiver.receive(message).then(
          () => {
            if (!process.alive) return;
            cancel();
            end(() => {
              this.#world.taken(operator, message.id);
              this.waiting -= 1;
            });
          },
          (error: unknown) => {
            if (!process.alive) return;
            cancel();
            const retryable = error instanceof TandemError && error.retryable;
            end(() => {
              if (retryable) again();
              else {
                this.waiting -= 1;
                this.#world.tell('gateway', 'gives up', message.id, error instanceof Error ? error.message : '');
              }
            });
          },
        );
      });
    });
  }

  /** Two people, for a last payment in one direction. */
  pairOf(payer: OperatorId, payee: OperatorId): readonly [Person, Person] {
    const from = this.people.find(({ operator }) => operator === payer);
    const to = this.people.find((person) => person.operator === payee && person !== from);
    if (from === undefined || to === undefined) throw new RangeError('nobody there');
    return [from, to];
  }

  operatorOf(number: Msisdn): OperatorId | undefined {
    return directory.find(number);
  }
}
