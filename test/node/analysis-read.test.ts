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
    'Pay one more visit',
    'Pay attention to 5 things',
    'PAY #5',
    'Betalar du?',
    'köp mjölk',
    '👍 PAY 120',
    '\u202ePAY attention',
    '١٢٠',
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
    ['PAY 120 SEK 305 Main Street', pay('12000', '305 Main Street')],
    ['PAY 120 all of it', pay('12000', 'all of it')],
    ['PAY 120 +46701740699 call', pay('12000', '+46701740699 call')],
    ['PAY ١٢٠', pay('12000')],
    ['PAY १२० lunch', pay('12000', 'lunch')],
    ['PAY １２０', pay('12000')],
    ['ادفع ١٢٠ كرونة غداء', pay('12000', 'غداء')],
    ['PAYER 120 repas', pay('12000', 'repas')],
    ['PAY €120 lunch', pay('12000', 'lunch', 'EUR')],
    ['PAY kr 120', pay('12000')],
    ['PAY SEK 120', pay('12000')],
    ['PAY 120 (EUR)', pay('12000', '', 'EUR')],
    ['PAY 120 EUR👍', pay('12000', '', 'EUR')],
    ['PAY 120 for 2 beers', pay('12000', 'for 2 beers')],
    ['PAY 120 for friday', pay('12000', 'for friday')],
    ['PAY 120 please', pay('12000', 'please')],
    ['PAY 120 to Elin', pay('12000', 'to Elin')],
    ['PAY 120 invoice 4711', pay('12000', 'invoice 4711')],
    ['PAY 120 x y', pay('12000', 'x y')],
    ['PAY 120 at the bar', pay('12000', 'at the bar')],
    ['PAY 120 invoice no 4711', pay('12000', 'invoice no 4711')],
    ['BETALA 120 kr till Elin', pay('12000', 'till Elin')],
    ['PAY 120 E\u200bUR', pay('12000', '', 'EUR')],
    ['PAY 120 rent 12/2026', pay('12000', 'rent 12/2026')],
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
    ['en', 'PAY 1 200', ambiguous('1 200', '1200')],
    ['sv', 'PAY 1 200 kr', ambiguous('1 200', '1200')],
    ['en', 'PAY 1200 000', ambiguous('1200 000', '1200000')],
    ['en', 'PAY 12 000 000 kr', ambiguous('12 000 000', '12000000')],
    ['sv', 'PAY 1 200,50', ambiguous('1 200,50', '1200,50')],
    ['en', 'PAY SEK 1 200', ambiguous('1 200', '1200')],
    ['en', 'PAY 1.200.000', ambiguous('1.200.000', '1200000')],
    ['sv', 'PAY 1,200.50', ambiguous('1,200.50', '1200,50')],
    ['sv', 'PAY 1,200.500', ambiguous('1,200.500', '1200500', '1200,50')],
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
    ['en', 'PAY 120?', bad('120?', '120')],
    ['en', 'PAY 120-', bad('120-', '120')],
    ['en', 'PAY -120', bad('-120', '120')],
    ['en', 'PAY .5', bad('.5', '0.5')],
    ['en', 'PAY 1\u066220', bad('1\u066220', '120.50')],
    ['en', 'PAY 120 EUR?', bad('120 EUR?', '120 EUR')],
    ['en', 'PAY 120 EUR/person', bad('120 EUR/person', '120 EUR')],
    ['fr', "PAYER 120 d'euros", bad("120 d'euros", '120,50')],
    ['en', 'PAY SEK -5', bad('SEK -5', '5 SEK')],
    ['en', 'Request Euro 2024 tickets', bad('Euro 2024', '2024 EURO')],
    ['en', 'PAY twelve', bad('twelve', '12')],
    ['en', 'PAY 50 öre', bad('50 öre', '0.50')],
    ['sv', 'BETALA 50 öre kaffe', bad('50 öre', '0,50')],
    ['en', 'PAY 50 cents', bad('50 cents', '0.50')],
    ['en', 'PAY 50¢', bad('50¢', '0.50')],
    ['sv', 'BETALA 2 tusen', bad('2 tusen', '2000')],
    ['sv', 'BETALA 2,5 tkr', bad('2,5 tkr', '2500')],
    ['en', 'PAY 2k', bad('2k', '2000')],
    ['en', 'PAY 2 kSEK', bad('2 kSEK', '2000')],
    ['ar', 'ادفع ٢ ألف', bad('٢ ألف', '2000')],
    ['en', 'PAY 12²', bad('12²', '120.50')],
    ['en', 'PAY 1\u202e2', bad('1[U+202E]2', '120.50')],
    ['en', 'PAY 10-20', bad('10-20', '120.50')],
    ['en', 'PAY 3pm', bad('3pm', '120.50')],
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
    ['PAY £5', '£'],
    ['PAY 120 ₹', '₹'],
    ['PAY 120 US$', 'US$'],
    ['PAY 120 zł', 'ZŁ'],
    ['PAY 120 won', 'WON'],
    ['PAY 120元', '元'],
    ['ادفع 120 دينار', 'دينار'],
    ['PAY 100 norska kronor', 'NORSKA KRONOR'],
    ['PAY 100 danska', 'DANSKA'],
    ['PAY 100 kr danska till Elin', 'DANSKA TILL'],
    ['PAY 100 Canadian dollars', 'CANADIAN DOLLARS'],
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
    ['en', 'PAY 1,200.50', '120050'],
    ['sv', 'PAY 1.200,50', '120050'],
    ['en', 'PAY 1,200,000', '120000000'],
    ['en', "PAY 1'200", '120000'],
    ['en', 'PAY 1’200.50', '120050'],
    ['sv', 'PAY 1\u00a0200', '120000'],
    ['fr', 'PAYER 12\u202f000\u202f000,50', '1200000050'],
    ['en', 'PAY 12,34,567.50', '123456750'],
    ['en', 'PAY １，２００．５０', '120050'],
    ['ar', 'ادفع ١٬٢٠٠٫٥٠', '120050'],
    ['sv', 'BETALA ١٢٫٥٠', '1250'],
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

  const unclear = (rest: string, example = '120.00 SEK') => refusal('unclear-rest', { rest, example });
  const notLater = (rest: string, example = '120.00 SEK') => refusal('not-later', { rest, example });
  it.each([
    ['en', 'PAY 120 30', unclear('30')],
    ['en', 'PAY 120 SEK 30', unclear('30')],
    ['en', 'PAY 120 SEK 30 EUR', unclear('30 EUR')],
    ['en', 'PAY 1 50 kr', unclear('50 kr', '1.00 SEK')],
    ['en', 'PAY 120 2 beers', unclear('2 beers')],
    ['en', 'PAY 120 SEK 2 beers', unclear('2 beers')],
    ['en', 'PAY 120 and 30', unclear('and 30')],
    ['en', 'PAY 120 - 20', unclear('- 20')],
    ['en', 'PAY 120 to 130', unclear('to 130')],
    ['en', 'PAY 120 SEK EUR', unclear('EUR')],
    ['en', 'PAY 120 SEK k', unclear('k')],
    ['en', 'PAY 120 x2', unclear('x2')],
    ['en', 'PAY 120 × 2', unclear('× 2')],
    ['en', 'PAY 120 each', unclear('each')],
    ['sv', 'BETALA 120 kr var', unclear('var', '120,00 SEK')],
    ['en', 'PAY 120 ½', unclear('½')],
    ['en', 'PAY 120 and a half', unclear('and a')],
    ['en', 'PAY 120 no 130', unclear('no 130')],
    ['en', 'PAY 120 but only 50', unclear('but only')],
    ['en', 'PAY 120 a couple', unclear('a couple')],
    ['en', 'PAY 120 for each', unclear('for each')],
    ['en', 'PAY 120 in dollars', unclear('in dollars')],
    ['en', 'PAY 120 lunch EUR', unclear('EUR')],
    ['en', 'PAY 120 lunch €', unclear('€')],
    ['en', 'PAY 120 dinner +30', unclear('+30')],
    ['ar', 'ادفع 120 و٣٠', unclear('و٣٠')],
    ['en', 'PAY 120 ?', unclear('?')],
    ['en', 'PAY 120 twenty', unclear('twenty')],
    ['en', 'PAY 120 lunch 30 kr', unclear('30 kr')],
    ['en', 'PAY 120 for lunch €5', unclear('€5')],
    ['en', 'PAY 120 lunch and 30', unclear('and 30')],
    ['en', 'PAY 120 🍕 30', unclear('30')],
    ['en', 'PAY 1.5 KWD 30', unclear('30', '1.50 KWD')],
    ['en', 'PAY 3 pm', notLater('pm', '3.00 SEK')],
    ['en', 'PAY 120 tomorrow', notLater('tomorrow')],
    ['en', 'PAY 120 at 8', notLater('at 8')],
    ['en', 'PAY 120 please on friday', notLater('on friday')],
    ['en', 'PAY 120 12/11', notLater('12/11')],
    ['en', 'PAY 120 this friday', notLater('this friday')],
    ['en', 'PAY 120 on the 12th', notLater('on the 12th')],
    ['en', 'PAY 120 8pm', notLater('8pm')],
    ['ar', 'ادفع 120 هذا الشهر', notLater('هذا الشهر')],
    ['en', 'PAY 120 per month', unclear('per month')],
    ['sv', 'BETALA 120 i morgon', notLater('i morgon', '120,00 SEK')],
    ['fr', 'PAYER 120 le 12', notLater('le 12', '120,00 SEK')],
    ['ar', 'ادفع 120 غدا', notLater('غدا')],
  ])('takes nothing for a note that could change the order (%s): %j', (language, text, reading) => {
    expect(toBob(text, { language })).toEqual(reading);
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

describe('a reference behind an amount', () => {
  it.each([
    ['REFUND 15 FR42', 'FR42', '1500'],
    ['REFUND 15 KR22 lunch', 'KR22', '1500'],
    ['REFUND 15.50 SEK2', 'SEK2', '1550'],
    ['REFUND 15 kr eur5', 'EUR5', '1500'],
    ['REFUND KR22 15', 'KR22', '1500'],
  ])('is no currency, whatever it begins like: %s', (text, code, amount) => {
    expect(atService(text)).toMatchObject({ kind: 'refund', code, amount: { asset: 'SEK', amount } });
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
    ['YES ٤٨٢١', { yes: true, code: '4821' }],
    ['YES ４８２１', { yes: true, code: '4821' }],
    ['OUI 4821', { yes: true, code: '4821' }],
    ['نعم ٤٨٢١', { yes: true, code: '4821' }],
    ['لا', { yes: false }],
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
    ['PAY -120 +46701740651', refusal('bad-amount', { amount: '-120', example: '120' })],
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
    ['PAY 120 +46701740651 or +46701740652', refusal('several-numbers')],
    ['PAY 5 rent 0701740652 +46701740651', refusal('several-numbers')],
    ['BETALA 5 hyra 0701740652 0701740651', refusal('several-numbers')],
    ['PAY 0701740652 120 +46701740651', refusal('several-numbers')],
    ['PAY SEK +5580 070–174 06 51', refusal('bad-amount', { amount: 'SEK +5580', example: '5580 SEK' })],
    ['PAY SEK +96 070-174 06 51', refusal('bad-amount', { amount: 'SEK +96', example: '96 SEK' })],
    ['PAY 9 046 907 123', refusal('unknown-number', { number: '046907123' })],
    ['PAY 9 046 907 - 30 kr', refusal('ambiguous-amount', { amount: '9 046 907', whole: '9046907', decimal: '' })],
    ['PAY about 120', refusal('bad-amount', { amount: 'about', example: '120' })],
    ['PAY 120 hyra 01-12-2026', refusal('number-or-date', { number: '01-12-2026' })],
    ['PAY 120 hyra 08 12 2026', refusal('number-or-date', { number: '08 12 2026' })],
    ['PAY 120 hyra 08122026', refusal('number-or-date', { number: '08122026' })],
    ['REFUND K7QF half', refusal('unclear-rest', { rest: 'half', example: '120.50 SEK' })],
    ['REFUND K7QF £5', refusal('unknown-currency', { currency: '£' })],
    ['REFUND K7QF 50 cents', refusal('bad-amount', { amount: '50 cents', example: '0.50' })],
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
    'PAY 120 +46 (0)70-174 06 51 lunch',
    'PAY 120 070\u2011174\u00a006\u00a051 lunch',
    'PAY 120 070–174 06 51 lunch',
    'PAY 120 +46.70.174.06.51 lunch',
    'PAY 120 tel:+46701740651 lunch',
    'PAY 120 (+46) 70 174 06 51 lunch',
    'PAY 120 \u202a+46\u00a070\u2011174\u00a006\u00a051\u202c lunch',
    'PAY 120 +４６７０１７４０６５１ lunch',
    'PAY 120 ٠٧٠١٧٤٠٦٥١ lunch',
  ])('finds the addressee in %j', (text) => {
    expect(atService(text)).toEqual(pay('12000', 'lunch'));
  });

  it('keeps a second number in the note where the first stands before it', () => {
    expect(atService(`PAY 120 ${bob} call 070-174 06 52`)).toEqual(pay('12000', 'call 070-174 06 52'));
  });

  it.each(['rent 08/12/2026', 'hyra 08-122026', 'rent 08 12 2026'])('takes no date for a number: %j', (note) => {
    expect(atService(`PAY 120 ${note} ${bob}`)).toEqual(pay('12000', note));
  });

  it.each([`BUY cola zero ${bob}`, `BUY ${bob} cola zero`, `köp cola ${bob} zero`])('reads the item in %j', (text) => {
    expect(atService(text)).toEqual({ kind: 'order', service: 'buy', to: bob, item: 'cola zero', note: '' });
  });
});
