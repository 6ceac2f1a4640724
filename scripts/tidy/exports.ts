/** What is exported and what is depended on is used somewhere. */
import { dirname, join } from 'node:path/posix';
import ts from 'typescript';
import { listFile } from './names.ts';
import { lineAt, walk, type Finding, type Source, type Tree } from './tree.ts';

interface Exported {
  readonly name: string;
  readonly line: number;
}

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** Functions, classes and constants. A type may stand in the signature of one of them, and costs nothing at run time. */
function exportedValues(source: Source): Exported[] {
  return source.tree.statements.filter(isExported).flatMap((statement) => {
    const line = lineAt(source, statement.getStart());
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map(({ name }) => ({ name: name.getText(), line }));
    }
    const named = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) ? statement.name : undefined;
    return named === undefined ? [] : [{ name: named.text, line }];
  });
}

/** Names that a source takes from other files, as `path name`; `path *` where it takes a whole module. */
function usesOf(source: Source): string[] {
  const uses: string[] = [];
  const use = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
    const path = join(dirname(source.path), specifier.text);
    uses.push(...names.map((name) => `${path} ${name}`));
  };
  walk(source, (node) => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      const names =
        bindings !== undefined && ts.isNamedImports(bindings)
          ? bindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
          : ['*'];
      use(node.moduleSpecifier, names);
    } else if (ts.isExportDeclaration(node)) {
      const clause = node.exportClause;
      const names =
        clause !== undefined && ts.isNamedExports(clause)
          ? clause.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
          : ['*'];
      use(node.moduleSpecifier, names);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      use(node.arguments[0], ['*']);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      use(node.argument.literal, node.qualifier === undefined ? ['*'] : [node.qualifier.getText()]);
    }
  });
  return uses;
}

/** Every exported value is imported somewhere, but for those that `allowed` names as "path name". */
export function unusedExports({ sources }: Tree, allowed: Readonly<Record<string, string>>): Finding[] {
  const used = new Set(sources.flatMap(usesOf));
  const typed = sources.filter(({ path }) => /(?<!\.d)\.ts$/.test(path));
  const unused = typed.flatMap((source) =>
    exportedValues(source)
      .filter(({ name }) => !used.has(`${source.path} ${name}`) && !used.has(`${source.path} *`))
      .map(({ name, line }) => ({ path: source.path, line, name })),
  );
  const keys = new Set(unused.map(({ path, name }) => `${path} ${name}`));
  return [
    ...unused
      .filter(({ path, name }) => allowed[`${path} ${name}`] === undefined)
      .map(({ path, line, name }) => ({ path, line, text: `exports ${name}, which nothing imports` })),
    ...Object.keys(allowed)
      .filter((key) => !keys.has(key))
      .map((key) => ({
        path: listFile,
        text: `${key} is imported, or is not exported any more: take it off the list`,
      })),
  ];
}

/** Every one of `dependencies` is imported, or its files are named, by some source or contract; or is in `allowed`. */
export function unusedDependencies(
  tree: Tree,
  dependencies: readonly string[],
  allowed: Readonly<Record<string, string>>,
): Finding[] {
  const texts = new Set<string>();
  for (const source of tree.sources) {
    walk(source, (node) => {
      if (ts.isStringLiteral(node)) texts.add(node.text);
    });
  }
  for (const [path, text] of tree.documents) {
    if (path.endsWith('.sol')) for (const [, from] of text.matchAll(/from "([^"]+)"/g)) texts.add(from ?? '');
  }
  const isUsed = (name: string): boolean =>
    texts.has(name) || [...texts].some((text) => text.startsWith(`${name}/`)) || allowed[name] !== undefined;
  return dependencies
    .filter((name) => !isUsed(name))
    .map((name) => ({ path: 'package.json', text: `depends on ${name}, which nothing imports` }));
}
