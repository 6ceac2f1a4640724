/** Phone numbers within an order at the service number, as people write them. */
import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { isMsisdn, type Msisdn } from '../model/ids.ts';

export type NumberReading =
  | { readonly kind: 'none' }
  /** `words`: how many words of the text the number takes. */
  | { readonly kind: 'number'; readonly number: Msisdn; readonly words: number }
  /** Begins as a number does, but is none, or could end in two places. */
  | { readonly kind: 'bad'; readonly written: string };

/** `+46…`, `0046…`, `070…`, `(070)…`: a plus sign or a zero in front; seven digits or more with what follows. */
const opening = /^(?:\+|\(?0)[0-9()/-]*[0-9)]$/;
const continued = /^[0-9()/-]+$/;
const endMarks = /[.,;:!]+$/;
const maxWords = 7;
/** ITU-T E.164: 15 digits; and an international prefix written as `00`. */
const maxDigits = 17;

const digitsIn = (text: string): number => text.replace(/[^0-9]/g, '').length;

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

function parse(text: string, plan: NumberPlan): Msisdn | undefined {
  const compact = text.replace(/[^0-9+]/g, '');
  if (compact.startsWith('+')) return isMsisdn(compact) ? compact : undefined;
  const { country, callingCode } = plan;
  const options = country ? { defaultCountry: country } : callingCode ? { defaultCallingCode: callingCode } : undefined;
  const number = options && parsePhoneNumberFromString(compact, { ...options, extract: false });
  return number?.isPossible() === true && isMsisdn(number.number) ? number.number : undefined;
}

const isValid = (number: Msisdn): boolean => parsePhoneNumberFromString(number)?.isValid() === true;

/**
 * The number that begins at `words[at]`. Over several words (`070-123 45 67`) it must be a valid number, and the only one
 * that could be meant. In one word with a plus sign it need not be of a range that is in use: the directory knows best.
 */
export function readNumber(words: readonly string[], at: number, plan: NumberPlan): NumberReading {
  const found: { readonly number: Msisdn; readonly words: number }[] = [];
  let inOneWord: Msisdn | undefined;
  let joined = '';
  for (let count = 1; count <= maxWords; count += 1) {
    const written = words[at + count - 1];
    const word = written?.replace(endMarks, '');
    if (word === undefined || !(count === 1 ? opening : continued).test(word)) break;
    joined += word;
    const digits = digitsIn(joined);
    if (digits > maxDigits) break;
    const number = digits < 7 ? undefined : parse(joined, plan);
    const isLast = word !== written || !continued.test((words[at + count] ?? '').replace(endMarks, ''));
    if (number !== undefined) {
      if (count === 1 && word.startsWith('+') && digits >= 10) inOneWord = number;
      if (inOneWord !== undefined && isLast && count === 1) break;
      if (isValid(number)) found.push({ number, words: count });
    }
    if (isLast) break;
  }
  const [only, other] = found;
  if (only !== undefined && (other === undefined || only.words === 1)) return { kind: 'number', ...only };
  if (other === undefined && inOneWord !== undefined) return { kind: 'number', number: inOneWord, words: 1 };
  return joined.startsWith('+') || digitsIn(joined) >= 7 ? { kind: 'bad', written: joined } : { kind: 'none' };
}
