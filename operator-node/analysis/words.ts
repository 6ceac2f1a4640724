/** A message as words. */

/** Enough for a keyword, a number, an amount and 40 characters; what comes after is in no note anyway. */
const maxCodeUnits = 1024;

/** Marks that phones and copying leave around a word: directional marks, zero-width characters, the byte order mark. */
const unseenEnds = /^[\p{Cf}\p{Cc}]+|[\p{Cf}\p{Cc}]+$/gu;
const ascii = /^[\x21-\x7e]*$/;
const hasGroupSpace = /[\u00a0\u2007\u2009\u202f]/;
/** The spaces of typesetting between a digit and three more: thousands, as in `1 200`, and no end of a word. */
const groupSpace = '(?<=\\p{Nd})[\\u00a0\\u2007\\u2009\\u202f](?=\\p{Nd}{3}(?!\\p{Nd}))';
const betweenWords = new RegExp(`(?:(?!${groupSpace})[\\s\\x85])+`, 'u');

export function splitWords(text: string): string[] {
  const part = text.slice(0, maxCodeUnits);
  const words: string[] = [];
  for (const word of part.split(hasGroupSpace.test(part) ? betweenWords : /[\s\x85]+/)) {
    const bare = ascii.test(word) ? word : word.replace(unseenEnds, '');
    if (bare !== '') words.push(bare);
  }
  return words;
}

/** A word of a script that joins its letters may need a joiner or a non-joiner within. */
const letters = /^\p{L}(?:[\p{L}\p{M}\u200c\u200d]*[\p{L}\p{M}])?/u;

/** Letters of the text's beginning, before the first space, digit or mark, if it begins with one. */
export const leadingLetters = (word: string): string => letters.exec(word)?.[0] ?? '';

/** The ends of sentences and clauses in the scripts that people write; a question mark is none: it changes what is meant. */
const endMark = /[.,;:!\u060c\u061b\u06d4\u0964\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b]/;

export function withoutEndMarks(word: string): string {
  let end = word.length;
  while (end > 0 && endMark.test(word.charAt(end - 1))) end -= 1;
  return word.slice(0, end);
}

const plainWord = /^[A-Za-z0-9]+$/;
const begins = /[\p{L}\p{N}\p{Sc}]/u;
const ends = /[\p{L}\p{N}\p{M}\p{Sc}]/u;

/** Without the quotes, brackets, marks and pictures around it: from its first letter, digit or currency sign to its last. */
export function core(word: string): string {
  if (plainWord.test(word)) return word;
  const characters = [...word];
  const first = characters.findIndex((character) => begins.test(character));
  const last = characters.findLastIndex((character) => ends.test(character));
  return first < 0 ? '' : characters.slice(first, last + 1).join('');
}

const elision = /^(?:\p{L}{1,2}'(?=\p{L}{2})|و?(?:ال|بال|لل)(?=\p{L}{3}))/u;

/** `d'euros`, `l'unité`, `الشهر`: the word without the article that French and Arabic tie to it. */
export const withoutElision = (word: string): string => word.replace(elision, '');

/** Letters, digits and single spaces only, as a short message is compared: `Yes! 👍` is `Yes`. */
export const bareText = (words: readonly string[]): string =>
  words
    .map((word) => core(word.replace(/\p{Sc}/gu, '')))
    .filter((word) => word !== '')
    .join(' ');
