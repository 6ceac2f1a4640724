import { writePairId } from './bytes.ts';
import type { Hash, PairId } from '../model/ids.ts';

export interface LeafParts {
  readonly pair: PairId;
  /** T */
  readonly terms: Hash;
  /** C1 */
  readonly first: Hash;
  /** C2 */
  readonly second: Hash;
}

const leafBytes = 16 + 3 * 32;

/** `pairId (16) || T (32) || C1 (32) || C2 (32)` (protocol §4). */
export function encodeLeaf({ pair, terms, first, second }: LeafParts): Buffer {
  const leaf = Buffer.alloc(leafBytes);
  writePairId(leaf, pair, 0);
  leaf.write(terms.slice(2), 16, 'hex');
  leaf.write(first.slice(2), 48, 'hex');
  leaf.write(second.slice(2), 80, 'hex');
  return leaf;
}
