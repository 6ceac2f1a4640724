/** Money for gas, or none: what a transaction offers, and what becomes of one that cannot be paid or is not let in. */
import { describe, expect, it } from 'vitest';
import type { ChainWriter } from '../../operator-node/chain/chain.ts';
import { ceiling } from '../../operator-node/chain/fees.ts';
import { readTransaction } from '../../operator-node/chain/signing.ts';
import type { Hex } from '../../operator-node/model/ids.ts';
import { freeChain, openChain, type TestChain } from './chain.fixture.ts';
import { accountWallet, depth, feeChain, inPool, openSender } from './sender.fixture.ts';

type Node = Awaited<ReturnType<typeof openSender>>;

const gwei = 1_000_000_000n;
const hex = (wei: bigint): string => `0x${wei.toString(16)}`;
const setBaseFee = (chain: TestChain, wei: bigint) => chain.anvil.rpc('anvil_setNextBlockBaseFeePerGas', hex(wei));
const setBalance = (chain: TestChain, wei: bigint) =>
  chain.anvil.rpc('anvil_setBalance', accountWallet.address, hex(wei));
const priceOf = (raw: Hex | undefined): bigint => (raw === undefined ? -1n : ceiling(readTransaction(raw).fees));
const asking = (wei: bigint): ChainWriter['fees'] => {
  const offer = { kind: 'eip1559', maxFeePerGas: wei, maxPriorityFeePerGas: wei } as const;
  return () => Promise.resolve({ offer, baseFee: 0n });
};

const stuckOf = (node: Node) => node.sender.status.find(({ key }) => key === 'account')?.stuck;

/** The pool says that it has it, and has nothing. */
const swallow: ChainWriter['broadcast'] = () => Promise.resolve({ outcome: 'held' });

async function blocks(chain: TestChain, node: Node, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await chain.anvil.mine();
    await node.head();
    await node.later();
  }
}

describe('where the chain asks for nothing', () => {
  it('a transaction that the pool keeps back and loses comes in from an empty account: it is never raised', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { funded: false });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = swallow;
    const hash = await node.send();
    await blocks(chain, node, 12);
    node.hooks.broadcast = real;
    await node.later();
    await blocks(chain, node, 1);
    expect(new Set(node.broadcasts).size).toBe(1);
    expect(node.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
  });

  it.each([
    ['nothing is suggested', 0n],
    ['a tip is suggested, since somebody gives one', gwei],
  ])('and refuses every other price, it goes without one, though there is money and %s', async (_, tip) => {
    const chain = await openChain();
    const node = await openSender(chain);
    node.hooks.fees = asking(tip);
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = (raw) =>
      priceOf(raw) === 0n ? swallow(raw) : Promise.resolve({ outcome: 'refused', reason: 'gas price not 0' });
    await node.send();
    await blocks(chain, node, 6);
    node.hooks.broadcast = (raw) =>
      priceOf(raw) === 0n ? real(raw) : Promise.resolve({ outcome: 'refused', reason: 'gas price not 0' });
    await blocks(chain, node, 2);
    expect(node.broadcasts.some((raw) => priceOf(raw) > 0n)).toBe(tip > 0n);
    expect(node.outcomes).toMatchObject([{ status: 'included' }]);
  });

  it('and an endpoint suggests a tip all the same, an empty account offers nothing', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { funded: false });
    node.hooks.fees = asking(gwei);
    await node.start();
    await node.send();
    await blocks(chain, node, 1);
    expect(node.broadcasts.map(priceOf)).toEqual([0n]);
    expect(node.outcomes).toMatchObject([{ status: 'included' }]);
    expect(node.alarms).toEqual([]);
  });

  it('and began to ask meanwhile, what waits is raised to what is asked, whatever the pool says', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { raiseAfterBlocks: 1000 });
    node.hooks.fees = asking(0n);
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = swallow;
    await node.send();
    await node.send();
    expect(node.broadcasts.map(priceOf)).toEqual([0n, 0n]);
    node.hooks.fees = () => chain.writer().fees();
    await setBaseFee(chain, 7n * gwei);
    await chain.anvil.mine();
    await setBaseFee(chain, 7n * gwei);
    // Fees count for 15 seconds.
    for (let n = 0; n < 6; n += 1) await node.later();
    for (const { raw } of await node.stored()) expect(priceOf(raw)).toBeGreaterThanOrEqual(7n * gwei);
    node.hooks.broadcast = real;
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included' }, { status: 'included' }]);
  });

  it('and began to ask meanwhile, an empty account waits for money, is told of, and goes when it comes', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { funded: false });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = swallow;
    await node.send();
    await setBaseFee(chain, gwei);
    await chain.anvil.mine();
    for (let n = 0; n < 5; n += 1) {
      await setBaseFee(chain, gwei);
      await blocks(chain, node, 3);
    }
    expect(new Set(node.broadcasts.map(priceOf))).toEqual(new Set([0n]));
    const stuck = stuckOf(node);
    expect(stuck).toMatchObject({ nonce: 0, offeredWei: '0' });
    expect(stuck?.blocks).toBeGreaterThan(9);
    expect(BigInt(stuck?.baseFeeWei ?? 0)).toBeGreaterThan(0n);
    node.hooks.broadcast = real;
    await chain.fund(accountWallet.address);
    await node.later();
    await node.later();
    await setBaseFee(chain, gwei);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included' }]);
    expect(stuckOf(node)).toBeUndefined();
  });
});

describe('a form that cannot be paid', () => {
  it('is not made: what is in the pool stays as it is', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { raiseAfterBlocks: 2 });
    await node.start();
    node.hooks.broadcast = swallow;
    await node.send();
    await setBalance(chain, 21_000n * priceOf(node.broadcasts[0]) + 1n);
    await blocks(chain, node, 8);
    expect(new Set(node.broadcasts).size).toBe(1);
  });

  it('is passed over for the one from before, which is sent again', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { raiseAfterBlocks: 2 });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = swallow;
    const first = await node.send();
    await blocks(chain, node, 4);
    const [row] = await node.stored();
    expect(row?.earlier.map(({ hash }) => hash)).toContain(first);
    // The pool is lost, and so is the money; only what was first offered can be paid.
    await setBalance(chain, 21_000n * priceOf(row?.earlier[0]?.raw));
    node.hooks.broadcast = real;
    await node.later();
    expect(await inPool(chain, first)).toBe(true);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash: first, status: 'included', final: true }]);
    expect(node.alarms).toEqual([]);
  });

  it('is replaced by a cheaper one where the chain asks for less than it offers', async () => {
    const chain = await openChain(depth(0), feeChain);
    await setBaseFee(chain, 50n * gwei);
    await chain.anvil.mine();
    const node = await openSender(chain);
    await node.start();
    node.hooks.broadcast = () => Promise.resolve({ outcome: 'refused', reason: 'the pool is full' });
    await node.send();
    const dear = priceOf(node.broadcasts[0]);
    await setBaseFee(chain, gwei);
    await chain.anvil.mine();
    await setBaseFee(chain, gwei);
    await setBalance(chain, 21_000n * 4n * gwei);
    node.hooks.broadcast = chain.writer().broadcast.bind(chain.writer());
    for (let n = 0; n < 6; n += 1) await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included' }]);
    expect(priceOf(node.broadcasts.at(-1))).toBeLessThan(dear / 10n);
  });

  it('is offered with a lower tip where that much can be paid', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { funded: false });
    const { baseFee } = await chain.writer().fees();
    await setBalance(chain, (21_000n * baseFee * 3n) / 2n);
    await node.start();
    await node.send();
    for (let n = 0; n < 3; n += 1) await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included' }]);
  });
});

describe('a transaction that the pool takes and never lets in', () => {
  it('is seen, and is not raised without end', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { raiseAfterBlocks: 2 });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = swallow;
    await node.send();
    for (let n = 0; n < 40; n += 1) {
      await setBaseFee(chain, gwei);
      await blocks(chain, node, 1);
    }
    const { offer } = await chain.writer().fees();
    expect(priceOf((await node.stored())[0]?.raw)).toBeLessThanOrEqual(4n * ceiling(offer));
    expect(stuckOf(node)).toMatchObject({ nonce: 0, tag: 'a call' });
    expect(node.alarms).toEqual([]);
    node.hooks.broadcast = real;
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included', final: true }]);
  });

  it('is not called stuck right after a start', async () => {
    const chain = await openChain(depth(20));
    await chain.anvil.mine(40);
    const node = await openSender(chain);
    await node.start();
    await node.send();
    await node.head();
    await node.later();
    expect(stuckOf(node)).toBeUndefined();
    expect((await node.stored())[0]?.earlier).toEqual([]);
  });
});

describe('a transaction that the pool has lost', () => {
  it('is told of, and sent again', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const hash = await node.send();
    await node.later();
    expect(node.alarms).toEqual([]);
    await chain.anvil.rpc('anvil_dropTransaction', hash);
    await node.later();
    expect(node.alarms).toMatchObject([{ what: 'transaction-lost', nonce: 0 }]);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included' }]);
  });
});

describe('a nonce that the chain has used up without a trace', () => {
  it('of a transaction on its way: what it was for is told to be sent again, and nobody is called a thief', async () => {
    const chain = await openChain(depth(2), freeChain);
    await chain.anvil.mine(2);
    const node = await openSender(chain);
    await node.start();
    const hash = await node.send();
    await chain.anvil.rpc('anvil_dropTransaction', hash);
    node.hooks.broadcast = swallow;
    await chain.anvil.rpc('anvil_setNonce', accountWallet.address, '0x1');
    await blocks(chain, node, 6);
    expect(node.outcomes).toEqual([{ key: 'account', tag: 'a call', hash, status: 'replaced', final: true }]);
    expect(node.alarms).toMatchObject([{ what: 'nonce-used-up', nonce: 0 }]);
    node.hooks.broadcast = chain.writer().broadcast.bind(chain.writer());
    const next = await node.send();
    await blocks(chain, node, 3);
    expect(node.outcomes.at(-1)).toMatchObject({ hash: next, status: 'included', final: true });
    expect(node.alarms).toHaveLength(1);
  });

  it('while nothing was on its way', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    await chain.anvil.rpc('anvil_setNonce', accountWallet.address, '0x2');
    await blocks(chain, node, 1);
    expect(node.alarms).toMatchObject([{ what: 'nonce-used-up', nonce: 1 }]);
  });

  it('in a block that a restored store has forgotten is no alarm, whoever used it', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { isForgotten: () => true });
    await node.start();
    await chain.act(accountWallet, chain.stranger.address, '0x');
    await blocks(chain, node, 1);
    expect(node.alarms).toEqual([]);
  });
});
