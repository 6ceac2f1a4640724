/**
 * The operators as the chain says they are: admitted by the newest final block, refused by the latest one (protocol §6).
 * Read again when a final block or an unfinal one changes an operator, when an overlap of keys runs out, and at an interval,
 * since an event may be missed and a state may not.
 */
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { Block, ChainReader, FinalBlock, Head, OperatorEntry, PeerRegistry } from './chain.ts';
import type { RegistryShelf } from './kept-registry.ts';

export interface ChainPeersOptions {
  readonly reader: ChainReader;
  readonly clock: Clock;
  /** Default 30,000. */
  readonly refreshMillis?: number;
  /** A refresh failed; what was known stays, and it is tried again. */
  readonly onTrouble: (trouble: unknown) => void;
  /** What was last read, for a start without the chain; nothing is kept unless given. */
  readonly shelf?: RegistryShelf;
  /** After each refresh, and after what is kept has been taken up. */
  readonly onRead?: (entries: readonly OperatorEntry[]) => void;
}

/** How old what is known of the operators is. */
export interface RegistryStatus {
  /** The final block that admissions are as of; undefined while nothing is known. */
  readonly block: Block | undefined;
  /** Since when it has not been read: from the start of this process until the first time. */
  readonly ageMillis: number;
  /** Why it could not be read the last time; undefined when it could. */
  readonly trouble: string | undefined;
}

/** Read no more often than this, it is too old to take orders by: keys may have been revoked meanwhile. */
export const maxRegistryAgeMillis = 120_000;

type Listener = (changed: readonly OperatorId[]) => void;

/** After a refresh that failed. */
const retryMillis = 1_000;

export class ChainPeers implements PeerRegistry {
  readonly #reader: ChainReader;
  readonly #clock: Clock;
  readonly #refreshMillis: number;
  readonly #onTrouble: (trouble: unknown) => void;
  readonly #listeners: Listener[] = [];
  readonly #whenRead: (() => void)[] = [];
  #entries: ReadonlyMap<OperatorId, OperatorEntry> = new Map();
  #byPin: ReadonlyMap<Hash, readonly OperatorEntry[]> = new Map();
  #asOf: Block | undefined;
  #readAt: UnixMillis;
  #lastTrouble: string | undefined;
  readonly #shelf: RegistryShelf | undefined;
  readonly #onRead: (entries: readonly OperatorEntry[]) => void;
  #latestSeen: Hash | undefined;
  #overlapEnds = Infinity;
  /** The refresh that runs, and the one that was asked for meanwhile. */
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  #started = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ChainPeersOptions) {
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.#refreshMillis = options.refreshMillis ?? 30_000;
    this.#onTrouble = options.onTrouble;
    this.#shelf = options.shelf;
    this.#onRead = options.onRead ?? (() => undefined);
    this.#readAt = options.clock.now();
  }

  /** The final block that admissions are as of; undefined before the first refresh. */
  get asOf(): Block | undefined {
    return this.#asOf;
  }

  get status(): RegistryStatus {
    const now = this.#clock.now();
    // Set back since: counted from here.
    if (now < this.#readAt) this.#readAt = now;
    return { block: this.#asOf, ageMillis: now - this.#readAt, trouble: this.#lastTrouble };
  }

  get(id: OperatorId): OperatorEntry | undefined {
    return this.#entries.get(id);
  }

  byPin(pin: Hash): readonly OperatorEntry[] {
    return this.#byPin.get(pin) ?? [];
  }

  all(): readonly OperatorEntry[] {
    return [...this.#entries.values()];
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads all operators, then keeps up. Where the chain cannot be read, what was last read serves until it can, or nothing
   * where nothing ever was.
   * @returns whether they have been read now
   * @throws {TandemError} `network-mismatch` where this is another chain
   */
  async start(): Promise<boolean> {
    const kept = this.#shelf?.load();
    if (kept !== undefined) this.#take(kept.block, kept.entries);
    try {
      await this.refresh();
      this.#started = true;
      this.#arm(this.#refreshMillis);
      return true;
    } catch (error) {
      if (!(error instanceof TandemError && error.retryable)) throw error;
      this.#started = true;
      this.#trouble(error);
      return false;
    }
  }

  /** Calls it once, when the operators have been read the next time. */
  whenRead(action: () => void): void {
    this.#whenRead.push(action);
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#cancelTimer();
    await this.#running?.catch(() => undefined);
  }

  /** From the watcher, before its blocks go to the flow; does not wait for the chain. */
  onBlocks(blocks: readonly FinalBlock[]): void {
    if (blocks.some(({ logs }) => logs.some(({ type }) => type === 'OperatorChanged'))) this.#refreshSoon();
  }

  /** From the watcher, at each look. */
  onHead({ newest, final }: Head): void {
    if (newest.hash === this.#latestSeen) return;
    this.#latestSeen = newest.hash;
    if (newest.timestamp > this.#overlapEnds) this.#refreshSoon();
    else if (newest.hash !== final.hash) void this.#lookAhead(final);
  }

  /** Whether a block that is not final yet changed somebody: refusing does not wait for finality. */
  async #lookAhead(final: Block): Promise<void> {
    try {
      if ((await this.#reader.operatorsChangedAfter(final.number)).length > 0) await this.refresh();
    } catch (error) {
      this.#latestSeen = undefined;
      this.#trouble(error);
    }
  }

  #refreshSoon(): void {
    this.refresh().catch((error: unknown) => {
      this.#trouble(error);
    });
  }

  #trouble(error: unknown): void {
    if (!this.#started) return;
    this.#lastTrouble = error instanceof Error ? error.message : String(error);
    this.#onTrouble(error);
    this.#arm(retryMillis);
  }

  #arm(millis: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(millis, () => {
      if (!this.#started) return;
      this.#arm(this.#refreshMillis);
      this.#refreshSoon();
    });
  }

  /**
   * Reads all operators again; resolves when what is known is at least as new as this call.
   * @throws {TandemError} `chain-unavailable`
   */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#queued ??= this.#running.catch(() => undefined).then(() => this.#begin());
    return this.#queued;
  }

  #begin(): Promise<void> {
    this.#queued = undefined;
    const running = this.#load().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #load(): Promise<void> {
    const [final, latest] = await Promise.all([this.#reader.finalHead(), this.#reader.head()]);
    const [admitted, now] = await Promise.all([
      this.#reader.operators(final.hash),
      latest.hash === final.hash ? undefined : this.#reader.operators(latest.hash),
    ]);
    // A lagging endpoint must not bring back a key or an operator that was refused before.
    if (this.#asOf !== undefined && final.number < this.#asOf.number) {
      throw new TandemError(
        'chain-unavailable',
        `The newest final block went back from ${this.#asOf.number} to ${final.number}`,
      );
    }
    const changed = this.#take(final, now === undefined ? admitted : admitted.map((entry) => restrict(entry, now)));
    this.#readAt = this.#clock.now();
    this.#lastTrouble = undefined;
    for (const action of this.#whenRead.splice(0)) action();
    if (!changed) return;
    const { number, hash, parentHash, timestamp } = final;
    await this.#shelf?.keep({ block: { number, hash, parentHash, timestamp }, entries: this.all() });
  }

  /** @returns whether anything of them has changed */
  #take(final: Block, entries: readonly OperatorEntry[]): boolean {
    const before = this.#entries;
    this.#asOf = final;
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]));
    this.#byPin = byPin(entries);
    this.#overlapEnds = Math.min(...entries.map(({ overlapEnds }) => overlapEnds ?? Infinity));
    const changed = entries.filter((entry) => JSON.stringify(entry) !== JSON.stringify(before.get(entry.id)));
    this.#onRead(entries);
    if (changed.length === 0) return false;
    const ids = changed.map(({ id }) => id);
    for (const listener of this.#listeners) listener(ids);
    return true;
  }
}

function byPin(entries: readonly OperatorEntry[]): ReadonlyMap<Hash, readonly OperatorEntry[]> {
  const found = new Map<Hash, OperatorEntry[]>();
  for (const entry of entries) {
    for (const pin of new Set(entry.pins)) {
      const known = found.get(pin);
      if (known === undefined) found.set(pin, [entry]);
      else known.push(entry);
    }
  }
  return found;
}

/**
 * The final entry less what the latest block takes away: its status if it is not active there, and keys that no longer
 * count. What only the latest block gives is not there yet.
 */
export function restrict(final: OperatorEntry, latest: readonly OperatorEntry[]): OperatorEntry {
  const now = latest.find(({ id }) => id === final.id);
  if (now === undefined) return { ...final, status: 'unknown', accounts: [], signers: [], pins: [] };
  return {
    ...final,
    status: final.status === 'active' ? now.status : final.status,
    accounts: final.accounts.filter((account) => now.accounts.includes(account)),
    signers: final.signers.filter((signer) => now.signers.includes(signer)),
    pins: final.pins.filter((pin) => now.pins.includes(pin)),
  };
}
