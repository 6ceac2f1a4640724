/**
 * `node scripts/run.mjs scripts/release.ts VERSION [--dry-run]`: turns a clean `main` into a tagged release: version,
 * changelog section, software bill of materials, commit, tag. Pushes nothing (docs/releases.md).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptArguments } from './arguments.ts';
import { changelogOf, follows } from './release/changelog.ts';

const root = join(import.meta.dirname, '..');
const git = (...args: readonly string[]): string =>
  execFileSync('git', [...args], { cwd: root, encoding: 'utf8' }).trim();
const fail = (message: string): never => {
  console.error(message);
  process.exit(2);
};

const usage = 'usage: release.ts VERSION [--dry-run]';
const { values, positionals } = scriptArguments(usage, { 'dry-run': { type: 'boolean', default: false } }, 1);
const [version = ''] = positionals;
if (positionals.length !== 1) fail(usage);
if (git('status', '--porcelain') !== '') fail('There are changes that are not committed: commit or remove them first.');
if (git('rev-parse', '--abbrev-ref', 'HEAD') !== 'main') fail('Releases are made on main: git switch main.');
const last = git('tag', '--list', 'v*', '--sort=-v:refname').split('\n')[0]?.slice(1) ?? '';
if (!follows(version, last)) {
  fail(`"${version}" does not follow ${last === '' ? 'nothing: the first version is 0.1.0 or 1.0.0' : `v${last}`}.`);
}

const changelog = changelogOf(
  readFileSync(join(root, 'CHANGELOG.md'), 'utf8'),
  version,
  new Date().toISOString().slice(0, 10),
);
if (!changelog.ok) fail(changelog.reason);
else {
  console.log(`v${version}\n${changelog.section}`);
  if (!values['dry-run']) release(changelog.text);
}

function release(text: string): void {
  writeFileSync(join(root, 'CHANGELOG.md'), text);
  const npm = (...args: readonly string[]): string =>
    execFileSync('npm', [...args], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  npm('version', version, '--no-git-tag-version', '--allow-same-version');
  writeFileSync(
    join(root, 'sbom.json'),
    npm('sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'),
  );
  git('add', 'CHANGELOG.md', 'package.json', 'package-lock.json', 'sbom.json');
  git('commit', '--quiet', '--message', `Release ${version}`);
  git('tag', '--annotate', `v${version}`, '--message', `Tandem ${version}`);
  console.log(`Tagged v${version}. To publish it: git push --follow-tags`);
}
