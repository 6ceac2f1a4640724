/** All committed refunds of a pair together, against what it moved: originals of this scan, and of earlier ones. */
import type { PairId } from '../../model/ids.ts';
import type { Across } from './across.ts';
import type { BatchJob, ChainBatch, OriginalFacts, RefundPart } from './batch.ts';
import type { EarlierScans } from './earlier.ts';
import type { Findings } from './findings.ts';
import { Uncheckable, type Pool } from './pool.ts';

export class Refunds {
  readonly #byOriginal = new Map<PairId, RefundPart[]>();

  add(refunds: readonly RefundPart[]): void {
    for (const refund of refunds) {
      const list = this.#byOriginal.get(refund.reverses);
      if (list === undefined) this.#byOriginal.set(refund.reverses, [refund]);
      else list.push(refund);
    }
  }

  /** Originals are read again where they are: only what refunds name is looked at twice. */
  async check(
    across: Across,
    pool: Pool,
    jobOf: (batch: ChainBatch) => BatchJob,
    earlier: EarlierScans | undefined,
    findings: Findings,
  ): Promise<void> {
    const wanted = new Map<ChainBatch, Map<number, PairId>>();
    for (const [original, refunds] of this.#byOriginal) {
      const place = across.placeOfPair(original);
      if (place === undefined) await judge(original, refunds, await earlier?.original(original), earlier, findings);
      else {
        const indexes = wanted.get(place.batch) ?? new Map<number, PairId>();
        wanted.set(place.batch, indexes.set(place.index, original));
      }
    }
    for (const [batch, indexes] of wanted) {
      const facts = new Map(
        (await originalsOf(pool, jobOf(batch), [...indexes.keys()])).map((fact) => [fact.index, fact]),
      );
      for (const [index, original] of indexes)
        await judge(original, this.#byOriginal.get(original) ?? [], facts.get(index), earlier, findings);
    }
  }
}

/** Empty if the batch cannot be read again: the originals then count as unseen. */
async function originalsOf(pool: Pool, job: BatchJob, indexes: readonly number[]): Promise<readonly OriginalFacts[]> {
  try {
    return await pool.originals(job, indexes);
  } catch (error) {
    if (error instanceof Uncheckable) return [];
    throw error;
  }
}

async function judge(
  original: PairId,
  refunds: readonly RefundPart[],
  fact: OriginalFacts | undefined,
  earlier: EarlierScans | undefined,
  findings: Findings,
): Promise<void> {
  if (fact === undefined) {
    const [{ pair } = { pair: '?' }] = refunds;
    findings.add(
      'refund-original-unseen',
      `pair ${pair} refunds ${original}, which is not in what this scan and those before it read`,
      { pair, original },
    );
    return;
  }
  // One that is looked at again counts once.
  const again = new Set(refunds.map(({ pair }) => pair));
  const before = ((await earlier?.refundsOf(original)) ?? []).filter(({ pair }) => !again.has(pair));
  for (const refund of refunds) {
    const evidence = { pair: refund.pair, original };
    const refuse = (why: string): void =>
      findings.add('refund-unfounded', `pair ${refund.pair} refunds ${original}, ${why}`, evidence);
    if (!fact.committed) refuse('which was not committed');
    else if (refund.asset !== fact.asset) refuse(`which moved ${fact.asset}, in ${refund.asset}`);
    else if (refund.payer !== fact.payee || refund.payee !== fact.payer)
      refuse('which was between other operators, or the same way');
  }
  const all = [...before, ...refunds];
  const sum = all.reduce((total, { amount }) => total + amount, 0n);
  if (sum > fact.amount) {
    findings.add(
      'refund-exceeds',
      `the committed refunds of pair ${original} come to ${sum} ${fact.asset}; it moved ${fact.amount}`,
      { pair: original, refunded: `${sum}`, moved: `${fact.amount}`, refunds: all.map(({ pair }) => pair).join(' ') },
    );
  }
}
