/** Files that a comment or a document names. */
import { basename, dirname, join } from 'node:path/posix';
import ts from 'typescript';
import { walk, type Finding, type Source, type Tree } from './tree.ts';

const mention = /(?<![\w./@*{<-])(?:\.{1,2}\/)*[\w-][\w./-]*\.(?:ts|mjs|md|sol)\b(?![\w*}>-])/g;
/** What was decided or changed at some time names the files of that time. */
const historical = /^(CHANGELOG\.md$|docs\/decisions\/)/;

interface Passage {
  /** Of its first character, from 1. */
  readonly line: number;
  readonly text: string;
}

const lineOf = (text: string, position: number): number => text.slice(0, position).split('\n').length;
const blank = (block: string): string => block.replaceAll(/[^\n]/g, ' ');

/** Pages that a message sends its reader to. */
const pagesInStrings = (source: Source): Passage[] =>
  [...source.text.matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(({ 0: text, index }) => ({
    line: lineOf(source.text, index),
    text,
  }));

/** Strings, templates and regular expressions are blanked out first, so that none is taken for a comment. */
function commentsOf(source: Source): Passage[] {
  const { text } = source;
  const pieces: string[] = [];
  let at = 0;
  walk(source, (node) => {
    if (!ts.isStringLiteral(node) && !ts.isTemplateLiteralToken(node) && !ts.isRegularExpressionLiteral(node)) return;
    pieces.push(text.slice(at, node.getStart()), blank(node.getText()));
    at = node.end;
  });
  pieces.push(text.slice(at));
  const comments = pieces.join('').matchAll(/\/\*[\s\S]*?\*\/|\/\/.*/g);
  return [...comments].map(({ 0: comment, index }) => ({ line: lineOf(text, index), text: comment }));
}

/** A name in capitals stands for any file. */
const placeholder = /(^|\/)[A-Z]+\.\w+$/;

/** Whether some file may be meant: a path from the root or from here, the end of a path, or a name alone. */
function exists(files: ReadonlySet<string>, names: ReadonlySet<string>, from: string, name: string): boolean {
  if (placeholder.test(name)) return true;
  if (!name.includes('/')) return names.has(name);
  if (files.has(join(dirname(from), name)) || files.has(name)) return true;
  return !name.startsWith('.') && [...files].some((file) => file.endsWith(`/${name}`));
}

/** Every file that a comment, or a document outside of its examples, names exists. */
export function mentions(tree: Tree): Finding[] {
  const names = new Set([...tree.files].map((file) => basename(file)));
  const missing = (path: string, { line, text }: Passage): Finding[] =>
    [...text.matchAll(mention)]
      .filter(({ 0: name }) => !exists(tree.files, names, path, name))
      .map(({ 0: name, index }) => ({
        path,
        line: line + lineOf(text, index) - 1,
        text: `names ${name}, which does not exist`,
      }));
  const documents = [...tree.documents].filter(([path]) => !historical.test(path));
  return [
    ...tree.sources.flatMap((source) =>
      [...commentsOf(source), ...(source.path.startsWith('test/') ? [] : pagesInStrings(source))].flatMap((passage) =>
        missing(source.path, passage),
      ),
    ),
    // What is fenced is an example.
    ...documents.flatMap(([path, text]) => missing(path, { line: 1, text: text.replaceAll(/```[\s\S]*?```/g, blank) })),
  ];
}

/** Every page of documentation is linked from where a reader begins. */
export function linkedPages({ documents }: Tree, beginnings: readonly string[]): Finding[] {
  const linked = new Set<string>(beginnings);
  for (const beginning of beginnings) {
    for (const [, target] of (documents.get(beginning) ?? '').matchAll(/\]\(([^)\s#]+)/g)) {
      if (target !== undefined) linked.add(join(dirname(beginning), target));
    }
  }
  return [...documents.keys()]
    .filter((path) => path.startsWith('docs/') && path.endsWith('.md') && !path.startsWith('docs/decisions/'))
    .filter((path) => !linked.has(path))
    .map((path) => ({ path, text: `is linked from none of ${beginnings.join(', ')}` }));
}
