/** What follows the money in an order: a note, or something that could make it other money or another time. */
import { banknotes, type Currencies } from './currencies.ts';
import { withoutUnseen } from './clean.ts';
import { asciiDigits, plainForm } from './digits.ts';
import type { Lexicon } from './lexicon.ts';
import { core, leadingLetters } from './words.ts';

export type RestProblem = { readonly kind: 'unclear' | 'time' | 'unknown-currency'; readonly written: string };

export interface RestReader {
  readonly currencies: Currencies;
  readonly lexicon: Lexicon;
  /** The money before it names its currency, so that a number behind it ends no amount. */
  readonly hasCurrency: boolean;
}

const beginsWithNumber = /^[^\p{L}\p{N}]*\p{N}/u;
const hasNumber = /\p{N}/u;
const hasSign = /\p{Sc}/u;
const hasLetter = /\p{L}/u;
/** `12/11`, `08:30`, `2026-12-01`: a date or a time of day. */
const dateOrTime = /^[0-9]{1,4}(?:[:/-][0-9]{1,4}|\.[0-9]{1,2}\.(?:[0-9]{2,4})?)/;
/** `x2`, `*3`, `/person`, `%`, `+20`, `=100`: an operation on what stands before. */
const operation = /^(?:[x*^±@#]+(?=[\p{N}\p{Sc}])|[/%‰÷×✕✖⨯=+&](?!$))/iu;
/** As numbers of telephones are written that are no amounts: with a plus sign, or with a zero in front. */
const telephone = /^(?:\+[0-9]{8,15}|00?[1-9][0-9]{6,12})$/;

const isQuestion = (word: string): boolean => /[?\u00bf\u061f\uff1f]/.test(word) && !hasLetter.test(word);

/** The first thing in `words`, which follow the money, that a note must not begin with or hide. */
export function problemOfRest(written: readonly string[], reader: RestReader): RestProblem | undefined {
  const { lexicon } = reader;
  // What nobody sees must not part a word: a note is shown without it.
  const words = written.map(withoutUnseen);
  let at = 0;
  while (at < words.length && isSilent(words, at, lexicon)) at += 1;
  const word = words[at];
  if (word === undefined) return undefined;
  const next = words[at + 1] ?? '';
  if (!lexicon.is(core(word), 'note')) return problemOfHead(words, at, reader) ?? problemWithin(words, at, reader);
  if (lexicon.begins(next, 'quantity')) return { kind: 'unclear', written: `${word} ${next}` };
  return problemWithin(words, at + 1, reader);
}

/** Pictures and marks that say nothing, and words such as "please". */
function isSilent(words: readonly string[], at: number, lexicon: Lexicon): boolean {
  const word = words[at] ?? '';
  if (lexicon.is(core(word), 'filler')) return true;
  if (core(word) !== '' || banknotes.test(word) || isQuestion(word) || operation.test(plainForm(word))) return false;
  if (lexicon.is(plainForm(word), 'quantity')) return false;
  return !lexicon.is(plainForm(word), 'join') || !isNumeric(words[at + 1] ?? '', lexicon);
}

/** Says how much: in digits, or in letters. */
const isNumeric = (word: string, lexicon: Lexicon): boolean =>
  beginsWithNumber.test(word) || hasSign.test(word) || lexicon.begins(word, 'number', 'size', 'part');

function problemOfHead(words: readonly string[], at: number, reader: RestReader): RestProblem | undefined {
  const { currencies, lexicon } = reader;
  const word = words[at] ?? '';
  const next = words[at + 1] ?? '';
  const both = next === '' ? word : `${word} ${next}`;
  if (isQuestion(word)) return { kind: 'unclear', written: word };
  if (lexicon.begins(word, 'time')) return { kind: 'time', written: word };
  if (beginsWithNumber.test(word)) return problemOfNumber(words, at, reader);
  if (operation.test(plainForm(word)) || lexicon.begins(word, 'quantity', 'size', 'part', 'number')) {
    return { kind: 'unclear', written: both };
  }
  if (isMoneyWord(word, reader)) {
    const isUnknown = currencies.readWritten(word).kind === 'unknown';
    return { kind: isUnknown ? 'unknown-currency' : 'unclear', written: word };
  }
  if (lexicon.begins(word, 'at', 'article')) {
    const problem = problemBehind(words, at, reader);
    if (problem !== undefined) return problem;
  }
  // Behind a currency it says whose that is (120 dollars canadiens), before one likewise.
  if (lexicon.begins(word, 'origin') && (reader.hasCurrency || next === '' || isMoneyWord(next, reader))) {
    return { kind: 'unknown-currency', written: both };
  }
  const isJoined =
    lexicon.begins(word, 'join', 'correction') && (hasNumber.test(word) || saysHowMuch(words, at + 1, reader));
  return isJoined ? { kind: 'unclear', written: both } : undefined;
}

/** Behind words such as "at" and "the": `at 8`, `at8`, `on the 12th`, `this friday`, `a couple`, `in euros`. */
function problemBehind(words: readonly string[], at: number, reader: RestReader): RestProblem | undefined {
  const { lexicon } = reader;
  const word = words[at] ?? '';
  const hasAt = lexicon.begins(word, 'at');
  if (hasAt && hasNumber.test(word)) return { kind: 'time', written: word };
  let last = at + 1;
  while (last < words.length && lexicon.begins(words[last] ?? '', 'article')) last += 1;
  const next = words[last] ?? '';
  const written = words.slice(at, last + 1).join(' ');
  const saysWhen = hasAt || words.slice(at, last).some((each) => lexicon.begins(each, 'at'));
  if (lexicon.begins(next, 'time')) return { kind: 'time', written };
  if (beginsWithNumber.test(next) || lexicon.begins(next, 'number')) {
    return { kind: saysWhen ? 'time' : 'unclear', written };
  }
  const isMoney = (isLong(next) || hasSign.test(next)) && isMoneyWord(next, reader);
  return isMoney || lexicon.begins(next, 'quantity') ? { kind: 'unclear', written } : undefined;
}

/** Whether an amount comes within the next words: `and a half`, `but only 50`, `make it 130`. */
function saysHowMuch(words: readonly string[], from: number, reader: RestReader): boolean {
  for (const word of words.slice(from, from + 3)) {
    if (reader.lexicon.is(core(word), 'note')) return false;
    if (isNumeric(word, reader.lexicon) || isMoneyWord(word, reader) || reader.lexicon.begins(word, 'quantity'))
      return true;
  }
  return false;
}

/** The factor of a currency with a size before it in one word: `kSEK`, `M€`. */
export function scaledCurrency(word: string, currencies: Currencies, lexicon: Lexicon): number | undefined {
  for (const length of [1, 2, 3]) {
    const rest = word.slice(length);
    const factor = rest === '' ? undefined : lexicon.valueOf(word.slice(0, length), 'size');
    if (factor !== undefined && currencies.read(rest).kind !== 'none') return factor;
  }
  return undefined;
}

const isMoneyWord = (word: string, { currencies, lexicon }: RestReader): boolean =>
  currencies.readWritten(word).kind !== 'none' ||
  lexicon.begins(word, 'size', 'part') ||
  scaledCurrency(core(plainForm(word)), currencies, lexicon) !== undefined;

/** A number right behind the money. It may begin a note behind a currency, where it is longer than a quantity: `SEK 305 Main Street`. */
function problemOfNumber(words: readonly string[], at: number, reader: RestReader): RestProblem | undefined {
  const { lexicon, hasCurrency } = reader;
  const word = plainForm(words[at] ?? '');
  const next = words[at + 1] ?? '';
  if (telephone.test(word.replace(/[-().]/g, ''))) return undefined;
  const isOrdinary = hasLetter.test(next) && !isMoneyWord(next, reader) && !lexicon.begins(next, ...changing);
  if (hasCurrency && /^[1-9][0-9]{2,6}$/.test(word) && isOrdinary) return undefined;
  const isTime = dateOrTime.test(word) || lexicon.begins(next, 'time', 'at') || lexicon.is(lettersBehind(word), 'time');
  return { kind: isTime ? 'time' : 'unclear', written: next === '' ? word : `${words[at] ?? ''} ${next}` };
}

/** The unit in the word of a number: `8pm`, `18h30`. */
const lettersBehind = (word: string): string => /^[0-9.,:]+(\p{L}+)/u.exec(word)?.[1] ?? '';

const changing = ['quantity', 'time', 'at', 'join', 'number', 'origin'] as const;

/** Money further on, where it would be another sum: `lunch 30 kr`, `lunch and 30`. */
function problemWithin(words: readonly string[], from: number, reader: RestReader): RestProblem | undefined {
  for (let at = from; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (isLateCurrency(word, at === words.length - 1, reader)) return { kind: 'unclear', written: word };
    if (!hasNumber.test(word)) continue;
    if (/^[+×*][0-9]/.test(plainForm(word)) && !telephone.test(plainForm(word)))
      return { kind: 'unclear', written: word };
    const [previous = '', next = ''] = [at > from ? words[at - 1] : '', words[at + 1]];
    if (isMoney(word, next, reader)) return { kind: 'unclear', written: `${word} ${next}`.trim() };
    if (isJoined(previous, word, reader)) return { kind: 'unclear', written: `${previous} ${word}` };
  }
  return undefined;
}

/** A currency at the end of the note, or its code or sign anywhere in it: `120 lunch EUR`. */
function isLateCurrency(word: string, isLast: boolean, { currencies }: RestReader): boolean {
  if (!isLast && !hasSign.test(word) && !/\b[A-Z]{3}\b/.test(word)) return false;
  const { kind } = currencies.readWritten(word);
  return (
    kind === 'asset' || (kind !== 'none' && (hasSign.test(word) || (kind === 'unknown' && isCode(word, currencies))))
  );
}

const isCode = (word: string, currencies: Currencies): boolean =>
  /^[A-Z]{3}$/.test(core(word)) && !currencies.isAlsoWord(core(word));

/** A single letter further on is a flat or a size of clothes rather than cents. */
const isLong = (word: string): boolean => core(word).length > 1;

function isMoney(word: string, next: string, reader: RestReader): boolean {
  const bare = core(plainForm(word));
  const [, before = '', after = ''] = /^([^0-9]*)[0-9](?:.*[0-9])?([^0-9]*)$/su.exec(bare) ?? [];
  if (hasSign.test(bare)) return true;
  const glued = after === '' ? '' : leadingLetters(after);
  if (before !== '' && reader.currencies.read(before).kind !== 'none') return true;
  if (glued !== '') return isLong(glued) && isMoneyWord(glued, reader);
  return before === '' && (hasSign.test(next) || isLong(next)) && isMoneyWord(next, reader);
}

function isJoined(previous: string, word: string, { currencies, lexicon }: RestReader): boolean {
  if (previous === '' || !beginsWithNumber.test(asciiDigits(word))) return false;
  const isAdding = previous === '+' || (core(previous) !== '' && lexicon.is(core(previous), 'join'));
  return isAdding || currencies.readWritten(previous).kind !== 'none';
}
