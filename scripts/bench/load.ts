/**
 * The load: orders at a fixed rate, whatever the answers take (open loop), up to a bound of open pairs; each question is
 * answered as soon as it arrives. Times are milliseconds of this process.
 */
import { ApiError, type NodeClient } from '../../operator-node/api/client.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';

export interface Party {
  readonly number: string;
  readonly client: NodeClient;
  readonly serviceNumber: string;
}

export interface PairTimes {
  readonly ordered: number;
  asked?: number;
  answered?: number;
  firstTold?: number;
  secondTold?: number;
  failed?: string;
}

export interface LoadOptions {
  readonly rate: number;
  readonly pairs: number;
  /** No more orders while so many pairs are open. */
  readonly maxOpen: number;
  /** In turn, the two parties of the next pair. */
  readonly parties: (index: number) => { readonly first: Party; readonly second: Party };
  /** Makes message ids of this run unique. */
  readonly run: string;
}

const tickMillis = 10;
/** A gateway that got no 202 sends again with the same id. */
const attempts = 5;
const againMillis = 200;

const noteOf = (text: string): number | undefined => {
  const found = /"w(\d+)"$/.exec(text);
  return found === null ? undefined : Number(found[1]);
};

export class Load {
  readonly times: PairTimes[] = [];
  settled = 0;
  failed = 0;
  /** What users were told of no pair, and how often: why orders were not taken. */
  readonly notices = new Map<string, number>();
  /** Orders that waited for the bound of open pairs, in milliseconds altogether. */
  heldBackMillis = 0;
  readonly #options: LoadOptions;
  #begun = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get ordered(): number {
    return this.times.length;
  }

  get open(): number {
    return this.times.length - this.settled - this.failed;
  }

  /** Resolves when the last order has been sent. */
  run(): Promise<void> {
    this.#begun = performance.now();
    let heldBack = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now();
        const due = Math.min(
          this.#options.pairs,
          Math.floor(((now - this.#begun - heldBack) / 1000) * this.#options.rate),
        );
        while (this.times.length < due && this.open < this.#options.maxOpen) this.#order();
        if (this.times.length < due) {
          // The clock of the load stands still meanwhile: what could not be sent is not sent in a burst later.
          heldBack += tickMillis;
          this.heldBackMillis += tickMillis;
        }
        if (this.times.length === this.#options.pairs) {
          clearInterval(timer);
          resolve();
        }
      }, tickMillis);
    });
  }

  /** A message that a node handed to the gateway. */
  take({ text }: OutboundMessage): void {
    const index = noteOf(text);
    const pair = index === undefined ? undefined : this.times[index];
    if (index === undefined || pair === undefined) {
      this.notices.set(text, (this.notices.get(text) ?? 0) + 1);
      return;
    }
    const now = performance.now();
    if (text.includes('wants to pay you')) {
      if (pair.asked !== undefined) return;
      pair.asked = now;
      void this.#answer(index, pair, /YES (\w+)/.exec(text)?.[1] ?? '');
    } else if (text.startsWith('You paid') && !text.startsWith('You paid nothing')) {
      if (pair.firstTold !== undefined) return;
      pair.firstTold = now;
      if (pair.secondTold !== undefined) this.settled += 1;
    } else if (text.includes('paid you')) {
      if (pair.secondTold !== undefined) return;
      pair.secondTold = now;
      if (pair.firstTold !== undefined) this.settled += 1;
    } else if (!text.startsWith('Waiting for')) {
      this.#fail(pair, text);
    }
  }

  #order(): void {
    const index = this.times.length;
    const { first, second } = this.#options.parties(index);
    const pair: PairTimes = { ordered: performance.now() };
    this.times.push(pair);
    const message = {
      id: `${this.#options.run}-o${index}`,
      from: first.number,
      to: second.number,
      text: `PAY 1 w${index}`,
    };
    void this.#post(first.client, message).then((disposition) => {
      if (disposition !== 'intercepted') this.#fail(pair, `the order was ${disposition}`);
    });
  }

  async #answer(index: number, pair: PairTimes, code: string): Promise<void> {
    const { second } = this.#options.parties(index);
    pair.answered = performance.now();
    const message = {
      id: `${this.#options.run}-a${index}`,
      from: second.number,
      to: second.serviceNumber,
      text: `YES ${code}`,
    };
    const disposition = await this.#post(second.client, message);
    if (disposition !== 'intercepted') this.#fail(pair, `the answer was ${disposition}`);
  }

  #fail(pair: PairTimes, why: string): void {
    if (pair.failed !== undefined || (pair.firstTold !== undefined && pair.secondTold !== undefined)) return;
    pair.failed = why;
    this.failed += 1;
  }

  /** The disposition, or what went wrong. */
  async #post(client: NodeClient, message: Parameters<NodeClient['receiveMessage']>[0]): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await client.receiveMessage(message)).disposition;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const again = error.status === 0 || error.status === 429 || error.status === 503;
        if (!again || attempt === attempts) return `refused: ${error.message}`;
        await new Promise((resolve) => setTimeout(resolve, againMillis * attempt));
      }
    }
  }
}
