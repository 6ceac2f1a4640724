/** Which members of a class nobody else may touch is said in one way, which holds at run time too. */
import ts from 'typescript';
import { listFile } from './names.ts';
import { lineAt, walk, type Finding, type Tree } from './tree.ts';

const modifiers = new Map([
  [ts.SyntaxKind.PrivateKeyword, 'private'],
  [ts.SyntaxKind.ProtectedKeyword, 'protected'],
  [ts.SyntaxKind.PublicKeyword, 'public'],
]);

/** `#name` only, but in the files that `allowed` names. A constructor has no such spelling, so it may be `private`. */
export function privateMembers({ sources }: Tree, allowed: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  for (const source of sources) {
    walk(source, (node) => {
      if (!ts.isClassElement(node) || ts.isConstructorDeclaration(node) || !ts.canHaveModifiers(node)) return;
      for (const modifier of ts.getModifiers(node) ?? []) {
        const word = modifiers.get(modifier.kind);
        if (word === undefined) continue;
        const text = `${node.name?.getText() ?? 'a member'} is ${word}: what is private begins with #, the rest has no word`;
        findings.push({ path: source.path, line: lineAt(source, node.getStart()), text });
      }
    });
  }
  const needless = allowed
    .filter((path) => !findings.some((finding) => finding.path === path))
    .map((path) => ({ path: listFile, text: `${path} has no such member any more: take it off the list` }));
  return [...findings.filter(({ path }) => !allowed.includes(path)), ...needless];
}
