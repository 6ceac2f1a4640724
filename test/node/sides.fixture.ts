import {
  openSideTable,
  sideKey,
  sideStateTable,
  type PairSide,
  type SideState,
} from '../../operator-node/flow/pair.ts';
import type { Tx } from '../../operator-node/store/store.ts';

/** Puts a side where a test needs it, past its table: what is not named stays. */
export function putSideState(tx: Tx, { side, state }: PairSide, change: Partial<SideState>): void {
  const key = sideKey(side.pair, side.leg);
  const next = { ...state, ...change };
  tx.put(sideStateTable, key, next);
  if (next.told) tx.del(openSideTable, key);
  else tx.put(openSideTable, key, side.deadline);
}
