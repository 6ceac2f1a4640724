/** How much there is in a JSON text, before anything is made of it. */
import { TandemError } from './errors.ts';

export interface JsonSize {
  /** Colons and commas outside of strings: of a name and its value, and between two values. */
  readonly marks: number;
  /** Objects and lists inside one another. */
  readonly depth: number;
}

/** Below this the parser itself costs next to nothing, whatever is in it. */
const scannedBytes = 4_096;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;

/**
 * One look at the bytes, without making anything of them: a parser that is given a million names makes a million strings
 * before anybody sees that none of them belongs there.
 *
 * @throws {TandemError} `too-large`
 */
export function assertJsonSize(body: Uint8Array, { marks, depth }: JsonSize, what: string): void {
  if (body.length <= scannedBytes) return;
  let found = 0;
  let open = 0;
  let text = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (text) {
      if (byte === backslash) at += 1;
      else if (byte === quote) text = false;
    } else if (byte === quote) text = true;
    else if (byte === comma || byte === colon) {
      found += 1;
      if (found > marks) throw new TandemError('too-large', `A ${what} has fewer values than this one`);
      // `{` and `[`, `}` and `]`: each two apart in one bit.
    } else if (byte === 0x7b || byte === 0x5b) {
      open += 1;
      if (open > depth)
        throw new TandemError('too-large', `A ${what} is nested at most ${depth} deep, this one deeper`);
    } else if (byte === 0x7d || byte === 0x5d) open -= 1;
  }
}
