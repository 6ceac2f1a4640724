/** What a bundle says of the chain, read by a node through its own port from the blocks that it stored. */
import { recoverSigner } from '../commitment/typed-data.ts';
import type { Block, ChainReader } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import type { BatchId, Hex, OperatorId } from '../model/ids.ts';
import { hasBit, wordOf } from '../model/outcome.ts';
import type { SignedBatch } from '../model/records.ts';
import type { ChainFacts } from './bundle.ts';
import type { BundleBlock, Decision } from './format.ts';

export interface FactsRequest {
  readonly signed: SignedBatch;
  readonly index: number;
  /** The final block with the batch's BatchPrepared. */
  readonly preparedBlock: number;
  /** The final block with the PairsDecided of the pair, or one past the deadline where there is none. */
  readonly decisionBlock: number;
}

const blockOf = ({ hash, number, timestamp }: Block): BundleBlock => ({ hash, number, timestamp });

const missing = (what: string, batchId: BatchId, block: Block): TandemError =>
  new TandemError('internal', `Block ${block.number} has ${what} of batch ${batchId}`, { facts: { batchId, block } });

async function decisionIn(chain: ChainReader, batchId: BatchId, index: number, block: Block): Promise<Decision> {
  for (const log of await chain.logs(block.hash)) {
    if (log.type !== 'PairsDecided' || log.batchId !== batchId || log.word !== wordOf(index)) continue;
    const transaction = log.transactionHash;
    if (hasBit(log.commitMask, index)) return { by: 'bit', status: 'committed', block: blockOf(block), transaction };
    if (hasBit(log.abortMask, index)) return { by: 'bit', status: 'aborted', block: blockOf(block), transaction };
  }
  return { by: 'deadline', status: 'aborted', block: blockOf(block) };
}

/** Signers by operator in that block; none where the endpoint has let go of the state of then. */
async function signersAt(chain: ChainReader, block: Block): Promise<ReadonlyMap<OperatorId, readonly Hex[]>> {
  try {
    // A key that was rotated away later in that block is in the state of its parent only.
    const entries = [...(await chain.operators(block.hash)), ...(await chain.operators(block.parentHash))];
    const signers = new Map<OperatorId, Hex[]>();
    for (const { id, signers: known } of entries) signers.set(id, [...new Set([...(signers.get(id) ?? []), ...known])]);
    return signers;
  } catch (error) {
    if (error instanceof TandemError && error.code === 'chain-unavailable') return new Map();
    throw error;
  }
}

/**
 * The address whose signature it is, where that is registered or the registry of then cannot be read (the node checked
 * it when the signature came); else the only signer there is, a contract or a verifier with its key (ERC-7913).
 */
function signerOf(batchId: BatchId, signature: Hex, signers: readonly Hex[] | undefined): Hex | undefined {
  const address = recoverSigner(batchId, signature) as Hex | undefined;
  if (signers === undefined) return address;
  return signers.find((signer) => signer === address) ?? (signers.length === 1 ? signers[0] : undefined);
}

/** @throws {TandemError} `chain-unavailable`; `internal` where those blocks do not have what the node stored of them. */
export async function readFacts(chain: ChainReader, request: FactsRequest): Promise<ChainFacts> {
  const { signed, index } = request;
  const { batchId, batch } = signed;
  const prepared = await chain.block(request.preparedBlock);
  const decided = await chain.block(request.decisionBlock);
  const log = (await chain.logs(prepared.hash)).find(
    (entry) => entry.type === 'BatchPrepared' && entry.batchId === batchId,
  );
  if (log === undefined) throw missing('no BatchPrepared', batchId, prepared);
  const decision = await decisionIn(chain, batchId, index, decided);
  if (decision.by === 'deadline' && decided.timestamp <= batch.deadline) {
    throw missing(`neither a decision of pair ${index} nor a time past the deadline`, batchId, decided);
  }
  const signers = await signersAt(chain, prepared);
  const signer = (operator: OperatorId, signature: Hex): Hex => {
    const found = signerOf(batchId, signature, signers.get(operator));
    if (found === undefined) throw missing(`no signer of operator ${operator} for the signature`, batchId, prepared);
    return found;
  };
  return {
    prepared: { block: blockOf(prepared), transaction: log.transactionHash },
    decision,
    signers: {
      initiator: signer(batch.initiator, signed.initiatorSignature),
      acceptor: signer(batch.acceptor, signed.acceptorSignature),
    },
  };
}
