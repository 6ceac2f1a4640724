/** One field of a message, anywhere in it, with a value that its type may have at its ends, or cannot have. */
import type { Chance } from './random.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const anything: readonly Json[] = [
  '',
  '0',
  '-1',
  '9'.repeat(38),
  '9'.repeat(39),
  '18446744073709551616',
  'x'.repeat(5_000),
  '\0',
  '\u202e\u2066',
  '\ud800',
  '__proto__',
  '0x',
  `0x${'0'.repeat(64)}`,
  `0x${'f'.repeat(64)}`,
  '9999-12-31T23:59:59Z',
  '+0',
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  true,
  null,
  [],
  {},
];

/** Every place in it, as the names and positions that lead there. */
function placesOf(value: Json, way: readonly string[] = []): readonly (readonly string[])[] {
  if (value === null || typeof value !== 'object') return [way];
  return [way, ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner, [...way, name]))];
}

function withAt(value: Json, way: readonly string[], change: (before: Json) => Json | undefined): Json | undefined {
  const [name, ...rest] = way;
  if (name === undefined) return change(value);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, Json][] => {
    const changed = key === name ? withAt(inner, rest, change) : inner;
    return changed === undefined ? [] : [[key, changed]];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

/** `message` with one of its fields replaced, doubled or left out. */
export function withExtreme<T>(chance: Chance, message: T): T {
  const places = placesOf(message as Json).filter((way) => way.length > 0);
  if (places.length === 0) return message;
  const how = chance.below(10);
  return withAt(message as Json, chance.pick(places), (before) => {
    if (how === 0) return undefined;
    if (how === 1 && Array.isArray(before)) return [...(before as readonly Json[]), ...(before as readonly Json[])];
    return chance.pick(anything);
  }) as T;
}
