/** Text that people wrote, made safe to show inside other text: one line, no invisible and no direction-changing characters. */

/** Nothing that needs cleaning; all of it is NFC. */
const plain = /^[\x21-\x7e\xa1-\xac\xae-\u024f]+(?: [\x21-\x7e\xa1-\xac\xae-\u024f]+)*$/;

/** Line and paragraph breaks and every kind of space; U+0085 is the one that `\s` lacks. */
const spaces = /[\s\x85]+/gu;

/**
 * Control (Cc), format (Cf: bidirectional controls, zero-width, soft hyphen, tags), lone surrogates (Cs), private use (Co),
 * and the letters that show as nothing (Unicode's Default_Ignorable_Code_Point outside Cf, without the variation
 * selectors that emoji need).
 */
const unseen =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]+/gu;

const quotes = /["\u201c-\u201f\u00ab\u00bb\u2033\u2036\u301d-\u301f\uff02]/g;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** At most `max` code points, cut between what a reader sees as characters where one of them fits at all. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  let kept = '';
  let count = 0;
  for (const { segment } of graphemes.segment(text)) {
    const length = [...segment].length;
    if (count + length > max) break;
    kept += segment;
    count += length;
  }
  // A single character may carry more than `max` combining marks.
  return kept === '' ? [...text].slice(0, max).join('') : kept.trimEnd();
}

/** NFC on one line without anything unseen, at most `max` code points. */
export function clean(text: string, max: number): string {
  if (text.length <= max && (text === '' || plain.test(text))) return text;
  // Bounds the work: what is shown is within the first part of any text that is not mostly invisible.
  const part = text.length > 64 * max ? text.slice(0, 64 * max) : text;
  const seen = part.replace(spaces, ' ').replace(unseen, '').replace(/ {2,}/g, ' ').trim();
  return cut(seen.normalize('NFC'), max);
}

/** Without what nobody sees, and with spaces as they are. */
export const withoutUnseen = (text: string): string => text.replace(unseen, '');

/** Where the point is that something unseen stands in a text: it is shown as its code point, `[U+200B]`. */
export const withUnseenShown = (text: string): string =>
  text.replace(unseen, (characters) =>
    [...characters]
      .map((character) => `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)
      .join(''),
  );

/** Control characters, but for line ends and tabs; bidirectional ones, with those that Unicode deprecates. */
const acting = /(?![\n\t])[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufff9-\ufffb]/gu;

/** An ordinary message, for a telephone: nothing in it acts on what shows it. All else is as it was written. */
export const cleanMessage = (text: string): string =>
  text.replace(/\r\n?|[\v\f\x85\u2028\u2029]/gu, '\n').replace(acting, '');

/** For text that is shown in quotes: its own quotation marks cannot end them. */
export const unquoted = (text: string): string => text.replaceAll(quotes, "'");
