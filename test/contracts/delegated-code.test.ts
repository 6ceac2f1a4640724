import { type Wallet, ZeroAddress } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Chain, openChain } from './chain.ts';
import { type Consortium, commitAll, openConsortium } from './consortium.ts';
import { eventsOf, refusalOf } from './outcome.ts';

describe('an EOA with delegated code (EIP-7702)', () => {
  let chain: Chain;
  let consortium: Consortium;
  beforeAll(async () => {
    chain = await openChain({ hardfork: 'prague' });
    consortium = await openConsortium(chain);
  });
  afterAll(() => chain.close());

  /** That EOA acts by this code from then on; zero: it is a plain EOA again. */
  const delegate = async (eoa: Wallet, to: string): Promise<void> => {
    const nonce = await chain.provider.getTransactionCount(eoa.address);
    const authorization = await eoa.authorize({ address: to, chainId: chain.chainId, nonce });
    const { address } = consortium.stranger;
    const transaction = { type: 4, to: address, authorizationList: [authorization], gasLimit: 1_000_000 };
    await (await consortium.stranger.sendTransaction(transaction)).wait();
  };

  it('is asked as an ERC-1271 wallet when it signs: its plain signature counts no more', async () => {
    const { aurora, corona, stranger } = consortium;
    const asStranger = consortium.as(stranger);
    const wallet = await chain.deploy('KeyWallet', corona.signer.address);
    const address = await wallet.getAddress();
    await delegate(aurora.signer, address);
    expect(await chain.provider.getCode(aurora.signer.address)).toBe(`0xef0100${address.slice(2).toLowerCase()}`);

    const { args, batch, batchId } = await consortium.sign();
    expect(await refusalOf(asStranger, 'prepare', ...args)).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      1n,
      args[1],
    ]);
    // The code says that corona's key signs for this address.
    const byCode = corona.signer.signingKey.sign(batchId).serialized;
    expect(await eventsOf(asStranger, 'prepare', batch, byCode, args[2])).toHaveLength(1);

    await delegate(aurora.signer, ZeroAddress);
    const next = await consortium.sign({ sequence: 2 });
    expect(await eventsOf(asStranger, 'prepare', ...next.args)).toHaveLength(1);
  });

  it('decides and attests as before when it is an account', async () => {
    const { borealis } = consortium;
    const wallet = await chain.deploy('KeyWallet', borealis.account.address);
    await delegate(borealis.account, await wallet.getAddress());
    const signed = await consortium.prepared({ initiator: 3 });
    expect(await eventsOf(consortium.as(borealis.account), 'decide', commitAll(signed))).toHaveLength(1);
  });
});
