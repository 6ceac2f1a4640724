import { describe, expect, it } from 'vitest';
import type { Reading } from '../../operator-node/analysis/analysis.ts';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import type { Asset, Msisdn } from '../../operator-node/model/ids.ts';

const catalogueFile = new URL('../../catalogue/services.yaml', import.meta.url).pathname;
const assets = [
  { asset: 'SEK', exponent: 2 },
  { asset: 'EUR', exponent: 2 },
  { asset: 'JPY', exponent: 0 },
  { asset: 'KWD', exponent: 3 },
  { asset: '7:POINTS', exponent: 0 },
].map(({ asset, exponent }) => ({ asset: asset as Asset, exponent }));
const analysis = loadCatalogue(catalogueFile, { assets });

const anna = '+46701740611' as Msisdn;
const bob = '+46701740651' as Msisdn;
const service = '+46701740605' as Msisdn;

interface Writer {
  readonly language?: string;
  readonly asset?: string;
}

const speaker = ({ language = 'en', asset = 'SEK' }: Writer) => ({ number: anna, language, asset: asset as Asset });
const toBob = (text: string, writer: Writer = {}): Reading =>
  analysis.read({ from: speaker(writer), to: bob, text }, false);
const toMachine = (text: string): Reading =>
  analysis.read({ from: speaker({}), to: bob, text, addresseeIsMachine: true }, false);
const atService = (text: string, writer: Writer = {}): Reading =>
  analysis.read({ from: speaker(writer), to: service, text }, true);

const money = (amount: string, asset = 'SEK') => ({ asset, amount });
const pay = (amount: string, note = '', asset = 'SEK') => ({
  kind: 'order',
  service: 'pay',
  to: bob,
  money: money(amount, asset),
  item: '',
  note,
});
const refusal = (text: string, params: object = {}) => ({ kind: 'refusal', text, params });
const pass = { kind: 'pass' };
const notUnderstood = refusal('not-understood');

describe('read: a message to a person', () => {
  it.each([
    'Pay attention!',
    'pay me back when you can',
    'Pay',
    'PAY',
    '',
    ' ',
    'hello PAY 120',
    'I will pay 120',
    'pay2win games are bad',
    'Payday 25',
    'pay-per-view 3',
    'PAY -120',
    'PAY $120',
    'PAY kr 120',
    'buy milk',
    'BUY cola',
    'request denied',
    'YES',
    'YES 4821',
    'JA 4821',
    'no 1 in line',
    'CANCEL',
    'CANCEL K7QF',
    'balance 100',
    'BALANCE',
    'HISTORY',
    'HELP',
    'STOP',
    'JOIN',
    'REFUND',
    'REFUND K7QF',
    'REFUND K7QF 50',
    'Betalar du?',
    'köp mjölk',
    '👍 PAY 120',
    '\u202ePAY attention',
    '١٢٠',
    'PAY ١٢٠',
    'PAY １２０',
  ])('passes %j', (text) => {
    expect(toBob(text)).toEqual(pass);
  });

  it.each([
    ['PAY 120', pay('12000')],
    ['PAY 120 lunch', pay('12000', 'lunch')],
    ['pay 120 Lunch', pay('12000', 'Lunch')],
    ['Pay: 120', pay('12000')],
    ['  PAY\t120\nlunch  today ', pay('12000', 'lunch today')],
    ['\u200ePAY \u200e120\u200f lunch', pay('12000', 'lunch')],
    ['ＰＡＹ 120', pay('12000')],
    ['BETALA 120 lunch', pay('12000', 'lunch')],
    ['PAY 120 SEK lunch', pay('12000', 'lunch')],
    ['PAY 120 sek lunch', pay('12000', 'lunch')],
    ['PAY 120 kr', pay('12000')],
    ['PAY 120kr lunch', pay('12000', 'lunch')],
    ['PAY 120SEK', pay('12000')],
    ['PAY 120 kr.', pay('12000')],
    ['PAY 120, lunch', pay('12000', 'lunch')],
    ['PAY 120:- lunch', pay('12000', 'lunch')],
    ['PAY 120 EUR lunch', pay('12000', 'lunch', 'EUR')],
    ['PAY 120€', pay('12000', '', 'EUR')],
    ['PAY 120 JPY', pay('120', '', 'JPY')],
    ['PAY 120 points', pay('120', '', '7:POINTS')],
    ['PAY 120 7:POINTS', pay('120', '', '7:POINTS')],
    ['PAY 120 30', pay('12000', '30')],
    ['PAY 120 2 beers', pay('12000', '2 beers')],
    ['PAY 120 SEK 305 Main Street', pay('12000', '305 Main Street')],
    ['PAY 120 SEK 30 EUR', pay('12000', '30 EUR')],
    ['PAY 120 all of it', pay('12000', 'all of it')],
    ['PAY 120 +46701740699 call', pay('12000', '+46701740699 call')],
    ['PAY 3 pm', pay('300', 'pm')],
    ['REQUEST 120 rent', { ...pay('12000', 'rent'), service: 'request' }],
    ['BEGÄR 120 hyra', { ...pay('12000', 'hyra'), service: 'request' }],
    ['BEGA\u0308R 120 hyra', { ...pay('12000', 'hyra'), service: 'request' }],
    ['KRÄV 120', { ...pay('12000'), service: 'request' }],
    ['BUY 12', { kind: 'order', service: 'buy', to: bob, item: '12', note: '' }],
    ['köp 12 cola', { kind: 'order', service: 'buy', to: bob, item: '12 cola', note: '' }],
    ['REFUND 50', { kind: 'refund', to: bob, amount: money('5000'), note: '' }],
  ])('reads %j as an order', (text, reading) => {
    expect(toBob(text)).toEqual(reading);
  });

  it('refuses an order to oneself', () => {
    const reading = analysis.read({ from: speaker({}), to: anna, text: 'PAY 120' }, false);
    expect(reading).toEqual(refusal('own-number'));
  });

  it('refuses an order in an asset that the operator no longer has', () => {
    expect(toBob('PAY 120', { asset: 'XDR' })).toEqual(refusal('no-account', { currency: 'XDR' }));
    expect(toBob('PAY 120 SEK', { asset: 'XDR' })).toEqual(pay('12000'));
  });
});

describe('read: a message to a machine', () => {
  it.each(['hello', 'BUY', 'YES', 'BALANCE', 'PAY attention'])('passes %j', (text) => {
    expect(toMachine(text)).toEqual(pass);
  });

  it.each([
    ['BUY cola', 'cola'],
    ['Köp  cola   zero', 'cola zero'],
    ['BUY 12', '12'],
    ['BUY "cola"', '"cola"'],
  ])('reads %j as an order of the item', (text, item) => {
    expect(toMachine(text)).toEqual({ kind: 'order', service: 'buy', to: bob, item, note: '' });
  });

  it('refuses an item of more than 40 characters rather than cutting it', () => {
    expect(toMachine(`BUY ${'x'.repeat(41)}`)).toMatchObject({ kind: 'refusal', text: 'unknown-item' });
    expect(toMachine(`BUY ${'x'.repeat(40)}`)).toMatchObject({ kind: 'order', item: 'x'.repeat(40) });
  });
});

describe('read: amounts', () => {
  const bad = (amount: string, example: string) => refusal('bad-amount', { amount, example });
  const ambiguous = (amount: string, whole: string, decimal = '') =>
    refusal('ambiguous-amount', { amount, whole, decimal });

  it.each([
    ['en', 'PAY 1.200', ambiguous('1.200', '1200', '1.20')],
    ['en', 'PAY 1,200', ambiguous('1,200', '1200', '1.20')],
    ['sv', 'PAY 1.200', ambiguous('1.200', '1200', '1,20')],
    ['sv', 'PAY 1,200 lunch', ambiguous('1,200', '1200', '1,20')],
    ['en', 'PAY 1.234', ambiguous('1.234', '1234')],
    ['en', 'PAY 1,200.50', ambiguous('1,200.50', '1200.50')],
    ['sv', 'PAY 1.200,50', ambiguous('1.200,50', '1200,50')],
    ['en', 'PAY 1,200,000', ambiguous('1,200,000', '1200000')],
    ['en', "PAY 1'200", ambiguous("1'200", '1200')],
    ['en', 'PAY 1 200', ambiguous('1 200', '1200')],
    ['sv', 'PAY 1 200 kr', ambiguous('1 200', '1200')],
    ['sv', 'PAY 1\u00a0200', ambiguous('1 200', '1200')],
    ['en', 'PAY 1.200 KWD', ambiguous('1.200', '1200', '1.20')],
    ['en', 'PAY 1.234 KWD', ambiguous('1.234', '1234', '1.2340')],
    ['en', 'PAY 1,200 JPY', ambiguous('1,200', '1200')],
    ['en', 'PAY 1200.500 SEK', ambiguous('1200.500', '1200500', '1200.50')],
    ['en', 'PAY 1.200SEK', ambiguous('1.200', '1200', '1.20')],
  ])('never guesses which is meant (%s): %j', (language, text, reading) => {
    expect(toBob(text, { language })).toEqual(reading);
  });

  it.each([
    ['en', 'PAY 12,5O', bad('12,5O', '120.50')],
    ['sv', 'PAY 12,5O', bad('12,5O', '120,50')],
    ['en', 'PAY 12,50', bad('12,50', '12.50')],
    ['sv', 'PAY 12.50', bad('12.50', '12,50')],
    ['en', 'PAY 12,5', bad('12,5', '12.50')],
    ['en', 'PAY 12.5.0', bad('12.5.0', '120.50')],
    ['en', 'PAY 12.5678', bad('12.5678', '120.50')],
    ['en', 'PAY 12.5 JPY', bad('12.5', '120')],
    ['en', 'PAY 1.2345 KWD', bad('1.2345', '120.50')],
    ['en', 'PAY 1,200.5678', bad('1,200.5678', '120.50')],
    ['en', 'PAY 12.5000', bad('12.5000', '120.50')],
    ['en', 'PAY 0120', bad('0120', '120.50')],
    ['en', 'PAY 0701740651', bad('0701740651', '120.50')],
    ['en', 'PAY 1e5', bad('1e5', '120.50')],
    ['en', 'PAY 0x10', bad('0x10', '120.50')],
    ['en', 'PAY 50%', bad('50%', '120.50')],
    ['en', 'PAY 120?', bad('120?', '120.50')],
    ['en', 'PAY 12²', bad('12²', '120.50')],
    ['en', 'PAY 1\u202e2', bad('1[U+202E]2', '120.50')],
    ['en', 'PAY 10-20', bad('10-20', '120.50')],
    ['en', 'PAY 3pm', bad('3pm', '120.50')],
    ['en', 'PAY 1 50 kr', bad('1 50', '120.50')],
    ['en', `PAY ${'9'.repeat(37)}`, bad('9'.repeat(37), '120.50')],
  ])('refuses a bad amount (%s): %j', (language, text, reading) => {
    expect(toBob(text, { language })).toEqual(reading);
  });

  it.each(['PAY 0', 'PAY 0.00', 'PAY 0,00', 'PAY 000', 'PAY 0.000'])('refuses nothing: %j', (text) => {
    expect(toBob(text)).toEqual(refusal('zero-amount'));
  });

  it.each([
    ['PAY 120 USD', 'USD'],
    ['PAY 120 usd lunch', 'USD'],
    ['PAY 120USD', 'USD'],
    ['PAY 120 dollars', 'DOLLARS'],
    ['PAY 120 $', '$'],
    ['PAY 120 ALL of it', 'ALL'],
  ])('refuses a currency that the operator has not: %j', (text, currency) => {
    expect(toBob(text)).toEqual(refusal('unknown-currency', { currency }));
  });

  it.each([
    ['en', 'PAY 120.5', '12050'],
    ['en', 'PAY 120.50', '12050'],
    ['sv', 'BETALA 120,50', '12050'],
    ['sv', 'PAY 120,50kr', '12050'],
    ['en', 'PAY 0.01', '1'],
    ['en', 'PAY 1200', '120000'],
    ['en', `PAY ${'9'.repeat(36)}`, '9'.repeat(36) + '00'],
  ])('reads by the language’s decimal sign (%s): %j', (language, text, amount) => {
    expect(toBob(text, { language })).toEqual(pay(amount));
  });

  it.each([
    ['PAY 1.5 KWD', '1500', 'KWD'],
    ['PAY 1.25 KWD', '1250', 'KWD'],
    ['PAY 1.2340 KWD', '1234', 'KWD'],
    ['PAY 1200 JPY', '1200', 'JPY'],
  ])('reads by the asset’s decimals: %j', (text, amount, asset) => {
    expect(toBob(text)).toEqual(pay(amount, '', asset));
  });

  it('takes an unknown language as the catalogue’s first', () => {
    expect(toBob('PAY 120.50', { language: 'fi' })).toEqual(pay('12050'));
  });
});

describe('read: notes', () => {
  const noteOf = (note: string): string => {
    const reading = toBob(`PAY 120 ${note}`);
    return reading.kind === 'order' ? reading.note : `(${reading.kind})`;
  };

  it.each([
    ['lunch\r\nYES 4821', 'lunch YES 4821'],
    ['a\u0000b\u0007c', 'abc'],
    ['\u202elunch\u202c', 'lunch'],
    ['\u2066lunch\u2069\u200b \u200d!', 'lunch !'],
    ['x\u200d', 'x'],
    ['x \ud83d y', 'x y'],
    ['x \udc00\ud800 y', 'x y'],
    ['cafe\u0301', 'café'],
    ['🍕 and 🍺', '🍕 and 🍺'],
    ['a\u2028b\u0085c\u3000d', 'a b c d'],
    ['\u00ad\ufeff', ''],
  ])('cleans %j', (written, note) => {
    expect(noteOf(written)).toBe(note);
  });

  it('cuts at 40 characters', () => {
    expect(noteOf('x'.repeat(41))).toBe('x'.repeat(40));
    expect(noteOf('å'.repeat(40))).toBe('å'.repeat(40));
    expect(noteOf('🍕'.repeat(50))).toBe('🍕'.repeat(40));
  });

  it('does not cut within what a reader sees as one character', () => {
    expect(noteOf(`${'x'.repeat(39)}👍🏽`)).toBe('x'.repeat(39));
    expect(noteOf(`${'x'.repeat(39)}🇸🇪`)).toBe('x'.repeat(39));
  });

  it('keeps what fits of one character with many marks', () => {
    expect([...noteOf(`x${'\u0323'.repeat(100)}`)]).toHaveLength(40);
  });

  it('reads texts of 2,000 characters', () => {
    expect(noteOf('word '.repeat(400))).toBe('word '.repeat(8).trim());
    expect(toBob('hello '.repeat(333))).toEqual(pass);
    expect(atService('hello '.repeat(333))).toEqual(notUnderstood);
    expect(atService(`PAY 120 ${bob} ${'é🍕'.repeat(1000)}`)).toMatchObject({ kind: 'order', to: bob });
  });
});

describe('read: the service number', () => {
  it.each([
    '',
    ' ',
    '👍',
    'hello',
    'BUY',
    'BUY +46701740651',
    'FOO 12',
    'Payday 12',
    'YES please',
    'YES 4821 but only 50',
    'YES 48 21',
    'YES K7QF',
    'NO thanks',
    'CANCEL please',
    'CANCEL 4821',
    'CANCEL K7Q0',
    'BALANCE please',
    'HELP me',
    'JOINT',
    'REFUND please',
    'GÅ HEM',
  ])('does not understand %j', (text) => {
    expect(atService(text)).toEqual(notUnderstood);
  });

  it.each([
    ['JOIN', 'join'],
    ['join.', 'join'],
    ['gå med', 'join'],
    ['GA\u030a  MED!', 'join'],
    ['STOP', 'stop'],
    ['stopp', 'stop'],
    ['Balance?', 'balance'],
    ['SALDO', 'balance'],
    ['HISTORY', 'history'],
    ['historik', 'history'],
    ['HELP', 'help'],
    ['hjälp!', 'help'],
    ['? help', 'help'],
  ])('reads %j as the command %s', (text, command) => {
    expect(atService(text)).toEqual({ kind: 'command', command });
  });

  it.each([
    ['YES', { yes: true }],
    ['yes!', { yes: true }],
    ['Yes 👍', { yes: true }],
    ['JA.', { yes: true }],
    ['YES 4821', { yes: true, code: '4821' }],
    ['yes4821', { yes: true, code: '4821' }],
    ['Yes, 4821.', { yes: true, code: '4821' }],
    ['YES <4821>', { yes: true, code: '4821' }],
    ['ja "4821" 🙂', { yes: true, code: '4821' }],
    ['YES 482', { yes: true, code: '482' }],
    ['NO', { yes: false }],
    ['no 4821', { yes: false, code: '4821' }],
    ['NEJ', { yes: false }],
    ['nej 0042', { yes: false, code: '0042' }],
  ])('reads %j as an answer', (text, answer) => {
    expect(atService(text)).toEqual({ kind: 'answer', ...answer });
  });

  it.each([
    ['CANCEL', {}],
    ['cancel!', {}],
    ['Avbryt k7qf', { code: 'K7QF' }],
    ['CANCEL K7QF.', { code: 'K7QF' }],
  ])('reads %j as a withdrawal', (text, cancel) => {
    expect(atService(text)).toEqual({ kind: 'cancel', ...cancel });
  });

  it.each([
    ['REFUND', { note: '' }],
    ['refund k7qf', { code: 'K7QF', note: '' }],
    ['REFUND K7QF 50', { code: 'K7QF', amount: money('5000'), note: '' }],
    ['REFUND K7QF 50 EUR broken', { code: 'K7QF', amount: money('5000', 'EUR'), note: 'broken' }],
    ['ÅTERBETALA K7QF trasig', { code: 'K7QF', note: 'trasig' }],
    ['REFUND 50', { amount: money('5000'), note: '' }],
    ['REFUND 50 K7QF', { code: 'K7QF', amount: money('5000'), note: '' }],
    ['REFUND 50 kr K7QF sorry', { code: 'K7QF', amount: money('5000'), note: 'sorry' }],
    [`REFUND ${bob} 50`, { to: bob, amount: money('5000'), note: '' }],
  ])('reads %j as a refund', (text, refund) => {
    expect(atService(text)).toEqual({ kind: 'refund', ...refund });
  });

  it.each([
    ['REFUND K7QF 12,5O', refusal('bad-amount', { amount: '12,5O', example: '120.50' })],
    ['REFUND K7QF 0', refusal('zero-amount')],
    ['PAY 120 lunch', refusal('missing-addressee')],
    ['PAY', refusal('bad-amount', { amount: '', example: '120.50' })],
    ['PAY lunch', refusal('bad-amount', { amount: 'lunch', example: '120.50' })],
    ['PAY -120 +46701740651', refusal('bad-amount', { amount: '-120', example: '120.50' })],
    ['PAY 12,5O', refusal('bad-amount', { amount: '12,5O', example: '120.50' })],
    ['PAY +46701740651', refusal('bad-amount', { amount: '', example: '120.50' })],
    // What nobody sees is shown, and what is left without it is the form to write.
    ['PAY 1\u200b20', refusal('bad-amount', { amount: '1[U+200B]20', example: '120' })],
    ['PAY 1\u200d2\u00ad0,', refusal('bad-amount', { amount: '1[U+200D]2[U+00AD]0,', example: '120' })],
    ['PAY 120.\u206050SEK', refusal('bad-amount', { amount: '120.[U+2060]50SEK', example: '120.50SEK' })],
    ['PAY 120S\u200bEK', refusal('bad-amount', { amount: '120S[U+200B]EK', example: '120SEK' })],
    ['PAY 1\u202e20 lunch', refusal('bad-amount', { amount: '1[U+202E]20', example: '120.50' })],
    ['PAY 1\u{e0020}20', refusal('bad-amount', { amount: '1[U+E0020]20', example: '120' })],
    // Nor is what is left guessed where it could be read in two ways, or not at all.
    ['PAY 1.\u200b200', refusal('bad-amount', { amount: '1.[U+200B]200', example: '120.50' })],
    ['PAY 1\u200b2O', refusal('bad-amount', { amount: '1[U+200B]2O', example: '120.50' })],
    ['PAY 0\u200b0', refusal('bad-amount', { amount: '0[U+200B]0', example: '120.50' })],
    ['BUY cola', refusal('missing-addressee')],
    ['PAY 120 +46701740611', refusal('own-number')],
    ['PAY 120 0701740611', refusal('own-number')],
    ['PAY 120 +46 lunch', refusal('unknown-number', { number: '+46' })],
    ['PAY 120 0701234 lunch', refusal('unknown-number', { number: '0701234' })],
    ['PAY 120 to +46701740651 not +46701740652', refusal('several-numbers')],
  ])('refuses %j', (text, reading) => {
    expect(atService(text)).toEqual(reading);
  });

  it.each([
    `PAY 120 ${bob} lunch`,
    `PAY ${bob} 120 lunch`,
    `PAY 120 lunch ${bob}`,
    `PAY 120 SEK ${bob} lunch`,
    `PAY120 ${bob} lunch`,
    'PAY 120 0701740651 lunch',
    'PAY 0701740651 120 lunch',
    'PAY 120 070-1740651 lunch',
    'PAY 120 070-174 06 51 lunch',
    'PAY 070-174 06 51 120 lunch',
    'PAY 120 070 174 06 51, lunch',
    'PAY 120 +46 70 174 06 51 lunch',
    'PAY 120 0046701740651 lunch',
    'PAY 120 (070)1740651 lunch',
    `PAY 120 ${bob}, lunch`,
    `PAY 120, ${bob}: lunch`,
  ])('finds the addressee in %j', (text) => {
    expect(atService(text)).toEqual(pay('12000', 'lunch'));
  });

  it('keeps a second number in the note where the first stands before it', () => {
    expect(atService(`PAY 120 ${bob} call 070-174 06 52`)).toEqual(pay('12000', 'call 070-174 06 52'));
  });

  it.each([`BUY cola zero ${bob}`, `BUY ${bob} cola zero`, `köp cola ${bob} zero`])('reads the item in %j', (text) => {
    expect(atService(text)).toEqual({ kind: 'order', service: 'buy', to: bob, item: 'cola zero', note: '' });
  });
});
