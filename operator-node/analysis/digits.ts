/** Digits and marks of every script and keyboard, as the ASCII ones that amounts and numbers are read in. */

const anyDigit = /\p{Nd}/u;
const ascii = /^[\x00-\x7f]*$/;

/** The code point of the zero of a digit's script, by the digit. */
const zeros = new Map<string, number>();

/** Unicode gives each script its ten digits in a row, and rows that touch have ten each. */
function zeroOf(digit: string): number {
  const known = zeros.get(digit);
  if (known !== undefined) return known;
  const code = digit.codePointAt(0) ?? 0;
  let first = code;
  while (anyDigit.test(String.fromCodePoint(first - 1))) first -= 1;
  const zero = code - ((code - first) % 10);
  zeros.set(digit, zero);
  return zero;
}

const digitOf = (digit: string): string => String((digit.codePointAt(0) ?? 0) - zeroOf(digit));

/** Decimal digits of all scripts as ASCII digits; everything else as it is. */
export const asciiDigits = (text: string): string => (ascii.test(text) ? text : text.replace(/\p{Nd}/gu, digitOf));

/** Digits of two scripts in one number: some look like another script's digit of another value. */
export function mixesScripts(text: string): boolean {
  if (ascii.test(text)) return false;
  const [first, ...others] = text.match(/\p{Nd}/gu) ?? [];
  return first !== undefined && others.some((digit) => zeroOf(digit) !== zeroOf(first));
}

const fullWidth = /[\uff01-\uff5e]/g;
/** Hyphens, dashes and minus signs. */
const dashes = /[\u2010-\u2015\u2212\ufe58\ufe63]/g;
const apostrophes = /[\u2018\u2019\u02bc]/g;

const hasOtherForm = /[\p{Nd}\uff01-\uff5e\u2010-\u2015\u2212\ufe58\ufe63\u2018\u2019\u02bc]/u;

/** A word with its digits, full-width characters, dashes and apostrophes in ASCII. It is for reading, never to be shown. */
export function plainForm(word: string): string {
  if (ascii.test(word) || !hasOtherForm.test(word)) return word;
  return asciiDigits(word)
    .replace(fullWidth, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0))
    .replace(dashes, '-')
    .replace(apostrophes, "'");
}
