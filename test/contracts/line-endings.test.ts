/** A checkout with Windows line endings has the same contracts. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tandem-crlf-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const git = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd, encoding: 'utf8' });

const solidity = (place: string): string[] =>
  readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sol'));

describe('line endings', () => {
  it('are those of the commit, however git is set up', () => {
    const [origin, clone] = [join(folder, 'origin'), join(folder, 'clone')];
    cpSync(join(root, 'contracts'), join(origin, 'contracts'), { recursive: true });
    cpSync(join(root, '.gitattributes'), join(origin, '.gitattributes'));
    git(folder, 'init', '--quiet', origin);
    git(origin, 'add', '.');
    git(origin, 'commit', '--quiet', '--message', 'sources');
    git(folder, 'clone', '--quiet', '--config', 'core.autocrlf=true', '--config', 'core.eol=crlf', origin, clone);
    const names = solidity(join(clone, 'contracts'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const found = readFileSync(join(clone, 'contracts', name));
      expect(found.equals(readFileSync(join(root, 'contracts', name))), name).toBe(true);
    }
  });

  it('do not change the byte code where a checkout has them all the same', () => {
    const place = join(folder, 'checkout');
    for (const part of ['contracts', 'hardhat.config.ts', 'package.json']) {
      cpSync(join(root, part), join(place, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'), 'junction');
    for (const name of solidity(join(place, 'contracts'))) {
      const file = join(place, 'contracts', name);
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('\n', '\r\n'));
    }
    const hardhat = join(root, 'node_modules', 'hardhat', 'dist', 'src', 'cli.js');
    const registry = join('contracts', 'OperatorRegistry.sol');
    execFileSync(process.execPath, [hardhat, 'build', '--quiet', registry], {
      cwd: place,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' },
    });
    const codeIn = (checkout: string): unknown => {
      const file = join(checkout, 'artifacts', registry, 'OperatorRegistry.json');
      return (JSON.parse(readFileSync(file, 'utf8')) as { deployedBytecode: unknown }).deployedBytecode;
    };
    expect(codeIn(place)).toBe(codeIn(root));
  });
});
