/** What follows a service's keyword, by the service's grammar. */
import type { Money } from './analysis.ts';
import { clean } from './clean.ts';
import type { Grammar } from './grammar.ts';
import { plainForm } from './digits.ts';
import { maxCharacters } from './placeholders.ts';
import { problemOfRest } from './rest.ts';
import { beginsWithMoney, refusal, refusalOfRest, takeMoney, type Habits, type Refusal } from './take-money.ts';
import { withoutEndMarks } from './words.ts';

export interface OrderBody {
  readonly money?: Money;
  readonly item: string;
  /** A pair's ref, in capitals. */
  readonly code?: string;
  readonly note: string;
}

/** Four characters that begin with a letter, so never an amount; without 0, O, 1, I and L. */
export const refPattern = /^[A-HJKMNP-Z][A-HJKMNP-Z2-9]{3}$/;

const refOf = (word: string): string => plainForm(withoutEndMarks(word)).toUpperCase();

/** With a digit, as refs are drawn: never a word of any language. */
const isPlainRef = (word = ''): boolean => refPattern.test(refOf(word)) && /[2-9]/.test(refOf(word));

/** `words` are those after the keyword, the addressee's number taken out. Nothing that fits the grammar: `not-understood`. */
export function readOrder(grammar: Grammar, words: readonly string[], habits: Habits): OrderBody | Refusal {
  let at = 0;
  let money: Money | undefined;
  let item = '';
  let code: string | undefined;
  let note = '';
  let hasCurrency = false;
  const takeRef = (): string | undefined => {
    const ref = refOf(words[at] ?? '');
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
        if (optional && !beginsWithMoney(words.slice(at), habits)) break;
        const rest = words.slice(at);
        // `15 FR42` and `15 KR22`: what stands there is the ref, whatever currency it begins like.
        const beforeRef = grammar[0]?.kind === 'code' && code === undefined && isPlainRef(words[at + 1]);
        const mayHaveCurrency = grammar[index + 1]?.kind === 'currency';
        const taken = takeMoney(beforeRef ? rest.slice(0, 1) : rest, mayHaveCurrency, habits);
        if (taken.kind === 'refusal') return taken;
        ({ money, hasCurrency } = taken);
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
      case 'note': {
        if (words.length > at && at === 0) return refusal('not-understood');
        const { currencies, lexicon } = habits;
        const problem = problemOfRest(words.slice(at), { currencies, lexicon, hasCurrency });
        if (problem !== undefined) return refusalOfRest(problem, money, habits);
        note = clean(words.slice(at).join(' '), maxCharacters.note);
        at = words.length;
        break;
      }
    }
  }
  if (at < words.length) return refusal('not-understood');
  return { ...(money && { money }), item, ...(code !== undefined && { code }), note };
}
