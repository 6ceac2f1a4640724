/**
 * Which signers an operator had in one block. The state at that block says it; an endpoint that has let go of old state
 * still has the registry's events, which then must lead to the state at the newest final block without a gap.
 */
import { TandemError } from '../errors.ts';
import type { Hex } from '../model/ids.ts';
import type { AuditBlock } from './audit-chain.ts';
import type { Contracts, RegisteredSigner } from './contracts.ts';

export interface SignersRequest {
  readonly operator: number;
  readonly firstBlock: number;
  readonly block: AuditBlock;
  readonly final: AuditBlock;
}

const validAt = (timestamp: number, { signer, previousSigner, previousSignerUntil }: RegisteredSigner): Hex[] =>
  previousSigner !== '0x' && previousSignerUntil >= timestamp ? [signer, previousSigner] : [signer];

/** A key that was rotated away later in the same block still counted before it: the state at the parent has it. */
async function fromState(contracts: Contracts, { operator, block }: SignersRequest): Promise<Hex[]> {
  const states = [await contracts.signerOf(operator, block.hash), await contracts.signerOf(operator, block.parentHash)];
  return [...new Set(states.flatMap((state) => (state === undefined ? [] : validAt(block.timestamp, state))))];
}

const nobody: RegisteredSigner = { signer: '0x' as Hex, previousSigner: '0x' as Hex, previousSignerUntil: 0 };

const same = (a: RegisteredSigner, b: RegisteredSigner): boolean =>
  a.signer === b.signer && a.previousSigner === b.previousSigner && a.previousSignerUntil === b.previousSignerUntil;

async function fromEvents(contracts: Contracts, request: SignersRequest): Promise<Hex[]> {
  const { operator, firstBlock, block, final } = request;
  const gap = (what: string): TandemError =>
    new TandemError('chain-unavailable', `The endpoint has no state of block ${block.number}, and ${what}`);
  const valid = new Set<Hex>();
  let current = nobody;
  let entered = false;
  /** Every state that was there at some time within the block, and the one it began with. */
  const collect = (): void => validAt(block.timestamp, current).forEach((signer) => valid.add(signer));
  for (const event of await contracts.signerEvents(operator, firstBlock, final.number)) {
    if (event.block >= block.number && !entered) {
      collect();
      entered = true;
    }
    if (event.previous !== undefined && event.previous !== current.signer) {
      throw gap(`a rotation of operator ${operator}’s signer is missing from the events before block ${event.block}`);
    }
    current = event.after(current);
    if (event.block === block.number) collect();
  }
  if (!entered) collect();
  const now = await contracts.signerOf(operator, final.hash);
  if (now === undefined || !same(current, now)) {
    throw gap(`the events of operator ${operator}’s signer do not lead to the state of block ${final.number}`);
  }
  return [...valid];
}

/** @throws {TandemError} `chain-unavailable` where the endpoint has neither the state of that block nor all the events. */
export async function registeredSigners(contracts: Contracts, request: SignersRequest): Promise<readonly Hex[]> {
  try {
    return await fromState(contracts, request);
  } catch (error) {
    if (!(error instanceof TandemError) || error.code !== 'chain-unavailable') throw error;
    return fromEvents(contracts, request);
  }
}
