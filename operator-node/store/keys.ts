/** Keys on disk: `<table>!<key>`. Table names are ASCII and hold no `!`, so tables never mix. */
import { TandemError } from '../errors.ts';
import type { DiskRange } from './disk.ts';
import type { Range } from './store.ts';

/** @throws {TandemError} `internal` for a lone surrogate, which UTF-8 would fold into another key. */
export function diskKey(table: string, key: string): string {
  if (!key.isWellFormed()) {
    throw new TandemError('internal', `A key of table ${table} has a lone surrogate; keys must be well-formed text`);
  }
  return `${table}!${key}`;
}

export const tableOf = (key: string): string => key.slice(0, key.indexOf('!'));

/** The smallest text, in the order of UTF-8 bytes, that is above every text that begins with `prefix`. */
function above(prefix: string): string {
  const points = Array.from(prefix);
  for (;;) {
    const point = points.pop()?.codePointAt(0);
    if (point === undefined) throw new RangeError('nothing is above the empty prefix');
    if (point === 0x10ffff) continue;
    // Surrogates are no characters: U+E000 follows U+D7FF.
    return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
}

const later = (a: string, b: string): string => (compareKeys(a, b) >= 0 ? a : b);
const earlier = (a: string, b: string): string => (compareKeys(a, b) <= 0 ? a : b);

const surrogate = /[\ud800-\udfff]/;

/** The order of UTF-8 bytes, which differs from that of UTF-16 only where there are surrogates. */
export function compareKeys(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

export function diskRange(table: string, range: Range): DiskRange {
  const within = diskKey(table, range.prefix ?? '');
  return {
    gte: range.gte === undefined ? within : later(within, diskKey(table, range.gte)),
    lt: range.lt === undefined ? above(within) : earlier(above(within), diskKey(table, range.lt)),
    reverse: range.reverse ?? false,
    limit: range.limit ?? -1,
  };
}

/** All tables: their names begin with a letter. */
export const everything: DiskRange = { gte: 'a', lt: '{', reverse: false, limit: -1 };
