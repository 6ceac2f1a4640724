/** Keywords by what they mean, in all of the catalogue's languages at once: a user may write any of them. */
import type { KeywordData } from './schema.ts';

export type CommandName = 'join' | 'stop' | 'balance' | 'history' | 'help';

export type Meaning =
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'answer'; readonly yes: boolean }
  | { readonly kind: 'cancel' }
  /** The only meaning whose keyword may be several words: it stands alone in its message. */
  | { readonly kind: 'command'; readonly command: CommandName };

export type Vocabulary = ReadonlyMap<string, Meaning>;

const ascii = /^[A-Za-z]+$/;
/** No word that means anything here is longer; some letters become eighteen when they are compared. */
const maxKeywordUnits = 64;

/** Joiners, the stretching of Arabic letters, and vowel signs, which some writers set and some leave out. */
const unwritten = /[\u200c\u200d\u0640\u064b-\u065f\u0670]/gu;
/** Letters that keyboards of neighbouring languages write in two ways, by the form that keywords are compared in. */
const sameLetters: Readonly<Record<string, string>> = {
  İ: 'I',
  أ: 'ا',
  إ: 'ا',
  آ: 'ا',
  ٱ: 'ا',
  ى: 'ي',
  ی: 'ي',
  ک: 'ك',
};
const twiceWritten = new RegExp(`[${Object.keys(sameLetters).join('')}]`, 'gu');

/**
 * Letter case and Unicode's compatible forms are one: `Köp`, `KÖP`, and the same with a combining diaeresis. So are the
 * spellings with and without joiners and vowel signs, and letters that keyboards write in two ways.
 */
export function normaliseKeyword(word: string): string {
  if (ascii.test(word)) return word.toUpperCase();
  if (word.length > maxKeywordUnits) return word;
  const compatible = word.normalize('NFKC').toUpperCase().normalize('NFKC');
  return compatible.replace(unwritten, '').replace(twiceWritten, (letter) => sameLetters[letter] ?? letter);
}

const commands = ['join', 'stop', 'balance', 'history', 'help'] as const satisfies readonly CommandName[];

interface Entry {
  readonly meaning: Meaning;
  readonly path: readonly string[];
  readonly words: Readonly<Record<string, readonly string[]>> | undefined;
}

function* entries({ services, answers, commands: own }: KeywordData): Generator<Entry> {
  for (const [service, { keywords }] of Object.entries(services)) {
    yield { meaning: { kind: 'service', service }, path: ['services', service, 'keywords'], words: keywords };
  }
  yield { meaning: { kind: 'answer', yes: true }, path: ['answers', 'yes'], words: answers['yes'] };
  yield { meaning: { kind: 'answer', yes: false }, path: ['answers', 'no'], words: answers['no'] };
  yield { meaning: { kind: 'cancel' }, path: ['commands', 'cancel'], words: own['cancel'] };
  for (const command of commands) {
    yield { meaning: { kind: 'command', command }, path: ['commands', command], words: own[command] };
  }
}

const word = /^\p{L}[\p{L}\p{M}]*$/u;
const phrase = /^\p{L}[\p{L}\p{M}]*(?: \p{L}[\p{L}\p{M}]*)*$/u;
/** A joiner that no letters stand around joins nothing. */
const looseJoiner = /(?:^|[^\p{L}\p{M}])[\u200c\u200d]|[\u200c\u200d](?:$|[^\p{L}\p{M}])/u;

/** Reports keywords that mean two things, and those that no message could be read by. */
export function buildVocabulary(
  data: KeywordData,
  problem: (path: readonly PropertyKey[], text: string) => void,
): Vocabulary {
  const vocabulary = new Map<string, Meaning>();
  const origins = new Map<string, string>();
  for (const { meaning, path, words } of entries(data)) {
    const origin = path.join('.');
    for (const [language, list] of Object.entries(words ?? {})) {
      for (const [index, written] of list.entries()) {
        const keyword = normaliseKeyword(written);
        const at = [...path, language, index];
        const other = origins.get(keyword);
        if (!(meaning.kind === 'command' ? phrase : word).test(keyword) || looseJoiner.test(written)) {
          problem(at, `"${written}" is no keyword: letters only${meaning.kind === 'command' ? '' : ', one word'}`);
        } else if (other !== undefined && other !== origin) {
          problem(at, `the keyword ${keyword} already means ${other}`);
        } else {
          vocabulary.set(keyword, meaning);
          origins.set(keyword, origin);
        }
      }
    }
  }
  return vocabulary;
}
