/** A message as words. */

/** Enough for a keyword, a number, an amount and 40 characters; what comes after is in no note anyway. */
const maxCodeUnits = 1024;

/** Marks that phones and copying leave around a word: directional marks, zero-width characters, the byte order mark. */
const unseenEnds = /^[\p{Cf}\p{Cc}]+|[\p{Cf}\p{Cc}]+$/gu;
const ascii = /^[\x21-\x7e]*$/;

export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const word of text.slice(0, maxCodeUnits).split(/[\s\x85]+/u)) {
    const bare = ascii.test(word) ? word : word.replace(unseenEnds, '');
    if (bare !== '') words.push(bare);
  }
  return words;
}

/** Letters of the text's beginning, before the first space, digit or mark, if it begins with one. */
export const leadingLetters = (word: string): string => /^\p{L}[\p{L}\p{M}]*/u.exec(word)?.[0] ?? '';

export const withoutEndMarks = (word: string): string => word.replace(/[.,;:!]+$/, '');

/** Letters, digits and single spaces only, as a short message is compared: `Yes! 👍` is `Yes`. */
export const bareText = (words: readonly string[]): string =>
  words
    .map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}\p{M}]+$/gu, ''))
    .filter((word) => word !== '')
    .join(' ');
