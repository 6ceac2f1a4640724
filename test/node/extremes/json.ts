/**
 * The extreme values of JSON, and how they are put in the place of every field of a sample in turn. Which fields there are
 * is read from the schema, and the sample must have all of them: a new field without one fails the test that walks it.
 */
import { z } from 'zod';

/** A value as text, since some have no value in JavaScript. */
export interface JsonExtreme {
  readonly name: string;
  readonly text: string;
}

const repeated = (text: string, times: number): string => text.repeat(times);
const nested = (open: string, close: string, depth: number): string => repeated(open, depth) + repeated(close, depth);
const json = (value: unknown): string => JSON.stringify(value);

export const jsonExtremes: readonly JsonExtreme[] = [
  ...['null', 'true', 'false', '0', '-0', '1', '-1', '2', '255', '65536', '4294967296'].map((text) => ({
    name: text,
    text,
  })),
  ...['9007199254740991', '9007199254740993', '18446744073709551615', '1e308', '1e999', '0.5', '1E3'].map((text) => ({
    name: text,
    text,
  })),
  { name: '2^256 − 1', text: `${(1n << 256n) - 1n}` },
  { name: '400 digits', text: repeated('9', 400) },
  ...['', '0', '-1', '1e3', '0x10', 'NaN', 'Infinity', '1.5', '007', ' 1', '١٢', '1\u200b2'].map((text) => ({
    name: `the text ${json(text)}`,
    text: json(text),
  })),
  { name: 'the text of 2^64 − 1', text: json('18446744073709551615') },
  { name: 'the text of 2^256', text: json(`${1n << 256n}`) },
  { name: 'a text of 400 digits', text: json(repeated('9', 400)) },
  { name: 'NUL', text: '"\\u0000"' },
  { name: 'a lone surrogate', text: '"\\ud800"' },
  { name: 'a byte order mark', text: '"\\ufeffa"' },
  { name: 'bidi overrides', text: json('\u202e\u2066evil\u2069') },
  { name: 'controls', text: '"\\u001b[2J\\r\\n"' },
  { name: '__proto__', text: json('__proto__') },
  { name: 'a formula', text: json('=1+1') },
  { name: 'markup', text: json('<script>alert(1)</script>') },
  { name: 'emoji', text: json('👩‍👩‍👧‍👦') },
  { name: 'zero hash', text: json(`0x${repeated('0', 64)}`) },
  { name: 'upper-case hash', text: json(`0x${repeated('A', 64)}`) },
  { name: 'highest hash', text: json(`0x${repeated('f', 64)}`) },
  { name: 'a time in the year 9999', text: json('9999-12-31T23:59:59Z') },
  { name: 'no such time', text: json('2026-02-30T25:61:61Z') },
  { name: 'a text of 100,000 characters', text: json(repeated('a', 100_000)) },
  { name: 'an empty list', text: '[]' },
  { name: 'a list of nulls', text: `[${Array.from({ length: 50 }, () => 'null').join()}]` },
  { name: 'a list of 10,000', text: `[${Array.from({ length: 10_000 }, () => '0').join()}]` },
  { name: 'an empty object', text: '{}' },
  { name: 'an object with __proto__', text: '{"__proto__":{"a":1}}' },
  { name: 'nested 5,000 deep', text: nested('[', ']', 5_000) },
  { name: 'objects nested 5,000 deep', text: `${repeated('{"a":', 5_000)}0${repeated('}', 5_000)}` },
];

export type Path = readonly (string | number)[];
export const nameOf = (path: Path): string => (path.length === 0 ? '(top)' : path.join('.'));

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const isObject = (value: unknown): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every place in it, the top first; of a list the list and its first item. */
export function pathsIn(value: unknown, path: Path = []): Path[] {
  const below = Array.isArray(value)
    ? value.slice(0, 1).flatMap((item: unknown) => pathsIn(item, [...path, 0]))
    : isObject(value)
      ? Object.entries(value).flatMap(([name, inner]) => pathsIn(inner, [...path, name]))
      : [];
  return [path, ...below];
}

const mark = '\u0001extreme\u0001';

function replaced(value: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [at, ...rest] = path;
  if (at === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === at ? replaced(item, rest, change) : item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const changed = name === at ? replaced(inner, rest, change) : inner;
      return changed === undefined ? [] : [[name, changed]];
    }),
  );
}

/** The sample's text with these characters in that place. */
const withText = (sample: unknown, path: Path, text: string): string =>
  JSON.stringify(replaced(sample, path, () => mark)).replace(JSON.stringify(mark), () => text);

export interface Mutation {
  readonly name: string;
  readonly text: string;
}

/** Everything that can stand in that place: the extremes, nothing, and for an object a member more or one twice. */
export function mutationsAt(sample: unknown, path: Path): Mutation[] {
  const where = nameOf(path);
  const found = jsonExtremes.map(({ name, text }) => ({
    name: `${where} = ${name}`,
    text: withText(sample, path, text),
  }));
  if (path.length > 0)
    found.push({ name: `${where} left out`, text: JSON.stringify(replaced(sample, path, () => undefined)) });
  replaced(sample, path, (value) => {
    if (isObject(value)) {
      const inner = JSON.stringify(value).slice(1, -1);
      const [first] = Object.entries(value);
      const more = `${inner === '' ? '' : `${inner},`}"surplus":1`;
      found.push({ name: `${where} with a member more`, text: withText(sample, path, `{${more}}`) });
      if (first !== undefined) {
        const twice = `${JSON.stringify(first[0])}:${JSON.stringify(first[1])},${inner}`;
        found.push({ name: `${where} with ${first[0]} twice`, text: withText(sample, path, `{${twice}}`) });
      }
    }
    return value;
  });
  return found;
}

/** What is no JSON at all, or not what it seems. */
export const brokenTexts = (sample: string): readonly Mutation[] => [
  { name: 'nothing', text: '' },
  { name: 'half of it', text: sample.slice(0, sample.length / 2) },
  { name: 'twice', text: sample + sample },
  { name: 'with a byte order mark', text: `\ufeff${sample}` },
  { name: 'with white space', text: ` ${sample} ` },
  { name: 'a NUL after it', text: `${sample}\0` },
  { name: 'NaN', text: 'NaN' },
];

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema | false;
  readonly prefixItems?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** The names of all members that the schema knows, as paths; `0` for an item of a list. */
function schemaPaths(schema: z.ZodType): ReadonlySet<string> {
  const root = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as JsonSchema;
  const found = new Set<string>();
  const walk = (node: JsonSchema, path: Path, depth: number): void => {
    if (depth > 12) return;
    if (node.$ref !== undefined) {
      const target = root.$defs?.[node.$ref.replace('#/$defs/', '')];
      if (target !== undefined) walk(target, path, depth + 1);
    }
    for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])])
      walk(inner, path, depth + 1);
    for (const [name, inner] of Object.entries(node.properties ?? {})) {
      found.add([...path, name].join('.'));
      walk(inner, [...path, name], depth + 1);
    }
    const [item] = node.prefixItems ?? [];
    const items = typeof node.items === 'object' ? node.items : item;
    if (items !== undefined) walk(items, [...path, 0], depth + 1);
  };
  walk(root, [], 0);
  return found;
}

/** Fields of the schema that none of the samples has: none is to be left. */
export function unsampled(schema: z.ZodType, samples: readonly unknown[]): readonly string[] {
  const have = new Set(samples.flatMap((sample) => pathsIn(sample).map((path) => path.join('.'))));
  return [...schemaPaths(schema)].filter((path) => !have.has(path));
}
