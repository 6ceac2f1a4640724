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
import { TandemError } from '../errors.ts';
import type { ContractCall, FeesAsked, Head, KeyMoney, KeyStanding, SendingKey, TransactionSender } from './chain.ts';
import { Delivery, isOpen, type DeliveryOptions, type Findings } from './delivery.ts';
import { capped, storeFees } from './fees.ts';
import { offerOf } from './pricing.ts';
import { noteBalance, spendingTable } from './spending.ts';
import {
  costOfSent,
  pokeIsOnItsWay,
  sendingAccountTable,
  sentTable,
  storeFeesOf,
  storeNext,
  type NewTransaction,
  type SentTransaction,
} from './sent.ts';

export type { SenderAlarm } from './progress.ts';

type Bounds = 'resendMillis' | 'maxInFlight' | 'feeCap' | 'raiseAfterBlocks' | 'stuckAfterBlocks';

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
  /** Blocks in which the next transaction is not, before that counts as a way that is blocked. Default 10. */
  readonly stuckAfterBlocks?: number;
  /** A look has read what it needs: fees and balances. */
  readonly onPrices?: () => void;
}

/** How long fees count as current. */
const feeMillis = 15_000;
/** How long a balance does: money that arrives is seen within seconds. */
const moneyMillis = 3_000;

export interface SenderStatus extends KeyStanding {
  /** Undefined before the chain's nonce is known. */
  readonly next: number | undefined;
  readonly waiting: number;
}

export class ChainSender<T extends Tx = Tx> implements TransactionSender {
  readonly #options: SenderOptions<T> & DeliveryOptions<T>;
  readonly #deliveries = new Map<string, Delivery<T>>();
  readonly #waiting = new Map<string, number>();
  #newest = 0;
  readonly #owed = new Map<string, bigint>();
  readonly #money = new Map<string, { readonly value: bigint; readonly at: UnixMillis }>();
  #asked: { readonly value: FeesAsked; readonly at: UnixMillis } | undefined;
  /** Something was refused, or found too cheap: they are read again at the next look. */
  #pricesAreOld = false;
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
      stuckAfterBlocks: 10,
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
        stuck: this.#delivery(address).stuck,
        troubles: this.#delivery(address).troubles,
      };
    });
  }

  /** Undefined before the first look that has read it. */
  money(key: SendingKey): KeyMoney | undefined {
    const { address } = this.#options.signers[key];
    const balance = this.#money.get(address)?.value;
    const asked = this.#asked?.value;
    if (balance === undefined || asked === undefined) return undefined;
    return { key, address, balance, owed: this.#owed.get(address) ?? 0n, asked };
  }

  get feeCap(): bigint {
    return this.#options.feeCap;
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
        const pricesAreOld = findings.some((found) => found.pricesAreOld);
        if (pricesAreOld) this.#pricesAreOld = true;
        if (pricesAreOld || findings.some(({ lookAgain }) => lookAgain)) this.#wanted = 'look';
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
    for (const [address, rows] of byAddress) {
      const open = rows.filter(isOpen);
      this.#waiting.set(address, open.length);
      this.#owed.set(
        address,
        open.reduce((sum, row) => sum + costOfSent(row), 0n),
      );
    }
    return [...byAddress];
  }

  async #look(sent: readonly (readonly [string, readonly SentTransaction[]])[]): Promise<readonly Findings[]> {
    const { reader } = this.#options;
    const addresses = sent.map(([address]) => address);
    const [asked, final] = await Promise.all([
      this.#currentFees(),
      reader.finalHead(),
      ...addresses.map((address) => this.#readMoney(address)),
    ]);
    this.#pricesAreOld = false;
    await this.#storeOffers(asked);
    this.#options.onPrices?.();
    if (this.#newest === 0) this.#newest = (await reader.head()).number;
    const newest = this.#newest;
    return Promise.all(
      sent.map(([address, rows]) => {
        const around = { newest, final, asked, money: this.#money.get(address)?.value };
        return this.#delivery(address).look(rows, around);
      }),
    );
  }

  #send(sent: readonly (readonly [string, readonly SentTransaction[]])[]): Promise<readonly Findings[]> {
    const newest = this.#newest === 0 ? undefined : this.#newest;
    return Promise.all(sent.map(([address, rows]) => this.#delivery(address).send(rows, newest)));
  }

  #delivery(address: string): Delivery<T> {
    let delivery = this.#deliveries.get(address);
    if (delivery === undefined) {
      delivery = new Delivery(this.#options, address);
      this.#deliveries.set(address, delivery);
    }
    return delivery;
  }

  async #currentFees(): Promise<FeesAsked> {
    const { writer, clock, feeCap } = this.#options;
    const known = this.#asked;
    if (known !== undefined && !this.#pricesAreOld && !hasPassed(clock, known.at, feeMillis)) return known.value;
    const { offer, baseFee } = await writer.fees();
    const value = { offer: capped(offer, feeCap), baseFee };
    this.#asked = { value, at: clock.now() };
    return value;
  }

  /** Transactions go without it; what is known of it is from before then. */
  async #readMoney(address: string): Promise<void> {
    const { writer, clock, onTrouble, store, transact, signers } = this.#options;
    const known = this.#money.get(address);
    if (known !== undefined && !this.#pricesAreOld && !hasPassed(clock, known.at, moneyMillis)) return;
    try {
      const value = await writer.balance(address);
      const at = clock.now();
      this.#money.set(address, { value, at });
      // Of a key that is given up nobody asks for how long its money lasts.
      const isOurs = Object.values(signers).some((signer) => signer.address === address);
      if (!isOurs || store.newest.get(spendingTable, address)?.balance === value.toString()) return;
      await transact((tx) => {
        noteBalance(tx, address, value, at);
      });
    } catch (error) {
      if (!(error instanceof TandemError) || error.code !== 'chain-unavailable') throw error;
      onTrouble(error);
    }
  }

  /** What new transactions offer from here on. */
  async #storeOffers(asked: FeesAsked): Promise<void> {
    const { store, transact, signers } = this.#options;
    const changed = [signers.carrier, signers.account].flatMap(({ address }) => {
      const offer = offerOf(asked, this.#money.get(address)?.value);
      const stored = store.newest.get(sendingAccountTable, address)?.fees;
      const same = stored === undefined || JSON.stringify(stored) === JSON.stringify(storeFees(offer));
      return same ? [] : [{ address, offer }];
    });
    if (changed.length === 0) return;
    await transact((tx) => {
      for (const { address, offer } of changed) storeFeesOf(tx, address, offer);
    });
  }
}
