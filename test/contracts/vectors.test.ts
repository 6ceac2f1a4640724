/** The shared vectors through the contract: typed data at the address and chain they name, and inclusion proofs. */
import { AbiCoder, Contract, concat, keccak256, toBeHex } from 'ethers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openChain } from './chain.ts';
import { eventsOf } from './outcome.ts';

interface VectorBatch {
  readonly chainId: number;
  readonly contract: string;
  readonly initiator: number;
  readonly acceptor: number;
  readonly sequence: number;
  readonly deadline: number;
  readonly pairs: readonly { readonly expect: { readonly leaf: string; readonly proof: readonly string[] } }[];
  readonly expect: { readonly root: string; readonly batchId: string; readonly words: readonly string[] };
}

const file = join(import.meta.dirname, '..', 'vectors', 'commitments.json');
const { batches } = JSON.parse(readFileSync(file, 'utf8')) as { readonly batches: readonly VectorBatch[] };

/** The slot of `_lastSequence` in the contract's storage. */
const lastSequenceSlot = 5;

/** The storage key of a nested mapping's value. */
const laneKey = (initiator: number, acceptor: number): string => {
  const slotOf = (key: number, slot: string): string =>
    keccak256(concat([AbiCoder.defaultAbiCoder().encode(['uint32'], [key]), slot]));
  return slotOf(acceptor, slotOf(initiator, toBeHex(lastSequenceSlot, 32)));
};

/** The contract where the vector says it is, with the lane so far that the vector's batch is next. */
async function openAt(vector: VectorBatch) {
  const chain = await openChain({ chainId: vector.chainId, startsAt: vector.deadline - 3600 });
  const registry = await chain.deploy('PermissiveRegistry');
  const deployed = await chain.deploy('PairSettlement', await registry.getAddress());
  await chain.send('hardhat_setCode', vector.contract, await chain.provider.getCode(await deployed.getAddress()));
  const key = laneKey(vector.initiator, vector.acceptor);
  await chain.send('hardhat_setStorageAt', vector.contract, key, toBeHex(vector.sequence - 1, 32));
  return { chain, settlement: new Contract(vector.contract, deployed.interface, chain.authority) };
}

describe.each(batches)('the vector with sequence $sequence', (vector) => {
  const { initiator, acceptor, sequence, deadline, pairs } = vector;
  const batch = { initiator, acceptor, sequence, deadline, count: pairs.length, root: vector.expect.root };

  it('has its batchId, and its proofs hold at their index only', async () => {
    const { chain, settlement } = await openAt(vector);
    try {
      const verify = (index: number, pair: VectorBatch['pairs'][number]): Promise<unknown> =>
        settlement.getFunction('verifyPair')(batch, index, pair.expect.leaf, pair.expect.proof);

      expect(await settlement.getFunction('batchIdOf')(batch)).toBe(vector.expect.batchId);
      expect(await settlement.getFunction('nextSequence')(initiator, acceptor)).toBe(BigInt(sequence));
      for (const [index, pair] of pairs.entries()) expect(await verify(index, pair)).toBe(false);

      const events = await eventsOf(settlement, 'prepare', batch, '0x', '0x');
      expect(events.map(([name, batchId]) => [name, batchId])).toEqual([['BatchPrepared', vector.expect.batchId]]);
      for (const [index, pair] of pairs.entries()) {
        expect(await verify(index, pair)).toBe(true);
        expect(await verify(index + 1, pair)).toBe(false);
        expect(await verify(pairs.length + index, pair)).toBe(false);
      }
    } finally {
      await chain.close();
    }
  });

  it('is committed by its words', async () => {
    const { chain, settlement } = await openAt(vector);
    try {
      await eventsOf(settlement, 'prepare', batch, '0x', '0x');
      const decisions = vector.expect.words.map((commitMask, word) => ({
        batchId: vector.expect.batchId,
        word,
        commitMask,
        abortMask: 0n,
      }));
      await eventsOf(settlement, 'decide', decisions);
      const [, , , commitWords] = await settlement.getFunction('batchOutcome')(vector.expect.batchId);
      expect([...commitWords]).toEqual(vector.expect.words.map(BigInt));
    } finally {
      await chain.close();
    }
  });
});
