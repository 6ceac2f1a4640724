/** Money within an order's words: an amount, and the currency in the same word, before it or behind it. */
import { toAmount, type Amount, type Asset } from '../model/ids.ts';
import type { Money, NoticeKey, TextParams } from './analysis.ts';
import { clean, withUnseenShown, withoutUnseen } from './clean.ts';
import type { Currencies, WrittenCurrency } from './currencies.ts';
import { mixesScripts, plainForm } from './digits.ts';
import type { Lexicon } from './lexicon.ts';
import { amountMarks, exampleOf, readAmount, writable, type AmountReading, type DecimalSign } from './money.ts';
import { maxCharacters } from './placeholders.ts';
import { scaledCurrency, type RestProblem } from './rest.ts';
import { core, withoutEndMarks } from './words.ts';

export interface Refusal {
  readonly kind: 'refusal';
  readonly text: NoticeKey;
  readonly params: TextParams;
}

export const refusal = (text: NoticeKey, params: TextParams = {}): Refusal => ({ kind: 'refusal', text, params });

/** How this user writes money. */
export interface Habits {
  readonly currencies: Currencies;
  readonly lexicon: Lexicon;
  readonly decimalSign: DecimalSign;
  /** What an amount without a currency is in. */
  readonly asset: Asset;
}

/** `words`: how many words the money takes. */
export interface TakenMoney {
  readonly kind: 'money';
  readonly money: Money;
  readonly words: number;
  readonly hasCurrency: boolean;
}

/** What may stand before digits, digits and what may part them, and the rest of the word: `120`, `€12.50`, `12,50kr`, `120:-`. */
const amountWord = new RegExp(`^([^0-9]*)([0-9](?:[0-9${amountMarks}]*[0-9])?)(.*)$`, 'su');
const priceDash = /^[:.,]-+$/;

/** Bidirectional controls: the digits were seen in another order than they are in. */
const turnsAround = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** As it was written: what made it unreadable must be seen. */
const shown = (text: string): string => clean(withUnseenShown(text), maxCharacters.item);

/** An amount's words taken apart; `count` is how many words stand before those that follow it. */
interface Written {
  /** The word with the digits, as it was written. */
  readonly word: string;
  readonly before: string;
  readonly digits: string;
  readonly after: string;
  readonly count: number;
}

function takeApart(words: readonly string[], mayHaveCurrency: boolean, { currencies }: Habits): Written {
  const [first = '', second = ''] = words;
  const isBefore = mayHaveCurrency && isCurrencyBefore(plainForm(first), plainForm(second), currencies);
  const word = isBefore ? second : first;
  const [, prefix = '', digits = '', rest = ''] = amountWord.exec(plainForm(withoutEndMarks(word))) ?? [];
  const after = priceDash.test(rest) ? '' : rest;
  if (!isBefore) return { word, before: prefix, digits, after, count: 1 };
  return { word, before: plainForm(first), digits, after: `${prefix}${after}`, count: 2 };
}

/** A currency in a word of its own, and a number behind it, right or wrong: `SEK 120`, `SEK -120`. */
const isCurrencyBefore = (first: string, second: string, currencies: Currencies): boolean =>
  /^[^\p{L}\p{N}]*\p{N}/u.test(second) && !/\p{N}/u.test(first) && currencies.readWritten(first).kind !== 'none';

/** Whether an order's amount begins here; letters alone are none. */
export function beginsWithMoney(words: readonly string[], { currencies }: Pick<Habits, 'currencies'>): boolean {
  const [first = '', second = ''] = words.slice(0, 2).map(plainForm);
  if (/^\p{N}/u.test(first)) return true;
  const [, before] = /^([^\p{N}\p{L}]*(?:\p{L}+[^\p{N}\p{L}]*)?)\p{N}/u.exec(first) ?? [];
  if (before !== undefined && !before.includes('#')) {
    if (!/\p{L}/u.test(before) || currencies.read(core(before)).kind !== 'none') return true;
  }
  return isCurrencyBefore(first, second, currencies);
}

/** `words` begin with the amount. A currency beside it is looked for only where the grammar has a place for it. */
export function takeMoney(words: readonly string[], mayHaveCurrency: boolean, habits: Habits): TakenMoney | Refusal {
  const { currencies } = habits;
  const written = takeApart(words, mayHaveCurrency, habits);
  const { word, before, digits, after, count } = written;
  const next = withoutUnseen(words[count] ?? '');
  if (digits === '' || mixesScripts(word)) return badAmount(written, words, mayHaveCurrency, habits);
  if (after === '' || !mayHaveCurrency) {
    const scaled = after === '' && before === '' ? scaledBy(next, habits) : undefined;
    if (scaled !== undefined) return wrongSize(written, `${word} ${next}`, scaled, habits);
  } else {
    const scaled = scaledBy(after, habits);
    if (scaled !== undefined) return wrongSize(written, word, scaled, habits);
  }

  const beside = [before, after].filter((each) => each !== '');
  const behind = beside.length > 0 || !mayHaveCurrency ? undefined : currencies.readWritten(next);
  if (beside.length > 1 || (beside.length > 0 && !mayHaveCurrency)) {
    return badAmount(written, words, mayHaveCurrency, habits);
  }
  const [inWord] = beside;
  const reading: WrittenCurrency =
    inWord === undefined ? (behind ?? { kind: 'none' }) : currencyOf(inWord, count > 1, currencies);
  if (reading.kind === 'unclear' || (reading.kind === 'none' && inWord !== undefined)) {
    return inWord === undefined
      ? refusal('bad-amount', { amount: shown(`${word} ${next}`), example: withCurrencyOf(next, digits, habits) })
      : badAmount(written, words, mayHaveCurrency, habits);
  }
  if (reading.kind === 'unknown') {
    const name = inWord === undefined || count > 1 ? core(inWord ?? next) : inWord;
    return refusal('unknown-currency', { currency: shown(name.toUpperCase()) });
  }
  const hasCurrency = reading.kind === 'asset';
  if (hasCurrency && count > 1 && isName(before)) return badAmount(written, words, mayHaveCurrency, habits);
  const asset = hasCurrency ? reading.asset : habits.asset;
  if (!currencies.isKnown(asset)) return refusal('no-account', { currency: asset });
  if (inWord === undefined ? !hasCurrency : after === '') {
    const apart = spacedGroups(digits, words.slice(count));
    if (apart !== undefined) return ambiguousSpaces(apart, asset, habits);
  }

  const amount = readAmount(digits, currencies.exponent(asset), habits.decimalSign);
  if (!amount.ok) return refusalOf(amount, written);
  const taken = count + (inWord === undefined && hasCurrency ? 1 : 0);
  return { kind: 'money', money: { asset, amount: amount.amount }, words: taken, hasCurrency };
}

/** A currency's name before digits may be of something else: `Request Euro 2024 tickets`. Codes and signs are not. */
const isName = (word: string): boolean => /^[\p{L}\p{M}]{4,}$/u.test(core(word));

/** In the word with the digits nothing but the currency; in a word of its own as it stands in a message. */
const currencyOf = (word: string, isOwnWord: boolean, currencies: Currencies): WrittenCurrency =>
  isOwnWord ? currencies.readWritten(word) : currencies.read(word);

/** What a currency's example looks like: an amount that this user could write. */
function exampleFor(asset: Asset, { currencies, decimalSign }: Habits): string {
  return exampleOf(currencies.isKnown(asset) ? currencies.exponent(asset) : 2, decimalSign);
}

function badAmount(written: Written, words: readonly string[], mayHaveCurrency: boolean, habits: Habits): Refusal {
  const right =
    rightForm(written, mayHaveCurrency, habits) ?? spokenAmount(words, habits) ?? amountBehind(words, written, habits);
  const text = written.count > 1 ? words.slice(0, 2).join(' ') : (words[0] ?? '');
  return refusal('bad-amount', { amount: shown(text), example: right ?? exampleFor(habits.asset, habits) });
}

/** The amount with nothing but the currency that stands at something else: `120 EUR` for `120 EUR/person`. */
function withCurrencyOf(next: string, digits: string, habits: Habits): string {
  const [name = ''] = /^(?:[\p{L}\p{M}]+|\p{Sc}+)/u.exec(core(plainForm(next))) ?? [];
  const taken = takeMoney([digits, name], true, habits);
  return taken.kind === 'money' && taken.hasCurrency ? `${digits} ${name}` : exampleFor(habits.asset, habits);
}

/** A number in letters, where it is a single one. */
function spokenAmount([first = '', second = '']: readonly string[], { lexicon }: Habits): string | undefined {
  const isSingle = !lexicon.begins(second, 'number', 'size', 'part');
  const value = isSingle ? lexicon.valueOf(core(first), 'number') : undefined;
  return value === undefined ? undefined : String(value);
}

/** `about 120`: the word behind one without digits. */
function amountBehind(
  [, second = '']: readonly string[],
  { digits, count }: Written,
  habits: Habits,
): string | undefined {
  const plain = plainForm(withoutEndMarks(second));
  if (digits !== '' || count > 1 || !/^[0-9]/.test(plain)) return undefined;
  return takeMoney([plain], true, habits).kind === 'money' ? plain : undefined;
}

/** Marks that make no amount of what is one without them: `-5`, `(5)`, `5?`. */
const onlyMarks = /^[^\p{L}\p{N}\p{Sc}%/.,']*$/u;

/** The amount that a word would be without what nobody sees in it, or without the marks around it. */
function rightForm(written: Written, mayHaveCurrency: boolean, habits: Habits): string | undefined {
  const { word, before, digits, after, count } = written;
  if (turnsAround.test(word) || mixesScripts(word) || digits === '') return undefined;
  const bare = withoutEndMarks(withoutUnseen(word));
  if (count > 1) {
    const turned = [digits, core(before)];
    return takeMoney(turned, mayHaveCurrency, habits).kind === 'money' ? turned.join(' ').toUpperCase() : undefined;
  }
  const isMarked = onlyMarks.test(before) && onlyMarks.test(after);
  const candidates = [
    bare === withoutEndMarks(word) ? '' : bare,
    isMarked && bare === word ? digits : '',
    /^[.,]$/.test(before) && after === '' ? `0${habits.decimalSign}${digits}` : '',
  ];
  return candidates.find((each) => each !== '' && takeMoney([each], mayHaveCurrency, habits).kind === 'money');
}

/** A factor as a fraction: thousand is 1000/1, a hundredth 1/100. */
interface Scale {
  readonly times: bigint;
  readonly by: bigint;
}

/** What a word behind an amount does to its size: `k`, `thousand`, `öre`, `tkr`, `kSEK`; undefined where it does nothing. */
function scaledBy(written: string, { lexicon, currencies }: Habits): Scale | undefined {
  const word = core(plainForm(written));
  if (word === '' || currencies.read(word).kind === 'asset' || lexicon.is(word, 'time')) return undefined;
  const size = lexicon.valueOf(word, 'size');
  if (size !== undefined) return { times: BigInt(size), by: 1n };
  if (lexicon.is(word, 'part')) return { times: 1n, by: 100n };
  const factor = scaledCurrency(word, currencies, lexicon);
  return factor === undefined ? undefined : { times: BigInt(factor), by: 1n };
}

/** `2 k`, `50 öre`: refused with the amount in full. */
function wrongSize(written: Written, text: string, { times, by }: Scale, habits: Habits): Refusal {
  const { currencies, decimalSign, asset } = habits;
  const exponent = currencies.isKnown(asset) ? currencies.exponent(asset) : 2;
  const amount = readAmount(written.digits, exponent, decimalSign);
  const scaled = amount.ok && written.before === '' ? BigInt(amount.amount) * times : 0n;
  const isWhole = scaled > 0n && scaled % by === 0n && (by === 1n || exponent === 2) && scaled < 10n ** 38n;
  const example = isWhole ? shortest(toAmount(scaled / by), exponent, decimalSign) : exampleFor(asset, habits);
  return refusal('bad-amount', { amount: shown(text), example });
}

/** `2000` rather than `2000.00`. */
const shortest = (amount: Amount, exponent: number, sign: DecimalSign): string =>
  writable(amount, exponent, sign).replace(/[.,]0+$/, '');

/** `1 200`, `12 000 000`, `1 200,50`: three digits behind a space may be the next three of the number. */
function spacedGroups(digits: string, following: readonly string[]): { written: string; joined: string } | undefined {
  if (!/^[0-9]+$/.test(digits)) return undefined;
  let written = digits;
  let joined = digits;
  for (const word of following) {
    const [, group, rest = ''] = /^([0-9]{3})(?![0-9])([.,][0-9]+)?/.exec(plainForm(word)) ?? [];
    if (group === undefined) break;
    written += ` ${withoutEndMarks(word)}`;
    joined += `${group}${rest}`;
    if (rest !== '' || plainForm(withoutEndMarks(word)) !== group) break;
  }
  return joined === digits ? undefined : { written, joined };
}

function ambiguousSpaces(
  { written, joined }: { written: string; joined: string },
  asset: Asset,
  habits: Habits,
): Refusal {
  const { currencies, decimalSign } = habits;
  const exponent = currencies.exponent(asset);
  const amount = /[.,]/.test(joined) ? readAmount(joined, exponent, decimalSign) : undefined;
  const [whole = '', decimals] = joined.split(/[.,]/);
  const right = amount?.ok === true ? writable(amount.amount, exponent, decimalSign) : undefined;
  const example = amount?.ok === false && amount.code === 'bad-amount' ? amount.example : undefined;
  const digits = whole.replace(/^0+(?=[0-9])/, '');
  return refusal('ambiguous-amount', {
    amount: shown(written),
    whole: right ?? (decimals === undefined ? digits : (example ?? digits)),
    decimal: '',
  });
}

function refusalOf(amount: Exclude<AmountReading, { ok: true }>, { word, digits }: Written): Refusal {
  switch (amount.code) {
    case 'zero-amount':
      return refusal('zero-amount');
    case 'bad-amount':
      return refusal('bad-amount', { amount: shown(withoutEndMarks(word)), example: amount.example });
    case 'ambiguous-amount':
      return refusal('ambiguous-amount', { amount: shown(digits), whole: amount.whole, decimal: amount.decimal });
  }
}

/** What follows the money may change it: refused with the form that would be read. */
export function refusalOfRest(problem: RestProblem, money: Money | undefined, habits: Habits): Refusal {
  const { currencies, decimalSign } = habits;
  const written = shown(withoutEndMarks(problem.written));
  if (problem.kind === 'unknown-currency') {
    return refusal('unknown-currency', { currency: shown(core(problem.written).toUpperCase()) });
  }
  const amount = money && writable(money.amount, currencies.exponent(money.asset), decimalSign);
  const asset = money?.asset ?? habits.asset;
  const example = `${amount ?? exampleFor(asset, habits)} ${currencies.label(asset)}`;
  return refusal(problem.kind === 'time' ? 'not-later' : 'unclear-rest', { rest: written, example });
}
