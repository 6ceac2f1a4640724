/**
 * Opens the records of a pair line: the same rules as for an evidence bundle (`../records.ts`), on the path of a million
 * pairs. A disclosure of plain text takes the short way, which accepts no text that the long one refuses.
 */
import { hash } from 'node:crypto';
import { parseDisclosure } from '../../commitment/disclosure.ts';
import {
  operationFields,
  operationFormats,
  operationTag,
  termsFields,
  termsFormats,
  termsTag,
  type Format,
  type OperationField,
  type TermsField,
} from '../../commitment/schema.ts';
import type { Hash } from '../../model/ids.ts';

export type Values<Field extends string> = Partial<Record<Field, string>>;

export type Opened<Field extends string> =
  | { readonly ok: true; readonly values: Values<Field>; readonly commitment: Hash }
  | {
      readonly ok: false;
      readonly fault: 'misplaced' | 'malformed' | 'hidden';
      readonly field: string;
      readonly found: string;
    };

const scratch = Buffer.alloc(4096);
const plain = /^[ !#-[\]-~]*$/;
/** But for letters that are no hex, which writing it as bytes shows. */
const isDigest = (entry: string): boolean =>
  entry.length === 66 && entry.startsWith('0x') && entry === entry.toLowerCase();

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** By character code: the six bits of a letter of base64url, else 64. */
const bitsOf = Uint8Array.from({ length: 128 }, (_, code) => {
  const at = letters.indexOf(String.fromCharCode(code));
  return at < 0 ? 64 : at;
});
const isLetter = bitsOf.map((bits) => (bits < 64 ? 1 : 0));
/** What ends the base64url of 16 bytes. */
const isLast = isLetter.map((_, code) => ('AQgw'.includes(String.fromCharCode(code)) ? 1 : 0));

/** `["` and a salt of 22 letters: 24 bytes, and so 32 letters of their own, whatever follows. */
const startLength = 32;
const startBytes = 24;
const bracket = '['.charCodeAt(0);
const quote = '"'.charCodeAt(0);

/** Whether the disclosure begins as one does; then its other letters are the base64url of its other bytes. */
function hasSalt(entry: string): boolean {
  for (let at = 0, byte = 0; at < startLength; at += 4, byte += 3) {
    const one = bitsOf[entry.charCodeAt(at)] ?? 64;
    const two = bitsOf[entry.charCodeAt(at + 1)] ?? 64;
    const three = bitsOf[entry.charCodeAt(at + 2)] ?? 64;
    const four = bitsOf[entry.charCodeAt(at + 3)] ?? 64;
    if ((one | two | three | four) > 63) return false;
    const bits = (one << 18) | (two << 12) | (three << 6) | four;
    const [first, second, third] = [bits >>> 16, (bits >>> 8) & 255, bits & 255];
    if (byte === 0) {
      if (first !== bracket || second !== quote || isLetter[third] !== 1) return false;
    } else if (
      isLetter[first] !== 1 ||
      isLetter[second] !== 1 ||
      (byte + 3 === startBytes ? isLast : isLetter)[third] !== 1
    )
      return false;
  }
  return true;
}

/** The value of a disclosure `["<salt>","<name>","<value>"]` of plain ASCII; undefined where the long way must look. */
function quickValue(disclosure: string, tail: string, name: string): string | undefined {
  if (disclosure.length > 4000 || !hasSalt(disclosure)) return undefined;
  const length = scratch.write(tail, 0, 'base64url');
  const text = scratch.toString('latin1', 0, length);
  if (!text.startsWith(`","${name}","`) || !text.endsWith('"]')) return undefined;
  const value = text.slice(name.length + 6, -2);
  if (!plain.test(value)) return undefined;
  // Base64 has more than one text for some bytes; only the one that encoding gives counts.
  return scratch.toString('base64url', 0, length) === tail ? value : undefined;
}

interface Schema<Field extends string> {
  readonly fields: readonly Field[];
  readonly formats: Readonly<Record<Field, Format>>;
  readonly always: ReadonlySet<string>;
  /** Tag and zero byte, then room for the digests. */
  readonly frame: Buffer;
  readonly start: number;
  /** By position: the last value that had its format, and what follows the salt in its disclosure. */
  readonly last: { tail: string; value: string }[];
}

const schemaOf = <Field extends string>(
  tag: string,
  fields: readonly Field[],
  formats: Readonly<Record<Field, Format>>,
  always: readonly Field[],
): Schema<Field> => {
  const start = Buffer.byteLength(tag) + 1;
  return {
    fields,
    formats,
    always: new Set(always),
    frame: Buffer.concat([Buffer.from(`${tag}\0`), Buffer.alloc(32 * fields.length)]),
    start,
    last: fields.map(() => ({ tail: '', value: '' })),
  };
};

const termsSchema = schemaOf<TermsField>(termsTag, termsFields, termsFormats, ['pair']);
const operationSchema = schemaOf<OperationField>(operationTag, operationFields, operationFormats, [
  'pair',
  'leg',
  'operator',
  'action',
]);

function open<Field extends string>(schema: Schema<Field>, entries: readonly string[]): Opened<Field> {
  const { fields, formats, always, frame, start, last } = schema;
  const values: Values<Field> = {};
  for (let position = 0; position < fields.length; position += 1) {
    const field = fields[position] as Field;
    const entry = entries[position] ?? '';
    const at = start + 32 * position;
    if (isDigest(entry) && frame.write(entry.slice(2), at, 'hex') === 32) {
      if (always.has(field)) return { ok: false, fault: 'hidden', field, found: 'a digest' };
      continue;
    }
    const known = last[position];
    const tail = entry.slice(startLength);
    let value: string | undefined;
    // What was well-formed a pair ago is so again: services, assets, operators and deadlines repeat.
    if (known !== undefined && tail === known.tail && hasSalt(entry)) value = known.value;
    else {
      value = quickValue(entry, tail, field);
      const quick = value !== undefined;
      if (value === undefined) {
        const parsed = parseDisclosure(entry);
        if (!parsed.ok) return { ok: false, fault: 'malformed', field, found: parsed.reason };
        if (parsed.value.name !== field) {
          return {
            ok: false,
            fault: 'misplaced',
            field,
            found: `a disclosure of ${JSON.stringify(parsed.value.name)}`,
          };
        }
        value = parsed.value.value;
      }
      if (!formats[field].test(value)) {
        return { ok: false, fault: 'malformed', field, found: `its value is not ${formats[field].what}` };
      }
      // A copy: the slice would keep its whole section in memory.
      if (quick) last[position] = { tail: Buffer.from(tail, 'latin1').toString('latin1'), value };
    }
    values[field] = value;
    frame.write(hash('sha256', entry, 'binary'), at, 'latin1');
  }
  return { ok: true, values, commitment: `0x${hash('sha256', frame, 'hex')}` as Hash };
}

export const openTerms = (entries: readonly string[]): Opened<TermsField> => open(termsSchema, entries);
export const openOperation = (entries: readonly string[]): Opened<OperationField> => open(operationSchema, entries);
