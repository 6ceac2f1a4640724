/**
 * Amounts as people write and read them. Nothing is guessed: what could be read in two ways is refused, and what is not
 * written as the language writes it is refused with the right form.
 */
import { isAmount, type Amount } from '../model/ids.ts';

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

/** `120.5` in minor units; undefined for more decimals than the asset has. */
function toMinor(whole: string, decimals: string, exponent: number): string | undefined {
  if (decimals.length > exponent) return undefined;
  return `${whole}${decimals.padEnd(exponent, '0')}`.replace(/^0+(?=[0-9])/, '');
}

/** The amount of minor units as text, without the asset: `120.00`. */
export function formatAmount(amount: Amount, exponent: number, sign: DecimalSign): string {
  if (exponent === 0) return amount;
  const digits = amount.padStart(exponent + 1, '0');
  return `${digits.slice(0, -exponent)}${sign}${digits.slice(-exponent)}`;
}

export const exampleOf = (exponent: number, sign: DecimalSign): string => (exponent === 0 ? '120' : `120${sign}50`);

/** Reads digits with at most one sign; the user's language says which sign parts the decimals. */
export function readAmount(written: string, exponent: number, sign: DecimalSign): AmountReading {
  if (/^0+(?:[.,]0+)?$/.test(written)) return { ok: false, code: 'zero-amount' };
  if (grouped.test(written)) return ambiguous(written, exponent, sign);
  const [, whole = '', given, decimals = ''] = wellFormed.exec(written) ?? [];
  const minor = whole === '' ? undefined : toMinor(whole, decimals, exponent);
  if (minor === undefined || !isAmount(minor)) {
    return { ok: false, code: 'bad-amount', example: exampleOf(exponent, sign) };
  }
  if (given !== undefined && given !== sign) {
    return { ok: false, code: 'bad-amount', example: formatAmount(minor, exponent, sign) };
  }
  return { ok: true, amount: minor };
}

/** The two readings of an amount with groups of three digits: all groups, or the last sign as the decimal sign. */
function ambiguous(written: string, exponent: number, sign: DecimalSign): AmountReading {
  const last = Math.max(written.lastIndexOf('.'), written.lastIndexOf(','));
  const digits = (text: string): string => text.replace(/[^0-9]/g, '').replace(/^0+(?=[0-9])/, '');
  const whole = digits(written.slice(0, last));
  const decimals = written.slice(last + 1);
  const minor = last < 0 ? undefined : toMinor(whole, decimals.replace(/0+$/, ''), exponent);
  const decimal = minor !== undefined && isAmount(minor) && minor !== '0' ? formatAmount(minor, exponent, sign) : '';
  // With other than three digits at the end the sign before them can only part decimals: `1,200.50`.
  if (last >= 0 && decimals.length !== 3) {
    return { ok: false, code: 'ambiguous-amount', whole: decimal === '' ? whole : decimal, decimal: '' };
  }
  return { ok: false, code: 'ambiguous-amount', whole: digits(written), decimal };
}
