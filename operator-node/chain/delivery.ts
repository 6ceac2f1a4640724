/**
 * Brings the stored transactions of one address into the chain. A look goes: its nonce on chain; for nonces that are used,
 * which transaction used them; the others are sent, byte for byte, again and again; and those that the chain finds too
 * cheap are replaced at their nonce by the same content, or more, with a higher fee, stored first.
 */
import type { EventAlarm } from '../alarms/catalogue.ts';
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { UnixMillis } from '../model/ids.ts';
import type { Store, Tx } from '../store/store.ts';
import { emptyCall } from './calls.ts';
import type {
  Block,
  ChainReader,
  ChainWriter,
  ContractCall,
  Fees,
  Receipt,
  SendingKey,
  TransactionOutcome,
} from './chain.ts';
import { replacementFees } from './fees.ts';
import { raiseNext, sendingAccountTable, sentKey, sentTable, storeSigned, type SentTransaction } from './sent.ts';
import type { TransactionSigner } from './signing.ts';

type SenderCode = Extract<
  EventAlarm,
  'nonce-used-elsewhere' | 'nonce-gap' | 'transaction-refused' | 'fee-cap' | 'transaction-reverted'
>;

/** What staff should know of; the sender goes on. */
export interface SenderAlarm {
  readonly what: SenderCode;
  readonly key: SendingKey;
  readonly address: string;
  readonly nonce: number;
  readonly detail: string;
}

export interface DeliveryOptions<T extends Tx> {
  readonly reader: Pick<ChainReader, 'block' | 'finalHead'>;
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
  /** Once for each kind of trouble of a transaction. */
  readonly onAlarm: (alarm: SenderAlarm) => void;
  readonly resendMillis: number;
  readonly maxInFlight: number;
  /** In wei a unit of gas. */
  readonly feeCap: bigint;
  readonly raiseAfterBlocks: number;
}

/** What the chain looks like in this look. */
export interface Surroundings {
  readonly newest: number;
  readonly final: Block;
  readonly fees: Fees;
}

/** What a look found that another look, or current fees, should follow at once. */
export interface Findings {
  readonly lookAgain: boolean;
  readonly feesAreOld: boolean;
}

/** Looks in which no transaction of ours is found behind a used nonce, before it counts as used by somebody else. */
const looksBeforeReplaced = 3;
/** Blocks for which a gap below our nonces must last before it is filled. */
const blocksBeforeFill = 3;

/** What this process knows of a transaction on its way; lost with it, and not missed. */
interface Progress {
  readonly alarmed: Set<SenderAlarm['what']>;
  lastSent: UnixMillis | undefined;
  /** Number of the newest block when the pool first took this form. */
  heldSince: number | undefined;
  tooCheap: boolean;
  /** When this form replaced a cheaper one. */
  raised: UnixMillis | undefined;
  /** Looks in which its nonce was used and none of its forms was found. */
  missing: number;
  trouble: string | undefined;
}

const newProgress = (): Progress => ({
  alarmed: new Set(),
  lastSent: undefined,
  heldSince: undefined,
  tooCheap: false,
  raised: undefined,
  missing: 0,
  trouble: undefined,
});

type Found = Receipt & { readonly hash: SentTransaction['hash'] };

export const isOpen = ({ found }: SentTransaction): boolean => found === undefined;

export class Delivery<T extends Tx> {
  readonly #options: DeliveryOptions<T>;
  readonly #address: string;
  /** Undefined for an address whose key this node no longer has: its transactions are sent as they are. */
  readonly #key: SendingKey | undefined;
  readonly #progress = new Map<number, Progress>();
  #gapSince: number | undefined;
  #findings: { lookAgain: boolean; feesAreOld: boolean } = { lookAgain: false, feesAreOld: false };

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

  /** `rows`: all that is on disk for this address, in the order of nonces. */
  async look(rows: readonly SentTransaction[], around: Surroundings): Promise<Findings> {
    this.#forgetAllBut(rows);
    const chainNonce = await this.#options.writer.nonce(this.#address, 'newest');
    await this.#compareNext(chainNonce, around.fees);
    await this.#settle(
      rows.filter(({ nonce }) => nonce < chainNonce),
      around.final,
    );
    const open = await this.#putBack(rows.filter(({ nonce }) => nonce >= chainNonce));
    await this.#fillGap(chainNonce, open, around);
    await this.#sendDue(open, around.newest, true);
    // Found too cheap just now: the next look, which follows at once, knows what is asked for.
    if (!this.#findings.feesAreOld) for (const row of open) await this.#raise(row, around, row.nonce === chainNonce);
    return this.#takeFindings();
  }

  /** Only what this process has not sent yet. */
  async send(rows: readonly SentTransaction[], newest: number): Promise<Findings> {
    await this.#sendDue(rows.filter(isOpen), newest, false);
    return this.#takeFindings();
  }

  #takeFindings(): Findings {
    const findings = this.#findings;
    this.#findings = { lookAgain: false, feesAreOld: false };
    return findings;
  }

  #forgetAllBut(rows: readonly SentTransaction[]): void {
    const stored = new Set(rows.map(({ nonce }) => nonce));
    for (const nonce of this.#progress.keys()) if (!stored.has(nonce)) this.#progress.delete(nonce);
  }

  /** A new key begins at the chain's nonce; a chain that is further than the store means that somebody else has this key. */
  async #compareNext(chainNonce: number, fees: Fees): Promise<void> {
    const next = this.#options.store.newest.get(sendingAccountTable, this.#address)?.next;
    if (this.#key === undefined || (next !== undefined && next >= chainNonce)) return;
    const passed = await this.#options.transact((tx) => raiseNext(tx, this.#address, chainNonce, fees));
    if (passed === 0) return;
    this.#options.onAlarm({
      what: 'nonce-used-elsewhere',
      key: this.#key,
      address: this.#address,
      nonce: chainNonce - 1,
      detail: `${passed} nonces up to ${chainNonce - 1} were used by transactions that this store does not know`,
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
      tx.del(sentTable, sentKey(row.address, row.nonce));
      this.#tell(tx, row, { hash: row.hash, status: 'replaced', final: true });
    });
    // An empty transaction was only to use the nonce up.
    if (row.kind === 'call') {
      this.#alarm(row, 'nonce-used-elsewhere', 'another transaction has used its nonce in a final block');
    }
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
  async #fillGap(chainNonce: number, open: readonly SentTransaction[], { newest, fees }: Surroundings): Promise<void> {
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
  async #sendDue(open: readonly SentTransaction[], newest: number, again: boolean): Promise<void> {
    const { clock, resendMillis, maxInFlight } = this.#options;
    const due = open.slice(0, maxInFlight).filter((row) => {
      const { lastSent } = this.#progressOf(row);
      return lastSent === undefined || (again && hasPassed(clock, lastSent, resendMillis));
    });
    await Promise.all(due.map((row) => this.#broadcast(row, newest)));
  }

  async #broadcast(row: SentTransaction, newest: number): Promise<void> {
    const progress = this.#progressOf(row);
    progress.lastSent = this.#options.clock.now();
    const broadcast = await this.#options.writer.broadcast(row.raw);
    progress.trouble = undefined;
    if (broadcast.outcome === 'refused') {
      progress.trouble = broadcast.reason;
      this.#alarm(row, 'transaction-refused', broadcast.reason);
    } else if (broadcast.outcome === 'held') {
      progress.heldSince ??= newest;
    } else {
      // A used nonce is most likely used by itself: the next look searches for its own hash first.
      this.#findings.lookAgain = true;
      if (broadcast.outcome === 'underpriced') {
        progress.tooCheap = true;
        this.#findings.feesAreOld = true;
      }
    }
  }

  /**
   * At its nonce with a higher fee, where the chain finds it too cheap or leaves it in the pool: the same content, and of
   * the one that all the others wait for also what can go with it (`enlarge`).
   */
  async #raise(row: SentTransaction, { newest, fees: asked }: Surroundings, isNext: boolean): Promise<void> {
    const { feeCap, raiseAfterBlocks, transact, clock, resendMillis } = this.#options;
    const progress = this.#progressOf(row);
    const stuck = isNext && progress.heldSince !== undefined && newest - progress.heldSince >= raiseAfterBlocks;
    const justRaised = progress.raised !== undefined && !hasPassed(clock, progress.raised, resendMillis);
    if ((!progress.tooCheap && !stuck) || justRaised || this.#key === undefined) return;
    const signer = this.#options.signers[this.#key];
    const { fees, ...fields } = signer.read(row.raw);
    const raised = replacementFees(fees, asked, feeCap);
    if (raised === undefined) {
      progress.tooCheap = false;
      progress.trouble = `it offers the most that is allowed, ${feeCap} wei a unit of gas, and is not taken`;
      this.#alarm(row, 'fee-cap', progress.trouble);
      return;
    }
    const replacement = await transact((tx) => {
      const larger = isNext && row.kind === 'call' ? this.#options.enlarge?.(tx, row.tag, fields) : undefined;
      const signed = signer.sign({ ...fields, ...larger, fees: raised });
      const stored: SentTransaction = { ...row, ...signed, earlier: [...row.earlier, row.hash] };
      tx.put(sentTable, sentKey(row.address, row.nonce), stored);
      return stored;
    });
    this.#progress.set(row.nonce, { ...newProgress(), raised: clock.now() });
    await this.#broadcast(replacement, newest);
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
