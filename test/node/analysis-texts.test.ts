import { describe, expect, it } from 'vitest';
import type { NoticeKey, ServiceTextKey, TextParams } from '../../operator-node/analysis/analysis.ts';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import { noticePlaceholders, servicePlaceholders } from '../../operator-node/analysis/placeholders.ts';
import { compile, fill } from '../../operator-node/analysis/template.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { toAmount, type Asset } from '../../operator-node/model/ids.ts';

const catalogueFile = new URL('../../catalogue/services.yaml', import.meta.url).pathname;
const assets = [
  { asset: 'SEK', exponent: 2 },
  { asset: 'JPY', exponent: 0 },
  { asset: 'KWD', exponent: 3 },
  { asset: '7:POINTS', exponent: 0 },
  { asset: '8:MILES', exponent: 1 },
  { asset: '9:MILES', exponent: 1 },
].map(({ asset, exponent }) => ({ asset: asset as Asset, exponent }));
const analysis = loadCatalogue(catalogueFile, { assets });

const money = (amount: bigint, asset = 'SEK') => ({ asset: asset as Asset, amount: toAmount(amount) });
const params: TextParams = {
  from: 'Anna Lindqvist',
  to: 'Erik Söderberg',
  money: money(12_000n),
  item: 'cola',
  note: 'lunch',
  code: '4821',
  ref: 'K7QF',
};

const serviceKeys = Object.keys(servicePlaceholders) as ServiceTextKey[];
const noticeKeys = Object.keys(noticePlaceholders) as NoticeKey[];

describe('compile', () => {
  it.each([
    ['a {b}', ['c'], 'unknown placeholder {b}; this text has {c}'],
    ['a {money}', ['money?'], 'may be empty'],
    ['a { b', [], '"{" without its other'],
    ['a } b', [], '"}" without its other'],
    ['a ] b', [], '"]" without "["'],
    [' a', [], 'with spaces around it'],
    ['a\u202eb', [], 'a control or invisible character'],
  ])('refuses %j', (source, allowed, message) => {
    const compiled = compile(source, allowed);
    expect(compiled.ok ? '' : compiled.problems.join()).toContain(message);
  });

  it.each([
    ['{{{to}}} [[x]]', { to: 'Erik' }, '{Erik} [x]'],
    ['a[ for "{note}"].', { note: 'x' }, 'a for "x".'],
    ['a[ for "{note}"].', {}, 'a.'],
    ['a[ {to} "{note}"].', { to: 'Erik' }, 'a.'],
    ['a "{note}" b'.replace('{note}', '{to}'), { to: 'x" y “z”' }, `a "x' y 'z'" b`],
    ['a {to}', { to: '{ref} [x]' }, 'a {ref} [x]'],
    ['a {to}.', {}, 'a .'],
  ])('fills %j with %j', (source, values: Record<string, string>, text) => {
    const compiled = compile(source, ['to', 'note?']);
    if (!compiled.ok) throw new Error(compiled.problems.join());
    expect(fill(compiled.template, (name) => values[name] ?? '')).toBe(text);
  });
});

describe('money', () => {
  it('refuses an asset that is not configured', () => {
    expect(() => analysis.money(money(1n, 'USD'), 'en')).toThrow(TandemError);
  });

  it.each([
    ['en', 12_000n, 'SEK', '120.00 SEK'],
    ['sv', 12_000n, 'SEK', '120,00 SEK'],
    ['sv', 1n, 'SEK', '0,01 SEK'],
    ['en', 0n, 'SEK', '0.00 SEK'],
    ['en', 120_000_000n, 'SEK', '1200000.00 SEK'],
    ['en', 120n, 'JPY', '120 JPY'],
    ['en', 1200n, 'KWD', '1.200 KWD'],
    ['sv', 5n, 'KWD', '0,005 KWD'],
    ['en', 120n, '7:POINTS', '120 POINTS'],
    ['en', 15n, '8:MILES', '1.5 8:MILES'],
    ['fi', 12_000n, 'SEK', '120.00 SEK'],
    ['constructor', 12_000n, 'SEK', '120.00 SEK'],
  ])('in %s: %s %s is %s', (language, amount, asset, text) => {
    expect(analysis.money(money(amount, asset), language)).toBe(text);
  });
});

describe('serviceText', () => {
  it('refuses a service that is not in the catalogue', () => {
    expect(() => analysis.serviceText('lend', 'ask', 'en', {})).toThrow('No service "lend"');
    expect(() => analysis.serviceText('constructor', 'ask', 'en', {})).toThrow('No service "constructor"');
  });

  it.each([
    [
      'pay',
      'ask',
      'en',
      'Anna Lindqvist wants to pay you 120.00 SEK. Reply YES 4821 to accept or NO 4821 to decline. "lunch"',
    ],
    [
      'pay',
      'ask',
      'sv',
      'Anna Lindqvist vill betala dig 120,00 SEK. Svara JA 4821 för att ta emot eller NEJ 4821 för att avböja. "lunch"',
    ],
    [
      'pay',
      'pending',
      'en',
      'Waiting for Erik Söderberg to accept 120.00 SEK from you. CANCEL K7QF takes it back. "lunch"',
    ],
    [
      'request',
      'ask',
      'en',
      'Anna Lindqvist asks you to pay 120.00 SEK. To pay, reply YES 4821; if not, NO 4821. "lunch"',
    ],
    ['pay', 'second-done', 'en', 'Anna Lindqvist paid you 120.00 SEK. Ref K7QF: REFUND K7QF pays it back. "lunch"'],
  ] as const)('says %s.%s in %s', (service, key, language, text) => {
    expect(analysis.serviceText(service, key, language, params)).toBe(text);
  });

  it('shows a fee where there is one', () => {
    const withFee = { ...params, fee: money(150n) };
    expect(analysis.serviceText('pay', 'first-done', 'sv', withFee)).toContain(' Avgift 1,50 SEK.');
    expect(analysis.serviceText('pay', 'first-done', 'sv', { ...params, fee: money(0n) })).not.toContain('Avgift');
  });

  it('shows the item’s code to the buyer when it is there, and to nobody else', () => {
    const sold = { ...params, delivers: 'CAN-48213' };
    expect(analysis.serviceText('buy', 'first-done', 'en', sold)).toContain('Your code: CAN-48213.');
    expect(analysis.serviceText('buy', 'first-done', 'en', params)).not.toContain('code');
    for (const key of serviceKeys.filter((each) => each !== 'first-done')) {
      expect(analysis.serviceText('buy', key, 'en', sold)).not.toContain('CAN-48213');
    }
  });

  it('names what a refund undoes', () => {
    expect(analysis.serviceText('refund', 'ask', 'en', { ...params, original: 'M3XW' })).toContain('SEK for M3XW.');
  });

  it('quotes the note last, and only if there is one', () => {
    for (const service of analysis.services) {
      for (const language of analysis.languages) {
        for (const key of serviceKeys) {
          expect(analysis.serviceText(service, key, language, params)).toMatch(/[.] "lunch"$/);
          expect(analysis.serviceText(service, key, language, { ...params, note: '' })).not.toContain('"');
        }
      }
    }
  });

  it('cannot be led to end its quotes by a note', () => {
    const note = 'lunch" Reply YES 1111';
    expect(analysis.serviceText('pay', 'ask', 'en', { ...params, note })).toMatch(/ "lunch' Reply YES 1111"$/);
  });

  it('cleans and cuts what people wrote', () => {
    const wild = { ...params, from: `Anna\u202e\n${'x'.repeat(50)}`, note: `\ud83d${'🍕'.repeat(50)}` };
    expect(analysis.serviceText('pay', 'second-declined', 'en', wild)).toBe(
      `You declined 120.00 SEK from Anna ${'x'.repeat(35)}. Nothing was paid. "${'🍕'.repeat(40)}"`,
    );
  });

  it('is in every language its own, and asks with that language’s words', () => {
    const words = { en: ['YES 4821', 'NO 4821'], sv: ['JA 4821', 'NEJ 4821'] };
    for (const service of analysis.services) {
      for (const key of serviceKeys) {
        const english = analysis.serviceText(service, key, 'en', params);
        const swedish = analysis.serviceText(service, key, 'sv', params);
        expect(english).not.toBe(swedish);
        expect(`${english}${swedish}`).not.toMatch(/[{}[\]]|undefined/);
      }
      for (const [language, answers] of Object.entries(words)) {
        const ask = analysis.serviceText(service, 'ask', language, params);
        for (const answer of answers) expect(ask).toContain(answer);
        expect(ask).toContain('Anna Lindqvist');
        expect(ask).toContain(analysis.money(money(12_000n), language));
        expect(analysis.serviceText(service, 'pending', language, params)).toContain('Erik Söderberg');
        expect(analysis.serviceText(service, 'pending', language, params)).toMatch(/(CANCEL|AVBRYT) K7QF/);
        for (const key of ['first-done', 'second-done'] as const) {
          expect(analysis.serviceText(service, key, language, params)).toContain('K7QF');
        }
      }
    }
  });
});

describe('notice', () => {
  it.each<[NoticeKey, string, TextParams, string]>([
    ['balance', 'en', { accounts: '120.00 SEK, 5.00 EUR' }, 'You have 120.00 SEK, 5.00 EUR.'],
    ['balance-account', 'sv', { money: money(12_000n), held: money(500n) }, '120,00 SEK (5,00 SEK reserverat)'],
    ['history', 'en', { entries: '+1.00 SEK A\u202e\n\n-2.00 SEK B' }, 'Latest first:\n+1.00 SEK A\n-2.00 SEK B'],
    ['history-in', 'en', { money: money(100n), name: 'Anna', ref: 'K7QF', note: 'x' }, '+1.00 SEK Anna K7QF "x"'],
    ['wrong-code', 'en', { tries: '2' }, 'No open question has that code. Nothing was done. Tries left: 2.'],
    ['wrong-code', 'en', {}, 'No open question has that code. Nothing was done.'],
    [
      'bad-amount',
      'en',
      { amount: '12,5O', example: '120.50' },
      'No amount could be read in "12,5O". Write it as 120.50. Nothing was done.',
    ],
    [
      'refund-too-much',
      'sv',
      { money: money(12_000n) },
      'Det är mer än som kan återbetalas: 120,00 SEK är kvar. Inget har gjorts.',
    ],
    ['own-number', 'fi', {}, 'That is your own number. Nothing was done.'],
  ])('says %s in %s with %j', (key, language, values, text) => {
    expect(analysis.notice(key, language, values)).toBe(text);
  });

  it('has a text of its own in every language', () => {
    const same = new Set<NoticeKey>(['history-in', 'history-out', 'balance-account']);
    for (const key of noticeKeys.filter((each) => !same.has(each))) {
      expect(analysis.notice(key, 'en', {})).not.toBe(analysis.notice(key, 'sv', {}));
    }
  });
});
