/** The golden run: one of each thing that users do, with nothing going wrong but what a test puts into it. */
import type { OperatorId } from '../../operator-node/model/ids.ts';
import type { WriteFate } from './disk.ts';
import type { SendFate } from './simulated-node.ts';
import type { RunResult } from './run-result.ts';
import { simulate, type RunOptions, type Scripted } from './world.ts';

const script: readonly Scripted[] = [
  { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 lunch' },
  { atMillis: 100, from: [2, 2], to: [1, 2], text: 'REQUEST 4 rent' },
  { atMillis: 300, from: [1, 3], to: [2, 9], text: 'BUY 12' },
  { atMillis: 600, from: [1, 4], to: [1, 5], text: 'PAY 3' },
  // Person 3 of operator 2 says no.
  { atMillis: 900, from: [1, 5], to: [2, 3], text: 'PAY 2' },
  { atMillis: 17_000, from: [2, 1], text: 'REFUND {ref} 2' },
];

export const goldenScript: RunOptions = { seed: 2, calm: true, script, spanMillis: 20_000 };

export const goldenRun = (enumerated?: RunOptions['enumerated']): Promise<RunResult> =>
  simulate(enumerated === undefined ? goldenScript : { ...goldenScript, enumerated });

export const writeFates: readonly WriteFate[] = ['before', 'lost', 'kept', 'after', 'fails-lost', 'fails-kept'];
export const sendFates: readonly SendFate[] = ['dies-before', 'dies-after'];

export interface CrashPoint {
  readonly name: string;
  readonly enumerated: NonNullable<RunOptions['enumerated']>;
}

/** Every write and every send of the golden run, each with all that can become of it. */
export function* crashPoints({ writes, sends }: RunResult, operator: OperatorId): Iterable<CrashPoint> {
  for (let at = 1; at <= (writes.get(operator) ?? 0); at += 1) {
    for (const fate of writeFates)
      yield { name: `write ${at}, ${fate}`, enumerated: { operator, write: { at, fate } } };
  }
  for (let at = 1; at <= (sends.get(operator) ?? 0); at += 1) {
    for (const fate of sendFates) yield { name: `send ${at}, ${fate}`, enumerated: { operator, send: { at, fate } } };
  }
}

/** How each side ended, without what a restart may change: pairIds. */
export const endings = ({ outcomes }: RunResult): readonly string[] => outcomes.toSorted();
