/**
 * The alphabets of SMS (3GPP TS 23.038): the GSM 7-bit default alphabet with its extension, the national tables of Turkish,
 * Spanish and Portuguese, UCS-2, and what else a data_coding may say. One octet carries one septet, as over SMPP.
 */
const escape = 0x1b;

const defaultTable =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const turkishTable =
  '@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  'İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà';
const portugueseTable =
  '@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ !"#º%&\'()*+,-./0123456789:;<=>?' +
  'ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà';

type Shift = Readonly<Record<number, string>>;
const defaultShift: Shift = {
  ...{ 0x0a: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2f: '\\', 0x3c: '[' },
  ...{ 0x3d: '~', 0x3e: ']', 0x40: '|', 0x65: '€' },
};
const turkishShift: Shift = {
  ...defaultShift,
  ...{ 0x47: 'Ğ', 0x49: 'İ', 0x53: 'Ş', 0x63: 'ç', 0x67: 'ğ', 0x69: 'ı', 0x73: 'ş' },
};
const spanishShift: Shift = {
  ...defaultShift,
  ...{ 0x09: 'ç', 0x41: 'Á', 0x49: 'Í', 0x4f: 'Ó', 0x55: 'Ú', 0x61: 'á', 0x69: 'í', 0x6f: 'ó', 0x75: 'ú' },
};
const portugueseShift: Shift = {
  ...defaultShift,
  ...{ 0x05: 'ê', 0x09: 'ç', 0x0b: 'Ô', 0x0c: 'ô', 0x0e: 'Á', 0x0f: 'á', 0x12: 'Φ', 0x13: 'Γ', 0x15: 'Ω', 0x16: 'Π' },
  ...{ 0x17: 'Ψ', 0x18: 'Σ', 0x19: 'Θ', 0x1f: 'Ê', 0x41: 'À', 0x49: 'Í', 0x4f: 'Ó', 0x55: 'Ú', 0x5b: 'Ã', 0x5c: 'Õ' },
  ...{ 0x61: 'Â', 0x69: 'í', 0x6f: 'ó', 0x75: 'ú', 0x7b: 'ã', 0x7c: 'õ', 0x7f: 'â' },
};

/** National language identifiers of the standard. */
export const languages = { tr: 1, es: 2, pt: 3 } as const;
export type Language = keyof typeof languages;

/** By national language identifier; 0 is the default. Spanish has no table of its own to lock to. */
const tables: Readonly<Record<number, string>> = { 0: defaultTable, 1: turkishTable, 3: portugueseTable };
const shifts: Readonly<Record<number, Shift>> = {
  0: defaultShift,
  1: turkishShift,
  2: spanishShift,
  3: portugueseShift,
};

/** Which table a text is in, and which one its escapes lead to. */
export interface Gsm {
  readonly locking: number;
  readonly single: number;
}
export const plainGsm: Gsm = { locking: 0, single: 0 };

/** Octets of each character: one, or two with the escape. */
type Encoder = ReadonlyMap<string, readonly number[]>;
const encoders = new Map<string, Encoder>();

function encoderOf({ locking, single }: Gsm): Encoder {
  const key = `${locking}/${single}`;
  let encoder = encoders.get(key);
  if (encoder === undefined) {
    const table = [...(tables[locking] ?? '')].map((character, octet) => [character, [octet]] as const);
    const shift = Object.entries(shifts[single] ?? {}).map(([octet, character]) => {
      return [character, [escape, Number(octet)]] as const;
    });
    // What stands in both is one octet shorter in the table.
    encoder = new Map<string, readonly number[]>([...shift, ...table.filter(([, [octet]]) => octet !== escape)]);
    encoders.set(key, encoder);
  }
  return encoder;
}

/** The octets of each character, or undefined where the text has one that the alphabet has not. */
export function gsmCharacters(text: string, gsm: Gsm): (readonly number[])[] | undefined {
  const encoder = encoderOf(gsm);
  const characters: (readonly number[])[] = [];
  for (const character of text) {
    const octets = encoder.get(character);
    if (octets === undefined) return undefined;
    characters.push(octets);
  }
  return characters;
}

/** Undefined for a national table that is not known here. */
export function decodeGsm(octets: Buffer, { locking, single }: Gsm): string | undefined {
  const table = tables[locking];
  const shift = shifts[single];
  if (table === undefined || shift === undefined) return undefined;
  let text = '';
  let escaped = false;
  for (const octet of octets) {
    const septet = octet & 0x7f;
    if (escaped) {
      // A code that the extension has not is what the table has there (TS 23.038, 6.2.1.1); a second escape is a space.
      text += shift[septet] ?? (septet === escape ? ' ' : (table[septet] ?? ' '));
      escaped = false;
    } else if (septet === escape) escaped = true;
    else text += table[septet] ?? ' ';
  }
  return escaped ? `${text} ` : text;
}

/** What the octets of a text are in. */
export type Alphabet = 'gsm' | 'ascii' | 'latin1' | 'iso-8859-5' | 'iso-8859-8' | 'ucs2' | 'unknown';

/** What a data_coding says (SMPP 3.4, 5.2.19, and the groups of TS 23.038); `byDefault` is what 0 means at this SMS centre. */
export function alphabetOf(coding: number, byDefault: Alphabet): Alphabet {
  if (coding === 0) return byDefault;
  const named = ({ 1: 'ascii', 3: 'latin1', 6: 'iso-8859-5', 7: 'iso-8859-8', 8: 'ucs2' } as const)[coding];
  if (named !== undefined) return named;
  if (coding >= 0xf0) return (coding & 0x04) === 0 ? 'gsm' : 'unknown';
  // With a message class, not compressed.
  if (coding >= 0x10 && coding < 0x20)
    return (['gsm', 'unknown', 'ucs2', 'unknown'] as const)[(coding >> 2) & 3] ?? 'unknown';
  return 'unknown';
}

/** Undefined where the octets are no text that is known here. */
export function decodeText(octets: Buffer, alphabet: Alphabet, gsm: Gsm): string | undefined {
  switch (alphabet) {
    case 'gsm':
      return decodeGsm(octets, gsm);
    case 'ascii':
    case 'latin1':
      return octets.toString('latin1');
    case 'iso-8859-5':
    case 'iso-8859-8':
      return new TextDecoder(alphabet).decode(octets);
    case 'ucs2':
      // Many phones and centres put UTF-16 there; half a character at the end says nothing.
      return Buffer.from(octets.subarray(0, octets.length & ~1))
        .swap16()
        .toString('utf16le')
        .toWellFormed();
    case 'unknown':
      return undefined;
  }
}

export const encodeUcs2 = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
