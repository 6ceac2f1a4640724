/**
 * Sends what is stored until it is in a final block (faults.md 8). A transaction is signed and stored in the transaction of
 * the store that decided it, leaves when that is on disk, and is handed over again every few seconds: a lost reply, a
 * dropped transaction and a restarted pool all look alike. A nonce once taken is never left behind: whatever the pool says,
 * its transaction stays and is tried again. Here is when to look; what a look does is `delivery.ts`.
 */
import { hasPassed } from '../engine/clock.ts';
import type { Hash, UnixMillis } from '../model/ids.ts';
import type { Tx } from '../store/store.ts';
import { emptyCall } from './calls.ts';
import type { ContractCall, Fees, Head, SendingKey, TransactionSender } from './chain.ts';
import { Delivery, isOpen, type DeliveryOptions, type Findings } from './delivery.ts';
import { capped, storeFees } from './fees.ts';
import {
  pokeIsOnItsWay,
  sendingAccountTable,
  sentTable,
  storeFeesOf,
  storeNext,
  type NewTransaction,
  type SentTransaction,
} from './sent.ts';

export type { SenderAlarm } from './delivery.ts';

type Bounds = 'resendMillis' | 'maxInFlight' | 'feeCap' | 'raiseAfterBlocks';

export interface SenderOptions<T extends Tx> extends Omit<DeliveryOptions<T>, Bounds> {
  /** A look failed: the chain is out of reach, or the store has failed. */
  readonly onTrouble: (trouble: unknown) => void;
  /** Default 3,000. */
  readonly resendMillis?: number;
  /** Transactions of one key in the pool at once; the others wait in the store. Default 16, as pools keep for one account. */
  readonly maxInFlight?: number;
  /** The most that a unit of gas may cost, in wei. Default 500 gwei. */
  readonly feeCap?: bigint;
  /** Blocks to wait for a transaction that is in the pool and next, before it is offered a higher fee. Default 3. */
  readonly raiseAfterBlocks?: number;
}

/** How long fees count as current. */
const feeMillis = 15_000;

export interface SenderStatus {
  readonly key: SendingKey;
  readonly address: string;
  /** Undefined before the chain's nonce is known. */
  readonly next: number | undefined;
  readonly waiting: number;
  /** Transactions that the chain does not take, and why; each keeps its nonce and is tried again. */
  readonly troubles: readonly { readonly nonce: number; readonly detail: string }[];
}

export class ChainSender<T extends Tx = Tx> implements TransactionSender {
  readonly #options: SenderOptions<T> & DeliveryOptions<T>;
  readonly #deliveries = new Map<string, Delivery<T>>();
  readonly #waiting = new Map<string, number>();
  #newest = 0;
  #fees: { readonly value: Fees; readonly at: UnixMillis } | undefined;
  #started = false;
  /** A look at what is durable is already asked for. */
  #barrier = false;
  #wanted: 'nothing' | 'send' | 'look' = 'nothing';
  #running: Promise<void> | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: SenderOptions<T>) {
    this.#options = {
      resendMillis: 3_000,
      maxInFlight: 16,
      feeCap: 500_000_000_000n,
      raiseAfterBlocks: 3,
      ...options,
    };
  }

  get status(): readonly SenderStatus[] {
    return (['carrier', 'account'] as const).map((key) => {
      const { address } = this.#options.signers[key];
      return {
        key,
        address,
        next: this.#options.store.newest.get(sendingAccountTable, address)?.next,
        waiting: this.waiting(key),
        troubles: this.#delivery(address).troubles,
      };
    });
  }

  /** The chain's nonce of both keys is known, so that `send` can take the next. */
  get ready(): boolean {
    return this.status.every(({ next }) => next !== undefined);
  }

  /**
   * Takes up what is stored, compares nonces with the chain and keeps going. Does not wait for the chain: a key whose
   * nonce was never known refuses to send until it is.
   */
  start(): void {
    this.#started = true;
    this.#tick();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#started = false;
    this.#cancelTimer();
    await this.idle();
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  send(tx: Tx, key: SendingKey, call: ContractCall, tag: string): Hash {
    return this.#store(tx, { key, kind: 'call', tag, call });
  }

  poke(tx: Tx, key: SendingKey): Hash | undefined {
    const { address } = this.#options.signers[key];
    if (pokeIsOnItsWay(tx, address)) return undefined;
    return this.#store(tx, { key, kind: 'poke', tag: 'poke', call: emptyCall(address) });
  }

  waiting(key: SendingKey): number {
    return this.#waiting.get(this.#options.signers[key].address) ?? 0;
  }

  /** From the watcher: something may have come into a block, or become final. */
  onHead({ newest }: Head): void {
    if (newest.number === this.#newest) return;
    this.#newest = newest.number;
    this.#want('look');
  }

  #store(tx: Tx, order: NewTransaction): Hash {
    const signer = this.#options.signers[order.key];
    const { hash } = storeNext(tx, signer, this.#options.chainId, order);
    this.#waiting.set(signer.address, (this.#waiting.get(signer.address) ?? 0) + 1);
    this.#sendWhenDurable();
    return hash;
  }

  #sendWhenDurable(): void {
    if (this.#barrier) return;
    this.#barrier = true;
    // The body that asks for it has ended by then, and an empty transaction counts as on disk only after it.
    queueMicrotask(() => {
      this.#barrier = false;
      this.#options
        .transact(() => undefined)
        .then(
          () => {
            this.#want('send');
          },
          // Its own promise tells whoever decided it.
          () => undefined,
        );
    });
  }

  #tick(): void {
    this.#cancelTimer = this.#options.clock.after(this.#options.resendMillis, () => {
      if (this.#started) this.#tick();
    });
    this.#want('look');
  }

  #want(what: 'send' | 'look'): void {
    if (!this.#started) return;
    if (this.#wanted !== 'look') this.#wanted = what;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#started && this.#wanted !== 'nothing') {
      const wanted = this.#wanted;
      this.#wanted = 'nothing';
      try {
        const sent = await this.#load();
        const findings = wanted === 'look' ? await this.#look(sent) : await this.#send(sent);
        if (findings.some(({ feesAreOld }) => feesAreOld)) this.#fees = undefined;
        if (findings.some(({ lookAgain }) => lookAgain)) this.#wanted = 'look';
      } catch (error) {
        this.#options.onTrouble(error);
      }
    }
  }

  /** What is on disk, by address, in the order of nonces. */
  async #load(): Promise<readonly (readonly [address: string, rows: readonly SentTransaction[]])[]> {
    const { carrier, account } = this.#options.signers;
    const byAddress = new Map<string, SentTransaction[]>([
      [carrier.address, []],
      [account.address, []],
    ]);
    for await (const [, row] of this.#options.store.scan(sentTable)) {
      const rows = byAddress.get(row.address);
      if (rows === undefined) byAddress.set(row.address, [row]);
      else rows.push(row);
    }
    for (const [address, rows] of byAddress) this.#waiting.set(address, rows.filter(isOpen).length);
    return [...byAddress];
  }

  async #look(sent: readonly (readonly [string, readonly SentTransaction[]])[]): Promise<readonly Findings[]> {
    const [fees, final] = await Promise.all([this.#currentFees(), this.#options.reader.finalHead()]);
    const around = { newest: this.#newest, final, fees };
    return Promise.all(sent.map(([address, rows]) => this.#delivery(address).look(rows, around)));
  }

  #send(sent: readonly (readonly [string, readonly SentTransaction[]])[]): Promise<readonly Findings[]> {
    return Promise.all(sent.map(([address, rows]) => this.#delivery(address).send(rows, this.#newest)));
  }

  #delivery(address: string): Delivery<T> {
    let delivery = this.#deliveries.get(address);
    if (delivery === undefined) {
      delivery = new Delivery(this.#options, address);
      this.#deliveries.set(address, delivery);
    }
    return delivery;
  }

  async #currentFees(): Promise<Fees> {
    const { writer, clock, feeCap, transact, signers } = this.#options;
    const known = this.#fees;
    if (known !== undefined && !hasPassed(clock, known.at, feeMillis)) return known.value;
    const value = capped(await writer.fees(), feeCap);
    this.#fees = { value, at: clock.now() };
    if (known === undefined || JSON.stringify(storeFees(known.value)) !== JSON.stringify(storeFees(value))) {
      await transact((tx) => {
        storeFeesOf(tx, signers.carrier.address, value);
        storeFeesOf(tx, signers.account.address, value);
      });
    }
    return value;
  }
}
