/** One operator's section of a batch, read: which pairs it has, and the root that its leaves lead to. */
import { toHash } from '../../commitment/bytes.ts';
import { encodeLeaf, type LeafParts } from '../../commitment/leaf.ts';
import { merkleTree } from '../../commitment/merkle.ts';
import type { Hash, OperatorId } from '../../model/ids.ts';
import { maxLineBytes, parsePairLine, type PairLine } from '../disclosures/lines.ts';
import { readSection, type Section } from '../disclosures/read.ts';
import { counted } from '../../model/counted.ts';
import type { ChainBatch } from './batch.ts';
import type { Report } from './record.ts';

export interface Disclosed {
  readonly operator: OperatorId;
  readonly section: Section;
  readonly lines: readonly (PairLine | undefined)[];
  readonly complete: boolean;
}

const tooLong = { ok: false, reason: `it has more than ${maxLineBytes} bytes` } as const;

export function readDisclosed(section: Section, batch: ChainBatch, report: Report): Disclosed {
  const { line, operator } = section;
  const told = line.batch;
  for (const field of ['initiator', 'acceptor', 'deadline', 'count', 'root'] as const) {
    if (told[field] !== batch[field]) {
      report('batch-differs', `its ${field} is ${told[field]} in the file and ${batch[field]} on chain`, { field });
    }
  }
  if (told.sequence !== `${batch.sequence}`) {
    report('batch-differs', `its sequence is ${told.sequence} in the file and ${batch.sequence} on chain`);
  }
  if (line.prepared !== batch.preparedBlock) {
    report(
      'batch-differs',
      `it was prepared in block ${line.prepared} by the file and in block ${batch.preparedBlock} on chain`,
      { field: 'prepared' },
    );
  }
  const lines: (PairLine | undefined)[] = Array.from({ length: batch.count }, () => undefined);
  const texts = readSection(section);
  if (texts.length !== line.pairs) {
    report(
      'file-malformed',
      `its line counts ${counted(line.pairs, 'pair')}; the section has ${texts.length > line.pairs ? 'more lines' : counted(texts.length, 'line')}`,
    );
  }
  let found = 0;
  for (const [position, text] of texts.entries()) {
    const parsed = text.length > maxLineBytes ? tooLong : parsePairLine(text);
    if (!parsed.ok) {
      report('file-malformed', `line ${position} of its section is no pair line: ${parsed.reason}`, { line: position });
      continue;
    }
    const { index } = parsed.value;
    if (index >= batch.count || lines[index] !== undefined) {
      const why = index >= batch.count ? 'the batch has no such place' : 'it is there twice';
      report('pair-surplus', `its section has a pair ${parsed.value.leaf.pair} at ${index}: ${why}`, {
        index,
        pair: parsed.value.leaf.pair,
      });
      continue;
    }
    lines[index] = parsed.value;
    found += 1;
  }
  return { operator, section, lines, complete: found === batch.count };
}

const sameLeaf = (a: LeafParts, b: LeafParts): boolean =>
  a.pair === b.pair && a.terms === b.terms && a.first === b.first && a.second === b.second;

const rootOf = (leaves: readonly LeafParts[]): Hash => toHash(merkleTree(leaves.map(encodeLeaf)).root);

/**
 * Whose leaves lead to the anchored root. What one side lacks is taken from the other, so that a missing pair is not
 * also a wrong root; where no side has a pair, nothing can be recomputed.
 */
export function checkRoots(
  sides: readonly Disclosed[],
  batch: ChainBatch,
  reportOf: (operator: OperatorId) => Report,
): (LeafParts | undefined)[] {
  const merged = Array.from({ length: batch.count }, (_, index) => {
    for (const side of sides) if (side.lines[index] !== undefined) return side.lines[index].leaf;
    return undefined;
  });
  const known = merged.filter((leaf) => leaf !== undefined);
  if (known.length < batch.count) return merged;
  const mergedRoot = rootOf(known);
  let truth: readonly LeafParts[] | undefined = mergedRoot === batch.root ? known : undefined;
  const differing = sides.filter(({ lines }) =>
    lines.some((line, index) => line !== undefined && !sameLeaf(line.leaf, known[index] ?? line.leaf)),
  );
  const roots = new Map<Disclosed, Hash>();
  for (const side of sides) {
    if (!differing.includes(side)) {
      roots.set(side, mergedRoot);
      continue;
    }
    const own = side.lines.map((line, index) => line?.leaf ?? known[index]).filter((leaf) => leaf !== undefined);
    const root = rootOf(own);
    roots.set(side, root);
    if (root === batch.root) truth = own;
  }
  for (const [side, root] of roots) {
    if (root === batch.root) continue;
    const wrong = side.lines.findIndex((line, index) => {
      const right = truth?.[index];
      return line !== undefined && right !== undefined && !sameLeaf(line.leaf, right);
    });
    reportOf(side.operator)(
      'leaf-differs',
      wrong < 0
        ? `its leaves lead to root ${root}; anchored is ${batch.root}`
        : `its leaf ${wrong} is not the one under the anchored root ${batch.root}`,
      { root, anchored: batch.root, ...(wrong < 0 ? {} : { index: wrong }) },
    );
  }
  return truth === undefined ? merged : [...truth];
}
