/** Restores at many points of the golden run: what `restore.test.ts` and `npm run simulate -- --restores` go through. */
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { goldenScript } from './golden.ts';
import type { RestorePlan } from './restore.ts';
import type { RunResult } from './run-result.ts';
import { simulate, type RunOptions } from './world.ts';

export interface RestorePoint {
  readonly name: string;
  readonly plan: RestorePlan;
}

/** How many writes are forgotten, in turn. */
const gaps = [1, 3, 8, 20, 45];

export const restoreRun = (plan: RestorePlan, more: Partial<RunOptions> = {}): Promise<RunResult> =>
  simulate({ ...goldenScript, ...more, restore: plan });

/** `count` snapshots spread over the writes of the golden run, each lost a while later. */
export function* restorePoints(
  operator: OperatorId,
  writes: number,
  count: number,
  how: Partial<RestorePlan> = {},
): Iterable<RestorePoint> {
  for (let index = 0; index < count; index += 1) {
    const snapshotAt = Math.round((index * writes) / count);
    const lostAt = snapshotAt + (gaps[index % gaps.length] ?? 1);
    yield {
      name: `operator ${operator}: of write ${snapshotAt}, lost after ${lostAt}`,
      plan: { operator, snapshotAt, lostAt, ...how },
    };
  }
}

/** How it is lost, and what else goes wrong then. */
export const restoreStories: readonly {
  readonly name: string;
  /** Of each operator's. */
  readonly points: number;
  readonly how: Partial<RestorePlan>;
}[] = [
  { name: 'what is forgotten is on the chain, or on its way', points: 25, how: {} },
  { name: 'the chain takes nothing until the keys are rotated', points: 10, how: { stallMillis: 8_000 } },
  { name: 'the chain stands still until every deadline is past', points: 5, how: { stallMillis: 50_000 } },
  { name: 'the others deny that there is anything', points: 10, how: { denyMillis: 15_000 } },
  { name: 'an offer of the lost past comes late', points: 10, how: { lateOfferMillis: 14_000 } },
  { name: 'it is down until every deadline is past', points: 5, how: { downMillis: 40_000 } },
  { name: 'from a followed copy, without a recovery', points: 5, how: { followed: true } },
];
