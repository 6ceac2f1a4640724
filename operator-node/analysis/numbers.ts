/** Phone numbers within an order at the service number, as people write, paste and print them. */
import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { isMsisdn, type Msisdn } from '../model/ids.ts';
import { plainForm } from './digits.ts';

export type NumberReading =
  | { readonly kind: 'none' }
  /** `words`: how many words of the text the number takes. */
  | { readonly kind: 'number'; readonly number: Msisdn; readonly words: number }
  /** Could be a number, and could be a date: nobody's. */
  | { readonly kind: 'date'; readonly written: string; readonly words: number }
  /** Begins as a number does, but is none, or could end in two places. */
  | { readonly kind: 'bad'; readonly written: string };

/** `+46…`, `0046…`, `070…`, `(070)…`, `(+46)…`: a plus sign or a zero in front; seven digits or more with what follows. */
const opening = /^\(?(?:\+|0)[0-9()/-]*[0-9)]$/;
/** The same with points, which an amount has too: at least two of them, or a plus sign (`+46.70.174.06.51`). */
const openingWithPoints = /^(?:\(?\+[0-9()/.-]*[0-9]|0[0-9]+(?:\.[0-9]{2,}){2,})$/;
const continued = /^[0-9()/-]+$/;
const continuedWithPoints = /^[0-9()/.-]*[0-9)]$/;
const endMarks = /[.,;:!]+$/;
const countryCode = /^\(?(?:\+|00)[0-9]{1,3}\)?$/;
/** What addresses of numbers begin with where they are copied from a page or a card. */
const scheme = /^(?:tel|sms|callto|phone|mobile|mob)[:.]+/i;
const groupSpaces = /[\u00a0\u2007\u2009\u202f]/g;
const maxWords = 7;
/** ITU-T E.164: 15 digits; and an international prefix written as `00`. */
const maxDigits = 17;

const digitsIn = (text: string): string => text.replace(/[^0-9]/g, '');

export interface NumberPlan {
  readonly country?: CountryCode;
  readonly callingCode?: string;
}

/** Numbers without a country are of the country of `number`; one of no known country leaves them unknown. */
export function planOf(number: Msisdn): NumberPlan {
  const parsed = parsePhoneNumberFromString(number);
  if (parsed === undefined) return {};
  return { ...(parsed.country && { country: parsed.country }), callingCode: parsed.countryCallingCode };
}

/** `isValid` says whether it is of a range that is in use; that costs more than all else here. */
interface Parsed {
  readonly number: Msisdn;
  readonly isValid: () => boolean;
}

/** Of a range that is in use, and written as it is called from abroad. */
function isInUse(number: Msisdn): boolean {
  const parsed = parsePhoneNumberFromString(number);
  return parsed?.number === number && parsed.isValid();
}

/** With a plus sign as it is, but without the zero of calls within the country where it is the plan's (`+46070…`). */
function parseCompact(text: string, plan: NumberPlan): Parsed | undefined {
  const compact = text.replace(/[^0-9+]/g, '');
  const { country, callingCode } = plan;
  if (compact.startsWith('+') && !compact.startsWith(`+${callingCode ?? ''}0`)) {
    return isMsisdn(compact) ? { number: compact, isValid: () => isInUse(compact) } : undefined;
  }
  const options = country ? { defaultCountry: country } : callingCode ? { defaultCallingCode: callingCode } : undefined;
  const number = options && parsePhoneNumberFromString(compact, { ...options, extract: false });
  if (number?.isPossible() !== true || !isMsisdn(number.number)) return undefined;
  return { number: number.number, isValid: () => number.isValid() };
}

/** `+46 (0)70`: the zero of calls within the country, which is dialled from abroad in a few countries only. */
function parse(text: string, plan: NumberPlan): Parsed | undefined {
  if (!/^\(?(?:\+|00).*\(0\)/.test(text)) return parseCompact(text, plan);
  const [without, withZero] = [text.replace('(0)', ''), text].map((each) => parseCompact(each, plan));
  if (without?.number === withZero?.number || withZero?.isValid() !== true) return without;
  return without?.isValid() === true ? undefined : withZero;
}

const isDayAndMonth = (first: number, second: number): boolean =>
  first >= 1 && second >= 1 && Math.min(first, second) <= 12 && Math.max(first, second) <= 31;
/** Of the calendars in use, the Persian and Islamic ones and the Buddhist one among them. */
const isYear = (year: number): boolean => year >= 1300 && year <= 2699;

/** `08-122026`, `08/12/2026`, `08 12 20 26`, `8-12-26`: day, month and year in this or the American order. */
function canBeDate(written: string): boolean {
  const [, day, , month, year] = /^\(?([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{2}|[0-9]{4})\)?$/.exec(written) ?? [];
  if (year !== undefined)
    return isDayAndMonth(Number(day), Number(month)) && (year.length === 2 || isYear(Number(year)));
  const digits = digitsIn(written);
  if (digits.length !== 8 || !/^[^0-9]*(?:[0-9]{2}[^0-9]*){4}$/.test(written)) return false;
  return isDayAndMonth(Number(digits.slice(0, 2)), Number(digits.slice(2, 4))) && isYear(Number(digits.slice(4)));
}

const plainNumber = (word: string): string => plainForm(word).replace(scheme, '').replace(groupSpaces, '');

/**
 * Whether the words of a number can be an amount, or its end, and another number: `9 046 907 123`, `+5580 070-174 06`.
 */
function hidesAmount(words: readonly string[], at: number, count: number, plan: NumberPlan): boolean {
  const parts = words.slice(at, at + count).map((word) => plainNumber(word).replace(endMarks, ''));
  const isThousands =
    /^[0-9]{1,3}$/.test(plainNumber(words[at - 1] ?? '')) && parts.every((part) => /^[0-9]{3}$/.test(part));
  if (isThousands) return true;
  const [begin = '', second = ''] = parts;
  const isOwnCode = digitsIn(begin).replace(/^00/, '') === plan.callingCode;
  const first = countryCode.test(begin) && (isOwnCode || second.startsWith('(0)')) ? 2 : 1;
  return parts.some((part, index) => {
    const mayOpen = index >= first && /^\(?[+0]/.test(part) && digitsIn(part).length >= 3;
    return mayOpen && readNumber(words, at + index, plan).kind === 'number';
  });
}

/**
 * The number that begins at `words[at]`. Over several words (`070-123 45 67`) it must be a valid number, and the only one
 * that could be meant. In one word with a plus sign it need not be of a range that is in use: the directory knows best.
 */
export function readNumber(words: readonly string[], at: number, plan: NumberPlan): NumberReading {
  const begin = plainNumber(words[at] ?? '');
  if (!/^\(?[+0]/.test(begin)) return { kind: 'none' };
  const hasPoints = begin.replace(endMarks, '').includes('.');
  const isContinued = (word: string): boolean => (hasPoints ? continuedWithPoints : continued).test(word);
  const found: { readonly number: Msisdn; readonly words: number }[] = [];
  let inOneWord: Msisdn | undefined;
  let joined = '';
  for (let count = 1; count <= maxWords; count += 1) {
    const written = words[at + count - 1] === undefined ? undefined : plainNumber(words[at + count - 1] ?? '');
    const word = written?.replace(endMarks, '');
    if (word === undefined || !(count === 1 ? opening.test(word) || openingWithPoints.test(word) : isContinued(word))) {
      break;
    }
    // A hyphen in a word of its own parts an area from a number: `070 - 174 06 51`.
    if (!/[0-9]/.test(word) && count > (countryCode.test(begin) ? 3 : 2)) break;
    joined = joined === '' ? word : `${joined} ${word}`;
    if (canBeDate(joined)) return { kind: 'date', written: joined, words: count };
    const digits = digitsIn(joined).length;
    if (digits > maxDigits) break;
    const parsed = digits < 7 ? undefined : parse(joined.replaceAll(' ', ''), plan);
    const isLast = word !== written || !isContinued(plainNumber(words[at + count] ?? '').replace(endMarks, ''));
    if (parsed !== undefined) {
      if (count === 1 && word.startsWith('+') && digits >= 10) inOneWord = parsed.number;
      if (inOneWord !== undefined && isLast && count === 1) break;
      if (parsed.isValid()) found.push({ number: parsed.number, words: count });
    }
    if (isLast) break;
  }
  const [only, other] = found;
  const isAlone = only !== undefined && (other === undefined || only.words === 1);
  if (isAlone && !hidesAmount(words, at, only.words, plan)) return { kind: 'number', ...only };
  if (other === undefined && inOneWord !== undefined) return { kind: 'number', number: inOneWord, words: 1 };
  const compact = joined.replaceAll(' ', '');
  return compact.startsWith('+') || digitsIn(compact).length >= 7
    ? { kind: 'bad', written: compact }
    : { kind: 'none' };
}
