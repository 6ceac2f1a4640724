/**
 * The extreme values of each type of the contracts' ABI, and values beyond it: one table for every surface that reads
 * what the chain says. A type without an entry fails the test that meets it.
 */
import type { ParamType } from 'ethers';
import { AbiCoder, zeroPadValue, toBeHex } from 'ethers';

/** One value of one field, as bytes. */
export interface Extreme {
  readonly name: string;
  /** 32 bytes for a static type; for `string` and `bytes` the payload, of any length. */
  readonly bytes: Uint8Array;
  /** No contract can write it, whatever its callers choose. */
  readonly beyond?: boolean;
}

const word = (value: bigint): Uint8Array => Buffer.from(toBeHex(value, 32).slice(2), 'hex');
const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');

const ofUint = (bits: number): readonly Extreme[] => {
  const most = (1n << BigInt(bits)) - 1n;
  const within = [0n, 1n, 2n, 255n, 65_535n, 1n << 31n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, most - 1n, most];
  const above = [most + 1n, (1n << 255n) - 1n, (1n << 256n) - 1n];
  return [
    ...[...new Set(within)].filter((value) => value <= most).map((value) => ({ name: `${value}`, bytes: word(value) })),
    ...[...new Set(above)]
      .filter((value) => value > most && value < 1n << 256n)
      .map((value) => ({ name: `${value} in uint${bits}`, bytes: word(value), beyond: true })),
  ];
};

const texts: readonly Extreme[] = [
  { name: 'empty', bytes: text('') },
  { name: 'NUL', bytes: text('\0') },
  { name: 'NUL inside', bytes: text('https://a\0b:1') },
  { name: 'invalid UTF-8', bytes: Uint8Array.of(0xff, 0xfe) },
  {
    name: 'invalid UTF-8 at the end of a good text',
    bytes: Buffer.concat([text('https://127.0.0.1:1/'), filled(0xff, 2)]),
  },
  { name: 'a lone surrogate in CESU-8', bytes: Uint8Array.of(0xed, 0xa0, 0x80) },
  { name: 'an overlong NUL', bytes: Uint8Array.of(0xc0, 0x80) },
  { name: 'a cut sequence', bytes: Uint8Array.of(0xe2, 0x82) },
  { name: 'above U+10FFFF', bytes: Uint8Array.of(0xf4, 0x90, 0x80, 0x80) },
  { name: 'bidi overrides', bytes: text('\u202e\u2066https://evil\u2069') },
  { name: 'controls', bytes: text('\u001b[2J\r\n\u0007') },
  { name: 'a byte order mark', bytes: text('\ufeffhttps://127.0.0.1:1') },
  { name: 'no URL', bytes: text('not https') },
  { name: 'another scheme', bytes: text('file:///etc/passwd') },
  { name: 'a prototype’s name', bytes: text('__proto__') },
  { name: 'markup', bytes: text('<script>alert(1)</script>"\'&') },
  { name: 'a formula', bytes: text('=1+1') },
  { name: 'as long as a contract takes', bytes: filled(0x61, 256) },
  { name: 'emoji', bytes: text('👩‍👩‍👧‍👦'.repeat(8)) },
  { name: '100,000 bytes', bytes: filled(0x61, 100_000), beyond: true },
];

const payloads: readonly Extreme[] = [
  { name: 'empty', bytes: new Uint8Array() },
  { name: 'one byte', bytes: filled(0xff, 1) },
  { name: '19 bytes', bytes: filled(0xaa, 19) },
  { name: '20 zero bytes', bytes: filled(0, 20) },
  { name: '21 bytes', bytes: filled(0xff, 21) },
  { name: '1,024 bytes', bytes: filled(0xff, 1024) },
  { name: '100,000 bytes', bytes: filled(0xff, 100_000), beyond: true },
];

const hashes: readonly Extreme[] = [
  { name: 'zero', bytes: filled(0) },
  { name: 'all ones', bytes: filled(0xff) },
  { name: 'one', bytes: word(1n) },
];

/** What an ABI type may hold, at its ends and beyond. @throws {RangeError} for a type that nobody has thought about */
export function extremesOf(type: string): readonly Extreme[] {
  const uint = /^uint([0-9]+)$/.exec(type);
  if (uint !== null) return ofUint(Number(uint[1]));
  switch (type) {
    case 'bytes32':
      return hashes;
    case 'address':
      return [
        { name: 'zero', bytes: filled(0) },
        { name: 'the highest', bytes: word((1n << 160n) - 1n) },
        { name: 'above 20 bytes', bytes: filled(0xff), beyond: true },
      ];
    case 'bool':
      return [
        { name: 'false', bytes: word(0n) },
        { name: 'true', bytes: word(1n) },
        { name: '2', bytes: word(2n), beyond: true },
        { name: 'all ones', bytes: filled(0xff), beyond: true },
      ];
    case 'string':
      return texts;
    case 'bytes':
      return payloads;
    case 'uint256[]':
      return [
        { name: 'empty', bytes: encodeWords([]) },
        { name: 'one too few', bytes: encodeWords([1n]) },
        {
          name: '4,096 words',
          bytes: encodeWords(Array.from({ length: 4_096 }, () => (1n << 256n) - 1n)),
          beyond: true,
        },
        { name: 'a length without words', bytes: word((1n << 256n) - 1n), beyond: true },
      ];
    default:
      throw new RangeError(`no extremes for ${type}: add them to test/node/extremes/values.ts`);
  }
}

/** The tail of an array: its length and its words. */
const encodeWords = (words: readonly bigint[]): Uint8Array =>
  Buffer.concat([word(BigInt(words.length)), ...words.map((value) => word(value))]);

export interface Field {
  readonly name: string;
  readonly type: string;
}

const isDynamic = (type: string): boolean => type === 'string' || type === 'bytes' || type.endsWith('[]');

/** A plain value of a type, that every reader takes. */
export function plainOf({ name, type }: Field): Uint8Array {
  if (type === 'string') return text(name === 'endpoint' ? 'https://127.0.0.1:1' : 'plain');
  if (type === 'bytes') return filled(0x51, 20);
  if (type === 'bytes32') return filled(0x5a);
  if (type === 'address') return Buffer.from(zeroPadValue(`0x${'a1'.repeat(20)}`, 32).slice(2), 'hex');
  if (type === 'uint256[]') return encodeWords([1n]);
  return word(1n);
}

/** The fields one after another as the ABI lays them out, with these bytes in place of their values. */
export function encodeFields(fields: readonly Field[], bytes: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let offset = 32 * fields.length;
  for (const field of fields) {
    const value = bytes.get(field.name) ?? plainOf(field);
    if (!isDynamic(field.type)) {
      head.push(value);
      continue;
    }
    const body = field.type.endsWith('[]')
      ? value
      : Buffer.from(AbiCoder.defaultAbiCoder().encode(['bytes'], [value]).slice(66), 'hex');
    head.push(word(BigInt(offset)));
    tail.push(body);
    offset += body.length;
  }
  return Buffer.concat([...head, ...tail]);
}

export const fieldsOf = (params: readonly ParamType[]): readonly Field[] =>
  params.map(({ name, type }, index) => ({ name: name === '' ? `(${index})` : name, type }));

/** A struct that a view returns is itself dynamic where one of its fields is: then it stands behind an offset. */
export const encodeStruct = (fields: readonly Field[], bytes: ReadonlyMap<string, Uint8Array>): Uint8Array =>
  fields.some(({ type }) => isDynamic(type))
    ? Buffer.concat([word(32n), encodeFields(fields, bytes)])
    : encodeFields(fields, bytes);

export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
