/** Money within an order's words: an amount, and the currency in the same word or the next. */
import type { Asset } from '../model/ids.ts';
import type { Money, NoticeKey, TextParams } from './analysis.ts';
import { clean, withUnseenShown, withoutUnseen } from './clean.ts';
import type { Currencies } from './currencies.ts';
import { exampleOf, readAmount, type DecimalSign } from './money.ts';
import { maxCharacters } from './placeholders.ts';
import { withoutEndMarks } from './words.ts';

export interface Refusal {
  readonly kind: 'refusal';
  readonly text: NoticeKey;
  readonly params: TextParams;
}

export const refusal = (text: NoticeKey, params: TextParams = {}): Refusal => ({ kind: 'refusal', text, params });

/** How this user writes money. */
export interface Habits {
  readonly currencies: Currencies;
  readonly decimalSign: DecimalSign;
  /** What an amount without a currency is in. */
  readonly asset: Asset;
}

/** `words`: how many words the money takes. */
export interface TakenMoney {
  readonly kind: 'money';
  readonly money: Money;
  readonly words: number;
}

/** Digits and what may part them, then a currency or a price's dash: `120`, `12,50kr`, `120:-`. */
const amountWord = /^([0-9](?:[0-9.,'\u2019]*[0-9])?)(.*)$/su;
const priceDash = /^[:.,]?[-\u2013]$/;

/** Bidirectional controls: the digits were seen in another order than they are in. */
const turnsAround = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** As it was written: what made it unreadable must be seen. */
const shown = (text: string): string => clean(withUnseenShown(text), maxCharacters.item);

/** `words` begin with the amount. A currency behind it is looked for only where the grammar has a place for it. */
export function takeMoney(words: readonly string[], mayHaveCurrency: boolean, habits: Habits): TakenMoney | Refusal {
  const { currencies, decimalSign } = habits;
  const [first = '', second = ''] = words;
  const [, written = '', rest = ''] = amountWord.exec(withoutEndMarks(first)) ?? [];
  const inWord = priceDash.test(rest) ? '' : rest;
  const next = withoutEndMarks(second);
  const isCurrency = (word: string): boolean => mayHaveCurrency && currencies.read(word).kind !== 'none';
  const bad = (text: string): Refusal => {
    const exponent = currencies.isKnown(habits.asset) ? currencies.exponent(habits.asset) : 2;
    const bare = withoutEndMarks(withoutUnseen(first));
    // Copied amounts have characters in them that nobody sees: without them it may be right, and is the form to write.
    const reads = bare !== withoutEndMarks(first) && !turnsAround.test(first);
    const isRight = reads && takeMoney([bare], mayHaveCurrency, habits).kind === 'money';
    return refusal('bad-amount', { amount: shown(text), example: isRight ? bare : exampleOf(exponent, decimalSign) });
  };

  if (written === '' || (inWord !== '' && !isCurrency(inWord))) return bad(first);
  const currency = inWord !== '' ? inWord : isCurrency(next) ? next : '';
  if (currency === '') {
    const both = `${written} ${next}`;
    const whole = joinedGroups(written, next);
    if (whole !== undefined) return refusal('ambiguous-amount', { amount: shown(both), whole, decimal: '' });
    if (mayHaveCurrency && beginsWithMoney(words.slice(1), currencies)) return bad(both);
  }

  const reading = currency === '' ? undefined : currencies.read(currency);
  if (reading !== undefined && reading.kind !== 'asset') {
    return refusal('unknown-currency', { currency: shown(currency.toUpperCase()) });
  }
  const asset = reading?.asset ?? habits.asset;
  if (!currencies.isKnown(asset)) return refusal('no-account', { currency: asset });

  const amount = readAmount(written, currencies.exponent(asset), decimalSign);
  if (amount.ok) {
    const taken = currency !== '' && inWord === '' ? 2 : 1;
    return { kind: 'money', money: { asset, amount: amount.amount }, words: taken };
  }
  switch (amount.code) {
    case 'zero-amount':
      return refusal('zero-amount');
    case 'bad-amount':
      return refusal('bad-amount', { amount: shown(withoutEndMarks(first)), example: amount.example });
    case 'ambiguous-amount':
      return refusal('ambiguous-amount', { amount: shown(written), whole: amount.whole, decimal: amount.decimal });
  }
}

/** `1 200` as `1200`: three digits after a space may be the next three of the number. */
function joinedGroups(written: string, next: string): string | undefined {
  const isGroup = /^[0-9]{1,3}$/.test(written) && /^[0-9]{3}(?![0-9])/.test(next);
  return isGroup ? `${written}${next.slice(0, 3)}` : undefined;
}

/** A number with a currency, where a note would begin: `1 50 kr` is no note of "50 kr". */
function beginsWithMoney(words: readonly string[], currencies: Currencies): boolean {
  const [first = '', second = ''] = words.slice(0, 2).map(withoutEndMarks);
  const [, , rest] = amountWord.exec(first) ?? [];
  return rest !== undefined && currencies.read(rest === '' ? second : rest).kind !== 'none';
}
