import { TypedDataEncoder, ZeroHash, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { batchType, domainOf } from '../consortium.ts';
import { deployRefusalOf } from '../outcome.ts';
import { openScene } from '../scene.ts';

const scene = openScene();
const view = (method: string, ...args: unknown[]): Promise<unknown> => scene.settlement.getFunction(method)(...args);

describe('constructor', () => {
  it('refuses a registry without code', async () => {
    const { address } = scene.consortium.stranger;
    expect(await deployRefusalOf(scene.chain.deploy('PairSettlement', address))).toEqual([
      'PairSettlementNoRegistry',
      address,
    ]);
  });

  it('keeps the registry', async () => {
    expect(await view('REGISTRY')).toBe(await scene.consortium.registry.getAddress());
  });
});

describe('batchIdOf', () => {
  it('is the EIP-712 digest that wallets sign', async () => {
    const { batch, batchId } = await scene.consortium.sign({ sequence: 7, count: 4096, deadline: 2 ** 40 - 1 });
    expect(await view('batchIdOf', batch)).toBe(batchId);
    const domain = await domainOf(scene.settlement, scene.chain.chainId);
    expect(TypedDataEncoder.hash(domain, batchType, batch)).toBe(batchId);
  });

  it('has the type hash of its preimage', async () => {
    const preimage =
      'Batch(uint32 initiator,uint32 acceptor,uint64 sequence,uint40 deadline,uint16 count,bytes32 root)';
    expect(await view('BATCH_TYPEHASH')).toBe(id(preimage));
  });
});

describe('the contract', () => {
  it('has no owner and takes no money', async () => {
    const names = scene.settlement.interface.fragments.map((fragment) =>
      'name' in fragment ? fragment.name : fragment.type,
    );
    expect(names).not.toContain('owner');
    expect(names).not.toContain('receive');
    expect(names).not.toContain('fallback');
    const sending = scene.consortium.stranger.sendTransaction({
      to: await scene.settlement.getAddress(),
      value: 1n,
      gasLimit: 100_000n,
    });
    await expect(sending).rejects.toThrow();
    expect(await view('eip712Domain')).toEqual([
      '0x0f',
      'Tandem',
      '1',
      BigInt(scene.chain.chainId),
      await scene.settlement.getAddress(),
      ZeroHash,
      [],
    ]);
  });
});
