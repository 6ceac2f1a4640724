/** A YAML file whose every value knows the line it stands on, and a list that collects all that is wrong with it. */
import { readFileSync } from 'node:fs';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { TandemError } from './errors.ts';

export type YamlPath = readonly PropertyKey[];

export type YamlFault = 'catalogue-invalid' | 'config-invalid';

export interface Problem {
  readonly line: number;
  readonly text: string;
}

/** Ansible, PyYAML and others: a file that they have read and written again is another one. */
const writtenByYaml11 =
  'tools that read YAML 1.1 take yes, no, on and off for true and false; where the word is meant, write it in quotes';

export class LocatedYaml {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #readable: boolean;
  readonly #problems: Problem[] = [];

  /** @throws {TandemError} `code` for a file that cannot be read. */
  static read(file: string, code: YamlFault): LocatedYaml {
    try {
      return new LocatedYaml(file, readFileSync(file, 'utf8'));
    } catch (cause) {
      throw new TandemError(code, `Cannot read ${file}: ${(cause as Error).message}`, { cause });
    }
  }

  constructor(file: string, source: string) {
    this.file = file;
    this.#lines = new LineCounter();
    this.#document = parseDocument(source, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
    const { errors, warnings } = this.#document;
    // What follows from a first error of syntax says nothing more; keys given twice leave the rest readable.
    const [broken] = errors.filter(({ code }) => code !== 'DUPLICATE_KEY').sort((a, b) => a.pos[0] - b.pos[0]);
    this.#readable = broken === undefined;
    for (const error of broken === undefined ? [...errors, ...warnings] : [broken]) {
      this.#problems.push({ line: this.#lineOf(error.pos[0]), text: error.message });
    }
  }

  get problems(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line);
  }

  /** What the file says, unchecked; undefined if it is no YAML. */
  get value(): unknown {
    return this.#readable ? (this.#document.toJS() as unknown) : undefined;
  }

  /** The value by `schema`, or undefined with the problems noted: the file's own if it is no YAML, else the schema's. */
  parse<T>(schema: z.ZodType<T>): T | undefined {
    if (!this.#readable) return undefined;
    const result = schema.safeParse(this.value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const boolean = /^(?:true|false)$/i.test(key);
          this.problem([...issue.path, key], boolean ? `unknown key: ${writtenByYaml11}` : 'unknown key');
        }
      } else {
        const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
        const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
        const text = isMissing ? 'is missing' : (inner ?? issue).message;
        this.problem(issue.path, text.endsWith('received boolean') ? `${text}: ${writtenByYaml11}` : text);
      }
    }
    return undefined;
  }

  problem(path: YamlPath, text: string): void {
    const where = path.map(String).join('.');
    this.#problems.push({ line: this.line(path), text: where === '' ? text : `${where}: ${text}` });
  }

  /** The line of the key at `path`, or of the nearest enclosing key that exists. */
  line(path: YamlPath): number {
    let node: unknown = this.#document.contents;
    let offset = isNode(node) ? node.range?.[0] : undefined;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
        if (pair === undefined) break;
        if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (isNode(node)) offset = node.range?.[0] ?? offset;
      } else break;
    }
    return this.#lineOf(offset ?? 0);
  }

  /** @throws {TandemError} with one line a problem, `file:line: what`, if there is any. */
  assertSound(code: YamlFault, what: string): void {
    const problems = this.problems;
    if (problems.length === 0) return;
    const list = problems.map(({ line, text }) => `  ${this.file}:${line}: ${text}`).join('\n');
    throw new TandemError(code, `${what} has ${problems.length} problem${problems.length === 1 ? '' : 's'}:\n${list}`, {
      facts: { file: this.file, problems },
    });
  }

  #lineOf(offset: number): number {
    return Math.max(1, this.#lines.linePos(offset).line);
  }
}
