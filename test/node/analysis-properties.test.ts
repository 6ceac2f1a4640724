import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../operator-node/analysis/analysis.ts';
import { clean } from '../../operator-node/analysis/clean.ts';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import { formatAmount, readAmount, type DecimalSign } from '../../operator-node/analysis/money.ts';
import { isAmount, isMsisdn, toAmount, type Asset, type Msisdn } from '../../operator-node/model/ids.ts';

fc.configureGlobal({ seed: 20260701 });

const catalogueFile = new URL('../../catalogue/services.yaml', import.meta.url).pathname;
const sek = 'SEK' as Asset;
const analysis = loadCatalogue(catalogueFile, { assets: [{ asset: sek, exponent: 2 }] });
const anna = '+46701740611' as Msisdn;
const bob = '+46701740651' as Msisdn;
const service = '+46701740605' as Msisdn;

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const signs = fc.constantFrom<DecimalSign>('.', ',');
const exponents = fc.constantFrom(0, 1, 2, 3, 8);
const language = fc.constantFrom('en', 'sv', 'fi', '');
/** Any code units, lone surrogates among them. */
const rawText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0x202e, 0x200b, 0xd83d, 0x20, 0x0a, 0x30, 0x22)))
  .map((units) => String.fromCharCode(...units));
const piece = fc.oneof(
  rawText,
  fc.constantFrom('PAY', 'BETALA', 'REQUEST', 'BUY', 'REFUND', 'CANCEL', 'YES', 'nej', 'HELP', 'SEK', 'kr', 'usd'),
  fc.constantFrom('120', '12,5O', '1.200', '0', '120.50', 'K7QF', '4821', '+46701740651', '070-174 06 51', '+46', ':-'),
);
const message = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(' '));

const readBoth = (text: string, tag: string): Reading[] => [
  analysis.read({ from: { number: anna, language: tag, asset: sek }, to: bob, text }, false),
  analysis.read({ from: { number: anna, language: tag, asset: sek }, to: bob, text, addresseeIsMachine: true }, false),
  analysis.read({ from: { number: anna, language: tag, asset: sek }, to: service, text }, true),
];

describe('read, whatever is written', () => {
  it('never throws, and what it returns is well formed', () => {
    fc.assert(
      fc.property(message, language, (text, tag) => {
        for (const reading of readBoth(text, tag)) {
          if (reading.kind === 'order') {
            expect(isMsisdn(reading.to)).toBe(true);
            expect(reading.to).not.toBe(anna);
            expect(reading.item === '' || reading.money === undefined).toBe(true);
            expect([...reading.item].length).toBeLessThanOrEqual(40);
          }
          const money =
            reading.kind === 'order' ? reading.money : reading.kind === 'refund' ? reading.amount : undefined;
          if (money !== undefined) {
            expect(isAmount(money.amount)).toBe(true);
            expect(money.amount).not.toBe('0');
          }
          if (reading.kind === 'order' || reading.kind === 'refund') {
            expect([...reading.note].length).toBeLessThanOrEqual(40);
            expect(`${reading.note}${'item' in reading ? reading.item : ''}`).not.toMatch(unseen);
          }
          if (reading.kind === 'refusal')
            expect(analysis.notice(reading.text, tag, reading.params)).not.toMatch(/[{}]/);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('says the same of the same text', () => {
    fc.assert(
      fc.property(message, language, (text, tag) => {
        expect(readBoth(text, tag)).toEqual(readBoth(text, tag));
      }),
    );
  });

  it('takes no message to a person without a keyword, and a number in one of the two words behind it', () => {
    const noDigit = message.filter(
      (text) => !/^[\s\p{Cf}\p{Cc}]*\p{L}\S*[\s\x85]+\S*(?:[\s\x85]+\S*)?\p{N}/u.test(text),
    );
    fc.assert(
      fc.property(noDigit, language, (text, tag) => {
        expect(readBoth(text, tag)[0]).toEqual({ kind: 'pass' });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('readAmount', () => {
  it('reads back what it would write, but for three decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 37n }), exponents, signs, (value, exponent, sign) => {
        const amount = toAmount(value);
        const reading = readAmount(formatAmount(amount, exponent, sign), exponent, sign);
        expect(reading).toEqual(exponent === 3 ? expect.objectContaining({ ok: false }) : { ok: true, amount });
      }),
    );
  });

  it('never reads three digits after one sign', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9][0-9]{0,6}[.,][0-9]{3}$/), exponents, signs, (text, exponent, sign) => {
        expect(readAmount(text, exponent, sign)).toMatchObject({ ok: false, code: 'ambiguous-amount' });
      }),
    );
  });

  it('reads nothing in one language as another amount than in the other', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9.,']{1,12}$/), exponents, (text, exponent) => {
        const [english, swedish] = [readAmount(text, exponent, '.'), readAmount(text, exponent, ',')];
        if (english.ok && swedish.ok) expect(english.amount).toBe(swedish.amount);
      }),
      { numRuns: 2000 },
    );
  });

  it('suggests only what it would read, and not another amount than the digits say', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,6}([.,'][0-9]{1,4}){0,3}$/), exponents, signs, (text, exponent, sign) => {
        const reading = readAmount(text, exponent, sign);
        if (reading.ok || reading.code === 'zero-amount') return;
        const shown = reading.code === 'bad-amount' ? [reading.example] : [reading.whole, reading.decimal];
        for (const suggestion of shown.filter((each) => each !== '')) {
          expect(readAmount(suggestion, exponent, sign)).toMatchObject({ ok: true });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('clean', () => {
  it('leaves one line without anything unseen, of at most the length, in NFC; and what is clean as it is', () => {
    fc.assert(
      fc.property(rawText, fc.integer({ min: 1, max: 60 }), (text, max) => {
        const cleaned = clean(text, max);
        expect(cleaned).not.toMatch(unseen);
        expect(cleaned).not.toMatch(/\s\s|^\s|\s$|[^\S ]/);
        expect([...cleaned].length).toBeLessThanOrEqual(max);
        expect(cleaned.isWellFormed()).toBe(true);
        expect(cleaned.normalize('NFC')).toBe(cleaned);
        expect(clean(cleaned, max)).toBe(cleaned);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('texts, whatever their values', () => {
  it('show nothing unseen, and their own characters only outside the quotes', () => {
    fc.assert(
      fc.property(rawText, rawText, rawText, language, (from, item, note, tag) => {
        const params = { from, to: from, item, note, money: { asset: sek, amount: toAmount(12_000n) }, code: '4821' };
        const text = analysis.serviceText('buy', 'ask', tag, { ...params, ref: 'K7QF' });
        expect(text).not.toMatch(unseen);
        const quotes = text.split('"').length - 1;
        const ownQuotes = [...`${clean(from, 40)}${clean(item, 40)}`].filter((each) => each === '"').length;
        expect(quotes - ownQuotes).toBe(clean(note, 40) === '' ? 0 : 2);
      }),
      { numRuns: 1000 },
    );
  });
});
