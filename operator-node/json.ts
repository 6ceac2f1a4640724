/**
 * JSON that says each thing once. `JSON.parse` takes the last of two members of one name, other parsers the first: who checks
 * a text with one and acts on it with another can be made to act on what was never checked. So a name that stands
 * twice in one object is refused, wherever JSON comes in from others (RFC 8259 §4 leaves it open, RFC 7493 §2.3 forbids it).
 */

/** The text is JSON but for this: an object in it has two members of one name. */
export class DoubledNameError extends Error {
  /** As it is meant, escapes resolved. */
  readonly member: string;

  constructor(member: string) {
    super(`the name ${JSON.stringify(member.slice(0, 64))} stands twice in one object`);
    this.name = 'DoubledNameError';
    this.member = member;
  }
}

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];

/** The place of the quote that ends the string whose first quote is at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === backslash) {
    let first = end - 1;
    while (text.charCodeAt(first - 1) === backslash) first -= 1;
    // An even number of them: each pair is one backslash, and the quote is one.
    if ((end - first) % 2 === 0) break;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

/** Where the next thing begins: JSON's white space is the four characters up to U+0020. */
function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** Names of members as the text has them, with every repetition. The text must be JSON. */
function namesWritten(text: string): number {
  let count = 0;
  for (let start = text.indexOf('"'); start !== -1;) {
    const end = endOfString(text, start);
    if (text.charCodeAt(skipSpace(text, end + 1)) === colon) count += 1;
    start = text.indexOf('"', end + 1);
  }
  return count;
}

/** Names of members that were understood. Without recursion: a text may be nested a million deep. */
function namesKept(value: unknown): number {
  let count = 0;
  const left: unknown[] = typeof value === 'object' ? [value] : [];
  while (left.length > 0) {
    const next = left.pop();
    if (Array.isArray(next)) {
      for (const each of next as unknown[]) if (typeof each === 'object') left.push(each);
      continue;
    }
    // What comes from the parser has no inherited members, and this allocates nothing.
    for (const name in next as Record<string, unknown> | null) {
      count += 1;
      const each = (next as Record<string, unknown>)[name];
      if (typeof each === 'object') left.push(each);
    }
  }
  return count;
}

/** The first name that stands twice in its object. The text must be JSON. */
function doubledName(text: string): string | undefined {
  /** The objects and arrays that are open, the innermost last. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x7b) open.push(new Set());
    else if (code === 0x5b) open.push(undefined);
    else if (code === 0x7d || code === 0x5d) open.pop();
    if (code !== quote) continue;
    const end = endOfString(text, at);
    if (text.charCodeAt(skipSpace(text, end + 1)) === colon) {
      const name = JSON.parse(text.slice(at, end + 1)) as string;
      const names = open.at(-1);
      if (names?.has(name) === true) return name;
      names?.add(name);
    }
    at = end;
  }
  return undefined;
}

/** @throws {SyntaxError} for what is no JSON; {DoubledNameError} for a name that stands twice in one object */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Counting is cheap, and enough to know: the parser keeps one member of each name.
  if (namesWritten(text) === namesKept(value)) return value;
  throw new DoubledNameError(doubledName(text) ?? '');
}
