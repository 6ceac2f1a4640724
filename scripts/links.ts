/** Checks that each relative link of the project's documents leads to a file that exists. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root });
const documents = listed
  .toString('utf8')
  .split('\n')
  .filter((name) => name !== '');

const broken: string[] = [];
for (const document of documents) {
  const file = join(root, document);
  if (!existsSync(file)) continue;
  const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (target === undefined || /^[a-z]+:/.test(target) || target.startsWith('#')) continue;
    const path = decodeURIComponent(target.split('#', 1)[0] ?? '');
    if (!existsSync(join(dirname(file), path))) broken.push(`${document}: ${target}`);
  }
}
for (const line of broken) console.error(line);
process.exitCode = broken.length === 0 ? 0 : 1;
