/** A payment from a user of each operator to a user of each other one, all at once: what a devnet of several is for. */
import { randomUUID } from 'node:crypto';
import { readCatalogue } from '../../operator-node/analysis/catalogue.ts';
import { ApiError, type NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile, DevnetUser } from '../../operator-node/cli/devnet-file.ts';
import { LocatedYaml } from '../../operator-node/located-yaml.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Description } from './description.ts';
import type { Devnet } from './devnet.ts';
import { catalogueFile } from './layout.ts';
import { PhoneWatch } from './phones.ts';
import type { Played } from './play.ts';
import type { Screen } from './screen.ts';
import { until } from './wait.ts';

export interface Lane {
  readonly from: string;
  readonly to: string;
}

export interface Round extends Played {
  readonly lanes: readonly Lane[];
  /** Lanes that nobody can pay along, and why. */
  readonly without: readonly string[];
}

interface Payment extends Lane {
  readonly payer: DevnetUser;
  readonly payee: DevnetUser;
  readonly asset: string;
  readonly note: string;
  pair?: string;
}

const settledMillis = 60_000;

/** One unit of the first currency that a person of `from` has that much of and a person of `to` has an account in. */
function paymentAlong({ from, to }: Lane, file: DevnetFile, { operators }: Pick<Description, 'operators'>) {
  const peopleOf = (handle: string): DevnetUser[] =>
    file.users.filter(({ operator, kind }) => operator === handle && kind === 'person');
  for (const { asset, exponent } of operators.find(({ handle }) => handle === from)?.assets ?? []) {
    const unit = 10n ** BigInt(exponent);
    const payer = peopleOf(from).find(({ accounts }) =>
      accounts.some((account) => account.asset === asset && BigInt(account.balance) >= unit * BigInt(operators.length)),
    );
    const payee = peopleOf(to).find(({ accounts }) => accounts.some((account) => account.asset === asset));
    if (payer !== undefined && payee !== undefined) {
      return { from, to, payer, payee, asset, note: `${from} to ${to}` } satisfies Payment;
    }
  }
  return undefined;
}

/** What users of the devnet write for an order and for a yes, by language. */
function words(): { readonly pay: (language: string) => string; readonly yes: (language: string) => string } {
  const { services, answers } = readCatalogue(LocatedYaml.read(catalogueFile, 'catalogue-invalid'));
  const first = (by: Readonly<Record<string, readonly string[]>> | undefined, language: string): string => {
    const word = by?.[language]?.[0];
    if (word === undefined) throw new Error(`the catalogue has no word for it in ${language}`);
    return word;
  };
  return {
    pay: (language) => first(services['pay']?.keywords, language),
    yes: (language) => first(answers['yes'], language),
  };
}

export async function playRound(
  devnet: Devnet,
  file: DevnetFile,
  description: Pick<Description, 'operators'>,
  screen: Screen,
): Promise<Round> {
  const handles = file.operators.map(({ handle }) => handle);
  const all = handles.flatMap((from) => handles.flatMap((to) => (from === to ? [] : [{ from, to }])));
  const payments: Payment[] = all.flatMap((lane) => paymentAlong(lane, file, description) ?? []);
  const without = all
    .filter(({ from, to }) => !payments.some((each) => each.from === from && each.to === to))
    .map(({ from, to }) => `${from} to ${to}`);
  screen.scene('A payment from each operator to each other one, all at once');
  const people = new People(devnet, file, screen, payments);
  await people.pay();
  for (const fault of people.faults) screen.problem(`  ${fault}`);
  const pairs = new Set(payments.flatMap(({ pair }) => pair ?? []));
  return { messages: payments.length, faults: people.faults, pairs, lanes: payments, without };
}

/** Those who pay and are paid: they order, say yes to what they are asked, and hear how it ends. */
class People {
  readonly #devnet: Devnet;
  readonly #file: DevnetFile;
  readonly #screen: Screen;
  readonly #payments: readonly Payment[];
  readonly #words = words();
  readonly #answers: Promise<void>[] = [];
  readonly faults: string[] = [];

  constructor(devnet: Devnet, file: DevnetFile, screen: Screen, payments: readonly Payment[]) {
    this.#devnet = devnet;
    this.#file = file;
    this.#screen = screen;
    this.#payments = payments;
  }

  /** All at once, until each has settled or something went wrong. */
  async pay(): Promise<void> {
    const watch = new PhoneWatch(this.#phones(), (message) => this.#hear(message));
    await watch.skip();
    watch.start();
    try {
      await Promise.all(this.#payments.map((payment) => this.#order(payment)));
      await this.#untilSettled().catch((error: unknown) => void this.faults.push((error as Error).message));
      await Promise.all(this.#answers);
      // The last words to both users of the last payment.
      await watch.read();
    } finally {
      watch.stop();
    }
  }

  #phones() {
    const users = this.#payments.flatMap(({ payer, payee }) => [payer, payee]);
    const operators = new Map(users.map(({ number, operator }) => [number, operator] as const));
    return [...operators].map(([number, operator]) => ({ number, client: this.#devnet.operator(operator) }));
  }

  #nameOf(number: string): string {
    const { users, operators } = this.#file;
    const user = users.find((each) => each.number === number)?.name.split(' ')[0];
    return user ?? operators.find(({ serviceNumber }) => serviceNumber === number)?.handle ?? number;
  }

  async #send({ operator, number }: DevnetUser, to: string | undefined, text: string): Promise<void> {
    const service = this.#file.operators.find(({ handle }) => handle === operator)?.serviceNumber ?? '';
    const message = { id: randomUUID(), from: number, to: to ?? service, text };
    const { disposition } = await this.#devnet.operator(operator).receiveMessage(message);
    this.#screen.sent(this.#nameOf(number), this.#nameOf(message.to), text, disposition);
    if (disposition !== 'intercepted') throw new Error(`"${text}" of ${this.#nameOf(number)} was ${disposition}`);
  }

  #sendOrNote(user: DevnetUser, to: string | undefined, text: string): Promise<void> {
    return this.#send(user, to, text).catch((error: unknown) => {
      this.faults.push((error as Error).message);
    });
  }

  #order({ payer, payee, asset, note }: Payment): Promise<void> {
    return this.#sendOrNote(payer, payee.number, `${this.#words.pay(payer.language)} 1 ${asset} ${note}`);
  }

  #hear(message: OutboundMessage): void {
    this.#screen.received(this.#nameOf(message.from), this.#nameOf(message.to), message.text);
    const payment = this.#payments.find(
      ({ note, payee }) => payee.number === message.to && message.text.includes(`"${note}"`),
    );
    if (payment === undefined || payment.pair !== undefined || message.pair === undefined) return;
    payment.pair = message.pair;
    const yes = this.#words.yes(payment.payee.language);
    const [, code] = new RegExp(`${RegExp.escape(yes)} (\\d+)`, 'u').exec(message.text) ?? [];
    // One who accepts by itself is told the end at once, and asked nothing.
    if (code !== undefined) this.#answers.push(this.#sendOrNote(payment.payee, undefined, `${yes} ${code}`));
  }

  async #untilSettled(): Promise<void> {
    const settled = new Set<Payment>();
    await until(
      async () => {
        for (const payment of this.#payments) {
          if (settled.has(payment) || payment.pair === undefined) continue;
          const clients = [payment.from, payment.to].map((handle) => this.#devnet.operator(handle));
          if (await settledOn(clients, payment.pair)) settled.add(payment);
        }
        return settled.size === this.#payments.length || this.faults.length > 0 ? true : undefined;
      },
      {
        timeoutMillis: settledMillis,
        everyMillis: 200,
        failure: () => {
          const open = this.#payments.filter((payment) => !settled.has(payment)).map(({ note }) => note);
          return `after ${settledMillis / 1000} s these payments have not settled: ${open.join(', ')}`;
        },
      },
    );
  }
}

/** Committed on both nodes, and both users told. */
async function settledOn(clients: readonly NodeClient[], pair: string): Promise<boolean> {
  for (const client of clients) {
    try {
      const { legs } = await client.pair({ id: pair });
      if (!legs.every(({ state, told }) => state === 'committed' && told)) return false;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }
  return true;
}
