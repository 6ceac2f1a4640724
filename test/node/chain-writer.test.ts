import { Wallet, hashAuthorization, id } from 'ethers';
import { describe, expect, it } from 'vitest';
import { RpcWriter } from '../../operator-node/chain/rpc-writer.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import { chainId } from './anvil.ts';
import { freeChain, openChain, startEndpoint, type Lie, type TestChain } from './chain.fixture.ts';

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
    expect(await chain.writer().broadcast(bytes)).toEqual({ outcome: 'held', known: true });
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
  it('is that of the block asked for, or the highest that a majority has seen', async () => {
    const chain = await openChain();
    const wallet = new Wallet(id('fresh'));
    await chain.fund(wallet.address);
    const first = await chain.act(wallet, chain.stranger.address, '0x');
    await chain.act(wallet, chain.stranger.address, '0x');
    const behind: Lie = ({ method }) => (method === 'eth_getTransactionCount' ? { result: '0x1' } : undefined);
    const far: Lie = ({ method }) => (method === 'eth_getTransactionCount' ? { result: '0xffffff' } : undefined);
    expect(await (await through(chain, behind, truthful, truthful)).nonce(wallet.address, 'newest')).toBe(2);
    // One that says too much would make the key skip nonces, and stand still for good.
    expect(await (await through(chain, far, truthful, truthful)).nonce(wallet.address, 'newest')).toBe(2);
    expect(await (await through(chain, far, truthful, behind)).nonce(wallet.address, 'newest')).toBe(2);
    expect(await (await through(chain, far, truthful)).nonce(wallet.address, 'newest')).toBe(2);
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
      offer: { kind: 'eip1559', maxFeePerGas: 0n, maxPriorityFeePerGas: 0n },
      baseFee: 0n,
    });
  });

  it('leave room for the base fee to double', async () => {
    const chain = await openChain({ mode: 'depth', depth: 0 }, ['--accounts', '0', '--base-fee', '1000000000']);
    const block = await chain.anvil.rpc<{ readonly baseFeePerGas: string }>('eth_getBlockByNumber', 'latest', false);
    const { offer, baseFee } = await chain.writer().fees();
    if (offer.kind !== 'eip1559') throw new Error('no base fee');
    expect(baseFee).toBe(BigInt(block.baseFeePerGas));
    expect(offer.maxFeePerGas).toBe(2n * baseFee + offer.maxPriorityFeePerGas);
  });

  it.each(['0xffffffffffff', '0x0'])('are what a majority finds, where one of three says %s', async (gasPrice) => {
    const chain = await openChain({ mode: 'depth', depth: 0 }, ['--accounts', '0', '--base-fee', '1000000000']);
    const lying: Lie = async ({ method, params }, truth) => {
      if (method === 'eth_gasPrice' || method === 'eth_maxPriorityFeePerGas') return { result: gasPrice };
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined;
      const { result } = (await truth()) as { readonly result: Record<string, unknown> };
      return { result: { ...result, baseFeePerGas: gasPrice } };
    };
    expect(await (await through(chain, lying, truthful, truthful)).fees()).toEqual(await chain.writer().fees());
  });

  it('are a gas price on a chain without a base fee', async () => {
    const chain = await openChain();
    const old: Lie = async ({ method, params }, truth) => {
      if (method === 'eth_gasPrice') return { result: '0x3e8' };
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined;
      const { result } = (await truth()) as { readonly result: Record<string, unknown> };
      return { result: { ...result, baseFeePerGas: undefined } };
    };
    expect(await (await through(chain, old)).fees()).toEqual({
      offer: { kind: 'legacy', gasPrice: 1000n },
      baseFee: 0n,
    });
  });
});

describe('what one endpoint alone says', () => {
  const saying =
    (wei: bigint): Lie =>
    async ({ method, params }, truth) => {
      const result = `0x${wei.toString(16)}`;
      if (method === 'eth_getBalance' || method === 'eth_gasPrice') return { result };
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined;
      const block = (await truth()) as { readonly result: Record<string, unknown> };
      return { result: { ...block.result, baseFeePerGas: result } };
    };

  it('makes nothing dearer, cheaper, richer or poorer', async () => {
    const chain = await openChain({ mode: 'depth', depth: 0 }, ['--accounts', '0', '--base-fee', '1000000000']);
    const { address } = chain.stranger;
    const [fees, balance] = [await chain.writer().fees(), await chain.writer().balance(address)];
    for (const wei of [0n, 1n, 2n ** 255n]) {
      const writer = await through(chain, truthful, saying(wei), truthful);
      expect(await writer.fees()).toEqual(fees);
      expect(await writer.balance(address)).toBe(balance);
    }
  });
});

describe('userOf', () => {
  it('is the transaction that a block shows, also long ago', async () => {
    const chain = await openChain();
    const { address } = chain.stranger;
    const used: Hash[] = [];
    for (let n = 0; n < 3; n += 1) {
      used.push((await chain.act(chain.stranger, chain.authority.address, '0x')).transactionHash);
      await chain.anvil.mine(11);
    }
    const upTo = await chain.anvil.height();
    const writer = await through(chain, truthful, truthful);
    for (const [nonce, hash] of used.entries()) {
      expect(await writer.userOf(address.toLowerCase(), nonce, upTo)).toMatchObject({ by: 'transaction', hash });
    }
    expect(await writer.userOf(address.toLowerCase(), 3, upTo)).toEqual({ by: 'unknown' });
  });

  it('is nothing where the block has no such transaction: a nonce that the chain has taken by itself', async () => {
    const chain = await openChain();
    const { address } = chain.stranger;
    await chain.anvil.mine(5);
    await chain.anvil.rpc('anvil_setNonce', address, '0x2');
    await chain.anvil.mine(2);
    const found = await chain.writer().userOf(address.toLowerCase(), 1, await chain.anvil.height());
    expect(found.by).toBe('nothing');
  });

  it('is unknown where state is pruned, and where endpoints show different things', async () => {
    const chain = await openChain();
    const { address } = chain.stranger;
    await chain.act(chain.stranger, chain.authority.address, '0x');
    await chain.anvil.mine(5);
    const upTo = await chain.anvil.height();
    const pruned: Lie = ({ method, params }) =>
      method === 'eth_getTransactionCount' && Number(params[1]) < upTo
        ? { error: { code: -32000, message: 'missing trie node' } }
        : undefined;
    expect(await (await through(chain, pruned)).userOf(address.toLowerCase(), 0, upTo)).toEqual({ by: 'unknown' });
    const empty: Lie = async ({ method, params }, truth) => {
      if (method !== 'eth_getBlockByNumber' || params[1] !== true) return undefined;
      const block = (await truth()) as { readonly result: Record<string, unknown> };
      return { result: { ...block.result, transactions: [] } };
    };
    const writer = await through(chain, empty, truthful);
    expect(await writer.userOf(address.toLowerCase(), 0, upTo)).toEqual({ by: 'unknown' });
  });

  it('is an authorization by that key in somebody else’s transaction (EIP-7702)', async () => {
    const chain = await openChain({ mode: 'depth', depth: 0 }, [...freeChain, '--hardfork', 'prague']);
    const thief = chain.authority;
    const authorization = chain.stranger.signingKey.sign(
      hashAuthorization({ address: thief.address, nonce: 0, chainId }),
    );
    const signed = await thief.signTransaction({
      ...{ chainId, type: 4, to: thief.address, gasLimit: 200_000, maxFeePerGas: 0, maxPriorityFeePerGas: 0 },
      nonce: Number(await chain.anvil.rpc<string>('eth_getTransactionCount', thief.address, 'latest')),
      authorizationList: [{ address: thief.address, nonce: 0, chainId, signature: authorization }],
    });
    const hash = await chain.anvil.rpc<Hash>('eth_sendRawTransaction', signed);
    await chain.anvil.mine();
    const upTo = await chain.anvil.height();
    const user = await chain.writer().userOf(chain.stranger.address.toLowerCase(), 0, upTo);
    expect(user).toEqual({ by: 'authorization', hash, block: upTo });
  });
});

describe('revertReason', () => {
  it('is none of a call that would not revert', async () => {
    const chain = await openChain();
    expect(await chain.writer().revertReason(await raw(chain), 2)).toBeUndefined();
  });
});
