import { describe, expect, it, vi } from 'vitest';
import { emptyCall } from '../../operator-node/chain/calls.ts';
import { sendingAccountTable } from '../../operator-node/chain/sent.ts';
import { localTransactionSigner } from '../../operator-node/chain/signing.ts';
import type { Hex } from '../../operator-node/model/ids.ts';
import { openChain, type TestChain } from './chain.fixture.ts';
import { account, accountWallet, depth, feeChain, inPool, openSender } from './sender.fixture.ts';

describe('send', () => {
  it('refuses before the nonce of a new key is known', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    const call = emptyCall(chain.stranger.address);
    await expect(node.store.transact((tx) => node.sender.send(tx, 'account', call, 'early'))).rejects.toMatchObject({
      code: 'not-ready',
    });
    expect(node.sender.ready).toBe(false);
  });

  it('sends nothing of a transaction of the store that failed', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const failing = node.store.transact((tx) => {
      node.sender.send(tx, 'account', emptyCall(chain.stranger.address), 'never');
      throw new Error('the step failed');
    });
    await expect(failing).rejects.toThrow('the step failed');
    await node.later();
    expect(node.broadcasts).toEqual([]);
    expect(node.sender.waiting('account')).toBe(0);
    await node.send();
    expect((await node.stored()).map(({ nonce }) => nonce)).toEqual([0]);
  });

  it('sends nothing before it is on disk', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    node.disk.holdBack();
    const durable = node.store.transact((tx) =>
      node.sender.send(tx, 'account', emptyCall(chain.stranger.address), 'held back'),
    );
    await node.later();
    expect(node.broadcasts).toEqual([]);
    node.disk.letGo();
    const hash = await durable;
    await vi.waitFor(() => {
      expect(node.broadcasts).toHaveLength(1);
    });
    await node.sender.idle();
    expect(await inPool(chain, hash)).toBe(true);
  });

  it('begins at the chain’s nonce of the key and takes one after the other', async () => {
    const chain = await openChain();
    await chain.fund(accountWallet.address);
    await chain.act(accountWallet, chain.stranger.address, '0x');
    const node = await openSender(chain);
    await node.start();
    expect(node.sender.ready).toBe(true);
    await node.store.transact((tx) => {
      node.sender.send(tx, 'account', emptyCall(chain.stranger.address), 'one');
      node.sender.send(tx, 'account', emptyCall(chain.stranger.address), 'two');
      node.sender.send(tx, 'carrier', emptyCall(chain.stranger.address), 'three');
    });
    expect((await node.stored()).map(({ tag, nonce }) => [tag, nonce]).sort()).toEqual([
      ['one', 1],
      ['three', 0],
      ['two', 2],
    ]);
    expect(node.alarms).toEqual([]);
  });

  it('tells of inclusion when it is in a block, and again and for the last time when that block is final', async () => {
    const chain = await openChain(depth(2));
    await chain.anvil.mine(2);
    const node = await openSender(chain);
    await node.start();
    const hash = await node.send();
    expect(node.sender.waiting('account')).toBe(1);
    await chain.anvil.mine();
    await node.head();
    const block = { number: await chain.anvil.height(), hash: (await chain.reader().head()).hash };
    expect(node.outcomes).toEqual([{ key: 'account', tag: 'a call', hash, status: 'included', block, final: false }]);
    expect(await node.stored()).toHaveLength(1);
    await chain.anvil.mine(2);
    await node.head();
    expect(node.outcomes.slice(1)).toEqual([
      { key: 'account', tag: 'a call', hash, status: 'included', block, final: true },
    ]);
    expect(await node.stored()).toEqual([]);
    expect(node.sender.waiting('account')).toBe(0);
  });

  it('tells of a revert, with the contract’s reason for the log', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const signed = await chain.sign({ sequence: 5 });
    const hash = await node.send(chain.calls.prepare(signed), 'carry');
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ tag: 'carry', hash, status: 'reverted', final: true }]);
    expect(node.alarms).toMatchObject([
      {
        what: 'transaction-reverted',
        detail: 'carry: PairSettlementWrongSequence(initiator: 1, acceptor: 2, expected: 1, actual: 5)',
      },
    ]);
  });

  it('keeps a bounded number in the pool, and the others in the store', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { maxInFlight: 3 });
    await node.start();
    await node.store.transact((tx) => {
      for (let n = 0; n < 7; n += 1) node.sender.send(tx, 'account', emptyCall(chain.stranger.address), `call ${n}`);
    });
    await vi.waitFor(() => expect(node.broadcasts).toHaveLength(3));
    await node.sender.idle();
    expect(node.sender.waiting('account')).toBe(7);
    await chain.anvil.mine();
    await node.head();
    expect(node.broadcasts).toHaveLength(6);
    await chain.anvil.mine();
    await node.head();
    expect(node.broadcasts).toHaveLength(7);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes.map(({ tag }) => tag)).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `call ${n}`));
  });
});

describe('a transaction on its way', () => {
  it('that was lost after the broadcast is sent again, byte for byte, and no second time by another hash', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    await node.send();
    await node.later();
    await node.later();
    expect(new Set(node.broadcasts).size).toBe(1);
    expect(node.broadcasts).toHaveLength(3);
    expect(node.alarms).toEqual([]);
  });

  it('that the pool has dropped comes into a block all the same', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const hash = await node.send();
    await chain.anvil.rpc('anvil_dropTransaction', hash);
    expect(await inPool(chain, hash)).toBe(false);
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
  });

  it('whose reply was lost is looked for before anything else is made of "nonce too low"', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = async (raw) => {
      await real(raw);
      await chain.anvil.mine();
      return real(raw);
    };
    const hash = await node.send();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
    expect(node.alarms).toEqual([]);
  });

  it('in a block that is replaced is sent again, and told of again', async () => {
    const chain = await openChain(depth(3));
    await chain.anvil.mine(3);
    const node = await openSender(chain);
    await node.start();
    const hash = await node.send();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included', final: false }]);
    await chain.anvil.rpc('anvil_reorg', 1, []);
    await chain.anvil.rpc('anvil_dropTransaction', hash);
    await node.later();
    await node.later();
    expect(node.sender.waiting('account')).toBe(1);
    await chain.anvil.mine(4);
    await node.head();
    expect(node.outcomes.at(-1)).toMatchObject({ hash, status: 'included', final: true });
    expect(await node.stored()).toEqual([]);
  });

  it('that cannot be paid keeps its nonce, is told once, and goes when it can be', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { funded: false });
    await node.start();
    const hash = await node.send();
    await node.later();
    await node.later();
    expect(node.alarms).toMatchObject([
      { what: 'transaction-refused', nonce: 0, detail: expect.stringMatching(/insufficient funds/i) as unknown },
    ]);
    expect(node.sender.status.find(({ key }) => key === 'account')?.troubles).toMatchObject([{ nonce: 0 }]);
    await chain.fund(accountWallet.address);
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included' }]);
    expect(node.sender.status.flatMap(({ troubles }) => troubles)).toEqual([]);
  });

  it('that asks for more gas than a block has stays too, and those behind it are not lost', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    await node.send({ ...emptyCall(chain.stranger.address), gasLimit: 100_000_000n }, 'too big');
    await node.send(undefined, 'behind');
    expect(node.alarms).toMatchObject([{ what: 'transaction-refused', nonce: 0 }]);
    expect((await node.stored()).map(({ tag }) => tag)).toEqual(['too big', 'behind']);
    await chain.anvil.rpc('evm_setBlockGasLimit', '0xbebc200');
    await chain.anvil.mine();
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes.map(({ tag }) => tag)).toEqual(['too big', 'behind']);
  });

  it('survives the chain being out of reach', async () => {
    const chain = await openChain();
    const node = await openSender(chain, { mayFail: true });
    await node.start();
    const real = node.hooks.broadcast;
    const { TandemError } = await import('../../operator-node/errors.ts');
    node.hooks.broadcast = () => Promise.reject(new TandemError('chain-unavailable', 'no endpoint'));
    const hash = await node.send();
    expect(node.troubles).toMatchObject([{ code: 'chain-unavailable' }]);
    node.hooks.broadcast = real;
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included' }]);
  });
});

describe('fees', () => {
  const setBaseFee = (chain: TestChain, wei: bigint) =>
    chain.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${wei.toString(16)}`);

  it('rise with what the chain asks: the same content at the same nonce, stored before it leaves', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain);
    await node.start();
    const cheap = await node.send();
    await chain.anvil.rpc('anvil_dropTransaction', cheap);
    await setBaseFee(chain, 50_000_000_000n);
    await chain.anvil.mine();
    await setBaseFee(chain, 50_000_000_000n);
    await node.later();
    await node.later();
    const [row] = await node.stored();
    expect(row).toMatchObject({ nonce: 0, tag: 'a call', earlier: [{ hash: cheap }] });
    expect(node.broadcasts.at(-1)).toBe(row?.raw);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash: row?.hash, status: 'included', final: true }]);
  });

  it('never exceed the cap: it stays as it is, staff is told, and it goes when fees fall', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { feeCap: 3_000_000_000n });
    await node.start();
    const hash = await node.send();
    await chain.anvil.rpc('anvil_dropTransaction', hash);
    await setBaseFee(chain, 50_000_000_000n);
    await chain.anvil.mine();
    await setBaseFee(chain, 50_000_000_000n);
    for (let n = 0; n < 5; n += 1) await node.later();
    expect(node.alarms.filter(({ what }) => what === 'fee-cap')).toHaveLength(1);
    await setBaseFee(chain, 1_000_000_000n);
    await chain.anvil.mine();
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ status: 'included', final: true }]);
  });

  it('rise for a transaction that the chain leaves in the pool', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { raiseAfterBlocks: 2 });
    await node.start();
    // In the pool, as far as it says; in truth nowhere.
    node.hooks.broadcast = () => Promise.resolve({ outcome: 'held' });
    const first = await node.send();
    for (let n = 0; n < 3; n += 1) {
      await chain.anvil.mine();
      await node.head();
    }
    expect((await node.stored())[0]?.earlier).toMatchObject([{ hash: first }]);
  });

  it('rise with more to do for the one that the others wait for, and with the same for all others', async () => {
    const chain = await openChain(depth(0), feeChain);
    const larger = { to: chain.stranger.address, data: '0x01' as Hex, gasLimit: 40_000n };
    const asked: string[] = [];
    const node = await openSender(chain, {
      raiseAfterBlocks: 2,
      enlarge: (_tx, tag) => {
        asked.push(tag);
        return larger;
      },
    });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = () => Promise.resolve({ outcome: 'held' });
    const first = await node.send(emptyCall(chain.stranger.address), 'the first');
    await node.send(emptyCall(chain.stranger.address), 'the second');
    for (let n = 0; n < 3; n += 1) {
      await chain.anvil.mine();
      await node.head();
    }
    expect(asked).toEqual(['the first']);
    const [stuck, behind] = await node.stored();
    expect(stuck).toMatchObject({ nonce: 0, earlier: [{ hash: first }] });
    expect(behind).toMatchObject({ nonce: 1, earlier: [] });
    const { data, gasLimit, nonce } = localTransactionSigner(accountWallet.privateKey as Hex).read(
      stuck?.raw ?? ('0x' as Hex),
    );
    expect({ data, gasLimit, nonce }).toEqual({ data: larger.data, gasLimit: larger.gasLimit, nonce: 0 });
    node.hooks.broadcast = real;
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([
      { tag: 'the first', status: 'included' },
      { tag: 'the second', status: 'included' },
    ]);
    expect(node.outcomes[0]?.hash).not.toBe(first);
  });

  it('an earlier form that is the one in the block counts as the transaction', async () => {
    const chain = await openChain(depth(0), feeChain);
    const node = await openSender(chain, { raiseAfterBlocks: 1 });
    await node.start();
    const real = node.hooks.broadcast;
    node.hooks.broadcast = () => Promise.resolve({ outcome: 'held' });
    const first = await node.send();
    const [cheap = '0x' as Hex] = node.broadcasts;
    for (let n = 0; n < 2; n += 1) {
      await chain.anvil.mine();
      await node.head();
    }
    expect((await node.stored())[0]?.earlier).toMatchObject([{ hash: first }]);
    await real(cheap);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash: first, status: 'included', final: true }]);
    expect(node.alarms).toEqual([]);
  });
});

describe('a key that is used from elsewhere', () => {
  it('while this node had nothing to send: told, and the next nonce is the chain’s', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    await chain.act(accountWallet, chain.stranger.address, '0x');
    await chain.act(accountWallet, chain.stranger.address, '0x');
    await node.head();
    expect(node.alarms).toMatchObject([{ what: 'nonce-used-elsewhere', key: 'account', nonce: 1 }]);
    const hash = await node.send();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included' }]);
    expect((await node.stored()).length).toBe(0);
  });

  it('for a nonce of ours: told as replaced, but only when that is final and none of ours is found', async () => {
    const chain = await openChain(depth(2));
    await chain.anvil.mine(2);
    const node = await openSender(chain);
    await node.start();
    node.hooks.broadcast = () => Promise.resolve({ outcome: 'held' });
    const hash = await node.send();
    await chain.act(accountWallet, chain.stranger.address, '0x1234');
    for (let n = 0; n < 5; n += 1) await node.later();
    expect(node.outcomes).toEqual([]);
    expect(node.sender.status.find(({ key }) => key === 'account')?.troubles).toMatchObject([{ nonce: 0 }]);
    await chain.anvil.mine(2);
    await node.head();
    expect(node.outcomes).toEqual([{ key: 'account', tag: 'a call', hash, status: 'replaced', final: true }]);
    expect(node.alarms).toMatchObject([{ what: 'nonce-used-elsewhere', nonce: 0 }]);
    expect(await node.stored()).toEqual([]);
  });
});

describe('a nonce that nothing uses', () => {
  it('is filled with an empty transaction when the gap lasts, so that those behind it are not stranded', async () => {
    const chain = await openChain();
    await chain.fund(accountWallet.address);
    const node = await openSender(chain);
    await node.start();
    // As after a reorganisation that took away a foreign transaction which the first nonce was counted from.
    await node.store.transact((tx) => {
      const state = tx.get(sendingAccountTable, account);
      if (state !== undefined) tx.put(sendingAccountTable, account, { ...state, next: 2 });
    });
    const hash = await node.send();
    for (let n = 0; n < 5; n += 1) {
      await chain.anvil.mine();
      await node.head();
    }
    expect(node.alarms).toMatchObject([{ what: 'nonce-gap', nonce: 0 }]);
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
    expect(await node.stored()).toEqual([]);
  });
});

describe('poke', () => {
  it('makes the chain make a block, one at a time, and tells nobody', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    const [first, second] = await node.store.transact((tx) => [
      node.sender.poke(tx, 'account'),
      node.sender.poke(tx, 'account'),
    ]);
    expect(first).toMatch(/^0x/);
    expect(second).toBeUndefined();
    await vi.waitFor(() => expect(node.broadcasts).toHaveLength(1));
    await node.sender.idle();
    await chain.anvil.mine();
    await node.head();
    expect(await node.stored()).toEqual([]);
    expect(node.outcomes).toEqual([]);
    const third = await node.store.transact((tx) => node.sender.poke(tx, 'account'));
    expect(third).toMatch(/^0x/);
    expect(third).not.toBe(first);
  });
});

describe('a restart', () => {
  it('between signing and sending sends what was stored', async () => {
    const chain = await openChain();
    const before = await openSender(chain);
    await before.start();
    await before.sender.stop();
    const hash = await before.store.transact((tx) =>
      before.sender.send(tx, 'account', emptyCall(chain.stranger.address), 'unsent'),
    );
    before.crash();
    const after = await openSender(chain, { disk: before.disk });
    await after.start();
    expect(before.broadcasts).toEqual([]);
    expect(after.broadcasts).toHaveLength(1);
    await chain.anvil.mine();
    await after.head();
    expect(after.outcomes).toMatchObject([{ hash, tag: 'unsent', status: 'included' }]);
  });

  it('after the broadcast finds its transaction in the block', async () => {
    const chain = await openChain();
    const before = await openSender(chain);
    await before.start();
    const hash = await before.send();
    before.crash();
    await chain.anvil.mine();
    const after = await openSender(chain, { disk: before.disk });
    await after.start();
    expect(after.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
    expect(after.alarms).toEqual([]);
  });

  it('between inclusion and finality goes on to finality', async () => {
    const chain = await openChain(depth(2));
    await chain.anvil.mine(2);
    const before = await openSender(chain);
    await before.start();
    const hash = await before.send();
    await chain.anvil.mine();
    await before.head();
    before.crash();
    const after = await openSender(chain, { disk: before.disk });
    await after.start();
    expect(after.outcomes).toEqual([]);
    expect(after.sender.waiting('account')).toBe(0);
    await chain.anvil.mine(2);
    await after.head();
    expect(after.outcomes).toMatchObject([{ hash, final: true }]);
  });

  it('before the outcome was on disk tells it again', async () => {
    const chain = await openChain();
    const before = await openSender(chain);
    await before.start();
    const hash = await before.send();
    await chain.anvil.mine();
    before.disk.holdBack();
    void before.head();
    await vi.waitFor(() => {
      expect(before.disk.heldBack).toBe(1);
    });
    before.crash();
    const after = await openSender(chain, { disk: before.disk });
    await after.start();
    expect(after.outcomes).toMatchObject([{ hash, status: 'included', final: true }]);
  });

  it('of the chain’s pool loses nothing', async () => {
    const chain = await openChain();
    const node = await openSender(chain);
    await node.start();
    await node.send(undefined, 'one');
    await node.send(undefined, 'two');
    await chain.anvil.rpc('anvil_dropAllTransactions');
    await node.later();
    await chain.anvil.mine();
    await node.head();
    expect(node.outcomes.map(({ tag }) => tag)).toEqual(['one', 'two']);
  });
});
