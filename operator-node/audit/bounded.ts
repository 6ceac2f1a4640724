/**
 * JSON from others, of no more values than its format can have: a text of some megabytes can be a hundred million empty
 * lists, which would end the process that reads it.
 */
import { parseJson } from '../json.ts';

/** Values in a text that may be JSON: what begins a list or object or parts two values, outside of strings. Counts no further. */
function marksIn(text: string, most: number): number {
  let marks = 0;
  for (let at = 0; at < text.length && marks <= most; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(text, at);
      if (at < 0) break;
    } else if (code === 0x5b || code === 0x7b || code === 0x2c) marks += 1;
  }
  return marks;
}

/** The place of the quote that ends the string which begins there; −1 where none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** @throws {SyntaxError} for what is no JSON; {DoubledNameError} for a name twice; {RangeError} for what has more values */
export function parseBounded(text: string, mostValues: number): unknown {
  if (marksIn(text, mostValues) > mostValues) throw new RangeError(`it has more than ${mostValues} values`);
  return parseJson(text);
}
