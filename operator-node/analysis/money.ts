/**
 * Amounts as people write and read them. Nothing is guessed: what could be read in two ways is refused, and what is not
 * written as the language writes it is refused with the right form.
 */
import { isAmount, type Amount } from '../model/ids.ts';
import { decimalOf } from '../model/money.ts';

export type DecimalSign = '.' | ',';

export type AmountReading =
  | { readonly ok: true; readonly amount: Amount }
  /** `example` is a right amount: the one probably meant where there is one. */
  | { readonly ok: false; readonly code: 'bad-amount'; readonly example: string }
  /** `whole` and `decimal` are the two readings; `decimal` is `''` where the asset has not so many decimals. */
  | { readonly ok: false; readonly code: 'ambiguous-amount'; readonly whole: string; readonly decimal: string }
  | { readonly ok: false; readonly code: 'zero-amount' };

/** Marks that an amount may have between its digits, after `plainForm`. */
export const amountMarks = ".,'\\u00a0\\u2007\\u2009\\u202f\\u060c\\u066b\\u066c";

/** Marks that only ever stand between thousands: apostrophes, the spaces of typesetting, the Arabic sign. */
const thousandsMarks = /['\u00a0\u2007\u2009\u202f\u066c]/g;
/** The Arabic decimal sign: it parts decimals in every language, and nothing else. */
const decimalMark = '\u066b';

/** `120`, or `120.50` with the decimal sign; a whole number has no needless zero in front. */
const wellFormed = /^(0|[1-9][0-9]*)(?:([.,\u066b])([0-9]+))?$/;
/** Groups of three: `1.200`, `1,200.50`; also three digits after a sign, which may be decimals. */
const grouped = /^[0-9]+(?:[.,'][0-9]{3})+(?:[.,\u066b][0-9]+)?$/;

/** Groups of three digits, or of two and a last one of three as in India, with one mark; then decimals. */
const groupedBy = (mark: string): RegExp =>
  new RegExp(
    `^([1-9][0-9]{0,2}(?:${mark}[0-9]{3})+|[1-9][0-9]?(?:${mark}[0-9]{2})+${mark}[0-9]{3})(?:([.,\u066b])([0-9]+))?$`,
  );
const byThousandsMark = groupedBy("'");
const byPoint = groupedBy('\\.');
const byComma = groupedBy(',');

/**
 * `120.5` in minor units; undefined for more decimals than the asset has. Three decimals are always ambiguous, so an asset
 * that has three can be written with a fourth, a zero: `1.2340`.
 */
function toMinor(whole: string, decimals: string, exponent: number): string | undefined {
  const kept = exponent === 3 && /^[0-9]{3}0$/.test(decimals) ? decimals.slice(0, 3) : decimals;
  if (kept.length > exponent) return undefined;
  return withoutZeros(`${whole}${kept.padEnd(exponent, '0')}`);
}

const withoutZeros = (digits: string): string => digits.replace(/^0+(?=[0-9])/, '');

/** The amount of minor units as text, without the asset: `120.00`. */
export function formatAmount(amount: Amount, exponent: number, sign: DecimalSign): string {
  return decimalOf(amount, exponent).replace('.', sign);
}

/** As `formatAmount`, but never with three decimals: what a user can write. */
export function writable(amount: Amount, exponent: number, sign: DecimalSign): string {
  const text = formatAmount(amount, exponent, sign);
  if (exponent !== 3) return text;
  return text.endsWith('0') ? text.slice(0, -1) : `${text}0`;
}

/** An amount as the user could write it, to show how. */
export const exampleOf = (exponent: number, sign: DecimalSign): string =>
  exponent === 0 ? '120' : `120${sign}${'50'.slice(0, exponent)}`;

/** The parts of an amount that can be read in one way only; `given` is the mark before its decimals. */
interface Parts {
  readonly whole: string;
  readonly given: string | undefined;
  readonly decimals: string;
}

/**
 * Thousands that nothing else can be meant by: after a mark that parts only thousands; after the sign that is not the
 * language's decimal one, if it stands twice or decimals follow the other. Three last decimals stay ambiguous.
 */
function partsOfGrouped(written: string, sign: DecimalSign): Parts | undefined {
  for (const pattern of [byThousandsMark, sign === '.' ? byComma : byPoint]) {
    const [, groups, given, decimals = ''] = pattern.exec(written) ?? [];
    if (groups === undefined) continue;
    const isSure = pattern === byThousandsMark || given !== undefined || /[.,].*[.,]/.test(groups);
    const isClear =
      given === decimalMark || (decimals.length !== 3 && (given === undefined || !groups.includes(given)));
    if (isSure && isClear) return { whole: groups.replace(/[^0-9]/g, ''), given, decimals };
  }
  return undefined;
}

function partsOf(written: string, sign: DecimalSign): Parts | undefined {
  const clear = partsOfGrouped(written, sign);
  if (clear !== undefined) return clear;
  const [, whole, given, decimals = ''] = wellFormed.exec(written) ?? [];
  return whole === undefined ? undefined : { whole, given, decimals };
}

/** Reads ASCII digits with the marks of `amountMarks`; the user's language says which sign parts the decimals. */
export function readAmount(text: string, exponent: number, sign: DecimalSign): AmountReading {
  const written = text.replace(thousandsMarks, "'").replaceAll('\u060c', ',');
  if (/^0+(?:[.,\u066b]0+)?$/.test(written)) return { ok: false, code: 'zero-amount' };
  if (partsOfGrouped(written, sign) === undefined && grouped.test(written)) {
    return readGrouped(written, exponent, sign);
  }
  const parts = partsOf(written, sign);
  const kept = parts?.given === decimalMark ? parts.decimals.slice(0, exponent) : parts?.decimals;
  const isLost = parts?.given === decimalMark && /[1-9]/.test(parts.decimals.slice(exponent));
  const minor = parts === undefined || isLost ? undefined : toMinor(parts.whole, kept ?? '', exponent);
  if (minor === undefined || !isAmount(minor)) {
    return { ok: false, code: 'bad-amount', example: exampleOf(exponent, sign) };
  }
  if (minor === '0') return { ok: false, code: 'zero-amount' };
  if (parts?.given !== undefined && parts.given !== sign && parts.given !== decimalMark) {
    return { ok: false, code: 'bad-amount', example: writable(minor, exponent, sign) };
  }
  return { ok: true, amount: minor };
}

/** Always a refusal, with the ways to write what may be meant: all signs between thousands, or the last between decimals. */
function readGrouped(written: string, exponent: number, sign: DecimalSign): AmountReading {
  const digits = (text: string): string => withoutZeros(text.replace(/[^0-9]/g, ''));
  const [, front = '', lastSign = '', end = ''] = /^(.*)([.,\u066b])([0-9]+)$/.exec(written) ?? [];
  const canBeDecimals = lastSign !== '' && !front.includes(lastSign);
  const minor = canBeDecimals ? toMinor(digits(front), end.replace(/0+$/, ''), exponent) : undefined;
  const decimal = minor !== undefined && minor !== '0' && isAmount(minor) ? writable(minor, exponent, sign) : '';
  if (lastSign === '' || end.length === 3)
    return { ok: false, code: 'ambiguous-amount', whole: digits(written), decimal };
  // After other than three digits only decimals can be meant: `1,200.50`.
  if (decimal === '') return { ok: false, code: 'bad-amount', example: exampleOf(exponent, sign) };
  return { ok: false, code: 'ambiguous-amount', whole: decimal, decimal: '' };
}
