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

/** `120`, or `120.50` with the decimal sign; a whole number has no needless zero in front. */
const wellFormed = /^(0|[1-9][0-9]*)(?:([.,])([0-9]+))?$/;
/** Groups of three: `1.200`, `1,200.50`, `1'200`; also three digits after a sign, which may be decimals. */
const grouped = /^[0-9]+(?:[.,'\u2019][0-9]{3})+(?:[.,][0-9]+)?$/;

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
function writable(amount: Amount, exponent: number, sign: DecimalSign): string {
  const text = formatAmount(amount, exponent, sign);
  if (exponent !== 3) return text;
  return text.endsWith('0') ? text.slice(0, -1) : `${text}0`;
}

/** An amount as the user could write it, to show how. */
export const exampleOf = (exponent: number, sign: DecimalSign): string =>
  exponent === 0 ? '120' : `120${sign}${'50'.slice(0, exponent)}`;

/** Reads digits with at most one sign; the user's language says which sign parts the decimals. */
export function readAmount(written: string, exponent: number, sign: DecimalSign): AmountReading {
  if (/^0+(?:[.,]0+)?$/.test(written)) return { ok: false, code: 'zero-amount' };
  if (grouped.test(written)) return readGrouped(written, exponent, sign);
  const [, whole = '', given, decimals = ''] = wellFormed.exec(written) ?? [];
  const minor = whole === '' ? undefined : toMinor(whole, decimals, exponent);
  if (minor === undefined || !isAmount(minor)) {
    return { ok: false, code: 'bad-amount', example: exampleOf(exponent, sign) };
  }
  if (given !== undefined && given !== sign) {
    return { ok: false, code: 'bad-amount', example: writable(minor, exponent, sign) };
  }
  return { ok: true, amount: minor };
}

/** Always a refusal, with the ways to write what may be meant: all signs between thousands, or the last between decimals. */
function readGrouped(written: string, exponent: number, sign: DecimalSign): AmountReading {
  const digits = (text: string): string => withoutZeros(text.replace(/[^0-9]/g, ''));
  const [, front = '', lastSign = '', end = ''] = /^(.*)([.,])([0-9]+)$/.exec(written) ?? [];
  const canBeDecimals = lastSign !== '' && !front.includes(lastSign);
  const minor = canBeDecimals ? toMinor(digits(front), end.replace(/0+$/, ''), exponent) : undefined;
  const decimal = minor !== undefined && minor !== '0' && isAmount(minor) ? writable(minor, exponent, sign) : '';
  if (lastSign === '' || end.length === 3)
    return { ok: false, code: 'ambiguous-amount', whole: digits(written), decimal };
  // After other than three digits only decimals can be meant: `1,200.50`.
  if (decimal === '') return { ok: false, code: 'bad-amount', example: exampleOf(exponent, sign) };
  return { ok: false, code: 'ambiguous-amount', whole: decimal, decimal: '' };
}
