import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadCatalogue, parseCatalogue } from '../../operator-node/analysis/load.ts';
import { noticePlaceholders, servicePlaceholders } from '../../operator-node/analysis/placeholders.ts';
import { sizeTable } from '../../operator-node/analysis/sizes.ts';
import { domainKinds } from '../../operator-node/domains/kinds.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { toAmount, type Asset, type Msisdn } from '../../operator-node/model/ids.ts';

const catalogueFile = new URL('../../catalogue/services.yaml', import.meta.url).pathname;
const source = readFileSync(catalogueFile, 'utf8');
const sek = 'SEK' as Asset;
const options = { assets: [{ asset: sek, exponent: 2 }], domains: domainKinds };

/** The catalogue with one place changed, which must be there. */
function changed(from: string | RegExp, to: string): string {
  const result = source.replace(from, to);
  if (result === source) throw new Error(`nothing to replace: ${String(from)}`);
  return result;
}

/** 1-based line of the first occurrence, of the n-th if asked for. */
function lineOf(text: string, marker: string, nth = 1): number {
  const lines = [...text.split('\n').entries()].filter(([, line]) => line.includes(marker));
  return (lines[nth - 1]?.[0] ?? Number.NaN) + 1;
}

function problemsOf(text: string): string[] {
  try {
    parseCatalogue('services.yaml', text, options);
  } catch (error) {
    if (error instanceof TandemError && error.code === 'catalogue-invalid') return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

describe('loadCatalogue', () => {
  it('refuses a file that is not there, by name', () => {
    expect(() => loadCatalogue('/nowhere/services.yaml', options)).toThrow(/Cannot read \/nowhere\/services\.yaml/);
  });

  it.each<[what: string, text: string, marker: string, message: string]>([
    ['text that is no YAML', changed('services:', 'services: ['), '[PAY]', 'Block collections are not allowed'],
    ['a key given twice', changed('notices:', 'version: 1\nnotices:'), 'version: 1\nnotices', 'unique'],
    ['an unknown key at the top', changed('answers:', 'colour: red\nanswers:'), 'colour', 'colour: unknown key'],
    [
      'an unknown key of a service',
      changed('authoriser: first', 'authorizer: first'),
      'authorizer',
      'authorizer: unknown key',
    ],
    [
      'answers as a tool for YAML 1.1 writes them',
      changed("'no': {", 'false: {'),
      'false: {',
      'answers.false: unknown key: tools that read YAML 1.1 take yes, no, on and off for true and false; where the word is meant, write it in quotes',
    ],
    [
      'a keyword as a tool for YAML 1.1 writes it',
      changed("en: ['YES']", 'en: [true]'),
      'en: [true]',
      'answers.yes.en.0: Invalid input: expected string, received boolean: tools that read YAML 1.1 take yes',
    ],
    ['an unknown text', changed('      second-done:', '      second-did:'), 'second-did', 'second-did: unknown key'],
    ['an unknown notice', changed('  sold-out:', '  sold:'), '  sold:', 'notices.sold: unknown key'],
    ['a missing notice', changed('  sold-out:', '  sold:'), 'notices:', 'notices.sold-out: is missing'],
    [
      'a text without one language',
      changed(/ {4}sv: 'Beloppet är noll.*\n/, ''),
      '  zero-amount:',
      'zero-amount.sv: is missing',
    ],
    [
      'a text in an unknown language',
      changed("    en: 'The amount is", "    de: 'Null'\n    en: 'The amount is"),
      'Null',
      'de: unknown key',
    ],
    [
      'keywords without one language',
      changed('en: [PAY], sv: [BETALA]', 'en: [PAY]'),
      '[PAY]',
      'keywords.sv: is missing',
    ],
    ['no keywords', changed('en: [PAY]', 'en: []'), 'en: []', 'expected at least one keyword'],
    [
      'a keyword of two services',
      changed('en: [REQUEST]', 'en: [REQUEST, Pay]'),
      'Pay]',
      'the keyword PAY already means services.pay',
    ],
    [
      'a keyword of a command',
      changed('en: [PAY]', 'en: [help]'),
      '[HELP]',
      'the keyword HELP already means services.pay',
    ],
    [
      'a keyword with a digit',
      changed('en: [PAY]', 'en: [PAY2]'),
      'PAY2',
      '"PAY2" is no keyword: letters only, one word',
    ],
    [
      'an order of two words',
      changed('en: [PAY]', 'en: [PAY OUT]'),
      'PAY OUT',
      'is no keyword: letters only, one word',
    ],
    [
      'an unknown placeholder',
      changed('{to} to accept', '{whom} to accept'),
      '{whom}',
      'unknown placeholder {whom}; this text has',
    ],
    [
      'a placeholder of another text',
      changed("en: '{to} did not take {money}", "en: '{code} {money}"),
      "'{code} {m",
      'unknown placeholder {code}',
    ],
    [
      'a value that may be empty',
      changed('[ Fee {fee}.] CANCEL', ' Fee {fee}. CANCEL'),
      'Fee {fee}. C',
      '{fee} may be empty: put it into an optional part',
    ],
    ['an unclosed placeholder', changed('accept {money}', 'accept {money'), 'accept {money ', '"{" without its other'],
    [
      'an unclosed part',
      changed(' it back.[ "{note}"]', ' it back.[ "{note}"'),
      'back.[ "{note}"\'',
      '"[" without "]"',
    ],
    [
      'parts within parts',
      changed('[ Fee {fee}.]', '[ Fee [{fee}].]'),
      '[{fee}]',
      'an optional part [ … ] inside another',
    ],
    ['a part with no value', changed('[ Fee {fee}.]', '[ Fee.]'), '[ Fee.]', 'an optional part without a placeholder'],
    ['an empty text', changed("en: 'The amount is zero. Nothing was done.'", "en: ''"), "en: ''", 'an empty text'],
    [
      'an invisible character',
      changed('The amount is zero', 'The amount is\u200b zero'),
      '\u200b',
      'a control or invisible character',
    ],
    [
      'a question without YES and code',
      changed('Reply YES {code}', 'Reply OK {code}'),
      'Reply OK',
      'does not offer "YES {code}"',
    ],
    ['a question without NEJ and code', changed('NEJ {code}', 'NEJ'), 'eller NEJ för', 'does not offer "NEJ {code}"'],
    [
      'a pending text without the ref',
      changed(' CANCEL {ref} takes it back.', ''),
      'Waiting for {to}',
      '{ref} is missing',
    ],
    [
      'an item in a text of a payment',
      changed('You paid {to} {money}', 'You paid {to} {money} {item}'),
      '{money} {item}',
      '{item} without an item',
    ],
    [
      'an unknown slot',
      changed('grammar: amount [currency] [note]', 'grammar: sum [note]'),
      'grammar: sum',
      '"sum" is no slot',
    ],
    [
      'a note that is not last',
      changed('grammar: amount [currency] [note]', 'grammar: amount [note] [currency]'),
      '[note] [currency]',
      'note must be last',
    ],
    [
      'a code in another service',
      changed('grammar: amount [currency] [note]', "grammar: '[code] [amount]'"),
      "'[code] [amount]'",
      'a code in the grammar makes a refund',
    ],
    [
      'an amount that is no amount',
      changed("SEK: '10000000'", "SEK: '100.00'"),
      "'100.00'",
      'expected an amount in minor units',
    ],
    ['an amount below zero', changed("SEK: '10000000'", 'SEK: -5'), 'SEK: -5', 'expected an amount in minor units'],
    ['an asset that is none', changed("SEK: '10000000'", "SEKK: '100'"), 'SEKK', 'expected an ISO 4217 code'],
    ['a fee above everything', changed('fee: {}', 'fee: { SEK: { permille: 1001 } }'), '1001', 'fee.SEK.permille'],
    ['an action that is none', changed('action: debit', 'action: take'), 'action: take', 'first.action'],
    [
      'an authoriser who is not debited',
      changed('authoriser: first', 'authoriser: second'),
      'authoriser: second',
      'expected first: only who is debited',
    ],
    [
      'a service name with a digit',
      changed('  pay:', '  pay2:'),
      '  pay2:',
      'expected a name of up to 16 small letters',
    ],
    [
      'words of amounts without one language',
      changed(/^ {4}sv: \{\n {6}hundra: [^}]*\}\n/m, ''),
      '  size:',
      'amountWords.size.sv: is missing',
    ],
    [
      'a size that stands for nothing',
      changed('hundred: 100,', 'hundred: many,'),
      'hundred: many',
      'amountWords.size.en.hundred',
    ],
    [
      'words of amounts of two words',
      changed('      c, p, ct,', '      c, p, "half cent", ct,'),
      'half cent',
      'expected one word',
    ],
    ['a joiner that joins nothing', changed('en: [PAY]', 'en: ["PAY\\u200d"]'), 'PAY', 'letters only, one word'],
    ['an alias of nothing', changed('kr: SEK', 'kr: CROWN'), 'kr: CROWN', 'currencies.aliases.kr'],
  ])('refuses %s, naming file and line', (_, text, marker, message) => {
    const [first = ''] = marker.split('\n');
    const problems = problemsOf(text);
    const line = lineOf(text, first, first === 'version: 1' ? 2 : 1);
    expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^ {2}services\\.yaml:${line}: `)));
    expect(problems.join('\n')).toContain(message);
  });

  it('names every problem, in the order of the file', () => {
    const text = changed('{to} to accept', '{whom} to accept')
      .replace('en: [REQUEST]', 'en: [PAY]')
      .replace("SEK: '1000000'", 'SEK: much')
      .replace('  sold-out:', '  sold:');
    const problems = problemsOf(text);
    const lines = problems.map((problem) => Number(/:(\d+):/.exec(problem)?.[1]));
    expect(problems).toHaveLength(5);
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  });

  it.each([
    ['Persian', 'می\u200cخواهم', 'می\u200cخواهم 120', 'order'],
    ['Persian, without its joiner', 'می\u200cخواهم', 'میخواهم 120', 'order'],
    ['Sinhala', 'ශ්\u200dරී', 'ශ්\u200dරී 120', 'order'],
    ['Turkish', 'İPTAL', 'iptal 120', 'order'],
  ])('takes a keyword in the spelling of %s', (_, keyword, text, kind) => {
    const analysis = parseCatalogue('services.yaml', changed('en: [PAY]', `en: [PAY, "${keyword}"]`), options);
    const from = { number: '+46701740611' as Msisdn, language: 'en', asset: sek };
    expect(analysis.read({ from, to: '+46701740651' as Msisdn, text }, false).kind).toBe(kind);
  });

  it('reads the catalogue of the repository', () => {
    const analysis = loadCatalogue(catalogueFile, options);
    expect(analysis.languages).toEqual(['en', 'sv', 'fr', 'ar']);
    expect(analysis.services).toEqual(['pay', 'request', 'buy', 'refund']);
  });
});

describe('plan', () => {
  const analysis = loadCatalogue(catalogueFile, options);

  it('knows no other service', () => {
    expect(analysis.plan('lend')).toBeUndefined();
    expect(analysis.plan('constructor')).toBeUndefined();
  });

  it.each([
    ['pay', 'payments.debit', 'payments.credit', 'first'],
    ['request', 'payments.credit', 'payments.debit', 'second'],
    ['buy', 'payments.debit', 'goods.sell', 'first'],
    ['refund', 'payments.debit', 'payments.credit', 'first'],
  ])('says what %s does', (service, first, second, authoriser) => {
    const plan = analysis.plan(service);
    expect(`${plan?.first.domain}.${plan?.first.action}`).toBe(first);
    expect(`${plan?.second.domain}.${plan?.second.action}`).toBe(second);
    expect(plan?.authoriser).toBe(authoriser);
  });

  it('has the service’s limits by asset', () => {
    expect(analysis.plan('pay')?.maxAmount).toEqual({ SEK: '10000000', EUR: '1000000' });
  });
});

describe('fee', () => {
  const text = changed('fee: {}', "fee: { SEK: { flat: '100', permille: 5 }, EUR: { permille: 1 } }");
  const analysis = parseCatalogue('services.yaml', text, options);

  it.each([
    ['pay', 'SEK', 12_000n, '160'],
    ['pay', 'SEK', 1n, '100'],
    ['pay', 'SEK', 399n, '101'],
    ['pay', 'EUR', 999n, '0'],
    ['pay', 'EUR', 1000n, '1'],
    ['pay', 'JPY', 12_000n, '0'],
    ['request', 'SEK', 12_000n, '0'],
    ['lend', 'SEK', 12_000n, '0'],
    ['constructor', 'SEK', 12_000n, '0'],
  ])('of %s in %s for %s is %s', (service, asset, amount, fee) => {
    expect(analysis.fee(service, { asset: asset as Asset, amount: toAmount(amount) })).toBe(fee);
  });

  it('is nothing in the catalogue of the repository', () => {
    const own = loadCatalogue(catalogueFile, options);
    for (const service of own.services) {
      expect(own.fee(service, { asset: sek, amount: toAmount(10n ** 9n) })).toBe('0');
    }
  });
});

describe('sizes', () => {
  const analysis = loadCatalogue(catalogueFile, options);
  const sizes = analysis.sizes();

  it('has every text in every language', () => {
    const texts = 4 * Object.keys(servicePlaceholders).length + Object.keys(noticePlaceholders).length;
    expect(sizes).toHaveLength(4 * texts);
  });

  it('finds each in one segment of seven-bit characters, and those in Arabic letters in at most two', () => {
    const isAsPlanned = (language: string, segments: number, encoding: string): boolean =>
      language === 'ar' ? segments <= 2 : segments === 1 && encoding === 'GSM-7';
    expect(sizes.filter(({ language, segments, encoding }) => !isAsPlanned(language, segments, encoding))).toEqual([]);
  });

  it.each([
    ['x'.repeat(160), 1, 'GSM-7'],
    ['x'.repeat(161), 2, 'GSM-7'],
    ['x'.repeat(306), 2, 'GSM-7'],
    ['x'.repeat(307), 3, 'GSM-7'],
    [`${'x'.repeat(158)}€`, 1, 'GSM-7'],
    [`${'x'.repeat(159)}€`, 2, 'GSM-7'],
    ['ł'.repeat(70), 1, 'UCS-2'],
    ['ł'.repeat(71), 2, 'UCS-2'],
    ['ł'.repeat(135), 3, 'UCS-2'],
  ])('counts segments of a text', (text, segments, encoding) => {
    const zero = "en: 'The amount is zero. Nothing was done.'";
    const other = parseCatalogue('services.yaml', changed(zero, `en: '${text}'`), options).sizes();
    expect(other.find(({ key, language }) => key === 'zero-amount' && language === 'en')).toEqual({
      key: 'zero-amount',
      language: 'en',
      text,
      segments,
      encoding,
    });
  });

  it('is printed one line a text, the longest first', () => {
    const text = changed("en: 'The amount is zero. Nothing was done.'", `en: '${'x'.repeat(161)}'`);
    const lines = sizeTable(parseCatalogue('services.yaml', text, options).sizes()).split('\n');
    expect(lines[1]).toMatch(/^2 {2}GSM-7 {2}en {2}zero-amount +x{161}$/);
    expect(lines).toHaveLength(1 + sizes.length);
  });
});
