/** The tidy rules, in the order in which they are checked. */
import * as listed from './exceptions.ts';
import { arrowsIn, circles, direction } from './imports.ts';
import { privateMembers } from './members.ts';
import { linkedPages, mentions } from './mentions.ts';
import { sameNames, spelling } from './names.ts';
import { fileLengths, functionLengths } from './sizes.ts';
import type { Finding, Tree } from './tree.ts';

/** Every breach of a rule in a tree. */
export function findingsIn(tree: Tree): Finding[] {
  const arrows = arrowsIn(tree);
  return [
    ...spelling(tree),
    ...sameNames(tree, listed.sharedNames),
    ...privateMembers(tree, listed.privateMembers),
    ...functionLengths(tree, listed.longFunctions),
    ...fileLengths(tree, listed.longFiles),
    ...direction(tree, arrows, listed.rooms, listed.upwardImports),
    ...circles(arrows, listed.knownCircles),
    ...mentions(tree),
    ...linkedPages(tree, ['README.md', 'docs/README.md']),
  ];
}
