/** The mutants of a source: operators, constants, guards and statements changed one at a time, at the places of its tree. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type AstNode, astOf } from './compiler.ts';

export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly operator: string;
  /** What stands there, and what takes its place. */
  readonly original: string;
  readonly mutated: string;
  /** The whole source with the change. */
  readonly source: string;
}

const binary: Readonly<Record<string, readonly string[]>> = {
  '==': ['!='],
  '!=': ['=='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
};
const compound: Readonly<Record<string, string>> = { '|=': '&=', '&=': '|=', '+=': '-=', '-=': '+=', '>>=': '<<=' };

const root = join(import.meta.dirname, '..', '..', '..');
const isNode = (value: unknown): value is AstNode =>
  typeof value === 'object' && value !== null && 'nodeType' in value && 'src' in value;

export function mutantsOf(file: string): readonly Mutant[] {
  const bytes = readFileSync(join(root, file));
  const found: Mutant[] = [];
  const seen = new Set<string>();

  const range = (node: AstNode): { start: number; end: number } => {
    const [start = 0, length = 0] = node.src.split(':').map(Number);
    return { start, end: start + length };
  };
  const text = (start: number, end: number): string => bytes.subarray(start, end).toString('utf8');
  const of = (node: AstNode): string => text(range(node).start, range(node).end);
  const child = (node: AstNode, name: string): AstNode => {
    const value = node[name];
    if (!isNode(value)) throw new Error(`${node.nodeType} without ${name} in ${file}`);
    return value;
  };
  const add = (operator: string, start: number, end: number, mutated: string): void => {
    const key = `${start} ${end} ${mutated}`;
    const original = text(start, end);
    if (original === mutated || seen.has(key)) return;
    seen.add(key);
    const line = text(0, start).split('\n').length;
    found.push({ file, line, operator, original, mutated, source: text(0, start) + mutated + text(end, bytes.length) });
  };
  const replace = (operator: string, node: AstNode, mutated: string): void =>
    add(operator, range(node).start, range(node).end, mutated);

  const visit = (node: AstNode): void => {
    switch (node.nodeType) {
      case 'BinaryOperation': {
        const [left, right] = [child(node, 'leftExpression'), child(node, 'rightExpression')];
        const operator = String(node['operator']);
        const between = text(range(left).end, range(right).start);
        for (const other of binary[operator] ?? []) {
          add(
            'operator',
            range(left).end,
            range(right).start,
            between.replace(operator, () => other),
          );
        }
        break;
      }
      case 'Assignment': {
        const [left, right] = [child(node, 'leftHandSide'), child(node, 'rightHandSide')];
        const operator = String(node['operator']);
        const other = compound[operator];
        const between = text(range(left).end, range(right).start);
        if (other !== undefined) {
          add(
            'assignment',
            range(left).end,
            range(right).start,
            between.replace(operator, () => other),
          );
        }
        break;
      }
      case 'UnaryOperation': {
        const operator = String(node['operator']);
        const inner = of(child(node, 'subExpression'));
        if (operator === '!' || operator === '~') replace('unary', node, inner);
        if (operator === '++') replace('unary', node, `--${inner}`);
        if (operator === '--') replace('unary', node, `++${inner}`);
        break;
      }
      case 'Literal':
        if (node['kind'] === 'number') replace('constant', node, `(${of(node)} + 1)`);
        if (node['kind'] === 'bool') replace('constant', node, of(node) === 'true' ? 'false' : 'true');
        if (node['kind'] === 'string' && of(node) !== '""') replace('constant', node, '"mutated"');
        break;
      case 'IfStatement':
      case 'WhileStatement':
        if (node.nodeType === 'IfStatement') replace('guard', child(node, 'condition'), 'true');
        replace('guard', child(node, 'condition'), 'false');
        break;
      case 'Conditional':
        replace('guard', child(node, 'condition'), 'true');
        replace('guard', child(node, 'condition'), 'false');
        break;
      case 'ExpressionStatement':
      case 'EmitStatement': {
        const { start, end } = range(node);
        add('statement', start, text(end, end + 1) === ';' ? end + 1 : end, '{}');
        break;
      }
      case 'ModifierInvocation':
        // A base constructor's arguments look the same and cannot be left out.
        if (node['kind'] === 'modifierInvocation') replace('guard', node, '');
        break;
      case 'RevertStatement':
        // What leads here is mutated; its arguments are compared by the tests.
        return;
    }
    for (const value of Object.values(node)) {
      for (const inner of Array.isArray(value) ? value : [value]) if (isNode(inner)) visit(inner);
    }
  };
  visit(astOf(file));
  return found;
}
