/** The Merkle Tree Hash of RFC 9162 §2.1 with SHA-256, for any number of leaves. */
import { hash } from 'node:crypto';

// Inside, a hash is a string of 32 latin-1 characters: on Node 24 a third of the cost of a Buffer for each node.
type Digest = string;

const emptyRoot = hash('sha256', '', 'binary');
const toBytes = (digest: Digest): Buffer => Buffer.from(digest, 'latin1');

function leafHash(leaf: Uint8Array): Digest {
  const prefixed = Buffer.allocUnsafe(1 + leaf.length);
  prefixed[0] = 0;
  prefixed.set(leaf, 1);
  return hash('sha256', prefixed, 'binary');
}

const node = Buffer.alloc(65, 1);

function nodeHash(left: Digest, right: Digest): Digest {
  node.write(left, 1, 'latin1');
  node.write(right, 33, 'latin1');
  return hash('sha256', node, 'binary');
}

export interface MerkleTree {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** The inclusion proof of one leaf, from leaf to root (RFC 9162 §2.1.3.1). @throws {RangeError} for no leaf of the tree. */
  proof(index: number): Buffer[];
}

/**
 * The tree with all its levels, so that a proof is a walk upwards. Pairing neighbours level by level, and passing a last
 * one without neighbour on as it is, gives the RFC's split at the largest power of two.
 */
export function merkleTree(leaves: readonly Uint8Array[]): MerkleTree {
  let level = leaves.map(leafHash);
  const levels = [level];
  while (level.length > 1) {
    const above: Digest[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? '';
      const right = level[i + 1];
      above.push(right === undefined ? left : nodeHash(left, right));
    }
    levels.push(above);
    level = above;
  }
  return {
    size: leaves.length,
    root: toBytes(level[0] ?? emptyRoot),
    proof(index) {
      if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
        throw new RangeError(`expected an index below ${leaves.length}, found ${index}`);
      }
      const path: Buffer[] = [];
      let at = index;
      for (const { [at ^ 1]: sibling } of levels) {
        if (sibling !== undefined) path.push(toBytes(sibling));
        at >>>= 1;
      }
      return path;
    },
  };
}

/**
 * The root that a proof leads to (RFC 9162 §2.1.3.2), or undefined for a proof that fits no tree of that size. Indexes
 * and sizes are below 2^31.
 */
export function rootFromProof(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Buffer | undefined {
  if (!Number.isInteger(index) || index < 0 || index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let result = leafHash(leaf);
  for (const step of proof) {
    if (last === 0 || step.length !== 32) return undefined;
    const sibling = Buffer.from(step).toString('latin1');
    if (at % 2 === 1 || at === last) {
      result = nodeHash(sibling, result);
      while (at % 2 === 0 && at !== 0) {
        at >>>= 1;
        last >>>= 1;
      }
    } else {
      result = nodeHash(result, sibling);
    }
    at >>>= 1;
    last >>>= 1;
  }
  return last === 0 ? toBytes(result) : undefined;
}

export function verifyInclusion(
  root: Uint8Array,
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): boolean {
  return rootFromProof(leaf, index, size, proof)?.equals(root) ?? false;
}
