/** Which way imports point. */
import { dirname, join } from 'node:path/posix';
import ts from 'typescript';
import { listFile } from './names.ts';
import { lineAt, walk, type Finding, type Source, type Tree } from './tree.ts';

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** Some folders or files whose imports have one place in the order. A path ending in / is a folder with all below it. */
export interface Room {
  readonly name: string;
  readonly paths: readonly string[];
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { namedBindings } = clause;
  if (clause.name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly);
}

/** What a node imports: its specifier, and whether only for types. */
function importOf(node: ts.Node): { readonly name: ts.Node | undefined; readonly typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return { name: node.moduleSpecifier, typeOnly: isTypeOnly(node) };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { name: node.arguments[0], typeOnly: false };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { name: node.argument.literal, typeOnly: true };
  }
  return undefined;
}

function arrowsOf(source: Source): Arrow[] {
  const arrows: Arrow[] = [];
  walk(source, (node) => {
    const found = importOf(node);
    if (found?.name === undefined || !ts.isStringLiteral(found.name) || !found.name.text.startsWith('.')) return;
    const to = join(dirname(source.path), found.name.text);
    arrows.push({ from: source.path, to, line: lineAt(source, node.getStart()), typeOnly: found.typeOnly });
  });
  return arrows;
}

/** Every import of one file of the project by another. */
export const arrowsIn = ({ sources }: Tree): Arrow[] => sources.flatMap(arrowsOf);

const roomAt = (rooms: readonly Room[], path: string): number =>
  rooms.findIndex(({ paths }) => paths.some((at) => (at.endsWith('/') ? path.startsWith(at) : path === at)));

/** Imports point downwards in `rooms`, but for those between two rooms that `allowed` names as "from → to". */
export function direction(
  tree: Tree,
  arrows: readonly Arrow[],
  rooms: readonly Room[],
  allowed: Readonly<Record<string, string>>,
): Finding[] {
  const homeless = tree.sources
    .filter(({ path }) => path.includes('/') && roomAt(rooms, path) === -1)
    .map(({ path }) => ({ path, text: `has no place in the order of rooms (${listFile})` }));
  const needed = new Set<string>();
  const upwards: Finding[] = [];
  for (const { from, to, line } of arrows) {
    const [above, below] = [roomAt(rooms, from), roomAt(rooms, to)];
    if (above === -1 || below === -1 || below >= above) continue;
    const key = `${rooms[above]?.name ?? ''} → ${rooms[below]?.name ?? ''}`;
    needed.add(key);
    if (allowed[key] === undefined) upwards.push({ path: from, line, text: `imports ${to}, upwards (${key})` });
  }
  const needless = Object.keys(allowed)
    .filter((key) => !needed.has(key))
    .map((key) => ({ path: listFile, text: `nothing imports ${key} any more: take it off the list` }));
  return [...homeless, ...upwards, ...needless];
}

/** Files that reach each other along `arrows`, by Tarjan's algorithm: groups of two or more. */
function circlesIn(arrows: readonly Arrow[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of arrows) next.set(from, [...(next.get(from) ?? []), to]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string): void => {
    const own = index.size;
    index.set(file, own);
    low.set(file, own);
    stack.push(file);
    onStack.add(file);
    for (const to of next.get(file) ?? []) {
      if (!index.has(to)) visit(to);
      if (onStack.has(to)) low.set(file, Math.min(low.get(file) ?? own, low.get(to) ?? own));
    }
    if (low.get(file) !== own) return;
    const circle = stack.splice(stack.indexOf(file));
    for (const each of circle) onStack.delete(each);
    if (circle.length > 1) circles.push(circle);
  };
  for (const file of next.keys()) if (!index.has(file)) visit(file);
  return circles;
}

const folderOf = (path: string): string => path.split('/').slice(0, 2).join('/');

/** None at run time; by types only within a folder. `allowed` names a file of each one that is known. */
export function circles(arrows: readonly Arrow[], allowed: Readonly<Record<string, string>>): Finding[] {
  const atRunTime = circlesIn(arrows.filter(({ typeOnly }) => !typeOnly));
  const byTypes = circlesIn(arrows).filter((circle) => new Set(circle.map(folderOf)).size > 1);
  const found = [
    ...atRunTime.map((circle) => ({ circle, text: 'a circle of imports at run time' })),
    ...byTypes.map((circle) => ({ circle, text: 'a circle of imports through several folders' })),
  ];
  const files = new Set(found.flatMap(({ circle }) => circle));
  return [
    ...found
      .filter(({ circle }) => !circle.some((file) => allowed[file] !== undefined))
      .map(({ circle, text }) => ({ path: circle[0] ?? '', text: `${text}: ${circle.join(' → ')}` })),
    ...Object.keys(allowed)
      .filter((file) => !files.has(file))
      .map((file) => ({ path: listFile, text: `${file} is in no circle any more: take it off the list` })),
  ];
}
