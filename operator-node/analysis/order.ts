/** What follows a service's keyword, by the service's grammar. */
import type { Asset } from '../model/ids.ts';
import type { Money, NoticeKey, TextParams } from './analysis.ts';
import { clean } from './clean.ts';
import type { Currencies } from './currencies.ts';
import type { Grammar } from './grammar.ts';
import { exampleOf, readAmount, type DecimalSign } from './money.ts';
import { maxCharacters } from './placeholders.ts';
import { withoutEndMarks } from './words.ts';

export interface OrderBody {
  readonly money?: Money;
  readonly item: string;
  /** A pair's ref, in capitals. */
  readonly code?: string;
  readonly note: string;
}

export interface Refusal {
  readonly kind: 'refusal';
  readonly text: NoticeKey;
  readonly params: TextParams;
}

export const refusal = (text: NoticeKey, params: TextParams = {}): Refusal => ({ kind: 'refusal', text, params });

export interface Habits {
  readonly currencies: Currencies;
  readonly decimalSign: DecimalSign;
  /** What an amount without a currency is in. */
  readonly asset: Asset;
}

const beginsWithDigit = /^[0-9]/;
/** Digits and what may part them, then a currency or a price's dash: `120`, `12,50kr`, `120:-`. */
const amountWord = /^([0-9](?:[0-9.,'\u2019]*[0-9])?)(.*)$/su;
const priceDash = /^[:.,]?[-\u2013]$/;
/** Three digits that could be the end of `1 200`. */
const group = /^[0-9]{3}(?![0-9])/;
/** Four characters that begin with a letter, so never an amount; without 0, O, 1, I and L. */
export const refPattern = /^[A-HJKMNP-Z][A-HJKMNP-Z2-9]{3}$/;

const shown = (text: string): string => clean(text, maxCharacters.item);

type Taken<T> =
  { readonly ok: true; readonly value: T; readonly words: number } | { readonly ok: false; readonly refusal: Refusal };

const refused = (text: NoticeKey, params?: TextParams): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: refusal(text, params),
});

/** The amount at `words[at]`, with the currency in the same word or the next. */
function takeMoney(words: readonly string[], at: number, mayHaveCurrency: boolean, habits: Habits): Taken<Money> {
  const { currencies, decimalSign } = habits;
  const word = withoutEndMarks(words[at] ?? '');
  const [, written = '', rest = ''] = amountWord.exec(word) ?? [];
  const bad = (): { readonly ok: false; readonly refusal: Refusal } =>
    refused('bad-amount', { amount: shown(words[at] ?? ''), example: exampleOf(exponent, decimalSign) });

  let { asset } = habits;
  let exponent = currencies.isKnown(asset) ? currencies.exponent(asset) : 2;
  if (written === '') return bad();

  let taken = 1;
  let currency = rest === '' || priceDash.test(rest) ? '' : rest;
  if (currency !== '' && (!mayHaveCurrency || currencies.read(currency).kind === 'none')) return bad();
  const next = withoutEndMarks(words[at + 1] ?? '');
  if (currency === '' && mayHaveCurrency && currencies.read(next).kind !== 'none') {
    currency = next;
    taken = 2;
  }
  if (currency === '') {
    const both = shown(`${written} ${next}`);
    if (/^[0-9]{1,3}$/.test(written) && group.test(next)) {
      return refused('ambiguous-amount', { amount: both, whole: `${written}${next.slice(0, 3)}`, decimal: '' });
    }
    if (mayHaveCurrency && isMoney(words.slice(at + 1), currencies)) {
      return refused('bad-amount', { amount: both, example: exampleOf(exponent, decimalSign) });
    }
  }
  if (currency !== '') {
    const reading = currencies.read(currency);
    if (reading.kind !== 'asset') return refused('unknown-currency', { currency: shown(currency.toUpperCase()) });
    asset = reading.asset;
  }
  if (!currencies.isKnown(asset)) return refused('no-account', { currency: asset });
  exponent = currencies.exponent(asset);

  const amount = readAmount(written, exponent, decimalSign);
  if (amount.ok) return { ok: true, value: { asset, amount: amount.amount }, words: taken };
  switch (amount.code) {
    case 'zero-amount':
      return refused('zero-amount');
    case 'bad-amount':
      return refused('bad-amount', { amount: shown(word), example: amount.example });
    case 'ambiguous-amount':
      return refused('ambiguous-amount', { amount: written, whole: amount.whole, decimal: amount.decimal });
  }
}

/** A number with a currency, where a note would begin: `1 50 kr` is no note of "50 kr". */
function isMoney(words: readonly string[], currencies: Currencies): boolean {
  const [first = '', second = ''] = words.map(withoutEndMarks);
  const [, , rest] = amountWord.exec(first) ?? [];
  return rest !== undefined && currencies.read(rest === '' ? second : rest).kind !== 'none';
}

/** `words` are those after the keyword, the addressee's number taken out. Nothing that fits the grammar: `not-understood`. */
export function readOrder(grammar: Grammar, words: readonly string[], habits: Habits): OrderBody | Refusal {
  let at = 0;
  let money: Money | undefined;
  let item = '';
  let code: string | undefined;
  let note = '';
  const takeRef = (): string | undefined => {
    const ref = withoutEndMarks(words[at] ?? '').toUpperCase();
    if (!refPattern.test(ref)) return undefined;
    at += 1;
    return ref;
  };
  for (const [index, { kind, optional }] of grammar.entries()) {
    const word = words[at] ?? '';
    switch (kind) {
      case 'code':
        code = takeRef();
        break;
      case 'amount': {
        if (optional && !beginsWithDigit.test(word)) break;
        const taken = takeMoney(words, at, grammar[index + 1]?.kind === 'currency', habits);
        if (!taken.ok) return taken.refusal;
        money = taken.value;
        at += taken.words;
        break;
      }
      case 'currency':
        // Taken with the amount. A ref written after the amount is no note: it would name another payment.
        code ??= grammar[0]?.kind === 'code' && at > 0 ? takeRef() : undefined;
        break;
      case 'item': {
        const takesRest = index === grammar.length - 1;
        const written = takesRest ? words.slice(at).join(' ') : word;
        item = clean(written, maxCharacters.item + 1);
        if (item === '') return refusal('not-understood');
        // A cut name could be another item's: it is not looked up.
        if ([...item].length > maxCharacters.item) return refusal('unknown-item', { item });
        at += takesRest ? words.length - at : 1;
        break;
      }
      case 'note':
        if (words.length > at && at === 0) return refusal('not-understood');
        note = clean(words.slice(at).join(' '), maxCharacters.note);
        at = words.length;
        break;
    }
  }
  if (at < words.length) return refusal('not-understood');
  return { ...(money && { money }), item, ...(code !== undefined && { code }), note };
}
