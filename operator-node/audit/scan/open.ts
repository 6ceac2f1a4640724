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
const saltEnd = /[AQgw]/;
const saltPattern = /^[A-Za-z0-9_-]{21}$/;

/** The value of a disclosure `["<salt>","<name>","<value>"]` of plain ASCII; undefined where the long way must look. */
function quickValue(disclosure: string, name: string): string | undefined {
  if (disclosure.length > 4000) return undefined;
  const length = scratch.write(disclosure, 0, 'base64url');
  const text = scratch.toString('latin1', 0, length);
  const valueAt = 30 + name.length;
  if (!text.startsWith('["') || !text.startsWith(`","${name}","`, 24) || !text.endsWith('"]')) return undefined;
  const value = text.slice(valueAt, -2);
  if (!plain.test(value) || !saltPattern.test(text.slice(2, 23)) || !saltEnd.test(text.charAt(23))) return undefined;
  // Base64 has more than one text for some bytes; only the one that encoding gives counts.
  return scratch.toString('base64url', 0, length) === disclosure ? value : undefined;
}

interface Schema<Field extends string> {
  readonly fields: readonly Field[];
  readonly formats: Readonly<Record<Field, Format>>;
  readonly always: ReadonlySet<string>;
  /** Tag and zero byte, then room for the digests. */
  readonly frame: Buffer;
  readonly start: number;
  /** By position: the last value that had its format. */
  readonly last: string[];
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
    last: [],
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
  for (const [position, field] of fields.entries()) {
    const entry = entries[position] ?? '';
    const at = start + 32 * position;
    if (entry.startsWith('0x')) {
      if (always.has(field)) return { ok: false, fault: 'hidden', field, found: 'a digest' };
      frame.write(entry.slice(2), at, 'hex');
      continue;
    }
    let value = quickValue(entry, field);
    if (value === undefined) {
      const parsed = parseDisclosure(entry);
      if (!parsed.ok) return { ok: false, fault: 'malformed', field, found: parsed.reason };
      if (parsed.value.name !== field) {
        return { ok: false, fault: 'misplaced', field, found: `a disclosure of ${JSON.stringify(parsed.value.name)}` };
      }
      value = parsed.value.value;
    }
    // What was well-formed a pair ago is so again: services, assets, operators and deadlines repeat.
    if (value !== last[position]) {
      if (!formats[field].test(value)) {
        return { ok: false, fault: 'malformed', field, found: `its value is not ${formats[field].what}` };
      }
      last[position] = value;
    }
    values[field] = value;
    frame.write(hash('sha256', entry, 'binary'), at, 'latin1');
  }
  return { ok: true, values, commitment: `0x${hash('sha256', frame, 'hex')}` as Hash };
}

export const openTerms = (entries: readonly string[]): Opened<TermsField> => open(termsSchema, entries);
export const openOperation = (entries: readonly string[]): Opened<OperationField> => open(operationSchema, entries);
