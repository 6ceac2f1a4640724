/**
 * Sends what is stored until it is in a final block (faults.md 8). A transaction is signed and stored in the transaction of
 * the store that decided it, leaves when that is on disk, and is handed over again, byte for byte, every few seconds: a lost
 * reply, a dropped transaction and a restarted pool all look alike. A nonce once taken is never left behind: whatever the
 * pool says, its transaction stays and is tried again.
 *
 * A look at one address goes: its nonce on chain; for nonces that are used, which transaction used them; the others are
 * sent; and those that the chain finds too cheap are replaced by the same content with a higher fee, stored first.
 */
import type { Clock } from '../engine/clock.ts';
import type { Hash, UnixMillis } from '../model/ids.ts';
import type { Store, Tx } from '../store/store.ts';
import { emptyCall } from './calls.ts';
import type {
  Block,
  ChainReader,
  ChainWriter,
  ContractCall,
  Fees,
  Head,
  Receipt,
  SendingKey,
  TransactionOutcome,
  TransactionSender,
} from './chain.ts';
import { capped, replacementFees, storeFees } from './fees.ts';
import {
  pokeIsOnItsWay,
  raiseNext,
  sendingAccountTable,
  sentKey,
  sentTable,
  storeFeesOf,
  storeNext,
  storeSigned,
  type SentTransaction,
} from './sent.ts';
import { readTransaction, type TransactionSigner } from './signing.ts';

/** What staff should know of; the sender goes on. */
export interface SenderAlarm {
  readonly what: 'nonce-used-elsewhere' | 'nonce-gap' | 'refused' | 'fee-cap' | 'reverted';
  readonly key: SendingKey;
  readonly address: string;
  readonly nonce: number;
  readonly detail: string;
}

export interface SenderOptions<T extends Tx> {
  readonly reader: Pick<ChainReader, 'block' | 'finalHead'>;
  readonly writer: ChainWriter;
  readonly store: Pick<Store, 'scan' | 'newest'>;
  /** Runs one transaction of the store; resolves when it is on disk. */
  readonly transact: <R>(body: (tx: T) => R) => Promise<R>;
  readonly clock: Clock;
  readonly chainId: bigint;
  readonly signers: Readonly<Record<SendingKey, TransactionSigner>>;
  /** Inside the transaction that notes it. A step for what it decides nothing: only the chain's bits do. */
  readonly onOutcome: (tx: T, outcome: TransactionOutcome) => void;
  /** Once for each kind of trouble of a transaction. */
  readonly onAlarm: (alarm: SenderAlarm) => void;
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
/** Looks in which no transaction of ours is found behind a used nonce, before it counts as used by somebody else. */
const looksBeforeReplaced = 3;
/** Blocks for which a gap below our nonces must last before it is filled. */
const blocksBeforeFill = 3;

/** What this process knows of a transaction on its way; lost with it, and not missed. */
interface Progress {
  lastSent: UnixMillis | undefined;
  /** Number of the newest block when the pool first took this form. */
  heldSince: number | undefined;
  tooCheap: boolean;
  /** When this form replaced a cheaper one. */
  raised: UnixMillis | undefined;
  missing: number;
  readonly alarmed: Set<string>;
  trouble: string | undefined;
}

export interface SenderStatus {
  readonly key: SendingKey;
  readonly address: string;
  /** Undefined before the chain's nonce is known. */
  readonly next: number | undefined;
  readonly waiting: number;
  readonly troubles: readonly { readonly nonce: number; readonly tag: string; readonly detail: string }[];
}

export class ChainSender<T extends Tx = Tx> implements TransactionSender {
  readonly #options: Required<SenderOptions<T>>;
  readonly #progress = new Map<string, Progress>();
  readonly #waiting = new Map<string, number>();
  readonly #gapSince = new Map<string, number>();
  #newest = 0;
  #fees: { readonly value: Fees; readonly at: UnixMillis } | undefined;
  #started = false;
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
    return this.#keys().map(([key, { address }]) => ({
      key,
      address,
      next: this.#options.store.newest.get(sendingAccountTable, address)?.next,
      waiting: this.waiting(key),
      troubles: [...this.#progress].flatMap(([id, { trouble }]) => {
        if (trouble === undefined || !id.startsWith(`${address}!`)) return [];
        const sent = this.#options.store.newest.get(sentTable, id);
        return sent === undefined ? [] : [{ nonce: sent.nonce, tag: sent.tag, detail: trouble }];
      }),
    }));
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

  #store(tx: Tx, order: Parameters<typeof storeNext>[3]): Hash {
    const signer = this.#options.signers[order.key];
    const { hash } = storeNext(tx, signer, this.#options.chainId, order);
    this.#waiting.set(signer.address, (this.#waiting.get(signer.address) ?? 0) + 1);
    // The body that this is part of has ended by then, and an empty transaction is on disk only after it.
    queueMicrotask(() => {
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
    return hash;
  }

  #keys(): readonly (readonly [SendingKey, TransactionSigner])[] {
    const { carrier, account } = this.#options.signers;
    return [
      ['carrier', carrier],
      ['account', account],
    ];
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
        if (wanted === 'look') await this.#lookAtAll(sent);
        else await Promise.all([...sent].map(([, rows]) => this.#sendOut(rows.filter(isOpen), false)));
      } catch (error) {
        this.#options.onTrouble(error);
      }
    }
  }

  /** What is on disk, by address, in the order of nonces. */
  async #load(): Promise<ReadonlyMap<string, readonly SentTransaction[]>> {
    const byAddress = new Map<string, SentTransaction[]>(this.#keys().map(([, { address }]) => [address, []]));
    for await (const [, row] of this.#options.store.scan(sentTable)) {
      const rows = byAddress.get(row.address);
      if (rows === undefined) byAddress.set(row.address, [row]);
      else rows.push(row);
    }
    for (const [address, rows] of byAddress) this.#waiting.set(address, rows.filter(isOpen).length);
    const stored = new Set([...byAddress.values()].flat().map(idOf));
    for (const id of this.#progress.keys()) if (!stored.has(id)) this.#progress.delete(id);
    return byAddress;
  }

  async #lookAtAll(sent: ReadonlyMap<string, readonly SentTransaction[]>): Promise<void> {
    const fees = await this.#currentFees();
    const any = [...sent.values()].some((rows) => rows.length > 0);
    const final = any ? await this.#options.reader.finalHead() : undefined;
    await Promise.all([...sent].map(([address, rows]) => this.#look(address, rows, fees, final)));
  }

  async #currentFees(): Promise<Fees> {
    const { writer, clock, feeCap, transact } = this.#options;
    const known = this.#fees;
    if (known !== undefined && clock.now() - known.at < feeMillis) return known.value;
    const value = capped(await writer.fees(), feeCap);
    const changed = known === undefined || JSON.stringify(storeFees(known.value)) !== JSON.stringify(storeFees(value));
    this.#fees = { value, at: clock.now() };
    if (changed) {
      await transact((tx) => {
        for (const [, { address }] of this.#keys()) storeFeesOf(tx, address, value);
      });
    }
    return value;
  }

  async #look(address: string, rows: readonly SentTransaction[], fees: Fees, final: Block | undefined): Promise<void> {
    const chainNonce = await this.#options.writer.nonce(address, 'newest');
    await this.#compareNext(address, chainNonce, fees);
    const open = await Promise.all(rows.filter(({ nonce }) => nonce >= chainNonce).map((row) => this.#putBack(row)));
    if (final !== undefined) {
      const used = rows.filter(({ nonce }) => nonce < chainNonce);
      await Promise.all(used.map((row) => this.#settle(row, final)));
    }
    await this.#fillGap(address, chainNonce, open);
    await this.#sendOut(open, true);
    await Promise.all(open.map((row) => this.#raise(row, fees, row.nonce === chainNonce)));
  }

  /** A new key begins at the chain's nonce; a chain that is further than the store means that somebody else has this key. */
  async #compareNext(address: string, chainNonce: number, fees: Fees): Promise<void> {
    const next = this.#options.store.newest.get(sendingAccountTable, address)?.next;
    const [key] = this.#keys().find(([, signer]) => signer.address === address) ?? [];
    if (key === undefined || (next !== undefined && next >= chainNonce)) return;
    const passed = await this.#options.transact((tx) => raiseNext(tx, address, chainNonce, fees));
    if (passed === 0) return;
    this.#options.onAlarm({
      what: 'nonce-used-elsewhere',
      key,
      address,
      nonce: chainNonce - 1,
      detail: `${passed} nonces up to ${chainNonce - 1} were used by transactions that this store does not know`,
    });
  }

  /** Its nonce is used: by itself, or by a transaction of somebody else. */
  async #settle(row: SentTransaction, final: Block): Promise<void> {
    const found = await this.#find(row);
    if (found === undefined) {
      await this.#missing(row, final);
      return;
    }
    const { block, status } = found;
    const isFinal = block.number <= final.number && (await this.#blockHash(block.number, final)) === block.hash;
    const known = row.found?.hash === found.hash && row.found.block.hash === block.hash;
    if (known && !isFinal) return;
    this.#progressOf(row).missing = 0;
    await this.#options.transact((tx) => {
      if (isFinal) tx.del(sentTable, idOf(row));
      else tx.put(sentTable, idOf(row), { ...row, found });
      this.#tell(tx, row, { hash: found.hash, status, final: isFinal, block });
    });
    if (isOpen(row) && status === 'reverted') await this.#explain(row, block.number);
  }

  async #blockHash(number: number, final: Block): Promise<Hash> {
    return number === final.number ? final.hash : (await this.#options.reader.block(number)).hash;
  }

  async #find(row: SentTransaction): Promise<(Receipt & { readonly hash: Hash }) | undefined> {
    for (const hash of [row.hash, ...row.earlier.toReversed()]) {
      const receipt = await this.#options.writer.receipt(hash);
      if (receipt !== undefined) return { ...receipt, hash };
    }
    return undefined;
  }

  async #missing(row: SentTransaction, final: Block): Promise<void> {
    const progress = this.#progressOf(row);
    progress.missing += 1;
    progress.trouble = 'its nonce is used, and none of its forms is in a block';
    if (progress.missing < looksBeforeReplaced) return;
    if ((await this.#options.writer.nonce(row.address, final.hash)) <= row.nonce) return;
    await this.#options.transact((tx) => {
      tx.del(sentTable, idOf(row));
      this.#tell(tx, row, { hash: row.hash, status: 'replaced', final: true });
    });
    // An empty transaction was only to use the nonce up.
    if (row.kind === 'call')
      this.#alarm(row, 'nonce-used-elsewhere', 'another transaction has used its nonce in a final block');
  }

  /** Where it was in a block, the chain has replaced that block. */
  async #putBack(row: SentTransaction): Promise<SentTransaction> {
    if (isOpen(row)) return row;
    const { found: _, ...open } = row;
    this.#progress.delete(idOf(row));
    await this.#options.transact((tx) => {
      tx.put(sentTable, idOf(row), open);
    });
    return open;
  }

  #tell(tx: T, { kind, key, tag }: SentTransaction, rest: Omit<TransactionOutcome, 'key' | 'tag'>): void {
    if (kind === 'call') this.#options.onOutcome(tx, { key, tag, ...rest });
  }

  /** Nonces below ours that nobody uses would hold ours up for ever; they come of a reorganisation, or a foreign pool. */
  async #fillGap(address: string, chainNonce: number, open: readonly SentTransaction[]): Promise<void> {
    const { store, transact, signers, chainId } = this.#options;
    const fees = this.#fees?.value;
    const next = store.newest.get(sendingAccountTable, address)?.next;
    const end = open[0]?.nonce ?? next;
    const key = (Object.keys(signers) as SendingKey[]).find((name) => signers[name].address === address);
    if (
      fees === undefined ||
      end === undefined ||
      key === undefined ||
      end <= chainNonce ||
      this.#anyStored(address, chainNonce, end)
    ) {
      this.#gapSince.delete(address);
      return;
    }
    const since = this.#gapSince.get(address) ?? this.#newest;
    this.#gapSince.set(address, since);
    if (this.#newest - since < blocksBeforeFill) return;
    this.#gapSince.delete(address);
    await transact((tx) => {
      for (let nonce = chainNonce; nonce < end; nonce += 1) {
        const order = { key, kind: 'fill', tag: 'fill', call: emptyCall(address) } as const;
        storeSigned(tx, signers[key], chainId, nonce, fees, order);
      }
    });
    this.#options.onAlarm({
      what: 'nonce-gap',
      key,
      address,
      nonce: chainNonce,
      detail: `nonces ${chainNonce} to ${end - 1} were taken and are used by nothing; filled with empty transactions`,
    });
    this.#want('send');
  }

  /** A transaction stored since this look began is no gap. */
  #anyStored(address: string, from: number, end: number): boolean {
    for (let nonce = from; nonce < end; nonce += 1) {
      if (this.#options.store.newest.get(sentTable, sentKey(address, nonce)) !== undefined) return true;
    }
    return false;
  }

  /** `again`: also what was sent before, when it is time. */
  async #sendOut(open: readonly SentTransaction[], again: boolean): Promise<void> {
    const { clock, resendMillis, maxInFlight } = this.#options;
    const due = open.slice(0, maxInFlight).filter((row) => {
      const { lastSent } = this.#progressOf(row);
      return lastSent === undefined || (again && clock.now() - lastSent >= resendMillis);
    });
    await Promise.all(due.map((row) => this.#broadcast(row)));
  }

  async #broadcast(row: SentTransaction): Promise<void> {
    const progress = this.#progressOf(row);
    progress.lastSent = this.#options.clock.now();
    const broadcast = await this.#options.writer.broadcast(row.raw);
    progress.trouble = undefined;
    if (broadcast.outcome === 'refused') {
      progress.trouble = broadcast.reason;
      this.#alarm(row, 'refused', broadcast.reason);
    } else if (broadcast.outcome === 'held') {
      progress.heldSince ??= this.#newest;
    } else {
      // A used nonce is most likely used by itself: the next look searches for its own hash first.
      if (broadcast.outcome === 'underpriced') {
        progress.tooCheap = true;
        this.#fees = undefined;
      }
      this.#want('look');
    }
  }

  /** The same content with a higher fee, where the chain finds it too cheap or leaves it in the pool. */
  async #raise(row: SentTransaction, asked: Fees, isNext: boolean): Promise<void> {
    const { feeCap, raiseAfterBlocks, transact, signers, clock, resendMillis } = this.#options;
    const progress = this.#progressOf(row);
    const stuck = isNext && progress.heldSince !== undefined && this.#newest - progress.heldSince >= raiseAfterBlocks;
    const signer = signers[row.key];
    const justRaised = progress.raised !== undefined && clock.now() - progress.raised < resendMillis;
    if ((!progress.tooCheap && !stuck) || justRaised || signer.address !== row.address) return;
    const { fees, ...fields } = readTransaction(row.raw);
    const raised = replacementFees(fees, asked, feeCap);
    if (raised === undefined) {
      progress.tooCheap = false;
      progress.trouble = `it offers the most that is allowed, ${feeCap} wei a unit of gas, and is not taken`;
      this.#alarm(row, 'fee-cap', progress.trouble);
      return;
    }
    const { raw, hash } = signer.sign({ ...fields, fees: raised });
    const replacement: SentTransaction = { ...row, raw, hash, earlier: [...row.earlier, row.hash] };
    await transact((tx) => {
      tx.put(sentTable, idOf(row), replacement);
    });
    this.#progress.set(idOf(row), { ...newProgress(), raised: clock.now() });
    await this.#broadcast(replacement);
  }

  async #explain(row: SentTransaction, blockNumber: number): Promise<void> {
    const reason = await this.#options.writer.revertReason(row.raw, blockNumber);
    this.#alarm(row, 'reverted', reason ?? 'for a reason that the state before its block does not show');
  }

  #alarm(row: SentTransaction, what: SenderAlarm['what'], detail: string): void {
    const { alarmed } = this.#progressOf(row);
    if (alarmed.has(what)) return;
    alarmed.add(what);
    this.#options.onAlarm({
      what,
      key: row.key,
      address: row.address,
      nonce: row.nonce,
      detail: `${row.tag}: ${detail}`,
    });
  }

  #progressOf(row: SentTransaction): Progress {
    const id = idOf(row);
    let progress = this.#progress.get(id);
    if (progress === undefined) {
      progress = newProgress();
      this.#progress.set(id, progress);
    }
    return progress;
  }
}

const newProgress = (): Progress => ({
  lastSent: undefined,
  heldSince: undefined,
  tooCheap: false,
  raised: undefined,
  missing: 0,
  alarmed: new Set(),
  trouble: undefined,
});

const idOf = ({ address, nonce }: SentTransaction): string => sentKey(address, nonce);
const isOpen = ({ found }: SentTransaction): boolean => found === undefined;
