/** The project as the tidy rules see it: every file's name, the parsed sources, the text of the documents. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface Source {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

export interface Tree {
  /** Paths of all files, of whatever kind. */
  readonly files: ReadonlySet<string>;
  /** TypeScript and JavaScript that people write. */
  readonly sources: readonly Source[];
  /** Markdown and Solidity: path and text. */
  readonly documents: ReadonlyMap<string, string>;
}

/** Breaks a rule. */
export interface Finding {
  readonly path: string;
  /** From 1. */
  readonly line?: number;
  readonly text: string;
}

const sourceName = /\.(ts|mjs|mts|js)$/;
const documentName = /\.(md|sol)$/;
const generated = /^operator-node\/chain\/bindings\//;

/** A tree of the given texts by path; `others` are files that exist and are not read. */
export function treeOf(texts: Readonly<Record<string, string>>, others: Iterable<string> = []): Tree {
  const entries = Object.entries(texts);
  return {
    files: new Set([...entries.map(([path]) => path), ...others]),
    sources: entries
      .filter(([path]) => sourceName.test(path) && !generated.test(path))
      .map(([path, text]) => ({ path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) })),
    documents: new Map(entries.filter(([path]) => documentName.test(path))),
  };
}

/** What git has or would add below `root`. */
export function readTree(root: string): Tree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const paths = listed
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
  const read = paths.filter((path) => sourceName.test(path) || documentName.test(path));
  return treeOf(Object.fromEntries(read.map((path) => [path, readFileSync(join(root, path), 'utf8')])), paths);
}

export const lineAt = (source: Source, position: number): number =>
  source.tree.getLineAndCharacterOfPosition(position).line + 1;

/** Calls `visit` with every node of a source. */
export function walk(source: Source, visit: (node: ts.Node) => void): void {
  const each = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, each);
  };
  each(source.tree);
}
