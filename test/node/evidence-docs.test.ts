/** `docs/evidence.md` and the recorded bundle, against the code. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleSchema, parseBundle } from '../../operator-node/audit/format.ts';
import { checkNames, verifyBundle } from '../../operator-node/audit/verify.ts';
import { makeCase, network } from './audit.fixture.ts';

const root = join(import.meta.dirname, '..', '..');
const page = await readFile(join(root, 'docs', 'evidence.md'), 'utf8');

/** The first column of the table below a heading, without its own heading. */
function firstColumn(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const table = section.slice(section.indexOf('\n|')).split('\n\n')[0] ?? '';
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name ?? '');
}

describe('docs/evidence.md', () => {
  it('lists the fields of a bundle, all of them and no others', () => {
    expect(firstColumn('The format').sort()).toEqual(Object.keys(bundleSchema.shape).sort());
  });

  it('lists the checks in their order', () => {
    expect(firstColumn('The checks')).toEqual(checkNames);
  });
});

describe('test/vectors/evidence.json', () => {
  it('is read, and passes on the chain that it is of', async () => {
    const text = await readFile(join(root, 'test', 'vectors', 'evidence.json'), 'utf8');
    expect(parseBundle(text).ok).toBe(true);
    expect((await verifyBundle(text, { network, chain: makeCase().chain })).verdict).toBe('PASS');
  });

  it('is what the builder makes today: version 1 does not change', async () => {
    expect(makeCase().text).toBe(await readFile(join(root, 'test', 'vectors', 'evidence.json'), 'utf8'));
  });
});
