/**
 * Brings the stored transactions of one address into the chain. A look goes: its nonce on chain; for nonces that are used,
 * which transaction used them; the others are sent, byte for byte, again and again; and those that the chain finds too
 * cheap are replaced at their nonce by the same content, or more, with a higher fee, stored first.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { Store, Tx } from '../store/store.ts';
import { emptyCall } from './calls.ts';
import type {
  Block,
  Broadcast,
  ChainReader,
  ChainWriter,
  ContractCall,
  FeesAsked,
  Receipt,
  SendingKey,
  Stuck,
  TransactionOutcome,
} from './chain.ts';
import { ceiling, costOf } from './fees.ts';
import { alarmOf, told } from './nonce-user.ts';
import { offerOf, repriced } from './pricing.ts';
import { newProgress, type Progress, type SenderAlarm } from './progress.ts';
import {
  costOfSent,
  formsOf,
  gasOf,
  raiseNext,
  sendingAccountTable,
  sentKey,
  sentTable,
  storeSigned,
  type SentTransaction,
} from './sent.ts';
import type { TransactionSigner } from './signing.ts';

export interface DeliveryOptions<T extends Tx> {
  readonly reader: Pick<ChainReader, 'block' | 'finalHead' | 'head'>;
  readonly writer: ChainWriter;
  readonly store: Pick<Store, 'scan' | 'newest'>;
  /** Runs one transaction of the store; resolves when it is on disk. */
  readonly transact: <R>(body: (tx: T) => R) => Promise<R>;
  readonly clock: Clock;
  readonly chainId: bigint;
  readonly signers: Readonly<Record<SendingKey, TransactionSigner>>;
  /** Inside the transaction that notes it, in the order of nonces. It decides nothing: only the chain's bits do. */
  readonly onOutcome: (tx: T, outcome: TransactionOutcome) => void;
  /**
   * A call that says all that the one of this tag says, and more: what goes at its nonce when it is stuck. Undefined where
   * there is nothing to add.
   */
  readonly enlarge?: (tx: T, tag: string, call: ContractCall) => ContractCall | undefined;
  /**
   * Whether this store may have forgotten what it sent up to that block: an unknown transaction there does not mean a
   * stolen key.
   */
  readonly isForgotten?: (blockNumber: number) => boolean;
  /** Once for each kind of trouble of a transaction. */
  readonly onAlarm: (alarm: SenderAlarm) => void;
  readonly resendMillis: number;
  readonly maxInFlight: number;
  /** In wei a unit of gas. */
  readonly feeCap: bigint;
  readonly raiseAfterBlocks: number;
  readonly stuckAfterBlocks: number;
}

/** What the chain looks like in this look. */
export interface Surroundings {
  readonly newest: number;
  readonly final: Block;
  /** Within the cap. */
  readonly asked: FeesAsked;
  /** What this address has; undefined while it is not known. */
  readonly money: bigint | undefined;
}

/** What a look found that another look, or current fees and balances, should follow at once. */
export interface Findings {
  readonly lookAgain: boolean;
  readonly pricesAreOld: boolean;
}

/** Looks in which no transaction of ours is found behind a used nonce, before it counts as used by somebody else. */
const looksBeforeReplaced = 3;
/** Blocks for which a gap below our nonces must last before it is filled. */
const blocksBeforeFill = 3;

type Found = Receipt & { readonly hash: SentTransaction['hash'] };

export const isOpen = ({ found }: SentTransaction): boolean => found === undefined;

export class Delivery<T extends Tx> {
  readonly #options: DeliveryOptions<T>;
  readonly #address: string;
  /** Undefined for an address whose key this node no longer has: its transactions are sent as they are. */
  readonly #key: SendingKey | undefined;
  readonly #progress = new Map<number, Progress>();
  #gapSince: number | undefined;
  /** The transaction that all others wait for, and the newest block when it first was that. */
  #next: (Stuck & { readonly since: number }) | undefined;
  #findings = { lookAgain: false, pricesAreOld: false };

  constructor(options: DeliveryOptions<T>, address: string) {
    this.#options = options;
    this.#address = address;
    this.#key = (['carrier', 'account'] as const).find((key) => options.signers[key].address === address);
  }

  get troubles(): readonly { readonly nonce: number; readonly detail: string }[] {
    return [...this.#progress].flatMap(([nonce, { trouble }]) =>
      trouble === undefined ? [] : [{ nonce, detail: trouble }],
    );
  }

  /** The next transaction, where it has been in none of too many blocks. */
  get stuck(): Stuck | undefined {
    return this.#next !== undefined && this.#next.blocks >= this.#options.stuckAfterBlocks ? this.#next : undefined;
  }

  /** `rows`: all that is on disk for this address, in the order of nonces. */
  async look(rows: readonly SentTransaction[], around: Surroundings): Promise<Findings> {
    this.#forgetAllBut(rows);
    const chainNonce = await this.#options.writer.nonce(this.#address, 'newest');
    await this.#compareNext(chainNonce, around);
    await this.#settle(
      rows.filter(({ nonce }) => nonce < chainNonce),
      around.final,
    );
    const open = await this.#putBack(rows.filter(({ nonce }) => nonce >= chainNonce));
    await this.#fillGap(chainNonce, open, around);
    await this.#sendDue(open, around.newest, true);
    this.#watchNext(open[0], chainNonce, around);
    // Refused or found too cheap just now: the next look, which follows at once, knows what is asked for.
    if (!this.#findings.pricesAreOld) await this.#reprice(open, around, chainNonce);
    return this.#takeFindings();
  }

  #watchNext(next: SentTransaction | undefined, chainNonce: number, { newest, asked }: Surroundings): void {
    if (next?.nonce !== chainNonce) {
      this.#next = undefined;
      return;
    }
    const since = this.#next?.nonce === chainNonce ? this.#next.since : newest;
    const { gas, tag } = next;
    this.#next = {
      ...{ nonce: chainNonce, tag, since, blocks: newest - since },
      ...{ offeredWei: gas.price, baseFeeWei: asked.baseFee.toString() },
    };
  }

  /** Only what this process has not sent yet. */
  async send(rows: readonly SentTransaction[], newest: number | undefined): Promise<Findings> {
    await this.#sendDue(rows.filter(isOpen), newest, false);
    return this.#takeFindings();
  }

  #takeFindings(): Findings {
    const findings = this.#findings;
    this.#findings = { lookAgain: false, pricesAreOld: false };
    return findings;
  }

  #forgetAllBut(rows: readonly SentTransaction[]): void {
    const stored = new Set(rows.map(({ nonce }) => nonce));
    for (const nonce of this.#progress.keys()) if (!stored.has(nonce)) this.#progress.delete(nonce);
  }

  /**
   * A new key begins at the chain’s nonce; a chain that is further than the store has seen what this store has not
   * sent.
   */
  async #compareNext(chainNonce: number, { asked, money, newest }: Surroundings): Promise<void> {
    const next = this.#options.store.newest.get(sendingAccountTable, this.#address)?.next;
    if (this.#key === undefined || (next !== undefined && next >= chainNonce)) return;
    const offer = offerOf(asked, money);
    const passed = await this.#options.transact((tx) => raiseNext(tx, this.#address, chainNonce, offer));
    if (passed === 0) return;
    const nonce = chainNonce - 1;
    const user = await this.#options.writer.userOf(this.#address, nonce, newest);
    if ('block' in user && this.#options.isForgotten?.(user.block) === true) return;
    this.#options.onAlarm({
      ...alarmOf(user),
      key: this.#key,
      address: this.#address,
      nonce,
      detail: `${passed} nonces up to ${nonce} that this store did not give are used, the last by ${told(user)}`,
    });
  }

  /** Their nonces are used: by themselves, or by transactions of somebody else. */
  async #settle(used: readonly SentTransaction[], final: Block): Promise<void> {
    const found = await Promise.all(used.map(async (row) => ({ row, found: await this.#find(row) })));
    const news: { readonly row: SentTransaction; readonly found: Found; readonly isFinal: boolean }[] = [];
    for (const one of found) {
      if (one.found === undefined) continue;
      const { block } = one.found;
      const isFinal = block.number <= final.number && (await this.#hashOf(block.number, final)) === block.hash;
      const known = one.row.found?.hash === one.found.hash && one.row.found.block.hash === block.hash;
      if (isFinal || !known) news.push({ row: one.row, found: one.found, isFinal });
    }
    if (news.length > 0) {
      await this.#options.transact((tx) => {
        for (const {
          row,
          found: { hash, status, block },
          isFinal,
        } of news) {
          if (isFinal) tx.del(sentTable, sentKey(row.address, row.nonce));
          else tx.put(sentTable, sentKey(row.address, row.nonce), { ...row, found: { hash, status, block } });
          this.#tell(tx, row, { hash, status, block, final: isFinal });
        }
      });
    }
    for (const one of found) if (one.found === undefined) await this.#missing(one.row, final);
    for (const {
      row,
      found: { status, block },
    } of news) {
      if (isOpen(row) && status === 'reverted') await this.#explain(row, block.number);
    }
  }

  async #hashOf(number: number, final: Block): Promise<Block['hash']> {
    return number === final.number ? final.hash : (await this.#options.reader.block(number)).hash;
  }

  async #find(row: SentTransaction): Promise<Found | undefined> {
    for (const { hash } of formsOf(row)) {
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
    const { writer, transact, isForgotten } = this.#options;
    if ((await writer.nonce(row.address, final.hash)) <= row.nonce) return;
    const user = await writer.userOf(row.address, row.nonce, final.number);
    if ('hash' in user && formsOf(row).some(({ hash }) => hash === user.hash)) {
      progress.trouble = `it is in block ${user.block}, and no endpoint has its receipt`;
      return;
    }
    await transact((tx) => {
      tx.del(sentTable, sentKey(row.address, row.nonce));
      this.#tell(tx, row, { hash: row.hash, status: 'replaced', final: true });
    });
    // What fills a gap was only to use the nonce up.
    if (row.kind === 'fill' || ('block' in user && isForgotten?.(user.block) === true)) return;
    this.#alarm(row, alarmOf(user).what, `its nonce is used by ${told(user)}`);
  }

  /** Those that were in a block which the chain has replaced are on their way again. */
  async #putBack(rows: readonly SentTransaction[]): Promise<readonly SentTransaction[]> {
    if (rows.every(isOpen)) return rows;
    const open = rows.map(({ found: _, ...row }): SentTransaction => row);
    await this.#options.transact((tx) => {
      for (const [index, row] of rows.entries()) {
        const back = open[index];
        if (isOpen(row) || back === undefined) continue;
        this.#progress.delete(row.nonce);
        tx.put(sentTable, sentKey(row.address, row.nonce), back);
      }
    });
    return open;
  }

  #tell(tx: T, { kind, key, tag }: SentTransaction, rest: Omit<TransactionOutcome, 'key' | 'tag'>): void {
    if (kind === 'call') this.#options.onOutcome(tx, { key, tag, ...rest });
  }

  /** Nonces below ours that nobody uses would hold ours up for ever; they come of a reorganisation, or a foreign pool. */
  async #fillGap(
    chainNonce: number,
    open: readonly SentTransaction[],
    { newest, asked, money }: Surroundings,
  ): Promise<void> {
    const { store, transact, signers, chainId } = this.#options;
    const key = this.#key;
    const end = open[0]?.nonce ?? store.newest.get(sendingAccountTable, this.#address)?.next ?? 0;
    if (key === undefined || end <= chainNonce || this.#anyStored(chainNonce, end)) {
      this.#gapSince = undefined;
      return;
    }
    this.#gapSince ??= newest;
    if (newest - this.#gapSince < blocksBeforeFill) return;
    this.#gapSince = undefined;
    const fees = offerOf(asked, money);
    await transact((tx) => {
      for (let nonce = chainNonce; nonce < end; nonce += 1) {
        const order = { key, kind: 'fill', tag: 'fill', call: emptyCall(this.#address) } as const;
        storeSigned(tx, signers[key], chainId, nonce, fees, order);
      }
    });
    this.#findings.lookAgain = true;
    this.#options.onAlarm({
      what: 'nonce-gap',
      key,
      address: this.#address,
      nonce: chainNonce,
      detail: `nonces ${chainNonce} to ${end - 1} were taken and are used by nothing; filled with empty transactions`,
    });
  }

  /** A transaction stored since this look began is no gap. */
  #anyStored(from: number, end: number): boolean {
    for (let nonce = from; nonce < end; nonce += 1) {
      if (this.#options.store.newest.get(sentTable, sentKey(this.#address, nonce)) !== undefined) return true;
    }
    return false;
  }

  /** `again`: also what was sent before, when it is time. */
  async #sendDue(open: readonly SentTransaction[], newest: number | undefined, again: boolean): Promise<void> {
    const { clock, resendMillis, maxInFlight } = this.#options;
    const due = open.slice(0, maxInFlight).filter((row) => {
      const { lastSent } = this.#progressOf(row);
      return lastSent === undefined || (again && hasPassed(clock, lastSent, resendMillis));
    });
    await Promise.all(due.map((row) => this.#broadcast(row, newest)));
  }

  /** Its newest form; while that is refused, those from before. */
  async #broadcast(row: SentTransaction, newest: number | undefined): Promise<void> {
    const progress = this.#progressOf(row);
    progress.lastSent = this.#options.clock.now();
    let reason: string | undefined;
    for (const { raw } of formsOf(row)) {
      const broadcast = await this.#options.writer.broadcast(raw);
      if (broadcast.outcome !== 'refused') {
        progress.trouble = undefined;
        progress.refused = false;
        this.#handedOver(row, progress, broadcast, newest);
        return;
      }
      reason ??= broadcast.reason;
    }
    progress.trouble = reason;
    // What has changed since it was signed is asked for at once, the first time.
    if (!progress.refused) this.#findings.pricesAreOld = true;
    progress.refused = true;
    this.#alarm(row, 'transaction-refused', reason ?? 'without a reason');
  }

  #handedOver(
    row: SentTransaction,
    progress: Progress,
    broadcast: Exclude<Broadcast, { outcome: 'refused' }>,
    newest: number | undefined,
  ): void {
    if (broadcast.outcome === 'held') {
      const known = broadcast.known === true;
      if (progress.known && !known) {
        this.#alarm(row, 'transaction-lost', 'the pool had it, and took it as new when it was sent again');
      }
      progress.known = known;
      progress.heldSince ??= newest;
      return;
    }
    // A used nonce is most likely used by itself: the next look searches for its own hash first.
    this.#findings.lookAgain = true;
    if (broadcast.outcome === 'underpriced') {
      progress.tooCheap = true;
      this.#findings.pricesAreOld = true;
    }
  }

  /** Those in the pool, in the order of nonces: each has what those before it leave. */
  async #reprice(open: readonly SentTransaction[], around: Surroundings, chainNonce: number): Promise<void> {
    let { money } = around;
    for (const row of open.slice(0, this.#options.maxInFlight)) {
      const cost = await this.#repriceOne(row, { ...around, money }, row.nonce === chainNonce);
      if (money !== undefined) money = money > cost ? money - cost : 0n;
    }
  }

  /**
   * At its nonce with another fee: more where the chain finds it too cheap or leaves it in the pool, less where it is refused
   * and less is asked. The same content, and of the one that all the others wait for also what can go with it (`enlarge`).
   * @returns what it costs at most now.
   */
  async #repriceOne(row: SentTransaction, around: Surroundings, isNext: boolean): Promise<bigint> {
    const { feeCap, transact, clock, resendMillis, signers } = this.#options;
    const progress = this.#progressOf(row);
    const key = this.#key;
    const isNew = progress.repriced !== undefined && !hasPassed(clock, progress.repriced, resendMillis);
    if (isNew || key === undefined || !this.#mayBeMispriced(row, progress, around, isNext)) return costOfSent(row);
    const signer = signers[key];
    const { fees, ...fields } = signer.read(row.raw);
    const { asked, money, newest } = around;
    const standing = {
      tooCheap: progress.tooCheap || ceiling(fees) < asked.baseFee,
      stuck: isNext && this.#isLeft(progress, newest),
      refused: progress.refused,
    };
    const repricing = repriced({ fees, gasLimit: fields.gasLimit }, asked, money, feeCap, standing);
    if (repricing === 'fee-cap') {
      progress.tooCheap = false;
      progress.trouble = `it offers the most that is allowed, ${feeCap} wei a unit of gas, and is not taken`;
      this.#alarm(row, 'fee-cap', progress.trouble);
    }
    if (repricing === undefined || typeof repricing === 'string') return costOfSent(row);
    const { to } = repricing;
    const replacement = await transact((tx) => {
      const mayGrow = isNext && row.kind === 'call' && ceiling(to) > ceiling(fees);
      const larger = mayGrow ? this.#options.enlarge?.(tx, row.tag, fields) : undefined;
      const fits = larger !== undefined && (money === undefined || costOf(to, larger.gasLimit) <= money);
      const form = fits ? { ...fields, ...larger } : fields;
      const { raw, hash } = signer.sign({ ...form, fees: to });
      const earlier = [...row.earlier, { raw: row.raw, hash: row.hash }];
      const stored: SentTransaction = { ...row, raw, hash, gas: gasOf(to, form.gasLimit), earlier };
      tx.put(sentTable, sentKey(row.address, row.nonce), stored);
      return stored;
    });
    this.#progress.set(row.nonce, { ...newProgress(progress.alarmed), repriced: clock.now() });
    await this.#broadcast(replacement, newest);
    return costOfSent(replacement);
  }

  /** Without reading its bytes. */
  #mayBeMispriced(row: SentTransaction, progress: Progress, { asked, newest }: Surroundings, isNext: boolean): boolean {
    if (progress.tooCheap || progress.refused || (isNext && this.#isLeft(progress, newest))) return true;
    return BigInt(row.gas.price) < asked.baseFee;
  }

  #isLeft({ heldSince }: Progress, newest: number): boolean {
    return heldSince !== undefined && newest - heldSince >= this.#options.raiseAfterBlocks;
  }

  async #explain(row: SentTransaction, blockNumber: number): Promise<void> {
    const reason = await this.#options.writer.revertReason(row.raw, blockNumber);
    this.#alarm(row, 'transaction-reverted', reason ?? 'for a reason that the state before its block does not show');
  }

  #alarm(row: SentTransaction, what: SenderAlarm['what'], detail: string): void {
    const { key, address, nonce, tag } = row;
    const { alarmed } = this.#progressOf(row);
    if (alarmed.has(what)) return;
    alarmed.add(what);
    this.#options.onAlarm({ what, key, address, nonce, detail: `${tag}: ${detail}` });
  }

  #progressOf({ nonce }: Pick<SentTransaction, 'nonce'>): Progress {
    let progress = this.#progress.get(nonce);
    if (progress === undefined) {
      progress = newProgress();
      this.#progress.set(nonce, progress);
    }
    return progress;
  }
}
