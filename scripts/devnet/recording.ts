/**
 * The recorded conversation: who sends what, and which texts arrive where because of it. A text of the file is literal
 * but for `{name}`, which stands for a word (a code, a reference) that is remembered under that name for the rest of the
 * scene, and `{*}`, which stands for anything. In a message to send, `{name}` is what was remembered.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const arrival = z.strictObject({ phone: z.string(), text: z.string() });
const step = z.strictObject({
  from: z.string(),
  /** A name, a number, or `service`: the service number of the sender's operator. */
  to: z.string(),
  text: z.string(),
  disposition: z.enum(['forwarded', 'intercepted', 'answered']),
  /** In any order, within the time that a pair takes. */
  arrives: z.array(arrival).default([]),
});
const recording = z.strictObject({
  scenes: z.array(z.strictObject({ name: z.string(), steps: z.array(step).min(1) })).min(1),
});

export type Recording = z.output<typeof recording>;
export type Scene = Recording['scenes'][number];
export type Step = Scene['steps'][number];

export type Memory = Map<string, string>;

/** @throws {Error} naming the file and each place that is wrong */
export function readRecording(file: string): Recording {
  const result = recording.safeParse(parse(readFileSync(file, 'utf8')));
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`${file} is no recording:\n  ${issues.join('\n  ')}`);
}

/** The people of a recording, as it names them. */
export function namesIn({ scenes }: Recording): ReadonlySet<string> {
  const names = scenes.flatMap(({ steps }) =>
    steps.flatMap(({ from, to, arrives }) => [from, to, ...arrives.map(({ phone }) => phone)]),
  );
  return new Set(names.filter((name) => name !== 'service' && !name.startsWith('+')));
}

const placeholder = /\{(\*|[a-z][a-zA-Z0-9]*)\}/g;

/** @throws {Error} for a name that nothing has been remembered under */
export function fill(text: string, memory: Memory): string {
  return text.replaceAll(placeholder, (_, name: string) => {
    const value = memory.get(name);
    if (value === undefined) throw new Error(`nothing was remembered as {${name}} for the message "${text}"`);
    return value;
  });
}

/** Whether `actual` is what `expected` says; then new names are remembered. A name written twice is the same word twice. */
export function matches(expected: string, actual: string, memory: Memory): boolean {
  const fresh = new Set<string>();
  let pattern = '';
  let from = 0;
  for (const match of expected.matchAll(placeholder)) {
    pattern += RegExp.escape(expected.slice(from, match.index));
    from = match.index + match[0].length;
    const name = match[1] ?? '';
    const known = memory.get(name);
    if (name === '*') pattern += '[\\s\\S]*';
    else if (known !== undefined) pattern += RegExp.escape(known);
    else if (fresh.has(name)) pattern += `\\k<${name}>`;
    else {
      fresh.add(name);
      pattern += `(?<${name}>[\\p{L}\\p{N}-]+)`;
    }
  }
  pattern += RegExp.escape(expected.slice(from));
  const found = new RegExp(`^${pattern}$`, 'u').exec(actual);
  if (found === null) return false;
  for (const name of fresh) memory.set(name, found.groups?.[name] ?? '');
  return true;
}
