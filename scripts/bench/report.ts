/** What a run came to. */
import type { PairTimes } from './load.ts';

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface ProcessUse {
  readonly cpuMillisAPair?: number;
  readonly storedBytesAPair?: number;
  readonly memoryMiB?: number;
}

export interface OperatorUse {
  /** Settled in the measured time, with this operator at one of the two ends. */
  readonly pairs: number;
  /** From order to the later of both confirmations, of the orders of its own users. */
  readonly latencyMillis: Percentiles;
  /** Of its process, for each of those pairs. */
  readonly cpuMillisAPair?: number;
}

export interface Report {
  readonly pairs: number;
  readonly rate: number;
  readonly warmUpPairs: number;
  readonly settled: number;
  readonly failed: number;
  readonly unfinished: number;
  /** Pairs settled in the measured time, by its seconds. */
  readonly settledPerSecond: number;
  readonly measuredSeconds: number;
  readonly heldBackMillis: number;
  /** From order to the later of both confirmations. */
  readonly latencyMillis: Percentiles;
  /** Without the time that the acceptor took to answer. */
  readonly latencyWithoutAnswerMillis: Percentiles;
  readonly gasAPair: number;
  readonly transactions: number;
  /** All processes but the load generator. */
  readonly cpuMillisAPair?: number;
  readonly processes: Readonly<Record<string, ProcessUse>>;
  /** By handle. */
  readonly operators: Readonly<Record<string, OperatorUse>>;
  /** The load generator's own, which counts for nothing but takes its share of the machine. */
  readonly loadCpuMillisAPair: number;
  readonly checks: readonly { readonly ok: boolean; readonly text: string }[];
  readonly reasons: readonly string[];
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: Math.round(at(0.5)), p95: Math.round(at(0.95)), p99: Math.round(at(0.99)) };
}

export const settledAt = ({ firstTold, secondTold }: PairTimes): number | undefined =>
  firstTold === undefined || secondTold === undefined ? undefined : Math.max(firstTold, secondTold);

export function latencies(pairs: readonly PairTimes[]): { readonly whole: number[]; readonly withoutAnswer: number[] } {
  const whole: number[] = [];
  const withoutAnswer: number[] = [];
  for (const pair of pairs) {
    const end = settledAt(pair);
    if (end === undefined) continue;
    whole.push(end - pair.ordered);
    withoutAnswer.push(end - pair.ordered - ((pair.answered ?? 0) - (pair.asked ?? 0)));
  }
  return { whole, withoutAnswer };
}

/** One operator's share; `side` says which end of the pair of an order it is. */
export function operatorUse(
  times: readonly PairTimes[],
  side: (index: number) => 'first' | 'second' | undefined,
  measured: { readonly from: number; readonly to: number; readonly warmUpPairs: number },
  cpuMillis: number | undefined,
): OperatorUse {
  let pairs = 0;
  const ordered: PairTimes[] = [];
  for (const [index, pair] of times.entries()) {
    const end = side(index);
    if (end === undefined) continue;
    const settled = settledAt(pair);
    if (settled !== undefined && settled > measured.from && settled <= measured.to) pairs += 1;
    if (end === 'first' && index >= measured.warmUpPairs) ordered.push(pair);
  }
  return {
    pairs,
    latencyMillis: percentiles(latencies(ordered).whole),
    ...(cpuMillis === undefined || pairs === 0 ? {} : { cpuMillisAPair: cpuMillis / pairs }),
  };
}

const number = (value: number | undefined, digits = 0): string =>
  value === undefined
    ? '–'
    : value.toLocaleString('en-GB', { maximumFractionDigits: digits, minimumFractionDigits: digits });

export function tableOf(report: Report): string {
  const { latencyMillis: whole, latencyWithoutAnswerMillis: net } = report;
  const line = (label: string, value: string): string => `  ${label.padEnd(34)}${value}`;
  const percent = ({ p50, p95, p99 }: Percentiles): string =>
    `p50 ${number(p50)}   p95 ${number(p95)}   p99 ${number(p99)}`;
  const lines = [
    line('settled pairs/s', `${number(report.settledPerSecond, 1)} over ${number(report.measuredSeconds, 1)} s`),
    line('pairs', `${number(report.settled)} settled, ${report.failed} failed, ${report.unfinished} unfinished`),
    line('latency, ms', percent(whole)),
    line('latency without the answer, ms', percent(net)),
    line('gas a pair', `${number(report.gasAPair)} (${report.transactions} transactions)`),
    line('CPU a pair, ms', number(report.cpuMillisAPair, 2)),
    ...(report.heldBackMillis > 0 ? [line('orders held back', `${number(report.heldBackMillis)} ms`)] : []),
    '',
    `  ${'process'.padEnd(12)}${'CPU a pair, ms'.padStart(16)}${'bytes a pair'.padStart(16)}${'memory, MiB'.padStart(14)}`,
    ...Object.entries(report.processes).map(
      ([name, use]) =>
        `  ${name.padEnd(12)}${number(use.cpuMillisAPair, 2).padStart(16)}${number(use.storedBytesAPair).padStart(16)}` +
        number(use.memoryMiB).padStart(14),
    ),
    `  ${'(load)'.padEnd(12)}${number(report.loadCpuMillisAPair, 2).padStart(16)}`,
    '',
    `  ${'operator'.padEnd(12)}${'own pairs'.padStart(12)}${'CPU an own pair, ms'.padStart(22)}   latency of its orders, ms`,
    ...Object.entries(report.operators).map(
      ([name, use]) =>
        `  ${name.padEnd(12)}${number(use.pairs).padStart(12)}${number(use.cpuMillisAPair, 2).padStart(22)}   ` +
        percent(use.latencyMillis),
    ),
    '',
    ...report.checks.map(({ ok, text }) => `  ${ok ? 'ok  ' : 'FAIL'} ${text}`),
    ...report.reasons.map((text) => `  FAIL ${text}`),
  ];
  return lines.join('\n');
}
