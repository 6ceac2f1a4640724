/** A text as the parts of an SMS: the alphabet that makes the fewest of them, and how they say that they belong together. */
import { encodeUcs2, gsmCharacters, languages, plainGsm, type Gsm, type Language } from './alphabet.ts';
import { headerFlag, writeHeader, type Concatenation } from './header.ts';

/** Octets of one SMS, and septets that fit into them. */
const maxOctets = 140;
const maxSeptets = 160;
const maxParts = 255;

export interface SplitRules {
  readonly concatenation: 'udh8' | 'udh16' | 'sar' | 'payload';
  /** What the SMS centre reads under data_coding 0. */
  readonly defaultAlphabet: 'gsm' | 'latin1';
  /** National tables that this centre's phones know. */
  readonly languages: readonly Language[];
}

export interface Part {
  readonly octets: Buffer;
  readonly coding: number;
  readonly esmClass: number;
  /** All in one PDU: the centre splits it. */
  readonly payload: boolean;
  readonly sar?: Concatenation;
}

interface Form {
  readonly coding: number;
  readonly gsm: Gsm;
  /** Of each character, in the unit of `room`: septets, or octets. */
  readonly sizes: readonly number[];
  readonly characters: readonly string[];
  room(headerOctets: number): number;
  encode(text: string): Buffer;
}

const utf16 = (text: string): Form => {
  const characters = [...text];
  return {
    coding: 8,
    gsm: plainGsm,
    characters,
    sizes: characters.map(({ length }) => 2 * length),
    room: (header) => maxOctets - header,
    encode: encodeUcs2,
  };
};

function septets(text: string, gsm: Gsm, latin1: boolean): Form | undefined {
  const found = gsmCharacters(text, gsm);
  if (found === undefined) return undefined;
  if (latin1 && Buffer.from(text, 'latin1').toString('latin1') !== text) return undefined;
  return {
    coding: 0,
    gsm,
    characters: [...text],
    sizes: found.map(({ length }) => length),
    // The text after a header begins at the next whole septet.
    room: (header) => maxSeptets - Math.ceil((header * 8) / 7),
    encode: (part) => (latin1 ? Buffer.from(part, 'latin1') : Buffer.from((gsmCharacters(part, gsm) ?? []).flat())),
  };
}

/** Every way to write the text, the plainest first; the later ones are only looked at where a better one is to be found. */
function* formsOf(text: string, { defaultAlphabet, languages: known }: SplitRules): Generator<Form> {
  const latin1 = defaultAlphabet === 'latin1';
  const plain = septets(text, plainGsm, latin1);
  if (plain !== undefined) yield plain;
  for (const id of latin1 ? [] : known.map((language) => languages[language])) {
    const locking = id === languages.es ? [0] : [0, id];
    for (const gsm of locking.flatMap((lock) => [
      { locking: lock, single: 0 },
      { locking: lock, single: id },
    ])) {
      const form = septets(text, gsm, latin1);
      if (form !== undefined) yield form;
    }
  }
  yield utf16(text);
}

/** Where the parts end; a character with its escape, or both halves of a surrogate pair, stay together. */
function cut({ characters, sizes }: Form, room: number): string[] {
  const parts: string[] = [];
  let part = '';
  let used = 0;
  for (const [index, character] of characters.entries()) {
    const size = sizes[index] ?? 0;
    if (used + size > room) {
      parts.push(part);
      part = '';
      used = 0;
    }
    part += character;
    used += size;
  }
  return [...parts, part];
}

/** @param ref tells the parts of this text from those of the next one to the same phone. Undefined for a text of too many parts. */
export function split(text: string, ref: number, rules: SplitRules): Part[] | undefined {
  let best: { readonly form: Form; readonly texts: readonly string[] } | undefined;
  const kind = rules.concatenation;
  for (const form of formsOf(text, rules)) {
    let texts = cut(form, form.room(writeHeader(form.gsm, undefined).length));
    if (texts.length > 1 && kind !== 'payload') {
      // A centre that is told in TLVs puts the header there itself: it takes the same room.
      const counted = { kind: kind === 'sar' ? 'udh16' : kind, ref, total: 1, index: 1 } as const;
      texts = cut(form, form.room(writeHeader(form.gsm, counted).length));
    }
    if (best === undefined || texts.length < best.texts.length) best = { form, texts };
    if (texts.length === 1) break;
  }
  if (best === undefined || best.texts.length > maxParts) return undefined;
  const { form, texts } = best;
  if (kind === 'payload' && texts.length > 1) return [partOf(form, text, undefined, true)];
  const total = texts.length;
  return texts.map((part, index) => {
    return partOf(
      form,
      part,
      total === 1 ? undefined : { kind: kind === 'payload' ? 'udh8' : kind, ref, total, index: index + 1 },
      false,
    );
  });
}

function partOf(form: Form, text: string, concatenation: Concatenation | undefined, payload: boolean): Part {
  const header = writeHeader(form.gsm, concatenation);
  return {
    octets: Buffer.concat([header, form.encode(text)]),
    coding: form.coding,
    esmClass: header.length > 0 ? headerFlag : 0,
    payload,
    ...(concatenation?.kind === 'sar' ? { sar: concatenation } : {}),
  };
}
