/** How long functions and files may be. */
import ts from 'typescript';
import { listFile } from './names.ts';
import { lineAt, walk, type Finding, type Source, type Tree } from './tree.ts';

const maxFunctionLines = 70;
const maxFileLines = 400;
/** A file of tests is a list of sentences that stand for themselves. */
const maxTestFileLines = 800;

/** What is longer than allowed, why, and how long it may be at most. */
export interface Exception {
  readonly lines: number;
  readonly because: string;
}

export type Exceptions = Readonly<Record<string, Exception>>;

const isChapterCall = (node: ts.Node): boolean => {
  if (!ts.isCallExpression(node)) return false;
  let callee: ts.Expression = node.expression;
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && /^(describe|it|test)$/.test(callee.text);
};

type FunctionWithBody = ts.FunctionLikeDeclaration & { readonly body: ts.Node };

/** A `describe`, or a function that declares tests, is a chapter of sentences and not a function that runs through. */
function isChapter(node: FunctionWithBody): boolean {
  const { body, parent } = node;
  if (ts.isCallExpression(parent) && /^describe\b/.test(parent.expression.getText())) return true;
  if (!ts.isBlock(body)) return false;
  return body.statements.some(
    (statement) => ts.isExpressionStatement(statement) && isChapterCall(statement.expression),
  );
}

/** The name under which a function is listed: its own, or that of what it is given to. */
function nameOf(node: FunctionWithBody): string {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) {
    return parent.name.getText();
  }
  return ts.isCallExpression(parent) ? parent.expression.getText() : 'anonymous';
}

interface Long {
  readonly key: string;
  readonly path: string;
  readonly line: number;
  readonly lines: number;
}

function longFunctions(source: Source): Long[] {
  const found: Long[] = [];
  walk(source, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const declared = node as FunctionWithBody;
    const line = lineAt(source, node.getStart());
    const lines = lineAt(source, node.end) - line + 1;
    if (lines > maxFunctionLines && !isChapter(declared)) {
      found.push({ key: `${source.path} ${nameOf(declared)}`, path: source.path, line, lines });
    }
  });
  return found;
}

function judge(long: readonly Long[], exceptions: Exceptions, most: (path: string) => number): Finding[] {
  const tooLong = long
    .map((each) => ({ ...each, allowed: exceptions[each.key]?.lines ?? most(each.path) }))
    .filter(({ lines, allowed }) => lines > allowed)
    .map(({ key, path, line, lines, allowed }) => {
      const what = key === path ? 'the file' : key.slice(path.length + 1);
      return { path, line, text: `${what} has ${lines} lines, at most ${allowed} are allowed` };
    });
  const keys = new Set(long.map(({ key }) => key));
  const needless = Object.keys(exceptions)
    .filter((key) => !keys.has(key))
    .map((key) => ({ path: listFile, text: `${key} is not too long any more: take it off the list` }));
  return [...tooLong, ...needless];
}

export function functionLengths({ sources }: Tree, exceptions: Exceptions): Finding[] {
  return judge(sources.flatMap(longFunctions), exceptions, () => maxFunctionLines);
}

const mostLines = (path: string): number => (path.endsWith('.test.ts') ? maxTestFileLines : maxFileLines);

export function fileLengths({ sources }: Tree, exceptions: Exceptions): Finding[] {
  const long = sources
    .map(({ path, text }) => ({ key: path, path, line: 1, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > mostLines(path));
  return judge(long, exceptions, mostLines);
}
