import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskWords } from '../../operator-node/commitment/executed.ts';
import { decisionIn, decisionOf, hasBit, wordOf } from '../../operator-node/model/outcome.ts';

describe('the outcome of a pair', () => {
  it('is read from the same bit that a decision sets, for each pair of a batch of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('committed', 'aborted', 'undecided'), { maxLength: 700 }), (decisions) => {
        const words = (of: string) => maskWords(decisions.length, (index) => decisions[index] === of);
        const outcome = { prepared: true, commitWords: words('committed'), abortWords: words('aborted') };
        expect(decisions.map((_, index) => decisionOf(outcome, index))).toEqual(decisions);
      }),
    );
  });

  it('is undecided for a batch that is not on the chain, whatever the masks', () => {
    expect(decisionOf({ prepared: false, commitWords: [1n], abortWords: [] }, 0)).toBe('undecided');
  });

  it('is undecided beyond the last word', () => {
    expect(decisionOf({ prepared: true, commitWords: [], abortWords: [] }, 300)).toBe('undecided');
    expect(decisionIn(undefined, undefined, 0)).toBe('undecided');
  });

  it.each([
    [0, 0],
    [255, 0],
    [256, 1],
    [65_535, 255],
  ])('of pair %i is in word %i', (index, word) => {
    expect(wordOf(index)).toBe(word);
    expect(hasBit(1n << BigInt(index % 256), index)).toBe(true);
    expect(hasBit(~(1n << BigInt(index % 256)) & ((1n << 256n) - 1n), index)).toBe(false);
  });
});
