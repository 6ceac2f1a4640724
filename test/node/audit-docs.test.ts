/** docs/audit.md and docs/audit-formats.md against the code, both ways. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alwaysDisclosed } from '../../operator-node/audit/records.ts';
import { batchLineSchema, endSchema, headerSchema } from '../../operator-node/audit/disclosures/lines.ts';
import { builtInPolicies, policyOf } from '../../operator-node/audit/disclosures/policies.ts';
import { findingCatalogue } from '../../operator-node/audit/scan/findings.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import { Consortium } from './audit-scan.fixture.ts';

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const audit = page('audit.md');
const formats = page('audit-formats.md');
const code = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

/** Rows of the first table after some text, each as its cells. */
function tableAfter(text: string, after: string): string[][] {
  const rest = text.slice(text.indexOf(after) + after.length);
  const start = rest.search(/^\|/m);
  const table = rest.slice(start).split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| *(?:---|[a-z]+ +\|)/.test(line) && !line.startsWith('| ---'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/audit.md', () => {
  it('has the catalogue of findings, row for row', () => {
    const rows = tableAfter(audit, '## Findings').filter(([name]) => name?.startsWith('`'));
    expect(rows).toEqual(
      Object.entries(findingCatalogue).map(([name, { severity, means }]) => [`\`${name}\``, severity, means]),
    );
  });

  it('names in its claims only findings that there are', () => {
    const claims = audit.slice(audit.indexOf('## What is proven'), audit.indexOf('## Finality'));
    const named = code(claims).filter((name) => /^[a-z]+(?:-[a-z]+)+$/.test(name));
    expect(named.length).toBeGreaterThan(20);
    for (const name of named) expect(Object.keys(findingCatalogue)).toContain(name);
  });
});

describe('docs/audit-formats.md', () => {
  const fields = (heading: string): string[] =>
    tableAfter(formats, heading)
      .flatMap(([name]) => code(name ?? ''))
      .sort();

  it('has the fields of each line, all of them and no others', () => {
    expect(fields('**`header`**')).toEqual(Object.keys(headerSchema.shape).sort());
    expect(fields('**`batch`**')).toEqual(Object.keys(batchLineSchema.shape).sort());
    expect(fields('**`end`**')).toEqual(Object.keys(endSchema.shape).sort());
    const made = new Consortium();
    made.add([{}], { initiator: 1, acceptor: 1 });
    const line = made.file(1).sections[0]?.pairs[0];
    expect(fields('**`pair`**')).toEqual(Object.keys(line ?? {}).sort());
  });

  it('has the built-in policies as they are', () => {
    const rows = tableAfter(formats, 'Built in are:').filter(([name]) => name?.startsWith('`'));
    const listed = (cell: string, all: readonly string[]): readonly string[] => (cell === 'all' ? all : code(cell));
    const documented = rows.map(([name = '', terms = '', operation = '', journal = '']) => [
      code(name)[0],
      {
        terms: listed(terms, termsFields),
        operation: listed(operation, operationFields),
        ...(journal === 'yes' ? { journal: true } : {}),
      },
    ]);
    expect(documented).toEqual(Object.entries(builtInPolicies).map(([name, policy]) => [name, { ...policy }]));
    for (const { operation } of Object.values(builtInPolicies))
      expect(operation).toEqual(expect.arrayContaining([...alwaysDisclosed.operation]));
  });
});

describe('policyOf', () => {
  it('takes a configured policy before a built-in one, and knows no other', () => {
    const mine = { terms: ['pair'], operation: ['asset'] } as const;
    expect(policyOf({ dispute: mine }, 'dispute')).toBe(mine);
    expect(policyOf({}, 'dispute')).toBe(builtInPolicies.dispute);
    expect(policyOf({}, 'constructor')).toBeUndefined();
  });
});
