import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCorpus, type CorpusName } from '../../scripts/corpus/corpus.ts';
import { makeMessage } from '../../scripts/corpus/messages.ts';
import { describe as shown, faultOf, readMessage } from '../../scripts/corpus/replay.ts';

fc.configureGlobal({ seed: 20260701 });

describe('the corpus', () => {
  it.each<[CorpusName, number]>([
    ['written', 550],
    ['made', 4000],
  ])('of %s messages is read as it stands there', (name, atLeast) => {
    const entries = parseCorpus(name);
    expect(entries.length).toBeGreaterThanOrEqual(atLeast);
    const found = entries.map((entry) => ({ text: entry.text, reading: shown(readMessage(entry)) }));
    expect(found).toEqual(entries.map(({ text, reading }) => ({ text, reading })));
  });

  it('has messages that are read and messages that are refused, in every language, to persons and at the service number', () => {
    const kinds = parseCorpus('made').map(
      ({ language, toService, reading }) =>
        `${language} ${toService ? 'service' : 'person'} ${reading.split(' ')[0] ?? ''}`,
    );
    const expected = ['en', 'sv', 'fr', 'ar'].flatMap((language) =>
      ['person', 'service'].flatMap((to) => ['order', 'refusal'].map((kind) => `${language} ${to} ${kind}`)),
    );
    expect([...new Set(kinds)].toSorted()).toEqual(expected.toSorted());
  });
});

describe('a message by somebody who knows what it means', () => {
  it('is read as that money to that person, or refused; a good one is read, a bad one refused', () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const message = makeMessage((n) => gen(fc.nat, { max: n - 1 }));
        const reading = readMessage(message);
        const fault = faultOf(message, reading);
        if (fault !== undefined) expect.fail(`${JSON.stringify(message)}: ${fault}`);
      }),
      { numRuns: 5000 },
    );
  });

  it('is read alike with marks that nobody sees around its words', () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const message = makeMessage((n) => gen(fc.nat, { max: n - 1 }));
        const marked = message.text.replaceAll(' ', '\u200e \u200f');
        expect(shown(readMessage({ ...message, text: marked }))).toBe(shown(readMessage(message)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('hostile texts', () => {
  const long = (piece: string): string => piece.repeat(Math.ceil(100_000 / piece.length));
  it.each([
    ['dots', long('.')],
    ['dots before a letter', `${long('.')}a`],
    ['digits', long('1')],
    ['digits with marks', long("1'234")],
    ['numbers', long('+46 ')],
    ['numbers in brackets', long('(0)0')],
    ['marks of one letter', `a${long('\u0301')}`],
    ['ligatures', long('\ufdfa')],
    ['currency signs', long('€')],
    ['joiners', long('a\u200d')],
    ['spaces of typesetting', long('1\u202f')],
    ['amounts', long('5 kr ')],
    ['digits of other scripts', long('𝟎𝟗٣')],
    ['lone surrogates', long('\ud83d')],
  ])('cost a few milliseconds at most: %s', (_, tail) => {
    for (const text of [tail, `PAY ${tail}`, `PAY 120 ${tail}`, `PAY 120 kr ${tail} +46701740651`]) {
      for (const toService of [false, true]) {
        // The best of a few: others use the machine too.
        const millis = Array.from({ length: 5 }, () => {
          const before = performance.now();
          readMessage({ text, language: 'en', asset: 'SEK', toService });
          return performance.now() - before;
        });
        expect(Math.min(...millis)).toBeLessThan(15);
      }
    }
  });
});
