import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface LockEntry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..', '..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, LockEntry>>;
};

describe('package-lock.json', () => {
  // npm ci refuses a lock file that lacks one, on whatever platform; npm install leaves out those it cannot find.
  it('has an entry for every optional dependency of every platform', () => {
    const missing: string[] = [];
    for (const [path, entry] of Object.entries(lock.packages)) {
      for (const name of Object.keys(entry.optionalDependencies ?? {})) {
        const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
        if (!places.some((place) => lock.packages[place.replace(/^\//, '')] !== undefined)) missing.push(name);
      }
    }
    expect(missing).toEqual([]);
  });

  it('pins the same Node for the machines that it is published for', () => {
    const pinned = Object.entries(lock.packages).filter(([path]) =>
      /^node_modules\/node-(?:bin-)?(?:linux|darwin|win)-/.test(path),
    );
    expect(pinned.length).toBeGreaterThanOrEqual(5);
    for (const [path, { version }] of pinned) expect(version, path).toMatch(/^24\./);
  });
});
