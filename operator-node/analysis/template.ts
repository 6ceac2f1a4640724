/**
 * The texts of the catalogue: `{name}` is a value, `[ … ]` a part that is left out when a value in it is missing or empty;
 * `{{`, `}}`, `[[`, `]]` are the characters themselves. Parts do not nest.
 */
import { unquoted } from './clean.ts';
import { valueKinds, type Placeholder } from './placeholders.ts';

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly name: Placeholder }
  | { readonly kind: 'part'; readonly pieces: readonly Piece[] };

export type Template = readonly Piece[];

export type Compiled =
  { readonly ok: true; readonly template: Template } | { readonly ok: false; readonly problems: readonly string[] };

const tokens = /\{\{|\}\}|\[\[|\]\]|\{([^{}[\]]*)\}|[{}[\]]|[^{}[\]]+/g;

const isPlaceholder = (name: string): name is Placeholder => Object.hasOwn(valueKinds, name);

/** `allowed` lists the text's placeholders, those that may be empty with a `?`. */
export function compile(source: string, allowed: readonly string[]): Compiled {
  const problems: string[] = [];
  const top: Piece[] = [];
  let part: Piece[] | undefined;

  const value = (name: string): void => {
    const optional = allowed.includes(`${name}?`);
    if (!isPlaceholder(name) || (!optional && !allowed.includes(name))) {
      const names = allowed.map((each) => `{${each.replace('?', '')}}`).join(' ');
      problems.push(`unknown placeholder {${name}}; this text has ${names === '' ? 'none' : names}`);
    } else if (optional && part === undefined) {
      problems.push(`{${name}} may be empty: put it into an optional part, as in [ … {${name}}]`);
    } else (part ?? top).push({ kind: 'value', name });
  };

  for (const [token, name] of source.matchAll(tokens)) {
    if (name !== undefined) value(name);
    else if (token === '[') {
      if (part !== undefined) problems.push('an optional part [ … ] inside another');
      part = [];
    } else if (token === ']') {
      if (part === undefined) problems.push('"]" without "["; write "]]" for the character itself');
      else if (!part.some((piece) => piece.kind === 'value')) problems.push('an optional part without a placeholder');
      else top.push({ kind: 'part', pieces: part });
      part = undefined;
    } else if (token === '{' || token === '}') {
      problems.push(`"${token}" without its other; write "${token}${token}" for the character itself`);
    } else {
      const text = /^(?:\{\{|\}\}|\[\[|\]\])$/.test(token) ? token.slice(1) : token;
      (part ?? top).push({ kind: 'text', text });
    }
  }
  if (part !== undefined) problems.push('"[" without "]"');
  if (/(?![\u200e\u200f])[\p{Cc}\p{Cf}\p{Cs}]/u.test(source.replaceAll('\n', '')))
    problems.push('a control or invisible character');
  if (source.trim() !== source || source === '') problems.push('an empty text, or one with spaces around it');
  return problems.length === 0 ? { ok: true, template: top } : { ok: false, problems };
}

/** Every placeholder that the text uses. */
export function placeholdersOf(template: Template): ReadonlySet<Placeholder> {
  const names = new Set<Placeholder>();
  for (const piece of template) {
    if (piece.kind === 'value') names.add(piece.name);
    if (piece.kind === 'part') for (const name of placeholdersOf(piece.pieces)) names.add(name);
  }
  return names;
}

/** `value` gives each placeholder's shown form, `''` for none. Quotation marks of a value become `'` where quotes stand around it. */
export function fill(template: Template, value: (name: Placeholder) => string): string {
  let text = '';
  for (const piece of template) {
    if (piece.kind === 'text') text += piece.text;
    else if (piece.kind === 'value') {
      const shown = value(piece.name);
      text += text.endsWith('"') ? unquoted(shown) : shown;
    } else text += fillPart(piece.pieces, value);
  }
  return text;
}

function fillPart(pieces: readonly Piece[], value: (name: Placeholder) => string): string {
  const missing = pieces.some((piece) => piece.kind === 'value' && value(piece.name) === '');
  return missing ? '' : fill(pieces, value);
}
