/** docs/faults.md, docs/threat-model.md and docs/model against what they name: tests, macros, metrics, commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { everyFault } from '../simulation/reachable.ts';
import { runs } from '../../scripts/model.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const unique = (found: Iterable<RegExpMatchArray>): string[] =>
  [...new Set([...found].map(([whole, part]) => part ?? whole))].sort();

const faults = read('docs/faults.md');
const threats = read('docs/threat-model.md');
const model = read('docs/model/tandem.pml');
const modelPage = read('docs/model/README.md');

describe('docs/faults.md', () => {
  const sections = faults.split(/^(?=## )/m).slice(1);

  it('has the twenty classes, in their order', () => {
    expect(sections.map((section) => Number(/^## (\d+)\. /.exec(section)?.[1]))).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it.each(sections.map((section) => [section.split('\n', 1)[0] ?? '', section] as const))(
    '%s says what happens, what the user sees, what staff does and which test shows it',
    (_, section) => {
      const parts = ['**What happens.**', '**The user sees**', '**Staff', '**Tests.**'];
      const places = parts.map((part) => section.indexOf(`\n- ${part}`));
      expect(places.every((place) => place > 0)).toBe(true);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(section.slice(places[3])).toMatch(/`test\/|not yet tested/);
    },
  );

  it('names only faults of the simulator that there are', () => {
    const named = sections
      .flatMap((section) => [...section.matchAll(/`test\/simulation\/directed\.behavior\.ts`\s+\(([^)]*)\)/g)])
      .flatMap(([, list]) => unique((list ?? '').matchAll(/`([^`]+)`/g)));
    const known = (name: string): boolean =>
      name.endsWith('…')
        ? everyFault.some((fault) => fault.startsWith(name.slice(0, -1)))
        : everyFault.some((fault) => fault === name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known(name))).toEqual([]);
  });
});

describe.each([
  ['docs/faults.md', faults],
  ['docs/threat-model.md', threats],
])('%s', (_, page) => {
  it('names only files that exist', () => {
    const files = unique(page.matchAll(/`((?:test|operator-node|contracts|docs|scripts|catalogue)\/[^`*\s]+)`/g));
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(files.length).toBeGreaterThan(0);
  });

  it('names only metrics that the node has', () => {
    const files = readdirSync(join(root, 'operator-node'), { recursive: true, encoding: 'utf8' });
    const sources = files.filter((name) => /(?:metrics|-gauges|-part)\.ts$/.test(name));
    const metrics = sources.map((name) => read(`operator-node/${name}`)).join('');
    const named = unique(page.matchAll(/`(tandem_[a-z_]+)`/g));
    expect(named.filter((name) => !metrics.includes(`'${name}'`))).toEqual([]);
  });

  it('names only macros that the model has', () => {
    const named = unique(page.matchAll(/`(NO_RULE_[A-Z0-9_]*[A-Z0-9])`/g));
    expect(named.filter((macro) => !model.includes(`#ifdef ${macro}\n`))).toEqual([]);
  });
});

describe('docs/model', () => {
  const inModel = unique(model.matchAll(/\b(NO_RULE_[A-Z0-9_]+)\b/g));

  it('explains every rule that the model can do without, and no other', () => {
    expect(unique(modelPage.matchAll(/^\| `(NO_RULE_[A-Z0-9_]+)` \|/gm))).toEqual(inModel);
  });

  it('takes every one of them out in a run that must find it', () => {
    const takenOut = runs.flatMap(({ macros, violates }) =>
      violates === undefined ? [] : macros.filter((macro) => macro.startsWith('NO_RULE_')),
    );
    expect([...new Set(takenOut)].sort()).toEqual(inModel);
  });

  it('has the properties that the runs expect', () => {
    const properties = unique(model.matchAll(/assert\(skip_([a-z]+) /g));
    expect(unique(modelPage.matchAll(/^\| `([a-z]+)`\s+\|/gm))).toEqual(properties);
    expect(runs.filter(({ violates }) => violates !== undefined && !properties.includes(violates))).toEqual([]);
  });
});
