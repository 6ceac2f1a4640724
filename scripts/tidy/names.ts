/** How files are called. */
import { basename } from 'node:path';
import type { Finding, Tree } from './tree.ts';

const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|fixture|behavior|config|d))?\.(ts|mts|mjs|js)$/;

/** One spelling: kebab-case, and one ending for what a file of tests is. */
export function spelling({ sources }: Tree): Finding[] {
  return sources
    .filter(({ path }) => !kebab.test(basename(path)))
    .map(({ path }) => ({
      path,
      text: 'is not in kebab-case, with .test, .fixture or .behavior before the ending of what serves tests only',
    }));
}

/** Files of commands are named after the command, those of tests after what they test. */
const namedAfterAnother = /^(?!operator-node\/)|^operator-node\/cli\//;

/** A name that stands several times says nothing: not more often than `allowed` has it, nor listed without need. */
export function sameNames({ sources }: Tree, allowed: Readonly<Record<string, number>>): Finding[] {
  const byName = new Map<string, string[]>();
  for (const { path } of sources) {
    if (namedAfterAnother.test(path)) continue;
    const name = basename(path);
    byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  const tooMany = [...byName]
    .filter(([name, paths]) => paths.length > (allowed[name] ?? 1))
    .map(([name, paths]) => ({
      path: paths.at(-1) ?? name,
      text: `has the name of ${paths.slice(0, -1).join(', ')}: choose one that says what it is about`,
    }));
  const needless = Object.entries(allowed)
    .filter(([name, count]) => (byName.get(name)?.length ?? 0) < count)
    .map(([name, count]) => ({
      path: listFile,
      text: `${name} is allowed ${count} times and stands ${byName.get(name)?.length ?? 0} times: lower the number`,
    }));
  return [...tooMany, ...needless];
}

/** Where the lists of exceptions are. */
export const listFile = 'scripts/tidy/exceptions.ts';
