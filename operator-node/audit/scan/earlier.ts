/**
 * What earlier scans saw, on disk beside their state: each pairId and posting with where it stood, what each pair moved,
 * and refunds by their original. So a pair that stood in an earlier range is known when it comes again, and refunds of
 * an earlier pair are added up. A LevelDB of its own; a scan reads it as it was at the start, and writes as it goes on:
 * what is written twice is the same, so a scan that was cut off spoils nothing.
 *
 * Operation commitments are not kept: a record names its pair, and opens only the commitment of that pair's leaf, so
 * that one commitment under two pairs is either one pairId twice or a record that names another pair.
 */
import { existsSync } from 'node:fs';
import { ClassicLevel } from 'classic-level';
import { z } from 'zod';
import { TandemError } from '../../errors.ts';
import { isBatchId, isHash, type BatchId, type OperatorId, type PairId } from '../../model/ids.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import type { BatchResult, ChainBatch, OriginalFacts } from './batch.ts';
import type { ScanState } from './state.ts';

const format = 'tandem/scan-index/1';

const uint = z.number().int().min(0);
const aboutSchema = z.strictObject({
  format: z.literal(format),
  chainId: z.string(),
  contract: z.string(),
  /** Batches in it; the next one gets this number. */
  batches: uint,
  /** The last block of the last scan that ended; absent before. */
  last: z.strictObject({ number: uint, hash: z.string().refine(isHash) }).optional(),
});
type About = z.output<typeof aboutSchema>;

const batchSchema = z.strictObject({
  batchId: z.string().refine(isBatchId),
  initiator: uint,
  acceptor: uint,
  sequence: uint,
});

/**
 * First byte of a key. Keys: `about`; number of a batch (4 bytes); pairId; posting; original and refund, 16 bytes each.
 */
const kinds = { about: 0, batch: 1, pair: 2, posting: 3, refund: 4 } as const;

const keyOf = (kind: keyof typeof kinds, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(kinds[kind]), ...parts]);
const aboutKey = keyOf('about');
const numberBytes = (number: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};
const pairBytes = (pair: string): Buffer => Buffer.from(pair.replaceAll('-', ''), 'hex');
const pairText = (bytes: Buffer): PairId =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as PairId;

/**
 * The bytes of a place: the batch's number (4), the pair's index (2). For a pair, a byte of flags and what it moved
 * follow.
 */
const placeBytes = 6;
const flags = { committed: 1, acceptorPays: 2 } as const;

/** Batches that wait to be written. */
const waitingAtMost = 4;

export interface EarlierPlace {
  /** For sentences: which pair of which batch. */
  readonly told: string;
  readonly batchId: BatchId;
  readonly index: number;
}

export interface EarlierHit {
  readonly index: number;
  readonly place: EarlierPlace;
}

type Db = ClassicLevel<Buffer, Buffer>;

const indexOf = (stateFile: string): string => `${stateFile}.index`;

export class EarlierScans implements AsyncDisposable {
  readonly #db: Db;
  readonly #at: ReturnType<Db['snapshot']>;
  readonly #empty: boolean;
  #about: About;
  readonly #batches = new Map<number, z.output<typeof batchSchema>>();
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;

  private constructor(db: Db, about: About) {
    this.#db = db;
    this.#at = db.snapshot();
    this.#about = about;
    this.#empty = about.batches === 0;
  }

  /**
   * Opens, or makes, what belongs to that state file.
   * @throws {TandemError} `config-invalid` where the two do not belong together, or are of another network
   */
  static async open(stateFile: string, state: ScanState | undefined, network: AuditNetwork): Promise<EarlierScans> {
    const folder = indexOf(stateFile);
    const apart = (found: string): TandemError =>
      new TandemError(
        'config-invalid',
        `${stateFile} and ${folder} do not belong together: ${found}. Restore the one that is missing or older, or remove both and scan from the beginning.`,
      );
    if (state !== undefined && !existsSync(folder)) throw apart('the folder is not there');
    const db: Db = new ClassicLevel(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    try {
      await db.open();
    } catch (cause) {
      const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
      throw new TandemError('config-invalid', `${folder} cannot be opened: ${reason}`, { cause });
    }
    try {
      const { chainId } = network;
      const contract = network.contracts.PairSettlement;
      const stored = await db.get(aboutKey);
      const about: About =
        stored === undefined
          ? { format, chainId, contract, batches: 0 }
          : aboutSchema.parse(JSON.parse(stored.toString()));
      if (about.chainId !== chainId || about.contract !== contract)
        throw apart(`the folder is of chain ${about.chainId}, contract ${about.contract}`);
      if (state === undefined && about.last !== undefined)
        throw apart(`there is no such file, and the folder is of block ${about.last.number}`);
      // A scan that was cut off before it wrote its state leaves a folder that is ahead: nothing is missing in it.
      if (state !== undefined && (about.last?.number ?? -1) < state.last.number)
        throw apart(`the file is of block ${state.last.number}, the folder of ${about.last?.number ?? 'none'}`);
      if (about.last?.number === state?.last.number && about.last?.hash !== state?.last.hash)
        throw apart(`they have different blocks ${state?.last.number ?? ''}`);
      return new EarlierScans(db, about);
    } catch (error) {
      await db.close();
      if (error instanceof TandemError) throw error;
      throw apart(`the folder is no index of a scan: ${(error as Error).message}`);
    }
  }

  async #batch(number: number): Promise<z.output<typeof batchSchema>> {
    const known = this.#batches.get(number);
    if (known !== undefined) return known;
    const stored = await this.#db.get(keyOf('batch', numberBytes(number)), { snapshot: this.#at });
    if (stored === undefined) throw new TandemError('config-invalid', `The scan’s index lacks batch ${number}.`);
    const batch = batchSchema.parse(JSON.parse(stored.toString()));
    this.#batches.set(number, batch);
    return batch;
  }

  async #place(value: Buffer): Promise<EarlierPlace> {
    const { batchId, sequence, initiator, acceptor } = await this.#batch(value.readUInt32BE(0));
    const index = value.readUInt16BE(4);
    return {
      told: `pair ${index} of batch ${sequence} of ${initiator} to ${acceptor}, seen by an earlier scan`,
      batchId,
      index,
    };
  }

  /**
   * Keys of this batch that stood elsewhere before. `indexes`: of which pair each key is; by default of its own number.
   */
  async #elsewhere(
    kind: 'pair' | 'posting',
    batch: ChainBatch,
    keys: Uint8Array,
    indexes?: Uint16Array,
  ): Promise<EarlierHit[]> {
    if (this.#empty) return [];
    const wanted: { readonly key: Buffer; readonly index: number }[] = [];
    for (let at = 0; 16 * at < keys.length; at += 1) {
      const bytes = keys.subarray(16 * at, 16 * at + 16);
      if (bytes.some((byte) => byte !== 0)) wanted.push({ key: keyOf(kind, bytes), index: indexes?.[at] ?? at });
    }
    const found = await this.#db.getMany(
      wanted.map(({ key }) => key),
      { snapshot: this.#at },
    );
    const hits: EarlierHit[] = [];
    for (const [at, value] of found.entries()) {
      const index = wanted[at]?.index ?? 0;
      if (value === undefined) continue;
      const place = await this.#place(value);
      // A batch that is looked at again is no other place.
      if (place.batchId !== batch.batchId || place.index !== index) hits.push({ index, place });
    }
    return hits;
  }

  pairsElsewhere(batch: ChainBatch, { pairKeys }: BatchResult): Promise<EarlierHit[]> {
    return this.#elsewhere('pair', batch, pairKeys);
  }

  postingsElsewhere(batch: ChainBatch, { postingKeys, postingIndexes }: BatchResult): Promise<EarlierHit[]> {
    return this.#elsewhere('posting', batch, postingKeys, postingIndexes);
  }

  /** What a pair of an earlier scan moved; undefined where there is none, or its terms did not open. */
  async original(pair: PairId): Promise<OriginalFacts | undefined> {
    const value = await this.#db.get(keyOf('pair', pairBytes(pair)), { snapshot: this.#at });
    const [amount, asset] = value?.toString('latin1', placeBytes + 1).split(' ') ?? [];
    if (value === undefined || amount === undefined || asset === undefined) return undefined;
    const batch = await this.#batch(value.readUInt32BE(0));
    const bits = value[placeBytes] ?? 0;
    const operators = [batch.initiator as OperatorId, batch.acceptor as OperatorId] as const;
    const [payer, payee] = (bits & flags.acceptorPays) === 0 ? operators : [operators[1], operators[0]];
    return {
      index: value.readUInt16BE(4),
      committed: (bits & flags.committed) !== 0,
      asset,
      amount: BigInt(amount),
      payer,
      payee,
    };
  }

  /** Committed refunds of a pair that earlier scans saw. */
  async refundsOf(original: PairId): Promise<readonly { readonly pair: PairId; readonly amount: bigint }[]> {
    const gte = keyOf('refund', pairBytes(original));
    const lte = Buffer.concat([gte, Buffer.alloc(16, 255)]);
    const refunds: { readonly pair: PairId; readonly amount: bigint }[] = [];
    for await (const [key, value] of this.#db.iterator({ gte, lte, snapshot: this.#at }))
      refunds.push({ pair: pairText(key.subarray(17)), amount: BigInt(value.toString('latin1')) });
    return refunds;
  }

  /** Takes what a batch showed; resolves when there is room for the next one. */
  async remember(batch: ChainBatch, result: BatchResult): Promise<void> {
    const number = this.#about.batches;
    this.#about = { ...this.#about, batches: number + 1 };
    const { batchId, initiator, acceptor, sequence } = batch;
    const writing = this.#db.batch();
    writing.put(keyOf('batch', numberBytes(number)), textBytes({ batchId, initiator, acceptor, sequence }));
    const placeOf = (index: number, more = ''): Buffer => {
      const value = Buffer.alloc(placeBytes + more.length);
      value.writeUInt32BE(number);
      value.writeUInt16BE(index, 4);
      value.write(more, placeBytes, 'latin1');
      return value;
    };
    const { pairKeys, postingKeys, postingIndexes, moved = [] } = result;
    for (let index = 0; 16 * index < pairKeys.length; index += 1) {
      const bytes = pairKeys.subarray(16 * index, 16 * index + 16);
      if (bytes.every((byte) => byte === 0)) continue;
      const fact = moved[index];
      const bits =
        (fact?.committed === true ? flags.committed : 0) | (fact?.acceptorPays === true ? flags.acceptorPays : 0);
      writing.put(
        keyOf('pair', bytes),
        placeOf(index, fact === undefined ? '' : `${String.fromCharCode(bits)}${fact.amount} ${fact.asset}`),
      );
    }
    for (const [at, index] of postingIndexes.entries())
      writing.put(keyOf('posting', postingKeys.subarray(16 * at, 16 * at + 16)), placeOf(index));
    for (const { reverses, pair, amount } of result.refunds)
      writing.put(keyOf('refund', pairBytes(reverses), pairBytes(pair)), Buffer.from(`${amount}`));
    writing.put(aboutKey, textBytes(this.#about));
    this.#waiting += 1;
    this.#writing = this.#writing
      .then(() => writing.write())
      .finally(() => {
        this.#waiting -= 1;
      });
    // Told by who waits for it.
    this.#writing.catch(() => undefined);
    if (this.#waiting > waitingAtMost) await this.#writing;
  }

  /** All of it is on disk, and of this block, before the state file says so. */
  async finish(last: ScanState['last']): Promise<void> {
    await this.#writing;
    this.#about = { ...this.#about, last };
    await this.#db.put(aboutKey, textBytes(this.#about), { sync: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#at.close();
    await this.#db.close();
  }
}

const textBytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
