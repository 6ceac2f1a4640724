import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merkleTree, rootFromProof, verifyInclusion } from '../../operator-node/commitment/merkle.ts';

/** RFC 9162 §2.1.1 and §2.1.3.1, word for word and slow. */
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const split = (size: number): number => 2 ** Math.ceil(Math.log2(size) - 1);
function rootByDefinition(leaves: readonly Uint8Array[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), only);
  const k = split(leaves.length);
  return sha256(Buffer.of(1), rootByDefinition(leaves.slice(0, k)), rootByDefinition(leaves.slice(k)));
}
function proofByDefinition(index: number, leaves: readonly Uint8Array[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...proofByDefinition(index, leaves.slice(0, k)), rootByDefinition(leaves.slice(k))]
    : [...proofByDefinition(index - k, leaves.slice(k)), rootByDefinition(leaves.slice(0, k))];
}

const anyLeaves = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });
const leafAndTree = anyLeaves.chain((leaves) => fc.tuple(fc.constant(leaves), fc.nat(leaves.length - 1)));

describe('merkleTree', () => {
  it('has no proof of what is no leaf', () => {
    const tree = merkleTree([Buffer.of(1), Buffer.of(2)]);
    for (const index of [-1, 2, 0.5, Number.NaN]) expect(() => tree.proof(index)).toThrow(RangeError);
  });

  it('has the shape of Certificate Transparency, from no leaf to eight', () => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const roots = [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ];
    const bytes = leaves.map((leaf) => Buffer.from(leaf, 'hex'));
    expect(roots.map((_, size) => merkleTree(bytes.slice(0, size)).root.toString('hex'))).toEqual(roots);
  });

  it('agrees with the definition of RFC 9162 in root and proofs', () => {
    fc.assert(
      fc.property(leafAndTree, ([leaves, index]) => {
        const tree = merkleTree(leaves);
        expect(tree.root).toEqual(rootByDefinition(leaves));
        expect(tree.proof(index)).toEqual(proofByDefinition(index, leaves));
      }),
    );
  });
});

describe('verifyInclusion', () => {
  it('refuses a proof for another index, another size, another leaf, shortened or lengthened', () => {
    fc.assert(
      fc.property(leafAndTree, fc.nat(80), fc.nat(80), ([leaves, index], otherIndex, otherSize) => {
        const { root, proof: proofOf } = merkleTree(leaves);
        const proof = proofOf(index);
        const leaf = leaves[index] ?? Buffer.alloc(0);
        const size = leaves.length;
        const distinct = leaves.map((bytes) => Buffer.from(bytes).toString('hex'));
        if (distinct[otherIndex] !== distinct[index]) {
          expect(verifyInclusion(root, leaf, otherIndex, size, proof)).toBe(false);
        }
        if (otherSize <= index) expect(verifyInclusion(root, leaf, index, otherSize, proof)).toBe(false);
        expect(verifyInclusion(root, Buffer.concat([leaf, Buffer.of(0)]), index, size, proof)).toBe(false);
        expect(verifyInclusion(root, leaf, index, size, [...proof, root])).toBe(false);
        if (proof.length > 0) expect(verifyInclusion(root, leaf, index, size, proof.slice(1))).toBe(false);
      }),
    );
  });

  it('refuses an inner node as a leaf, and a step that is no hash', () => {
    const leaves = [1, 2, 3, 4].map((byte) => Buffer.alloc(32, byte));
    const { root } = merkleTree(leaves);
    const inner = leaves.map((leaf) => sha256(Buffer.of(0), leaf)).slice(0, 2);
    const upper = merkleTree(leaves.slice(2)).root;
    expect(verifyInclusion(root, Buffer.concat(inner), 0, 2, [upper])).toBe(false);
    expect(rootFromProof(Buffer.of(1), 0, 2, [Buffer.alloc(31)])).toBeUndefined();
  });

  it('accepts every leaf of every tree', () => {
    for (let size = 1; size <= 33; size += 1) {
      const leaves = Array.from({ length: size }, (_, index) => Buffer.of(index));
      const { root, proof } = merkleTree(leaves);
      leaves.forEach((leaf, index) => expect(verifyInclusion(root, leaf, index, size, proof(index))).toBe(true));
    }
  });
});
