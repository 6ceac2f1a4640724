/**
 * What a message means. To a person: an order, or nothing of ours. At the service number: an answer, a command, an order
 * with the addressee's number in it, or not understood.
 */
import type { Msisdn } from '../model/ids.ts';
import type { Message, Reading } from './analysis.ts';
import { decimalSignOf, type Catalogue } from './catalogue.ts';
import { clean } from './clean.ts';
import type { Currencies } from './currencies.ts';
import { planOf, readNumber, type NumberPlan } from './numbers.ts';
import { readOrder, refPattern } from './order.ts';
import { maxCharacters } from './placeholders.ts';
import { refusal, type Habits, type Refusal } from './take-money.ts';
import { bareText, leadingLetters, splitWords } from './words.ts';
import { normaliseKeyword, type Meaning } from './vocabulary.ts';

const notUnderstood = refusal('not-understood');
const codePattern = /^[0-9]{1,8}$/;

export class Reader {
  readonly #catalogue: Catalogue;
  readonly #currencies: Currencies;
  readonly #plans = new Map<Msisdn, NumberPlan>();
  readonly #longestPhrase: number;

  constructor(catalogue: Catalogue, currencies: Currencies) {
    this.#catalogue = catalogue;
    this.#currencies = currencies;
    this.#longestPhrase = Math.max(...[...catalogue.vocabulary.keys()].map((keyword) => keyword.split(' ').length));
  }

  read(message: Message, toService: boolean): Reading {
    return toService ? this.#readAtService(message) : this.#readToUser(message);
  }

  /** Anything that is no order is a private matter of the two. */
  #readToUser(message: Message): Reading {
    // Most messages are conversation: the first word decides before the text is taken apart.
    const [, head = ''] = /^[\s\p{Cf}]*(\p{L}[\p{L}\p{M}]*)/u.exec(message.text) ?? [];
    const meaning = this.#meaning(head);
    if (meaning?.kind !== 'service') return { kind: 'pass' };
    const [first = '', ...words] = splitWords(message.text);
    const tail = first.slice(leadingLetters(first).length);
    if ((tail !== '' && tail !== ':') || words[0] === undefined) return { kind: 'pass' };
    const ofItem = this.#grammar(meaning.service)[0]?.kind === 'item';
    const isOrder = /^[0-9]/.test(words[0]) || (ofItem && message.addresseeIsMachine === true);
    return isOrder ? this.#readOrder(message, meaning.service, words, message.to) : { kind: 'pass' };
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
        const rest = bareText([tail, ...others]);
        if (rest === '') return { kind: 'answer', yes: meaning.yes };
        return codePattern.test(rest) ? { kind: 'answer', yes: meaning.yes, code: rest } : notUnderstood;
      }
      case 'cancel': {
        const rest = bareText([tail, ...others]).toUpperCase();
        if (rest === '') return { kind: 'cancel' };
        return refPattern.test(rest) ? { kind: 'cancel', code: rest } : notUnderstood;
      }
      case 'service':
        if (/^[0-9]/.test(tail)) others.unshift(tail);
        else if (tail !== '' && tail !== ':') return notUnderstood;
        return this.#readOrder(message, meaning.service, others, undefined);
    }
  }

  /** `to` is undefined at the service number: then the addressee's number is in the text. */
  #readOrder(message: Message, service: string, words: readonly string[], to: Msisdn | undefined): Reading {
    const grammar = this.#grammar(service);
    const isRefund = grammar[0]?.kind === 'code';
    const habits: Habits = {
      currencies: this.#currencies,
      decimalSign: decimalSignOf(this.#catalogue, message.from.language),
      asset: message.from.asset,
    };
    const addressed = to === undefined ? this.#takeNumber(words, message.to) : { to, words };
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
   * note none is chosen.
   */
  #takeNumber(
    words: readonly string[],
    serviceNumber: Msisdn,
  ): Refusal | { to: Msisdn | undefined; words: readonly string[] } {
    const found: { readonly number: Msisdn; readonly at: number; readonly words: number }[] = [];
    let bad: string | undefined;
    for (let at = 0; at < words.length;) {
      const reading = readNumber(words, at, this.#plan(serviceNumber));
      if (reading.kind === 'number') found.push({ number: reading.number, at, words: reading.words });
      if (reading.kind === 'bad') bad ??= reading.written;
      at += reading.kind === 'number' ? reading.words : 1;
    }
    const [first] = found;
    if (first === undefined) {
      return bad === undefined
        ? { to: undefined, words }
        : refusal('unknown-number', { number: clean(bad, maxCharacters.item) });
    }
    const isBeforeNote = words.slice(0, first.at).every((word) => this.#isOfAmount(word));
    if (!isBeforeNote && found.some(({ number }) => number !== first.number)) return refusal('several-numbers');
    return { to: first.number, words: words.toSpliced(first.at, first.words) };
  }

  #isOfAmount(word: string): boolean {
    return /^[0-9]/.test(word) || refPattern.test(word.toUpperCase()) || this.#currencies.read(word).kind !== 'none';
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
