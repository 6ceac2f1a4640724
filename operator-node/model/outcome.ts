/**
 * What the chain decided for a pair: the one reading of the contract's masks. Pair i of a batch is the bit of value
 * 2^(i mod 256) in word ⌊i/256⌋ (protocol §5).
 */
import type { UnixSeconds } from './ids.ts';

/** What the contract's state says of a batch at one block; masks by word of 256 pairs. */
export interface BatchOutcome {
  readonly prepared: boolean;
  readonly deadline: UnixSeconds;
  readonly count: number;
  readonly commitWords: readonly bigint[];
  readonly abortWords: readonly bigint[];
}

/** `undecided`: neither bit. Once the deadline is past that is an abort (`expired`); the masks alone do not say it. */
export type PairDecision = 'committed' | 'aborted' | 'undecided';

export const wordOf = (index: number): number => index >>> 8;
export const bitOf = (index: number): bigint => 1n << BigInt(index & 255);

/** Whether the mask of the word that pair `index` is in has its bit. */
export const hasBit = (mask: bigint | undefined, index: number): boolean =>
  mask !== undefined && (mask & bitOf(index)) !== 0n;

/** By the masks of one word. The contract sets one of the two bits at most. */
export const decisionIn = (
  commitMask: bigint | undefined,
  abortMask: bigint | undefined,
  index: number,
): PairDecision => (hasBit(commitMask, index) ? 'committed' : hasBit(abortMask, index) ? 'aborted' : 'undecided');

/** By the state of its batch; of a batch that is not on the chain nothing is decided. */
export const decisionOf = (
  { prepared, commitWords, abortWords }: Pick<BatchOutcome, 'prepared' | 'commitWords' | 'abortWords'>,
  index: number,
): PairDecision => (prepared ? decisionIn(commitWords[wordOf(index)], abortWords[wordOf(index)], index) : 'undecided');
