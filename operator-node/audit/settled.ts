/** What the auditor's own view of the chain says about a bundle. Every read of state is at the hash of one block. */
import { keccak256 } from 'ethers';
import { toHex } from '../commitment/bytes.ts';
import { encodeLeaf } from '../commitment/leaf.ts';
import { recoverSigner } from '../commitment/typed-data.ts';
import type { Hex } from '../model/ids.ts';
import { hasBit, wordOf, type BatchOutcome } from '../model/outcome.ts';
import { pinnedBlockOf, pinnedName } from '../model/records.ts';
import type { AuditBlock, AuditChain } from './audit-chain.ts';
import type { Contracts } from './contracts.ts';
import { fails, holds, type Finding } from './finding.ts';
import { registeredSigners } from './signers.ts';
import type { BundleBlock, EvidenceBundle } from './format.ts';
import type { AuditNetwork } from '../model/network-file.ts';

export const utc = (timestamp: number): string => new Date(timestamp * 1000).toISOString().replace('.000Z', 'Z');
const named = ({ number, hash, timestamp }: BundleBlock): string => `block ${number} (${hash}, ${utc(timestamp)})`;

/** The newest block that is final by the consortium's rule; undefined where the chain has none yet. */
export async function finalBlock(
  chain: AuditChain,
  contracts: Contracts,
  network: AuditNetwork,
): Promise<AuditBlock | undefined> {
  const latest = await chain.block('latest');
  if (latest === undefined) return undefined;
  const finality = network.finality ?? (await contracts.finality(latest.hash));
  if (finality === undefined) return undefined;
  if (finality.mode === 'finalized') return chain.block('finalized');
  return latest.number < finality.depth ? undefined : chain.block(latest.number - finality.depth);
}

/** The endpoint serves the network's chain, with the network's contracts, and the bundle is of that contract. */
export async function checkNetwork(
  chain: AuditChain,
  contracts: Contracts,
  network: AuditNetwork,
  bundle: Pick<EvidenceBundle, 'chainId' | 'contract'>,
  final: AuditBlock,
): Promise<Finding> {
  const chainId = await chain.chainId();
  const pinned = pinnedBlockOf(network);
  const found = await chain.block(pinned.number);
  const expected: [what: string, expected: string, found: string][] = [
    ['the bundle’s chain id', network.chainId, bundle.chainId],
    ['the bundle’s contract', network.contracts.PairSettlement, bundle.contract],
    ['the endpoint’s chain id', network.chainId, `${chainId}`],
    [`the endpoint’s ${pinnedName(pinned)}`, pinned.hash, found?.hash ?? 'none'],
  ];
  for (const name of ['PairSettlement', 'OperatorRegistry'] as const) {
    const code = await chain.code(network.contracts[name], final.hash);
    expected.push([`the code hash of ${name}`, network.codeHashes[name], keccak256(code)]);
  }
  expected.push([
    'the registry that PairSettlement asks',
    network.contracts.OperatorRegistry,
    (await contracts.registryOf(final.hash)) ?? 'none',
  ]);
  for (const [what, wanted, got] of expected) {
    if (wanted !== got) return fails(`${what} is ${got}; the network file has ${wanted}`);
  }
  return holds(
    `chain ${network.chainId}, ${pinnedName(pinned)} ${pinned.hash}, contract ${network.contracts.PairSettlement}`,
  );
}

/** The block is in the chain, is final, and has the hash and time that the bundle says. */
export async function checkBlock(
  chain: AuditChain,
  network: AuditNetwork,
  block: BundleBlock,
  final: AuditBlock,
): Promise<{ readonly finding: Finding; readonly block?: AuditBlock }> {
  if (block.number < network.firstBlock) {
    return { finding: fails(`block ${block.number} is older than the network’s first, ${network.firstBlock}`) };
  }
  if (block.number > final.number) {
    return { finding: fails(`block ${block.number} is not final: the newest final block is ${final.number}`) };
  }
  const actual = await chain.block(block.number);
  if (actual === undefined || actual.hash !== block.hash || actual.timestamp !== block.timestamp) {
    const found = actual === undefined ? 'no such block' : named(actual);
    return { finding: fails(`the bundle names ${named(block)}; the chain has ${found}`) };
  }
  return { finding: holds(named(actual)), block: actual };
}

/** The batch came on chain in that block and transaction, with these fields, and the contract knows it. */
export async function checkPrepared(
  contracts: Contracts,
  bundle: EvidenceBundle,
  outcome: BatchOutcome,
): Promise<Finding> {
  const { batch, batchId, prepared } = bundle;
  const event = (await contracts.events(prepared.block.hash)).find(
    ({ name, args }) => name === 'BatchPrepared' && args.getValue('batchId') === batchId,
  );
  if (event === undefined) return fails(`no BatchPrepared of ${batchId} in block ${prepared.block.number}`);
  if (event.transactionHash !== prepared.transaction) {
    return fails(`the batch came in transaction ${event.transactionHash}; the bundle has ${prepared.transaction}`);
  }
  for (const [field, value] of Object.entries(batch)) {
    const onChain = String(event.args.getValue(field));
    if (onChain !== String(value))
      return fails(`${field} of the batch on chain is ${onChain}; the bundle has ${value}`);
  }
  if (!outcome.prepared || outcome.deadline !== batch.deadline || outcome.count !== batch.count) {
    return fails(
      `the contract’s state has another batch than its event: ${outcome.count} pairs until ${outcome.deadline}`,
    );
  }
  return holds(
    `batch ${batch.sequence} of operator ${batch.initiator} to ${batch.acceptor} in ${named(prepared.block)}, transaction ${prepared.transaction}`,
  );
}

const sides = ['initiator', 'acceptor'] as const;

/** The registry had the bundle's signers for these operators when the batch was prepared. */
export async function checkSigners(
  contracts: Contracts,
  network: AuditNetwork,
  bundle: EvidenceBundle,
  block: AuditBlock,
  final: AuditBlock,
): Promise<Finding> {
  for (const side of sides) {
    const operator = bundle.batch[side];
    const signer = bundle.signers[side];
    const known = await registeredSigners(contracts, { operator, firstBlock: network.firstBlock, block, final });
    // An operator that was never admitted has the signer `0x`.
    if (signer.length < 42 || !known.includes(signer)) {
      return fails(
        `the registry had the signers ${known.join(', ')} for operator ${operator}; the bundle has ${signer}`,
      );
    }
  }
  return holds(
    `operator ${bundle.batch.initiator} by ${bundle.signers.initiator}, ${bundle.batch.acceptor} by ${bundle.signers.acceptor}`,
  );
}

/** Both signatures are of this batch, by these signers. */
export async function checkSignatures(
  contracts: Contracts,
  bundle: EvidenceBundle,
  block: AuditBlock,
  final: AuditBlock,
): Promise<Finding> {
  for (const side of sides) {
    const signer: Hex = bundle.signers[side];
    const signature: Hex = bundle.signatures[side];
    const accepted =
      recoverSigner(bundle.batchId, signature) === signer ||
      (await contracts.signerAccepts(signer, bundle.batchId, signature, block.hash, final.hash));
    if (!accepted) return fails(`the ${side}’s signature is not ${signer}’s of ${bundle.batchId}`);
  }
  return holds('both operators signed the batch');
}

/**
 * The pair ended as the bundle says. Bits are set once and never taken back, and none after the deadline: the state at
 * the newest final block and the event in the block of the decision say it all, so that old state is not needed.
 */
export async function checkDecision(
  contracts: Contracts,
  { batch, batchId, index, decision }: EvidenceBundle,
  outcome: BatchOutcome,
): Promise<Finding> {
  const { block } = decision;
  // Both bits are looked at: a contract that sets both is a finding, whichever the bundle has.
  const committed = hasBit(outcome.commitWords[wordOf(index)], index);
  const aborted = hasBit(outcome.abortWords[wordOf(index)], index);
  if (decision.by === 'deadline') {
    if (block.timestamp <= batch.deadline) {
      return fails(`${named(block)} is not past the deadline, ${utc(batch.deadline)}`);
    }
    if (committed || aborted) return fails(`the pair was ${committed ? 'committed' : 'aborted'} by its bit`);
    return holds(`aborted: past the deadline ${utc(batch.deadline)}, ${named(block)} found no bit set`);
  }
  if (decision.status === 'committed' ? !committed || aborted : !aborted || committed) {
    const found = committed ? 'committed' : aborted ? 'aborted' : 'undecided';
    return fails(`the pair is ${found}; the bundle has ${decision.status}`);
  }
  const mask = decision.status === 'committed' ? 'commitMask' : 'abortMask';
  const event = (await contracts.events(block.hash)).find(
    ({ name, args }) =>
      name === 'PairsDecided' &&
      args.getValue('batchId') === batchId &&
      Number(args.getValue('word')) === wordOf(index) &&
      hasBit(args.getValue(mask) as bigint, index),
  );
  if (event === undefined) return fails(`no PairsDecided of pair ${index} in block ${block.number}`);
  if (event.transactionHash !== decision.transaction) {
    return fails(
      `the pair was decided in transaction ${event.transactionHash}; the bundle has ${decision.transaction}`,
    );
  }
  return holds(`${decision.status} by its bit in ${named(block)}, transaction ${decision.transaction}`);
}

/** The contract itself, asked at the newest final block, says the same. */
export async function checkContract(contracts: Contracts, bundle: EvidenceBundle, final: AuditBlock): Promise<Finding> {
  const { batchId, index, decision, leaf } = bundle;
  const status = await contracts.pairStatus(batchId, index, final.hash);
  if (status !== decision.status) {
    return fails(
      `pairStatus at final block ${final.number} is ${status ?? 'no answer'}; the bundle has ${decision.status}`,
    );
  }
  const included = await contracts.verifyPair(bundle, toHex(encodeLeaf(leaf)), final.hash);
  if (included !== true) return fails(`verifyPair at final block ${final.number} is ${included ?? 'no answer'}`);
  return holds(`at final block ${final.number}: pairStatus ${status}, verifyPair true`);
}
