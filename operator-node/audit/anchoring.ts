/** From the leaf to what both operators signed: inclusion in the tree, and the batch's id. Needs no chain. */
import { fromHex, toHash } from '../commitment/bytes.ts';
import { encodeLeaf } from '../commitment/leaf.ts';
import { rootFromProof } from '../commitment/merkle.ts';
import { batchIdOf } from '../commitment/typed-data.ts';
import type { Batch, SettlementDomain } from '../model/records.ts';
import { fails, holds, type Finding } from './finding.ts';
import type { EvidenceBundle } from './format.ts';

const batchOf = ({ batch }: EvidenceBundle): Batch => ({
  ...batch,
  sequence: BigInt(batch.sequence),
  deadline: batch.deadline as Batch['deadline'],
});

export function checkInclusion({ leaf, index, proof, batch }: EvidenceBundle): Finding {
  const where = `leaf ${index} of ${batch.count}`;
  const root = rootFromProof(encodeLeaf(leaf), index, batch.count, proof.map(fromHex));
  if (root === undefined) return fails(`${where}: a proof of ${proof.length} hashes fits no such leaf`);
  if (toHash(root) !== batch.root)
    return fails(`${where}: the proof leads to ${toHash(root)}; the batch has ${batch.root}`);
  return holds(`${where} under root ${batch.root}`);
}

/** `domain` is the network's where there is a network file, else the bundle's own claim. */
export function checkBatchId(bundle: EvidenceBundle, domain: SettlementDomain): Finding {
  const computed = batchIdOf(domain, batchOf(bundle));
  const on = `chain ${domain.chainId}, contract ${domain.contract}`;
  if (computed !== bundle.batchId)
    return fails(`on ${on} the batch has the id ${computed}; the bundle has ${bundle.batchId}`);
  return holds(`${computed} on ${on}`);
}
