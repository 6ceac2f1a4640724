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
  const source = new Source(file);
  visit(source, astOf(file));
  return source.mutants;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** One source, its places by the nodes of its tree, and the mutants that were found in it so far. */
class Source {
  readonly #file: string;
  readonly #bytes: Buffer;
  readonly #seen = new Set<string>();
  readonly mutants: Mutant[] = [];

  constructor(file: string) {
    this.#file = file;
    this.#bytes = readFileSync(join(root, file));
  }

  range(node: AstNode): Range {
    const [start = 0, length = 0] = node.src.split(':').map(Number);
    return { start, end: start + length };
  }

  text(start: number, end: number): string {
    return this.#bytes.subarray(start, end).toString('utf8');
  }

  of(node: AstNode): string {
    const { start, end } = this.range(node);
    return this.text(start, end);
  }

  child(node: AstNode, name: string): AstNode {
    const value = node[name];
    if (!isNode(value)) throw new Error(`${node.nodeType} without ${name} in ${this.#file}`);
    return value;
  }

  add(operator: string, { start, end }: Range, mutated: string): void {
    const key = `${start} ${end} ${mutated}`;
    const original = this.text(start, end);
    if (original === mutated || this.#seen.has(key)) return;
    this.#seen.add(key);
    const line = this.text(0, start).split('\n').length;
    const source = this.text(0, start) + mutated + this.text(end, this.#bytes.length);
    this.mutants.push({ file: this.#file, line, operator, original, mutated, source });
  }

  replace(operator: string, node: AstNode, mutated: string): void {
    this.add(operator, this.range(node), mutated);
  }

  /** What stands between two parts of an expression, with another operator in it. */
  exchange(operator: string, left: AstNode, right: AstNode, from: string, to: string): void {
    const between = { start: this.range(left).end, end: this.range(right).start };
    this.add(
      operator,
      between,
      this.text(between.start, between.end).replace(from, () => to),
    );
  }
}

/** By kind of node. */
const mutations: Readonly<Record<string, (source: Source, node: AstNode) => void>> = {
  BinaryOperation: (source, node) => {
    const [left, right] = [source.child(node, 'leftExpression'), source.child(node, 'rightExpression')];
    const operator = String(node['operator']);
    for (const other of binary[operator] ?? []) source.exchange('operator', left, right, operator, other);
  },
  Assignment: (source, node) => {
    const [left, right] = [source.child(node, 'leftHandSide'), source.child(node, 'rightHandSide')];
    const operator = String(node['operator']);
    const other = compound[operator];
    if (other !== undefined) source.exchange('assignment', left, right, operator, other);
  },
  UnaryOperation: (source, node) => {
    const operator = String(node['operator']);
    const inner = source.of(source.child(node, 'subExpression'));
    if (operator === '!' || operator === '~') source.replace('unary', node, inner);
    if (operator === '++') source.replace('unary', node, `--${inner}`);
    if (operator === '--') source.replace('unary', node, `++${inner}`);
  },
  Literal: (source, node) => {
    const text = source.of(node);
    if (node['kind'] === 'number') source.replace('constant', node, `(${text} + 1)`);
    if (node['kind'] === 'bool') source.replace('constant', node, text === 'true' ? 'false' : 'true');
    if (node['kind'] === 'string' && text !== '""') source.replace('constant', node, '"mutated"');
  },
  IfStatement: bothWays,
  Conditional: bothWays,
  WhileStatement: (source, node) => {
    source.replace('guard', source.child(node, 'condition'), 'false');
  },
  ExpressionStatement: leftOut,
  EmitStatement: leftOut,
  ModifierInvocation: (source, node) => {
    // A base constructor's arguments look the same and cannot be left out.
    if (node['kind'] === 'modifierInvocation') source.replace('guard', node, '');
  },
};
/** Nothing below these is mutated: what leads there is, and the tests compare the arguments. */
const leaves: ReadonlySet<string> = new Set(['RevertStatement']);

function bothWays(source: Source, node: AstNode): void {
  for (const always of ['true', 'false']) source.replace('guard', source.child(node, 'condition'), always);
}

function leftOut(source: Source, node: AstNode): void {
  const { start, end } = source.range(node);
  source.add('statement', { start, end: source.text(end, end + 1) === ';' ? end + 1 : end }, '{}');
}

function visit(source: Source, node: AstNode): void {
  if (leaves.has(node.nodeType)) return;
  mutations[node.nodeType]?.(source, node);
  for (const value of Object.values(node)) {
    for (const inner of Array.isArray(value) ? value : [value]) if (isNode(inner)) visit(source, inner);
  }
}
