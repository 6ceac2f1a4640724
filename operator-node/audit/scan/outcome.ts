/** How the pairs of a batch ended, from the chain's events; nothing of an operator's word is in it. */
import type { ChainBatch } from './batch.ts';

const statuses = ['open', 'committed', 'aborted', 'expired'] as const;
export type Status = (typeof statuses)[number];

export interface Outcomes {
  status(index: number): Status;
  /**
   * Unix seconds and number of the block of the pair's decision; of the deadline where that decided; 0 while open. Where no
   * event tells when it was decided: NaN, and Infinity.
   */
  time(index: number): number;
  block(index: number): number;
  readonly ended: boolean;
  /** When the last pair ended; 0 while one is open, NaN where that is not known. */
  readonly endedAt: number;
  /** Pairs that one decision commits and another aborts: no contract does that. */
  readonly contradictions: readonly number[];
}

export function outcomesOf({ count, decisions, deadline, preparedTime }: ChainBatch, finalTime: number): Outcomes {
  const status = new Uint8Array(count);
  const times = new Float64Array(count);
  const blocks = new Float64Array(count);
  const contradictions: number[] = [];
  for (const { word, commitMask, abortMask, block = Infinity, time = NaN } of decisions) {
    for (const [mask, to] of [
      [commitMask, 1],
      [abortMask, 2],
    ] as const) {
      // As text: a shift of a 256-bit number for each bit costs far more.
      const bits = mask.toString(2);
      for (let at = bits.indexOf('1'); at >= 0; at = bits.indexOf('1', at + 1)) {
        const index = word * 256 + (bits.length - 1 - at);
        if (index >= count) continue;
        if (status[index] !== 0 && status[index] !== to) contradictions.push(index);
        status[index] = to;
        times[index] = time;
        blocks[index] = block;
      }
    }
  }
  const past = finalTime > deadline;
  let open = 0;
  for (let index = 0; index < count; index += 1) {
    if (status[index] !== 0) continue;
    open += 1;
    if (!past) continue;
    status[index] = 3;
    times[index] = Math.max(deadline, preparedTime);
  }
  const ended = open === 0 || past;
  return {
    status: (index) => statuses[status[index] ?? 0] ?? 'open',
    time: (index) => times[index] ?? 0,
    block: (index) => blocks[index] ?? 0,
    ended,
    endedAt: ended ? times.reduce((most, time) => Math.max(most, time), 0) : 0,
    contradictions,
  };
}
