/** Which entries of the journal are about a side of a pair. */
import type { OpenEntry } from '../engine/journal.ts';
import type { PairSide } from './pair.ts';

/** An order is journaled in the write that begins its pair, before there is a pair to name: its sender and time are that pair's. */
export const isOfPair = ({ kind, at, payload }: OpenEntry, { side }: PairSide): boolean =>
  kind === 'order'
    ? payload['cancel'] === side.pair ||
      (side.leg === 'first' && at === side.heldAt && payload['from'] === side.userNumber)
    : kind !== 'disclosure' && kind !== 'fault' && payload['pair'] === side.pair;
