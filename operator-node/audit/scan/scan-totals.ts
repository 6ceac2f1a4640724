/** What the batches of a scan add up to: pairs by outcome, by service, by lane, and how prompt each operator was. */
import type { OperatorId } from '../../model/ids.ts';
import type { BatchResult, ChainBatch } from './batch.ts';
import type { LaneHead } from './read-chain.ts';

export interface OperatorTotals {
  readonly operator: number;
  /** As the registry calls it at the final block. */
  readonly handle: string;
  readonly batches: number;
  /** How many of these its files have. */
  readonly disclosed: number;
  readonly attested: number;
  readonly posted: number;
  readonly postSecondsMean: number;
  readonly postSecondsMost: number;
  readonly attestSecondsMean: number;
  readonly attestSecondsMost: number;
}

export interface PairTotals {
  readonly batches: number;
  readonly pairs: number;
  readonly committed: number;
  readonly aborted: number;
  /** Of the aborted: by the deadline; the others by their bit. */
  readonly expired: number;
  readonly open: number;
}

export interface DayTotals extends PairTotals {
  /** Of the blocks that the batches were prepared in, in UTC. */
  readonly day: string;
}

export interface Volume {
  readonly service: string;
  readonly asset: string;
  /** In minor units: what committed pairs moved. */
  readonly amount: string;
}

export type LaneTotals = LaneHead & Pick<PairTotals, 'batches' | 'pairs' | 'committed'>;

interface Tally {
  batches: number;
  disclosed: number;
  attested: number;
  posted: number;
  postSum: number;
  postMost: number;
  attestSum: number;
  attestMost: number;
}

const mean = (sum: number, count: number): number => (count === 0 ? 0 : Math.round((10 * sum) / count) / 10);
type Writable<T> = { -readonly [K in keyof T]: T[K] };

function addPairs(sum: Writable<PairTotals>, { pairs, committed, aborted, expired, open }: BatchResult): void {
  sum.pairs += pairs;
  sum.committed += committed;
  sum.aborted += aborted;
  sum.expired += expired;
  sum.open += open;
}

const nothing = { batches: 0, pairs: 0, committed: 0 };

export class ScanTotals {
  readonly services: Record<string, number> = {};
  readonly #volumes = new Map<string, bigint>();
  readonly #days = new Map<string, Writable<DayTotals>>();
  /** Ordinals of batches that a later scan has to look at again. */
  readonly stillOpen = new Set<number>();
  readonly #pairs: Writable<PairTotals>;
  readonly #tallies = new Map<number, Tally>();
  readonly #lanes = new Map<string, typeof nothing>();

  constructor(batches: number) {
    this.#pairs = { batches, pairs: 0, committed: 0, aborted: 0, expired: 0, open: 0 };
  }

  /** Before a batch is checked. */
  begin(batch: ChainBatch): void {
    for (const operator of new Set([batch.initiator, batch.acceptor])) this.#tallyOf(operator).batches += 1;
  }

  /** A batch that is checked has a section of this operator. */
  disclosed(operator: number): void {
    this.#tallyOf(operator).disclosed += 1;
  }

  add(batch: ChainBatch, result: BatchResult): void {
    addPairs(this.#pairs, result);
    this.#addDay(batch, result);
    for (const [key, amount] of Object.entries(result.volumes)) {
      this.#volumes.set(key, (this.#volumes.get(key) ?? 0n) + amount);
    }
    const attestations = batch.initiator === batch.acceptor ? 1 : 2;
    if (result.open > 0 || result.stale.length > 0 || batch.attestations.length < attestations) {
      this.stillOpen.add(batch.ordinal);
    }
    for (const [service, count] of Object.entries(result.services)) {
      this.services[service] = (this.services[service] ?? 0) + count;
    }
    this.#addLateness(result);
    const key = `${batch.initiator}/${batch.acceptor}`;
    const lane = this.#lanes.get(key) ?? nothing;
    this.#lanes.set(key, {
      batches: lane.batches + 1,
      pairs: lane.pairs + result.pairs,
      committed: lane.committed + result.committed,
    });
  }

  #addDay({ preparedTime }: ChainBatch, result: BatchResult): void {
    const day = new Date(preparedTime * 1_000).toISOString().slice(0, 10);
    const sum = this.#days.get(day) ?? { day, batches: 0, pairs: 0, committed: 0, aborted: 0, expired: 0, open: 0 };
    this.#days.set(day, sum);
    sum.batches += 1;
    addPairs(sum, result);
  }

  get days(): readonly DayTotals[] {
    return [...this.#days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
  }

  get volumes(): readonly Volume[] {
    return [...this.#volumes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, amount]): Volume => {
        const [service = '', asset = ''] = key.split('/');
        return { service, asset, amount: `${amount}` };
      });
  }

  #addLateness({ lateness }: BatchResult): void {
    for (const { operator, posted, postSecondsSum, postSecondsMost, attestSeconds } of lateness) {
      const tally = this.#tallyOf(operator);
      tally.posted += posted;
      tally.postSum += postSecondsSum;
      tally.postMost = Math.max(tally.postMost, postSecondsMost);
      if (attestSeconds === undefined) continue;
      tally.attested += 1;
      tally.attestSum += attestSeconds;
      tally.attestMost = Math.max(tally.attestMost, attestSeconds);
    }
  }

  #tallyOf(operator: number): Tally {
    let tally = this.#tallies.get(operator);
    if (tally === undefined) {
      tally = {
        batches: 0,
        disclosed: 0,
        attested: 0,
        posted: 0,
        postSum: 0,
        postMost: 0,
        attestSum: 0,
        attestMost: 0,
      };
      this.#tallies.set(operator, tally);
    }
    return tally;
  }

  get pairs(): PairTotals {
    return { ...this.#pairs };
  }

  lanes(heads: readonly LaneHead[]): LaneTotals[] {
    return heads.map((head) => ({ ...head, ...(this.#lanes.get(`${head.initiator}/${head.acceptor}`) ?? nothing) }));
  }

  operators(handles: ReadonlyMap<number, string>): OperatorTotals[] {
    return [...this.#tallies]
      .sort(([a], [b]) => a - b)
      .map(([operator, tally]) => ({
        operator: operator as OperatorId,
        handle: handles.get(operator) ?? '',
        batches: tally.batches,
        disclosed: tally.disclosed,
        attested: tally.attested,
        posted: tally.posted,
        postSecondsMean: mean(tally.postSum, tally.posted),
        postSecondsMost: tally.postMost,
        attestSecondsMean: mean(tally.attestSum, tally.attested),
        attestSecondsMost: tally.attestMost,
      }));
  }
}
