/**
 * Walks the final blocks one by one and hands them on with their logs, in order, each exactly as often as its effects are
 * not yet stored: the handler stores the cursor and the effects in one transaction, and the watcher goes on after that.
 * It knows no business, decides nothing, and stops for good when a final block was replaced (faults.md 6 and 7). At a block
 * that cannot be read it stays and says so: that is no trouble of the endpoints, and no later block goes before it.
 */
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { Hash, UnixMillis } from '../model/ids.ts';
import type { Block, ChainReader, FinalBlock, Head } from './chain.ts';

/** The last block whose effects are stored. */
export interface Cursor {
  readonly number: number;
  readonly hash: Hash;
}

export interface WatcherOptions {
  readonly reader: ChainReader;
  readonly clock: Clock;
  readonly pollMillis: number;
  /** Where to begin without a cursor: nothing of this network is older. */
  readonly firstBlock: number;
  /**
   * Stores the effects and the cursor (the last block handed over) in one transaction. If it rejects, the watcher
   * stops.
   */
  readonly onBlocks: (blocks: readonly FinalBlock[]) => Promise<void>;
  /** At every look at the chain that succeeded. */
  readonly onHead: (head: Head) => void;
  /** The watcher has stopped: a final block was replaced, this is another chain, or the handler failed. */
  readonly onFault: (fault: unknown) => void;
  /**
   * The chain is out of reach, the endpoints disagree, or a block cannot be read (`chain-unreadable`); the watcher goes on
   * trying. Told once for each message.
   */
  readonly onTrouble: (trouble: TandemError) => void;
}

export interface WatcherStatus {
  readonly running: boolean;
  readonly head: Head | undefined;
  readonly cursor: Cursor | undefined;
  /**
   * Why the last look did not succeed; undefined when it did. `chain-unreadable`: the block after the cursor is at
   * fault.
   */
  readonly trouble: TandemError | undefined;
}

/** Blocks handed over at once while catching up. */
const maxGroup = 100;

export class ChainWatcher {
  readonly #options: WatcherOptions;
  #cursor: Cursor | undefined;
  #head: Head | undefined;
  #trouble: TandemError | undefined;
  /** When the newest block was first seen. */
  #newestSince: UnixMillis | undefined;
  #running = false;
  /**
   * Blocks that are asked for at once: fewer after a failure, since an endpoint may answer only so many calls a second.
   */
  #group = maxGroup;
  #cancelTimer: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** The age of the head is that of now, not that of the last look. */
  get status(): WatcherStatus {
    const head = this.#head === undefined ? undefined : { ...this.#head, ageMillis: this.#age() };
    return { running: this.#running, head, cursor: this.#cursor, trouble: this.#trouble };
  }

  /** What the block after the cursor has that cannot be read; undefined where that is not so. */
  get unreadable(): string | undefined {
    return isUnreadable(this.#trouble) ? this.#trouble.message : undefined;
  }

  /** `cursor` as it is stored; undefined on a new store. */
  start(cursor: Cursor | undefined): void {
    if (this.#running) throw new TandemError('internal', 'The watcher was started twice');
    this.#cursor = cursor;
    this.#newestSince = this.#options.clock.now();
    this.#running = true;
    this.#next(0);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#cancelTimer();
    await this.idle();
  }

  /** Resolves when no look is under way. */
  idle(): Promise<void> {
    return this.#looking;
  }

  #next(millis: number): void {
    this.#cancelTimer = this.#options.clock.after(millis, () => {
      this.#looking = this.#look();
    });
  }

  async #look(): Promise<void> {
    try {
      const behind = await this.#walk();
      this.#group = Math.min(maxGroup, this.#group * 2);
      this.#trouble = undefined;
      if (this.#running) this.#next(behind ? 0 : this.#options.pollMillis);
    } catch (error) {
      if (!isTrouble(error)) {
        this.#running = false;
        this.#options.onFault(error);
        return;
      }
      if (this.#trouble?.message !== error.message) this.#options.onTrouble(error);
      this.#trouble = error;
      this.#group = Math.max(1, Math.floor(this.#group / 2));
      if (this.#running) this.#next(this.#options.pollMillis);
    }
  }

  /** One group of blocks at most. @returns whether there is more. */
  async #walk(): Promise<boolean> {
    const { reader, firstBlock } = this.#options;
    const [newest, final] = await Promise.all([reader.head(), reader.finalHead()]);
    this.#see(newest, final);
    const from = this.#cursor === undefined ? firstBlock : this.#cursor.number + 1;
    // An endpoint that is behind shows a lower final block for a while.
    if (final.number < from) {
      if (final.number === this.#cursor?.number && final.hash !== this.#cursor.hash) throw this.#replaced(final);
      return false;
    }
    const to = Math.min(final.number, from + this.#group - 1);
    const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const blocks = await Promise.all(
      numbers.map((number) => (number === final.number ? Promise.resolve(final) : reader.block(number))),
    );
    await this.#checkLinks(blocks);
    const found = await this.#read(blocks);
    if (!this.#running) return false;
    await this.#hand(found.blocks);
    if (found.fault !== undefined) throw found.fault;
    return to < final.number;
  }

  /** With their logs, up to the first block that cannot be read. */
  async #read(
    blocks: readonly Block[],
  ): Promise<{ readonly blocks: readonly FinalBlock[]; readonly fault?: TandemError }> {
    const read = await Promise.allSettled(blocks.map(({ hash }) => this.#options.reader.logs(hash)));
    const whole: FinalBlock[] = [];
    for (const [index, block] of blocks.entries()) {
      const logs = read[index];
      if (logs?.status === 'fulfilled') {
        whole.push({ block, logs: logs.value });
        continue;
      }
      const fault: unknown = logs?.reason;
      if (isUnreadable(fault)) return { blocks: whole, fault: ofBlock(block, fault) };
      throw fault;
    }
    return { blocks: whole };
  }

  /** Where one of them cannot be applied, those before it are. */
  async #hand(blocks: readonly FinalBlock[]): Promise<void> {
    const last = blocks.at(-1)?.block;
    if (last === undefined) return;
    try {
      await this.#options.onBlocks(blocks);
    } catch (fault) {
      if (!isUnreadable(fault)) throw fault;
      const at = blocks.findIndex(({ block }) => block.number === fault.facts['number']);
      if (at > 0) await this.#hand(blocks.slice(0, at));
      throw fault;
    }
    this.#cursor = { number: last.number, hash: last.hash };
  }

  #see(newest: Block, final: Block): void {
    if (newest.hash !== this.#head?.newest.hash) this.#newestSince = this.#options.clock.now();
    this.#head = { newest, final, ageMillis: this.#age() };
    this.#options.onHead(this.#head);
  }

  #age(): number {
    const now = this.#options.clock.now();
    // Set back since: counted from here.
    if (this.#newestSince === undefined || now < this.#newestSince) this.#newestSince = now;
    return now - this.#newestSince;
  }

  async #checkLinks(blocks: readonly Block[]): Promise<void> {
    let before: Cursor | undefined = this.#cursor;
    for (const block of blocks) {
      if (before !== undefined && block.parentHash !== before.hash) {
        // Answers of several moments or machines may not fit together; only the chain's word on the stored block counts.
        const stored = this.#cursor;
        if (stored !== undefined) {
          const now = await this.#options.reader.block(stored.number);
          if (now.hash !== stored.hash) throw this.#replaced(now);
        }
        throw new TandemError(
          'chain-unavailable',
          `Blocks ${before.number} and ${block.number} are not consecutive: the parent of ${block.hash} is ${block.parentHash}, not ${before.hash}`,
        );
      }
      before = block;
    }
  }

  #replaced(now: Block): TandemError {
    return new TandemError(
      'chain-reorganised',
      `Block ${now.number} was final as ${this.#cursor?.hash} and is ${now.hash} now; reading stops until the endpoints have been compared`,
      { facts: { number: now.number, stored: this.#cursor?.hash, found: now.hash } },
    );
  }
}

const isUnreadable = (error: unknown): error is TandemError =>
  error instanceof TandemError && error.code === 'chain-unreadable';

const isTrouble = (error: unknown): error is TandemError =>
  error instanceof TandemError && (error.code === 'chain-unavailable' || isUnreadable(error));

const ofBlock = ({ number }: Block, fault: TandemError): TandemError =>
  new TandemError(fault.code, `Block ${number} cannot be read: ${fault.message}`, {
    cause: fault,
    facts: { ...fault.facts, number },
  });
