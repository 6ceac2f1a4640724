/** Faults of what comes in: each is counted, and a kind of them is logged once a minute, with how many there were since. */
import type { Clock } from '../engine/clock.ts';
import type { Fault, SmppMetrics } from './smpp-metrics.ts';

export type Log = (entry: Readonly<Record<string, unknown>>) => void;

const quietMillis = 60_000;

export class Notices {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: SmppMetrics;
  readonly #seen = new Map<string, { at: number; unsaid: number }>();

  constructor(clock: Clock, log: Log, metrics: SmppMetrics) {
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** `detail` must have nothing of a text in it. */
  note(route: string, kind: Fault, detail: string): void {
    this.#metrics.fault(route, kind);
    const key = `${route} ${kind}`;
    const now = this.#clock.now();
    const seen = this.#seen.get(key);
    if (seen !== undefined && now - seen.at < quietMillis) {
      seen.unsaid += 1;
      return;
    }
    this.#seen.set(key, { at: now, unsaid: 0 });
    const unsaid = seen?.unsaid ?? 0;
    this.#log({ level: 'warn', type: kind, route, detail: detail.slice(0, 200), ...(unsaid === 0 ? {} : { unsaid }) });
  }
}
