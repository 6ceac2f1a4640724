import { Wallet, id } from 'ethers';
import { describe, expect, it } from 'vitest';
import { RpcWriter } from '../../operator-node/chain/rpc-writer.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import { chainId } from './anvil.ts';
import { openChain, startEndpoint, type Lie, type TestChain } from './chain-fixture.ts';

const raw = async ({ stranger }: TestChain, nonce = 0): Promise<Hex> =>
  (await stranger.signTransaction({
    chainId,
    nonce,
    to: stranger.address,
    gasLimit: 21_000,
    gasPrice: 0,
    type: 0,
  })) as Hex;

const refusing =
  (message: string): Lie =>
  ({ method }) =>
    method === 'eth_sendRawTransaction' ? { error: { code: -32000, message } } : undefined;

async function through(chain: TestChain, ...lies: readonly Lie[]): Promise<RpcWriter> {
  const endpoints = await Promise.all(lies.map((lie) => startEndpoint(chain.anvil, lie)));
  return new RpcWriter(chain.endpoints(endpoints.map(({ url }) => url)));
}

const truthful: Lie = () => undefined;

describe('broadcast', () => {
  it('is unavailable when nobody answers', async () => {
    const chain = await openChain();
    await chain.anvil.stop();
    await expect(chain.writer().broadcast('0x00' as Hex)).rejects.toMatchObject({ code: 'chain-unavailable' });
  });

  it('is refused with the endpoint’s own words', async () => {
    const chain = await openChain();
    const writer = await through(chain, refusing('the pool is full'));
    expect(await writer.broadcast(await raw(chain))).toEqual({ outcome: 'refused', reason: 'the pool is full' });
  });

  it('is held where any endpoint has taken it', async () => {
    const chain = await openChain();
    const writer = await through(chain, refusing('the pool is full'), truthful, refusing('nonce too low'));
    expect(await writer.broadcast(await raw(chain))).toEqual({ outcome: 'held' });
  });

  it('is held when it is handed over again', async () => {
    const chain = await openChain();
    const bytes = await raw(chain);
    await chain.writer().broadcast(bytes);
    expect(await chain.writer().broadcast(bytes)).toEqual({ outcome: 'held' });
  });

  it('finds its nonce used when it is in a block', async () => {
    const chain = await openChain();
    const bytes = await raw(chain);
    await chain.writer().broadcast(bytes);
    await chain.anvil.mine();
    expect(await chain.writer().broadcast(bytes)).toEqual({ outcome: 'nonce-used' });
  });
});

describe('receipt', () => {
  it('is none of a transaction in no block, and of one that only a minority has seen', async () => {
    const chain = await openChain();
    const none: Lie = ({ method }) => (method === 'eth_getTransactionReceipt' ? { result: null } : undefined);
    expect(await chain.writer().receipt(id('nothing') as Hash)).toBeUndefined();
    const { transactionHash } = await chain.act(chain.stranger, chain.authority.address, '0x');
    expect(await (await through(chain, truthful, none, none)).receipt(transactionHash)).toBeUndefined();
    expect(await (await through(chain, truthful, truthful, none)).receipt(transactionHash)).toMatchObject({
      status: 'included',
    });
  });
});

describe('nonce', () => {
  it('is that of the block asked for, or the highest that any endpoint has seen', async () => {
    const chain = await openChain();
    const wallet = new Wallet(id('fresh'));
    await chain.fund(wallet.address);
    const first = await chain.act(wallet, chain.stranger.address, '0x');
    await chain.act(wallet, chain.stranger.address, '0x');
    const behind: Lie = ({ method }) => (method === 'eth_getTransactionCount' ? { result: '0x1' } : undefined);
    const writer = await through(chain, behind, truthful);
    expect(await writer.nonce(wallet.address, 'newest')).toBe(2);
    expect(await chain.writer().nonce(wallet.address, first.blockHash)).toBe(1);
  });
});

describe('fees', () => {
  it('are nothing where the chain asks for nothing, whatever tip it suggests', async () => {
    const chain = await openChain();
    // As a Besu network without fees answers.
    const suggesting: Lie = ({ method }) =>
      method === 'eth_maxPriorityFeePerGas'
        ? { result: '0x77359400' }
        : method === 'eth_gasPrice'
          ? { result: '0x0' }
          : undefined;
    expect(await (await through(chain, suggesting)).fees()).toEqual({
      kind: 'eip1559',
      maxFeePerGas: 0n,
      maxPriorityFeePerGas: 0n,
    });
  });

  it('leave room for the base fee to double', async () => {
    const chain = await openChain({ mode: 'depth', depth: 0 }, ['--accounts', '0', '--base-fee', '1000000000']);
    const block = await chain.anvil.rpc<{ readonly baseFeePerGas: string }>('eth_getBlockByNumber', 'latest', false);
    const fees = await chain.writer().fees();
    if (fees.kind !== 'eip1559') throw new Error('no base fee');
    expect(fees.maxFeePerGas).toBe(2n * BigInt(block.baseFeePerGas) + fees.maxPriorityFeePerGas);
  });

  it('are a gas price on a chain without a base fee', async () => {
    const chain = await openChain();
    const old: Lie = async ({ method, params }, truth) => {
      if (method === 'eth_gasPrice') return { result: '0x3e8' };
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined;
      const { result } = (await truth()) as { readonly result: Record<string, unknown> };
      return { result: { ...result, baseFeePerGas: undefined } };
    };
    expect(await (await through(chain, old)).fees()).toEqual({ kind: 'legacy', gasPrice: 1000n });
  });
});

describe('revertReason', () => {
  it('is none of a call that would not revert', async () => {
    const chain = await openChain();
    expect(await chain.writer().revertReason(await raw(chain), 2)).toBeUndefined();
  });
});
