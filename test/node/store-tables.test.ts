import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tables } from '../../operator-node/store/tables.ts';

const root = join(import.meta.dirname, '../../operator-node');

/** `table<…>('name')` in every module: name → modules that declare it. */
function declared(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    for (const [, name = ''] of readFileSync(join(root, file), 'utf8').matchAll(/= table<[^]*?>\(\s*'([^']*)'/g)) {
      found.set(name, [...(found.get(name) ?? []), file]);
    }
  }
  return found;
}

describe('tables', () => {
  it('lists every table that a module declares, with its one owner', () => {
    const owners = Object.fromEntries(Object.entries(tables).map(([name, { owner }]) => [name, [owner]]));
    expect(Object.fromEntries(declared())).toEqual(owners);
  });

  it('has names that cannot run into each other on disk', () => {
    for (const name of Object.keys(tables)) expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
  });
});
