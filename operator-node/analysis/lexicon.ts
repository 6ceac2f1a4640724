/** Words that change what an amount before them means, in all of the catalogue's languages at once. */
import { core, leadingLetters, withoutElision } from './words.ts';
import { plainForm } from './digits.ts';
import { normaliseKeyword } from './vocabulary.ts';

/**
 * `size`: multiplies (thousand); `part`: a hundredth of the currency (cents); `number`: a number in letters; `origin`: says
 * whose currency (Canadian dollars); `quantity`: how many or how often (each, twice); `time`: when or on which condition;
 * `at`: makes a time of the number or time behind it; `join`: adds, offers or denies another amount (and 30, or 30, not 30);
 * `correction`: takes the amount back for another one (no 30); `article`: stands before a word without changing it (the 12th).
 * `note` begins a note whatever comes; a `filler` says nothing (please).
 */
export type WordKind = (typeof wordKinds)[number];
export const wordKinds = [
  'size',
  'part',
  'number',
  'origin',
  'quantity',
  'time',
  'at',
  'join',
  'correction',
  'article',
  'note',
  'filler',
] as const;

type WordList = readonly string[] | Readonly<Record<string, number>>;
const isList = (words: WordList): words is readonly string[] => Array.isArray(words);

/** By kind, then by language: words, or words with what they stand for. */
export type AmountWords = Readonly<Record<WordKind, Readonly<Record<string, WordList>>>>;

const noKinds: ReadonlySet<WordKind> = new Set();

export class Lexicon {
  readonly #kinds = new Map<string, Set<WordKind>>();
  readonly #values = new Map<string, number>();
  #last: { readonly word: string; readonly kinds: ReadonlySet<WordKind> } = { word: '', kinds: noKinds };

  constructor(words: AmountWords) {
    for (const kind of wordKinds) {
      for (const list of Object.values(words[kind])) {
        if (isList(list)) for (const word of list) this.#add(word, kind);
        else for (const [word, value] of Object.entries(list)) this.#add(word, kind, value);
      }
    }
  }

  #add(word: string, kind: WordKind, value?: number): void {
    const key = normaliseKeyword(word);
    const kinds = this.#kinds.get(key) ?? new Set();
    this.#kinds.set(key, kinds.add(kind));
    if (value !== undefined) this.#values.set(`${kind} ${key}`, value);
  }

  is(word: string, ...kinds: readonly WordKind[]): boolean {
    const found = this.#kinds.get(normaliseKeyword(word));
    return found !== undefined && kinds.some((kind) => found.has(kind));
  }

  /** What a size or a number in letters stands for. */
  valueOf(word: string, kind: 'size' | 'number'): number | undefined {
    return this.#values.get(`${kind} ${normaliseKeyword(word)}`);
  }

  /** A word with marks around it, or with more behind its letters (`per-person`, `at8`), is of the kinds of its letters too. */
  begins(word: string, ...kinds: readonly WordKind[]): boolean {
    // One word is asked about several times in a row.
    if (this.#last.word !== word) this.#last = { word, kinds: this.#kindsOf(word) };
    return kinds.some((kind) => this.#last.kinds.has(kind));
  }

  #kindsOf(word: string): ReadonlySet<WordKind> {
    const plain = plainForm(word);
    const bare = core(plain);
    const whole = this.#kinds.get(normaliseKeyword(bare === '' ? plain : bare)) ?? noKinds;
    const lead = leadingLetters(bare);
    const elided = withoutElision(bare);
    if ((lead === bare || lead === '') && elided === bare) return whole;
    const found = new Set(whole);
    const behind = bare.slice(lead.length);
    for (const kind of this.#kinds.get(normaliseKeyword(lead)) ?? noKinds) {
      // A single letter with a number is a name (`K2`), unless it says when or adds (`à20`, `و30`).
      const isPlain = lead.length > 1 || (/^[0-9]/.test(behind) && (kind === 'join' || kind === 'at'));
      if (isPlain) found.add(kind);
    }
    for (const kind of elided === bare ? noKinds : (this.#kinds.get(normaliseKeyword(elided)) ?? noKinds)) {
      found.add(kind);
    }
    return found;
  }
}
