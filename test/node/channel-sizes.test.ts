/** Bounds of messages: the largest that is legal fits, and what is made to cost much is seen before it is parsed. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { methods, type Method } from '../../operator-node/channel/messages.ts';
import { sizes, type Size } from '../../operator-node/channel/sizes.ts';
import { assertJsonSize } from '../../operator-node/json-size.ts';

interface JsonSchema {
  readonly type?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

const hex = (digits: number): string => `0x${'f'.repeat(digits)}`;
/** Candidates for the longest text of a pattern: the longest that the schema takes is used. */
const longest = [
  hex(2048),
  hex(64),
  hex(40),
  'A'.repeat(1366),
  'f'.repeat(43),
  '0197c0de-0000-7000-8000-ffffffffffff',
  '+999999999999999',
  '4294967295:AAAAAAAAAAAA',
  ...[12, 10, 8, 6].map((letters) => `4294967295:${'A'.repeat(letters)}`),
  'SEK',
  `-${'9'.repeat(38)}`,
  '9'.repeat(38),
  '9'.repeat(20),
  'a'.repeat(16),
  '2026-11-23T10:00:00Z',
];

/** A character that takes the most bytes: outside the BMP, escaped as two halves. */
const widest = '😀';
const escaped = (value: unknown): string =>
  JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

function largestText({ maxLength = 0, pattern }: JsonSchema): string {
  if (pattern === undefined || new RegExp(pattern, 'u').test(widest)) return widest.repeat(maxLength);
  const form = new RegExp(pattern, 'u');
  const fitting = longest.filter((text) => form.test(text) && (maxLength === 0 || text.length <= maxLength));
  const found = fitting.toSorted((a, b) => b.length - a.length)[0];
  if (found === undefined) throw new Error(`no sample of ${pattern}`);
  return found;
}

function largest(schema: JsonSchema): unknown {
  const choices = schema.anyOf ?? schema.oneOf ?? [];
  if (choices.length > 0) {
    return choices.map(largest).toSorted((a, b) => escaped(b).length - escaped(a).length)[0];
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.toSorted((a, b) => String(b).length - String(a).length)[0];
  if (schema.type === 'string') return largestText(schema);
  if (schema.type === 'integer') return schema.maximum;
  if (schema.type === 'array') {
    if (schema.items === undefined || schema.maxItems === undefined) throw new Error('a list without a bound');
    const item = largest(schema.items);
    return Array.from({ length: schema.maxItems }, () => item);
  }
  if (schema.properties === undefined) throw new Error(`no largest of ${JSON.stringify(schema)}`);
  return Object.fromEntries(Object.entries(schema.properties).map(([name, inner]) => [name, largest(inner)]));
}

function measure(text: string): Size {
  const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  let depth = 0;
  let deepest = 0;
  for (const sign of bare) {
    if (sign === '{' || sign === '[') deepest = Math.max(deepest, (depth += 1));
    else if (sign === '}' || sign === ']') depth -= 1;
  }
  return { bytes: Buffer.byteLength(text), marks: (bare.match(/[:,]/g) ?? []).length, depth: deepest };
}

const messages = (Object.keys(methods) as Method[]).flatMap((method) =>
  (['request', 'answer'] as const).map((part) => [method, part] as const),
);

describe('the largest legal message', () => {
  test.each(messages)('%s %s fits its bound, and the bound is not much larger', (method, part) => {
    const schema: z.ZodType = methods[method][part];
    const message = largest(z.toJSONSchema(schema) as JsonSchema);
    expect(schema.safeParse(message).success).toBe(true);
    const text = escaped(message);
    const found = measure(text);
    const bound = sizes[method][part];
    expect(found.bytes).toBeLessThanOrEqual(bound.bytes);
    expect(found.marks).toBeLessThanOrEqual(bound.marks);
    expect(found.depth).toBe(bound.depth);
    expect(bound.bytes).toBeLessThanOrEqual(Math.max(4096, 2 * found.bytes));
    expect(bound.marks).toBeLessThanOrEqual(Math.max(16, 1.25 * found.marks));
    expect(() => assertJsonSize(Buffer.from(text), bound, method)).not.toThrow();
  });
});

describe('a body that is made to cost', () => {
  const bytes = sizes.propose.request.bytes;
  const many = (piece: (index: number) => string, open: string, close: string): Buffer => {
    const pieces: string[] = [];
    for (let length = 0, index = 0; length < bytes - 100; index += 1) {
      pieces.push(piece(index));
      length += (pieces.at(-1)?.length ?? 0) + 1;
    }
    return Buffer.from(`${open}${pieces.join(',')}${close}`);
  };

  test.each<[string, Buffer]>([
    ['a million names', many((index) => `"k${index}":0`, '{', '}')],
    ['a million objects', many(() => '{}', '[', ']')],
    ['a million numbers', many(() => '1', '[', ']')],
    ['a million floats', many(() => '1e1', '[', ']')],
    ['a million texts', many(() => '"\\\\\\""', '[', ']')],
    ['a million lists in one another', Buffer.from('['.repeat(bytes / 2) + ']'.repeat(bytes / 2))],
    ['names in what looks like a proposal', many((index) => `"k${index}":0`, '{"proposals":[{', '}]}')],
    ['one object in another, and so on', Buffer.from('{"a":'.repeat(bytes / 6))],
  ])('with %s is refused by its marks', (_what, body) => {
    expect(() => assertJsonSize(body, sizes.propose.request, 'request of propose')).toThrow(
      expect.objectContaining({ code: 'too-large', message: expect.stringMatching(/request of propose/) as unknown }),
    );
  });

  test('signs within texts count for nothing, whatever is escaped', () => {
    const text = JSON.stringify({ note: '{"[,:\\'.repeat(5_000) });
    expect(() => assertJsonSize(Buffer.from(text), { marks: 1, depth: 1 }, 'x')).not.toThrow();
    expect(() => assertJsonSize(Buffer.from(`[${text},1]`), { marks: 1, depth: 2 }, 'x')).toThrow();
  });
});
