/**
 * What a message means. To a person: an order, or nothing of ours. At the service number: an answer, a command, an order
 * with the addressee's number in it, or not understood.
 */
import type { Msisdn } from '../model/ids.ts';
import type { Message, Reading } from './analysis.ts';
import { decimalSignOf, type Catalogue } from './catalogue.ts';
import { clean } from './clean.ts';
import type { Currencies } from './currencies.ts';
import { asciiDigits, plainForm } from './digits.ts';
import type { Lexicon } from './lexicon.ts';
import { planOf, readNumber, type NumberPlan } from './numbers.ts';
import { readOrder, refPattern } from './order.ts';
import { maxCharacters } from './placeholders.ts';
import { beginsWithMoney, refusal, type Habits, type Refusal } from './take-money.ts';
import { bareText, core, leadingLetters, splitWords } from './words.ts';
import { normaliseKeyword, type Meaning } from './vocabulary.ts';

const notUnderstood = refusal('not-understood');
/** A keyword ends at a space or a colon, of any keyboard. */
const isKeywordEnd = (tail: string): boolean => tail === '' || tail === ':' || tail === '\uff1a';

const codePattern = /^[0-9]{1,8}$/;

export class Reader {
  readonly #catalogue: Catalogue;
  readonly #currencies: Currencies;
  readonly #lexicon: Lexicon;
  readonly #plans = new Map<Msisdn, NumberPlan>();
  readonly #longestPhrase: number;

  constructor(catalogue: Catalogue, currencies: Currencies, lexicon: Lexicon) {
    this.#catalogue = catalogue;
    this.#currencies = currencies;
    this.#lexicon = lexicon;
    this.#longestPhrase = Math.max(...[...catalogue.vocabulary.keys()].map((keyword) => keyword.split(' ').length));
  }

  read(message: Message, toService: boolean): Reading {
    return toService ? this.#readAtService(message) : this.#readToUser(message);
  }

  /** Anything that is no order is a private matter of the two. */
  #readToUser(message: Message): Reading {
    // Most messages are conversation: the first word decides before the text is taken apart.
    const [, head = ''] = /^[\s\p{Cf}]*(\p{L}[\p{L}\p{M}\u200c\u200d]*)/u.exec(message.text) ?? [];
    const meaning = this.#meaning(head);
    if (meaning?.kind !== 'service') return { kind: 'pass' };
    const [first = '', ...words] = splitWords(message.text);
    const tail = first.slice(leadingLetters(first).length);
    if (!isKeywordEnd(tail) || words.length === 0) return { kind: 'pass' };
    const isOrder = this.#isOrder(meaning.service, words, message.addresseeIsMachine === true);
    return isOrder ? this.#readOrder(message, meaning.service, words, message.to) : { kind: 'pass' };
  }

  /** What makes an order of a message to a person: an item's number, or what begins as money does, right or wrong. */
  #isOrder(service: string, words: readonly string[], toMachine: boolean): boolean {
    const [first = '', second = ''] = words;
    if (this.#grammar(service)[0]?.kind === 'item') return toMachine || /^\p{Nd}/u.test(first);
    if (beginsWithMoney(words, { currencies: this.#currencies })) return true;
    return this.#isAmountInLetters(words) || this.#isQualified(first, second);
  }

  /** In letters only where nothing but an amount can be meant: `PAY twelve`, `PAY two hundred dollars`, not `pay one more visit`. */
  #isAmountInLetters(words: readonly string[]): boolean {
    const isNumber = (word: string): boolean => this.#lexicon.begins(word, 'number', 'size');
    const isBeside = (word: string): boolean =>
      this.#lexicon.begins(word, 'part', 'article', 'join', 'filler') ||
      this.#currencies.readWritten(word).kind !== 'none';
    return words.length <= 8 && words.some(isNumber) && words.every((word) => isNumber(word) || isBeside(word));
  }

  /** `PAY about 120`, `PAY just 120`: an amount, not written as one. */
  #isQualified(first: string, second: string): boolean {
    return /^\p{Nd}/u.test(second) && this.#lexicon.is(core(first), 'quantity', 'filler');
  }

  #readAtService(message: Message): Reading {
    const words = splitWords(message.text);
    if (words.length <= this.#longestPhrase) {
      const whole = this.#meaning(bareText(words));
      if (whole?.kind === 'command') return { kind: 'command', command: whole.command };
    }
    const [first = '', ...others] = words;
    const letters = leadingLetters(first);
    const tail = first.slice(letters.length);
    const meaning = this.#meaning(letters);
    switch (meaning?.kind) {
      case undefined:
      case 'command':
        return notUnderstood;
      case 'answer': {
        const rest = asciiDigits(bareText([tail, ...others]));
        if (rest === '') return { kind: 'answer', yes: meaning.yes };
        return codePattern.test(rest) ? { kind: 'answer', yes: meaning.yes, code: rest } : notUnderstood;
      }
      case 'cancel': {
        const rest = plainForm(bareText([tail, ...others])).toUpperCase();
        if (rest === '') return { kind: 'cancel' };
        return refPattern.test(rest) ? { kind: 'cancel', code: rest } : notUnderstood;
      }
      case 'service':
        if (/^[\p{Nd}\p{Sc}]/u.test(tail)) others.unshift(tail);
        else if (!isKeywordEnd(tail)) return notUnderstood;
        return this.#readOrder(message, meaning.service, others, undefined);
    }
  }

  /** `to` is undefined at the service number: then the addressee's number is in the text. */
  #readOrder(message: Message, service: string, words: readonly string[], to: Msisdn | undefined): Reading {
    const grammar = this.#grammar(service);
    const isRefund = grammar[0]?.kind === 'code';
    const habits: Habits = {
      currencies: this.#currencies,
      lexicon: this.#lexicon,
      decimalSign: decimalSignOf(this.#catalogue, message.from.language),
      asset: message.from.asset,
    };
    const addressed = to === undefined ? this.#takeNumber(words, message.to, isRefund) : { to, words };
    if ('kind' in addressed) return addressed;
    const body = readOrder(grammar, addressed.words, habits);
    if ('kind' in body) return body;
    const { money, item, code, note } = body;
    const addressee = addressed.to;
    if (addressee === message.from.number) return refusal('own-number');
    if (isRefund) {
      return {
        kind: 'refund',
        ...(code !== undefined && { code }),
        ...(addressee !== undefined && { to: addressee }),
        ...(money && { amount: money }),
        note,
      };
    }
    if (addressee === undefined) return refusal('missing-addressee');
    return { kind: 'order', service, to: addressee, ...(money && { money }), item, note };
  }

  /**
   * The addressee's number, taken out of the words. A number before the note wins over one in it; of several within the
   * note, or side by side, none is chosen. What can be a date is nobody's number.
   */
  #takeNumber(
    words: readonly string[],
    serviceNumber: Msisdn,
    mayHaveRef: boolean,
  ): Refusal | { to: Msisdn | undefined; words: readonly string[] } {
    const found: { readonly number: Msisdn; readonly at: number; readonly words: number }[] = [];
    let bad: Refusal | undefined;
    for (let at = 0; at < words.length;) {
      const reading = readNumber(words, at, this.#plan(serviceNumber));
      if (reading.kind === 'number') found.push({ number: reading.number, at, words: reading.words });
      if (reading.kind === 'bad' || reading.kind === 'date') {
        const text = reading.kind === 'bad' ? 'unknown-number' : 'number-or-date';
        bad ??= refusal(text, { number: clean(reading.written, maxCharacters.item) });
      }
      at += reading.kind === 'number' || reading.kind === 'date' ? reading.words : 1;
    }
    const [first] = found;
    if (first === undefined) return bad ?? { to: undefined, words };
    const isBeforeNote = words.slice(0, first.at).every((word) => this.#isOfAmount(word, mayHaveRef));
    const other = found.find(({ number }) => number !== first.number);
    const isBeside = other !== undefined && this.#isBeside(words.slice(first.at + first.words, other.at), mayHaveRef);
    if (other !== undefined && (!isBeforeNote || isBeside)) return refusal('several-numbers');
    return { to: first.number, words: words.toSpliced(first.at, first.words) };
  }

  /** Nothing between two numbers that makes the second one part of a note: `+46… or +46…`, `+46… 120 +46…`. */
  #isBeside(between: readonly string[], mayHaveRef: boolean): boolean {
    return between.every(
      (word) =>
        core(word) === '' ||
        this.#lexicon.is(core(word), 'join', 'correction', 'filler', 'time') ||
        this.#isOfAmount(word, mayHaveRef),
    );
  }

  #isOfAmount(word: string, mayHaveRef: boolean): boolean {
    const isRef = mayHaveRef && refPattern.test(plainForm(word).toUpperCase());
    return (
      isRef ||
      beginsWithMoney([word], { currencies: this.#currencies }) ||
      this.#currencies.read(core(word)).kind !== 'none'
    );
  }

  #meaning(keyword: string): Meaning | undefined {
    return keyword === '' ? undefined : this.#catalogue.vocabulary.get(normaliseKeyword(keyword));
  }

  #grammar(service: string): Catalogue['services'][string]['grammar'] {
    return this.#catalogue.services[service]?.grammar ?? [];
  }

  #plan(serviceNumber: Msisdn): NumberPlan {
    const known = this.#plans.get(serviceNumber);
    if (known !== undefined) return known;
    const plan = planOf(serviceNumber);
    this.#plans.set(serviceNumber, plan);
    return plan;
  }
}
