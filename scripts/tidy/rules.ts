/** The tidy rules, in the order in which they are checked. */
import * as listed from './exceptions.ts';
import { unusedDependencies, unusedExports } from './exports.ts';
import { arrowsIn, circles, direction } from './imports.ts';
import { privateMembers } from './members.ts';
import { linkedPages, mentions } from './mentions.ts';
import { sameNames, spelling } from './names.ts';
import { fileLengths, functionLengths } from './sizes.ts';
import type { Finding, Tree } from './tree.ts';

/** Every breach of a rule in a tree with these dependencies. */
export function findingsIn(tree: Tree, dependencies: readonly string[]): Finding[] {
  const arrows = arrowsIn(tree);
  return [
    ...spelling(tree),
    ...sameNames(tree, listed.sharedNames),
    ...privateMembers(tree, listed.privateMembers),
    ...functionLengths(tree, listed.longFunctions),
    ...fileLengths(tree, listed.longFiles),
    ...direction(tree, arrows, listed.rooms, listed.upwardImports),
    ...circles(arrows, listed.knownCircles),
    ...unusedExports(tree, listed.exportedForOthers),
    ...unusedDependencies(tree, dependencies, listed.silentDependencies),
    ...mentions(tree),
    ...linkedPages(tree, ['README.md', 'docs/README.md']),
  ];
}
