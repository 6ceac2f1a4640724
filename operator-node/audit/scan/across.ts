/** What only shows over many batches: a pair in two of them, positions that do not add up. */
import type { OperatorId, PairId } from '../../model/ids.ts';
import type { DisclosureIndex } from '../disclosures/read.ts';
import type { BatchResult, ChainBatch, PositionPart } from './batch.ts';
import type { EarlierHit } from './earlier.ts';
import type { Findings } from './findings.ts';
import { keyAt, pairKey, Seen, viewOf } from './seen.ts';

const pairsPerBatch = 4_096;
const placeOf = (ordinal: number, index: number): number => ordinal * pairsPerBatch + index;

export interface NetPosition {
  readonly operator: number;
  readonly counterparty: number;
  readonly asset: string;
  /** What the operator owes (above zero) by the terms that both signed, in minor units. */
  readonly signed: string;
  /** The same by the operator’s own disclosed postings; absent where it has not disclosed all of them. */
  readonly posted?: string;
  /** What the operator states in its files; absent where they have batches that this scan has not. */
  readonly stated?: string;
}

interface PositionSum {
  readonly operator: OperatorId;
  readonly counterparty: OperatorId;
  readonly asset: string;
  signed: bigint;
  posted: bigint;
}

export class Across {
  readonly #pairs: Seen;
  readonly #commitments: Seen;
  readonly #postings: Seen;
  readonly #batches: readonly ChainBatch[];
  readonly #findings: Findings;
  readonly #positions = new Map<string, PositionSum>();
  /** Operators that have not disclosed all of their postings. */
  readonly #partial = new Set<OperatorId>();

  constructor(batches: readonly ChainBatch[], findings: Findings) {
    const pairs = batches.reduce((sum, { count }) => sum + count, 0);
    this.#pairs = new Seen(pairs);
    this.#commitments = new Seen(2 * pairs);
    this.#postings = new Seen(2 * pairs);
    this.#batches = batches;
    this.#findings = findings;
  }

  #where(place: number): string {
    const batch = this.#batches[Math.floor(place / pairsPerBatch)];
    if (batch === undefined) return '?';
    return `pair ${place % pairsPerBatch} of batch ${batch.sequence} of ${batch.initiator} to ${batch.acceptor}`;
  }

  add(result: BatchResult): void {
    const { ordinal } = result;
    const evidence = { batchId: this.#batches[ordinal]?.batchId ?? '' };
    const once = (
      seen: Seen,
      keys: DataView,
      at: number,
      index: number,
      code: 'pair-twice' | 'commitment-twice' | 'posting-shared',
      what: string,
    ): void => {
      const [high, low] = keyAt(keys, at);
      if (high === 0n && low === 0n) return;
      const place = placeOf(ordinal, index);
      const before = seen.firstOf(high, low, place);
      if (before === undefined || (code === 'posting-shared' && before === place)) return;
      this.#findings.add(code, `${what} ${this.#where(place)} stands also at ${this.#where(before)}`, {
        ...evidence,
        index,
        other: this.#where(before),
      });
    };
    const [pairKeys, commitments, postings] = [
      viewOf(result.pairKeys),
      viewOf(result.commitmentKeys),
      viewOf(result.postingKeys),
    ];
    for (let index = 0; index < result.pairs; index += 1) {
      once(this.#pairs, pairKeys, index, index, 'pair-twice', 'the pairId of');
      once(this.#commitments, commitments, 2 * index, index, 'commitment-twice', 'the first operation’s commitment of');
      once(
        this.#commitments,
        commitments,
        2 * index + 1,
        index,
        'commitment-twice',
        'the second operation’s commitment of',
      );
    }
    for (const [at, index] of result.postingIndexes.entries())
      once(this.#postings, postings, at, index, 'posting-shared', 'a posting of');
    for (const part of result.positions) this.#addPosition(part);
    for (const operator of result.stale) this.#partial.add(operator);
  }

  #addPosition({ operator, counterparty, asset, signed, posted }: PositionPart): void {
    const key = `${operator}/${counterparty}/${asset}`;
    const sum = this.#positions.get(key) ?? { operator, counterparty, asset, signed: 0n, posted: 0n };
    this.#positions.set(key, sum);
    sum.signed += signed;
    // What was not disclosed is not held against the rest.
    sum.posted += posted ?? signed;
    if (posted === undefined) this.#partial.add(operator);
  }

  /** What an earlier scan saw of this batch's pairs and postings, in other places. */
  addEarlier(batch: ChainBatch, code: 'pair-twice' | 'posting-shared', hits: readonly EarlierHit[]): void {
    const what = code === 'pair-twice' ? 'the pairId of' : 'a posting of';
    for (const { index, place } of hits) {
      this.#findings.add(code, `${what} ${this.#where(placeOf(batch.ordinal, index))} stands also at ${place.told}`, {
        batchId: batch.batchId,
        index,
        other: place.told,
        otherBatch: place.batchId,
      });
    }
  }

  /** Where a pair of this scan is. */
  placeOfPair(pair: PairId): { readonly batch: ChainBatch; readonly index: number } | undefined {
    const place = this.#pairs.valueOf(...pairKey(pair));
    const batch = place === undefined ? undefined : this.#batches[Math.floor(place / pairsPerBatch)];
    return place === undefined || batch === undefined ? undefined : { batch, index: place % pairsPerBatch };
  }

  positions(files: readonly DisclosureIndex[], checked: ReadonlySet<string>): NetPosition[] {
    const stated = statedPositions(files, checked);
    for (const operator of this.#partial) stated.delete(operator);
    const operators = new Set([...this.#positions.values()].map(({ operator }) => operator));
    for (const [operator, entries] of stated) {
      if (!operators.has(operator)) continue;
      for (const key of entries.keys()) {
        if (this.#positions.has(`${operator}/${key}`)) continue;
        const [counterparty = '', ...asset] = key.split('/');
        this.#positions.set(`${operator}/${key}`, {
          operator,
          counterparty: Number(counterparty) as OperatorId,
          asset: asset.join('/'),
          signed: 0n,
          posted: 0n,
        });
      }
    }
    return [...this.#positions.values()]
      .sort((a, b) => a.operator - b.operator || a.counterparty - b.counterparty || (a.asset < b.asset ? -1 : 1))
      .map(({ operator, counterparty, asset, signed, posted }): NetPosition => {
        const says = stated.get(operator);
        const told = says === undefined ? undefined : (says.get(`${counterparty}/${asset}`) ?? 0n);
        const evidence = { operator, counterparty, asset, signed: `${signed}`, posted: `${posted}` };
        const who = `operator ${operator} to ${counterparty} in ${asset}`;
        if (posted !== signed) {
          this.#findings.add(
            'position-differs',
            `${who}: by its postings ${posted}, by the signed terms ${signed}, ${posted - signed} apart`,
            evidence,
          );
        }
        if (told !== undefined && told !== posted) {
          this.#findings.add(
            'position-differs',
            `${who}: it states ${told}, its disclosed postings give ${posted}, ${told - posted} apart`,
            { ...evidence, stated: `${told}` },
          );
        }
        return {
          operator,
          counterparty,
          asset,
          signed: `${signed}`,
          ...(this.#partial.has(operator) ? {} : { posted: `${posted}` }),
          ...(told === undefined ? {} : { stated: `${told}` }),
        };
      });
  }
}

/** By operator, then `<counterparty>/<asset>`: what all its files state, if this scan has all that is in them. */
function statedPositions(
  files: readonly DisclosureIndex[],
  checked: ReadonlySet<string>,
): Map<OperatorId, Map<string, bigint>> {
  const stated = new Map<OperatorId, Map<string, bigint>>();
  const partial = new Set<OperatorId>();
  for (const { header, sections, end } of files) {
    const operator = header.operator;
    const used = sections.filter(({ file, offset }) => checked.has(`${file}@${offset}`)).length;
    // Nothing of it was taken, since another file has it: what it states is of no account.
    if (sections.length > 0 && used === 0) continue;
    if (end === undefined || used < sections.length) partial.add(operator);
    const entries = stated.get(operator) ?? new Map<string, bigint>();
    stated.set(operator, entries);
    for (const { operator: counterparty, asset, amount } of end?.positions ?? []) {
      const key = `${counterparty}/${asset}`;
      entries.set(key, (entries.get(key) ?? 0n) + BigInt(amount));
    }
  }
  for (const operator of partial) stated.delete(operator);
  return stated;
}
