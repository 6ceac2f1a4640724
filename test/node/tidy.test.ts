import { describe, expect, it } from 'vitest';
import { unusedDependencies, unusedExports } from '../../scripts/tidy/exports.ts';
import { arrowsIn, circles, direction, type Room } from '../../scripts/tidy/imports.ts';
import { privateMembers } from '../../scripts/tidy/members.ts';
import { linkedPages, mentions } from '../../scripts/tidy/mentions.ts';
import { listFile, sameNames, spelling } from '../../scripts/tidy/names.ts';
import { fileLengths, functionLengths } from '../../scripts/tidy/sizes.ts';
import { treeOf, type Finding } from '../../scripts/tidy/tree.ts';

const said = (findings: readonly Finding[]): string[] =>
  findings.map(({ path, line, text }) => `${path}${line === undefined ? '' : `:${line}`} ${text}`);
const lines = (count: number): string => 'step();\n'.repeat(count);

describe('spelling', () => {
  it('takes kebab-case, and the endings of what serves tests', () => {
    const paths = ['a/one-word.ts', 'a/pacs009.ts', 'a/x.test.ts', 'a/x.fixture.ts', 'a/x.behavior.ts', 'bin/x.mjs'];
    expect(spelling(treeOf(Object.fromEntries(paths.map((path) => [path, '']))))).toEqual([]);
  });

  it.each(['a/checkBatch.ts', 'a/Tandem.ts', 'a/audit.docs.test.ts', 'a/x.fixtures.ts', 'a/two_words.ts'])(
    'refuses %s',
    (path) => {
      expect(spelling(treeOf({ [path]: '' })).map((finding) => finding.path)).toEqual([path]);
    },
  );
});

describe('sameNames', () => {
  const tree = treeOf({
    'operator-node/a/state.ts': '',
    'operator-node/b/state.ts': '',
    'operator-node/cli/pair.ts': '',
    'operator-node/flow/pair.ts': '',
    'test/node/state.ts': '',
  });

  it('refuses the second file of a name, but for commands and tests', () => {
    expect(said(sameNames(tree, {}))).toEqual([
      'operator-node/b/state.ts has the name of operator-node/a/state.ts: choose one that says what it is about',
    ]);
  });

  it('takes as many as are listed, and refuses a listed number that is too high', () => {
    expect(sameNames(tree, { 'state.ts': 2 })).toEqual([]);
    expect(said(sameNames(tree, { 'state.ts': 3 }))).toEqual([
      `${listFile} state.ts is allowed 3 times and stands 2 times: lower the number`,
    ]);
  });
});

describe('privateMembers', () => {
  const tree = treeOf({
    'a/x.ts': 'class X {\n  private one = 1;\n  #two = 2;\n  private constructor() {}\n  protected three() {}\n}',
  });

  it('refuses every word for what # says, but at a constructor', () => {
    expect(privateMembers(tree, []).map(({ line, text }) => `${line ?? 0} ${text.split(':')[0] ?? ''}`)).toEqual([
      '2 one is private',
      '5 three is protected',
    ]);
  });

  it('lets a listed file be, and refuses one that is listed without need', () => {
    expect(said(privateMembers(tree, ['a/x.ts', 'a/y.ts']))).toEqual([
      `${listFile} a/y.ts has no such member any more: take it off the list`,
    ]);
  });
});

describe('functionLengths', () => {
  const long = (body: string): string => `export function settle() {\n${body}}\n`;
  const because = 'a test';

  it('takes 70 lines and refuses 71, with the line where it begins', () => {
    expect(functionLengths(treeOf({ 'a/x.ts': long(lines(68)) }), {})).toEqual([]);
    expect(said(functionLengths(treeOf({ 'a/x.ts': `\n${long(lines(69))}` }), {}))).toEqual([
      'a/x.ts:2 settle has 71 lines, at most 70 are allowed',
    ]);
  });

  it('knows a function by the variable, property or call that has it', () => {
    const body = `{\n${lines(70)}}`;
    const text = `const one = () => ${body};\nconst two = { three: () => ${body} };\nrun(function () ${body});\nclass C { constructor() ${body} #four() ${body} }`;
    const names = said(functionLengths(treeOf({ 'a/x.ts': text }), {})).map((line) => line.split(' ')[1]);
    expect(names).toEqual(['one', 'three', 'run', 'constructor', '#four']);
  });

  it('lets a chapter of tests be, and not a single test', () => {
    const test = `it('says so', () => {\n${lines(70)}});\n`;
    const text = `describe('a part', () => {\n${lines(70)}});\nexport function behaviour() {\n${test}}\n`;
    expect(said(functionLengths(treeOf({ 'test/x.test.ts': text }), {}))).toEqual([
      'test/x.test.ts:74 it has 72 lines, at most 70 are allowed',
    ]);
  });

  it('takes what is listed up to its length, and no line more', () => {
    const tree = treeOf({ 'a/x.ts': long(lines(88)) });
    expect(functionLengths(tree, { 'a/x.ts settle': { lines: 90, because } })).toEqual([]);
    expect(said(functionLengths(tree, { 'a/x.ts settle': { lines: 89, because } }))).toEqual([
      'a/x.ts:1 settle has 90 lines, at most 89 are allowed',
    ]);
  });

  it('refuses an entry that is no longer needed', () => {
    const listed = { 'a/x.ts settle': { lines: 90, because } };
    expect(said(functionLengths(treeOf({ 'a/x.ts': long(lines(9)) }), listed))).toEqual([
      `${listFile} a/x.ts settle is not too long any more: take it off the list`,
    ]);
  });
});

describe('fileLengths', () => {
  it('takes 400 lines, and 800 of tests', () => {
    const tree = treeOf({ 'a/x.ts': lines(400), 'test/x.test.ts': lines(800) });
    expect(fileLengths(tree, {})).toEqual([]);
  });

  it('refuses more, unless it is listed with as many', () => {
    const tree = treeOf({ 'a/x.ts': lines(401), 'a/y.ts': lines(500), 'test/x.test.ts': lines(801) });
    expect(said(fileLengths(tree, { 'a/y.ts': { lines: 500, because: 'a test' } }))).toEqual([
      'a/x.ts:1 the file has 401 lines, at most 400 are allowed',
      'test/x.test.ts:1 the file has 801 lines, at most 800 are allowed',
    ]);
  });
});

describe('direction', () => {
  const rooms: readonly Room[] = [
    { name: 'flow', paths: ['node/flow/'] },
    { name: 'store', paths: ['node/store/'] },
    { name: 'basics', paths: ['node/errors.ts'] },
  ];
  const check = (texts: Record<string, string>, allowed: Record<string, string> = {}): string[] => {
    const tree = treeOf(texts);
    return said(direction(tree, arrowsIn(tree), rooms, allowed));
  };
  const upward = { 'node/store/a.ts': "import type { B } from '../flow/b.ts';", 'node/flow/b.ts': '' };

  it('lets imports point downwards and sideways', () => {
    const text = "import { a } from '../store/a.ts';\nimport { c } from './c.ts';\nimport { d } from '../errors.ts';";
    expect(
      check({ 'node/flow/b.ts': text, 'node/flow/c.ts': '', 'node/store/a.ts': '', 'node/errors.ts': '' }),
    ).toEqual([]);
  });

  it.each([
    ['an import', "import { b } from '../flow/b.ts';"],
    ['an import of types', "import type { B } from '../flow/b.ts';"],
    ['an export', "export { b } from '../flow/b.ts';"],
    ['an import at run time', "const b = await import('../flow/b.ts');"],
    ['a type in place', "let b: import('../flow/b.ts').B;"],
  ])('refuses %s that points upwards', (_, text) => {
    expect(check({ ...upward, 'node/store/a.ts': text })).toEqual([
      'node/store/a.ts:1 imports node/flow/b.ts, upwards (store → flow)',
    ]);
  });

  it('takes what is listed, and refuses what is listed without need', () => {
    expect(check(upward, { 'store → flow': 'a test' })).toEqual([]);
    expect(check({}, { 'store → flow': 'a test' })).toEqual([
      `${listFile} nothing imports store → flow any more: take it off the list`,
    ]);
  });

  it('refuses a file that has no place in the order', () => {
    expect(check({ 'node/attic/a.ts': '' })).toEqual([
      `node/attic/a.ts has no place in the order of rooms (${listFile})`,
    ]);
  });
});

describe('circles', () => {
  const check = (texts: Record<string, string>, allowed: Record<string, string> = {}): string[] =>
    said(circles(arrowsIn(treeOf(texts)), allowed));
  const three = {
    'node/a/1.ts': "import { x } from './2.ts';",
    'node/a/2.ts': "import { x } from './3.ts';",
    'node/a/3.ts': "import { type X, y } from './1.ts';",
  };

  it('refuses one at run time, of any length', () => {
    expect(check(three)).toEqual([
      'node/a/1.ts a circle of imports at run time: node/a/1.ts → node/a/2.ts → node/a/3.ts',
    ]);
  });

  it('takes one by types within a folder, and refuses it through two', () => {
    const byType = "import { type X, type Y } from './1.ts';";
    expect(check({ ...three, 'node/a/3.ts': byType })).toEqual([]);
    const apart = {
      'node/a/1.ts': "import { x } from '../b/2.ts';",
      'node/b/2.ts': "import type { X } from '../a/1.ts';",
    };
    expect(check(apart)).toEqual([
      'node/a/1.ts a circle of imports through several folders: node/a/1.ts → node/b/2.ts',
    ]);
  });

  it('takes one with a listed file in it, and refuses a listed file that is in none', () => {
    expect(check(three, { 'node/a/2.ts': 'a test' })).toEqual([]);
    expect(check({}, { 'node/a/2.ts': 'a test' })).toEqual([
      `${listFile} node/a/2.ts is in no circle any more: take it off the list`,
    ]);
  });
});

describe('unusedExports', () => {
  const check = (texts: Record<string, string>, allowed: Record<string, string> = {}): string[] =>
    said(unusedExports(treeOf(texts), allowed));
  const one = { 'a/one.ts': 'export const one = 1;\nexport function two() {}\nexport class Three {}\nconst own = 1;' };

  it('refuses a value that nothing imports', () => {
    expect(check(one)).toEqual([
      'a/one.ts:1 exports one, which nothing imports',
      'a/one.ts:2 exports two, which nothing imports',
      'a/one.ts:3 exports Three, which nothing imports',
    ]);
  });

  it.each([
    ['by its name', "import { one as first, two, type Three } from './one.ts';"],
    ['as a module', "import * as all from './one.ts';"],
    ['at run time', "const all = await import('./one.ts');"],
    ['to hand it on', "export { one, two, Three } from './one.ts';"],
    ['as types', "let a: import('./one.ts').one, b: import('./one.ts').two, c: import('./one.ts').Three;"],
  ])('takes one that is imported %s', (_, text) => {
    expect(check({ ...one, 'a/x.ts': text })).toEqual([]);
  });

  it('lets types be', () => {
    expect(check({ 'a/x.ts': 'export interface A {}\nexport type B = string;' })).toEqual([]);
  });

  it('takes what is listed, and refuses what is listed without need', () => {
    const listed = { 'a/one.ts one': 'a test', 'a/one.ts two': 'a test', 'a/one.ts Three': 'a test' };
    expect(check(one, listed)).toEqual([]);
    expect(check({}, { 'a/one.ts one': 'a test' })).toEqual([
      `${listFile} a/one.ts one is imported, or is not exported any more: take it off the list`,
    ]);
  });
});

describe('unusedDependencies', () => {
  it('refuses one that no source or contract names', () => {
    const tree = treeOf({
      'a/x.ts': "import 'one';\nimport { a } from '@scope/two/part';\nconst tool = ['three/bin/three.js'];\n// five",
      'contracts/X.sol': 'import {A} from "@openzeppelin/contracts/A.sol";',
    });
    const names = ['one', '@scope/two', 'three', '@openzeppelin/contracts', 'four', 'five', 'six'];
    expect(said(unusedDependencies(tree, names, { six: 'a test' }))).toEqual([
      'package.json depends on four, which nothing imports',
      'package.json depends on five, which nothing imports',
    ]);
  });
});

describe('mentions', () => {
  const files = { 'docs/page.md': '', 'node/flow/pair.ts': '' };

  it('finds the file from the root, from where it is named, by the end of its path, and by its name', () => {
    const text = '// docs/page.md, ./pair.ts, flow/pair.ts and `pair.ts`';
    expect(mentions(treeOf({ ...files, 'node/flow/x.ts': text }))).toEqual([]);
  });

  it.each([
    ['a comment', 'node/flow/x.ts', '\n// as in flow/gone.ts', 'flow/gone.ts'],
    ['a doc comment', 'node/flow/x.ts', '/**\n * As in gone.ts.\n */', 'gone.ts'],
    ['a message', 'node/flow/x.ts', "\nfail('see docs/gone.md');", 'docs/gone.md'],
    ['a document', 'docs/x.md', 'First.\n[gone](../node/gone.ts)', '../node/gone.ts'],
    ['a contract', 'contracts/X.sol', '\n/// see docs/gone.md', 'docs/gone.md'],
  ])('refuses a file that is not there, in %s', (_, path, text, name) => {
    expect(said(mentions(treeOf({ ...files, [path]: text })))).toEqual([
      `${path}:2 names ${name}, which does not exist`,
    ]);
  });

  it('lets be what is no mention: strings, examples, addresses, patterns and placeholders', () => {
    const text = "const x = 'gone.ts'; // https://host/gone.md, *.ts, <name>.ts, contracts/FILE.sol";
    const page = 'So:\n\n```\nnode gone.ts\n```\n';
    expect(mentions(treeOf({ ...files, 'node/x.ts': text, 'docs/x.md': page }))).toEqual([]);
  });

  it('lets what was written at some time name the files of that time', () => {
    expect(mentions(treeOf({ 'CHANGELOG.md': 'gone.ts', 'docs/decisions/0001-x.md': 'gone.ts' }))).toEqual([]);
  });
});

describe('linkedPages', () => {
  it('refuses a page that no beginning links', () => {
    const tree = treeOf({
      'README.md': '[one](docs/one.md)',
      'docs/README.md': '[two](two.md#part), [three](deep/three.md)',
      'docs/one.md': '[lost](lost.md)',
      'docs/two.md': '',
      'docs/deep/three.md': '',
      'docs/lost.md': '',
      'docs/decisions/0001-x.md': '',
    });
    expect(said(linkedPages(tree, ['README.md', 'docs/README.md']))).toEqual([
      'docs/lost.md is linked from none of README.md, docs/README.md',
    ]);
  });
});
