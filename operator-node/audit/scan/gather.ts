/** What a batch adds up to: for the digests of its attestations, for positions, and for checks across batches. */
import { hash } from 'node:crypto';
import type { Executed } from '../../commitment/executed.ts';
import type { Leg, OperatorId, PairId } from '../../model/ids.ts';
import type { PairLine } from '../disclosures/lines.ts';
import type { BatchResult, Lateness, Moved, PositionPart, RefundPart } from './batch.ts';
import { isTooOldFor, legs, legsOf, otherLeg, postingsOf, type BatchView, type PairView } from './batch-view.ts';
import type { Disclosed } from './disclosed.ts';
import { magnitude, secondsToPosting } from './pair-checks.ts';

/** What a side's digest is made of, and how late the side was. */
export interface SideTotals {
  readonly executed: Executed[];
  readonly bits: Set<number>;
  /** A pair could not be counted: the digest does not recompute, and something else is reported. */
  unknown: boolean;
  /** A posting is not there because the section is too old to have it. */
  stale: boolean;
  posted: number;
  sum: number;
  most: number;
  late: number;
}

const newTotals = (): SideTotals => ({
  executed: [],
  bits: new Set(),
  unknown: false,
  stale: false,
  posted: 0,
  sum: 0,
  most: 0,
  late: 0,
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class Gathered {
  readonly totals: ReadonlyMap<OperatorId, SideTotals>;
  readonly #batch: BatchView;
  readonly #positions = new Map<string, Writable<PositionPart>>();
  readonly #refunds: RefundPart[] = [];
  readonly #services: Record<string, number> = {};
  readonly #pairKeys: Buffer;
  readonly #commitmentKeys: Buffer;
  readonly #postingKeys: Buffer[] = [];
  readonly #postingIndexes: number[] = [];
  readonly #counts = { open: 0, committed: 0, aborted: 0, expired: 0 };
  readonly #volumes: Record<string, bigint> = {};
  #unpriced = 0;
  readonly #moved: (Moved | undefined)[] = [];

  constructor(batch: BatchView) {
    const { count } = batch.job.batch;
    this.#batch = batch;
    this.totals = new Map(batch.sides.map(({ operator }) => [operator, newTotals()]));
    this.#pairKeys = Buffer.alloc(16 * count);
    this.#commitmentKeys = Buffer.alloc(32 * count);
  }

  add(pair: PairView): void {
    const { status, terms } = pair;
    this.#counts[status] += 1;
    if (status === 'expired') this.#counts.aborted += 1;
    this.#addKeys(pair);
    if (status === 'committed' && terms?.service !== undefined) {
      this.#services[terms.service] = (this.#services[terms.service] ?? 0) + 1;
      this.#addVolume(terms.service, terms.secondAsset, terms.secondAmount);
    }
    this.#addMoved(pair);
    this.#addUndisclosed(pair);
    for (const side of this.#batch.sides) {
      const line = side.lines[pair.index];
      const own = this.totals.get(side.operator);
      if (own === undefined) continue;
      if (line === undefined) {
        own.unknown = true;
        this.#addPosition(side.operator, pair, () => 0n);
      } else {
        for (const leg of legsOf(this.#batch, side.operator)) this.#addLeg(own, side, line, leg, pair);
      }
    }
    this.#addRefund(pair);
  }

  #addVolume(service: string, asset: string | undefined, amount: string | undefined): void {
    if (asset === undefined || amount === undefined) return;
    const key = `${service}/${asset}`;
    this.#volumes[key] = (this.#volumes[key] ?? 0n) + BigInt(amount);
  }

  /** What an operator owes of whom there is no section: by the terms that the other discloses. */
  #addUndisclosed(pair: PairView): void {
    const { job, onUs } = this.#batch;
    if (onUs || pair.status !== 'committed') return;
    if (pair.pays === undefined || pair.terms?.secondAmount === undefined) this.#unpriced += 1;
    for (const operator of [job.batch.initiator, job.batch.acceptor]) {
      if (!this.totals.has(operator)) this.#addPosition(operator, pair, undefined);
    }
  }

  #addKeys({ index, leaf }: PairView): void {
    if (leaf === undefined) return;
    this.#pairKeys.write(leaf.pair.replaceAll('-', ''), 16 * index, 'hex');
    this.#commitmentKeys.write(leaf.first.slice(2, 34), 32 * index, 'hex');
    this.#commitmentKeys.write(leaf.second.slice(2, 34), 32 * index + 16, 'hex');
  }

  #addMoved({ index, status, terms, pays }: PairView): void {
    if (this.#batch.job.moved !== true || terms?.secondAsset === undefined || terms.secondAmount === undefined) return;
    this.#moved[index] = {
      committed: status === 'committed',
      acceptorPays: pays === 'second',
      asset: terms.secondAsset,
      amount: terms.secondAmount,
    };
  }

  #addLeg(own: SideTotals, side: Disclosed, line: PairLine, leg: Leg, pair: PairView): void {
    const batch = this.#batch;
    const postings = postingsOf(line, leg);
    const [posting] = postings;
    const missed = posting === undefined && isTooOldFor(batch, side, pair);
    if (missed) {
      own.stale = true;
      // What it attested can be compared all the same: with what it had to post.
      if (leg === 'first' || !batch.onUs) own.bits.add(pair.index);
      for (const each of batch.onUs ? [leg] : legs) addAgreed(own, each, pair);
    }
    if (posting !== undefined) {
      if (pair.status === 'committed') this.#addLateness(own, secondsToPosting(batch, pair.index, posting));
      if (leg === 'first' || !batch.onUs) own.bits.add(pair.index);
      own.executed.push({ leg, asset: posting.asset, amount: BigInt(magnitude(posting.amount)) });
      if (!batch.onUs) addAgreed(own, otherLeg(leg), pair);
    }
    for (const { id } of postings) {
      this.#postingKeys.push(hash('sha256', `${side.operator}/${id}`, 'buffer').subarray(0, 16));
      this.#postingIndexes.push(pair.index);
    }
    // A posting that its section is too old for counts as it must come.
    this.#addPosition(side.operator, pair, (agreed) =>
      missed ? agreed : postings.reduce((sum, { amount }) => sum - BigInt(amount), 0n),
    );
  }

  #addLateness(own: SideTotals, after: number): void {
    if (Number.isNaN(after)) return;
    if (after > this.#batch.job.tolerance.postSeconds) own.late += 1;
    own.posted += 1;
    own.sum += Math.max(0, after);
    own.most = Math.max(own.most, after);
  }

  /**
   * What a committed pair moves between the operators: `secondAmount` of `secondAsset` (protocol §4). `bookedOf` gets what
   * the operator’s own leg must come to, and returns what its postings do come to.
   */
  #addPosition(
    operator: OperatorId,
    { status, pays, terms }: PairView,
    bookedOf: ((agreed: bigint) => bigint) | undefined,
  ): void {
    if (this.#batch.onUs || status !== 'committed' || pays === undefined) return;
    const { initiator, acceptor } = this.#batch.job.batch;
    const leg: Leg = operator === initiator ? 'first' : 'second';
    const own = terms?.[`${leg}Amount`];
    if (terms?.secondAsset === undefined || terms.secondAmount === undefined || own === undefined) return;
    const sign = pays === leg ? 1n : -1n;
    const signed = sign * BigInt(terms.secondAmount);
    const agreed = sign * BigInt(own);
    const posted = bookedOf === undefined ? undefined : signed + bookedOf(agreed) - agreed;
    const counterparty = leg === 'first' ? acceptor : initiator;
    const asset = terms.secondAsset;
    const key = `${operator}/${counterparty}/${asset}`;
    const found = this.#positions.get(key);
    const sum = found ?? { operator, counterparty, asset, signed: 0n, ...(posted === undefined ? {} : { posted: 0n }) };
    sum.signed += signed;
    if (posted !== undefined) sum.posted = (sum.posted ?? 0n) + posted;
    this.#positions.set(key, sum);
  }

  #addRefund({ index, status, leaf, terms, pays }: PairView): void {
    if (terms?.reverses === undefined || terms.reverses === '') return;
    if (status !== 'committed' || terms.secondAsset === undefined) return;
    const { initiator, acceptor } = this.#batch.job.batch;
    const [payer, payee] = pays === 'second' ? [acceptor, initiator] : [initiator, acceptor];
    this.#refunds.push({
      index,
      pair: (leaf?.pair ?? terms.pair) as PairId,
      reverses: terms.reverses as PairId,
      asset: terms.secondAsset,
      amount: BigInt(terms.secondAmount ?? '0'),
      payer,
      payee,
    });
  }

  #lateness(): Lateness[] {
    const { job, outcomes } = this.#batch;
    return [...this.totals].map(([operator, { posted, sum, most, late }]) => {
      const { time = NaN } = job.batch.attestations.find((found) => found.operator === operator) ?? {};
      const attestSeconds = time - outcomes.endedAt;
      return {
        operator,
        posted,
        postSecondsSum: sum,
        postSecondsMost: most,
        late,
        ...(Number.isNaN(attestSeconds) || !outcomes.ended ? {} : { attestSeconds }),
      };
    });
  }

  result(): Omit<BatchResult, 'findings' | 'more'> {
    const { job } = this.#batch;
    return {
      ordinal: job.batch.ordinal,
      pairs: job.batch.count,
      ...this.#counts,
      positions: [...this.#positions.values()],
      refunds: this.#refunds,
      stale: [...this.totals].flatMap(([operator, { stale }]) => (stale ? [operator] : [])),
      lateness: this.#lateness(),
      services: this.#services,
      volumes: this.#volumes,
      unpriced: this.#unpriced,
      pairKeys: new Uint8Array(this.#pairKeys),
      commitmentKeys: new Uint8Array(this.#commitmentKeys),
      postingKeys: new Uint8Array(Buffer.concat(this.#postingKeys)),
      postingIndexes: Uint16Array.from(this.#postingIndexes),
      ...(job.moved === true ? { moved: this.#moved } : {}),
    };
  }
}

/** A leg that the operator’s postings do not show counts in the digest as the terms have it. */
function addAgreed(own: SideTotals, leg: Leg, { terms }: PairView): void {
  const [asset, amount] = [terms?.[`${leg}Asset`], terms?.[`${leg}Amount`]];
  if (asset === undefined || amount === undefined) own.unknown = true;
  else own.executed.push({ leg, asset, amount: BigInt(amount) });
}
