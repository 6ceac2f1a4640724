import type { Contract } from 'ethers';
import { Signature, ZeroHash, concat, id, sha256, toBeHex } from 'ethers';
import { describe, expect, it } from 'vitest';

import { openChain } from './chain.ts';
import { allOf, batchType, commitAll, deadline, decision, domainOf, openConsortium } from './consortium.ts';
import { eventsOf, receiptOf, refusalOf } from './outcome.ts';
import { attestation, decidedLine, now, openScene, outcomeOf, preparedLine, status, statusOf } from './scene.ts';

const scene = openScene();

const secp256k1Order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

describe('a signature', () => {
  it('of another chain is refused', async () => {
    const elsewhere = await openChain({ chainId: 31338 });
    try {
      const twin = await openConsortium(elsewhere);
      // The same addresses and keys: only the chain id tells the two apart.
      expect(await twin.settlement.getAddress()).toBe(await scene.settlement.getAddress());
      const { args } = await twin.sign();
      const refusal = await refusalOf(scene.asStranger, 'prepare', ...args);
      expect(refusal).toEqual([
        'PairSettlementInvalidSignature',
        await scene.settlement.getFunction('batchIdOf')(args[0]),
        1n,
        args[1],
      ]);
    } finally {
      await elsewhere.close();
    }
  });

  it('for another contract on the same chain and registry is refused', async () => {
    const twin = await scene.chain.deploy('PairSettlement', await scene.registry.getAddress());
    const { args } = await scene.consortium.sign();
    expect((await refusalOf(twin, 'prepare', ...args))[0]).toBe('PairSettlementInvalidSignature');
    await receiptOf(scene.asStranger, 'prepare', ...args);
  });

  it('given in the other role is refused', async () => {
    const { args } = await scene.consortium.sign();
    const [batch, byAurora, byBorealis] = args;
    const turned = { ...batch, initiator: batch.acceptor, acceptor: batch.initiator };
    expect((await refusalOf(scene.asStranger, 'prepare', turned, byBorealis, byAurora))[0]).toBe(
      'PairSettlementInvalidSignature',
    );
    const onUs = { ...batch, acceptor: batch.initiator };
    expect((await refusalOf(scene.asStranger, 'prepare', onUs, byAurora, byAurora))[0]).toBe(
      'PairSettlementInvalidSignature',
    );
  });

  it('anchors its batch once, and under no other sequence', async () => {
    const { batch, args } = await scene.consortium.prepared();
    expect(await eventsOf(scene.asStranger, 'prepare', ...args)).toEqual([]);
    const moved = { ...batch, sequence: 2 };
    expect((await refusalOf(scene.asStranger, 'prepare', moved, args[1], args[2]))[0]).toBe(
      'PairSettlementInvalidSignature',
    );
  });

  it('is refused in its malleable form', async () => {
    const { args, batchId } = await scene.consortium.sign();
    const { r, s, v } = Signature.from(args[1]);
    const mirrored = concat([r, toBeHex(secp256k1Order - BigInt(s), 32), toBeHex(v === 27 ? 28 : 27, 1)]);
    expect(await refusalOf(scene.asStranger, 'prepare', args[0], mirrored, args[2])).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      1n,
      mirrored,
    ]);
  });

  it('is refused in its 64-byte form', async () => {
    const { args, batchId } = await scene.consortium.sign();
    const compact = Signature.from(args[1]).compactSerialized;
    expect(await refusalOf(scene.asStranger, 'prepare', args[0], compact, args[2])).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      1n,
      compact,
    ]);
  });
});

describe('a signer that is no EOA', () => {
  const rotateSigner = (signer: string, overlapUntil = 0): Promise<unknown> =>
    receiptOf(
      scene.consortium.registryAs(scene.consortium.aurora.controller),
      'rotateSigner',
      scene.consortium.aurora.id,
      signer,
      overlapUntil,
    );

  it('signs as an ERC-1271 wallet, and no other wallet signs for it', async () => {
    const wallet = await scene.chain.deploy('KeyWallet', scene.consortium.aurora.signer.address);
    await rotateSigner(await wallet.getAddress());
    const { args } = await scene.consortium.sign();
    expect((await refusalOf(scene.asStranger, 'prepare', args[0], args[2], args[2]))[0]).toBe(
      'PairSettlementInvalidSignature',
    );
    expect(await eventsOf(scene.asStranger, 'prepare', ...args)).toHaveLength(1);
  });

  it('that lies is refused for every answer but the one of the standard', async () => {
    const wallet = await scene.chain.deploy('LyingWallet');
    await rotateSigner(await wallet.getAddress());
    const { args } = await scene.consortium.sign();
    const yes = `0x1626ba7e${'00'.repeat(28)}`;
    const answers: [string, boolean][] = [
      ['0x', false],
      ['0x1626ba7e', false],
      [`0x${'00'.repeat(31)}01`, false],
      [`0x1626ba7e${'00'.repeat(27)}01`, false],
      [yes, true],
    ];
    for (const [answer, reverts] of answers) {
      await receiptOf(wallet, 'set', answer, reverts);
      const refusal = await refusalOf(scene.asStranger, 'prepare', ...args);
      expect([answer, refusal[0]]).toEqual([answer, 'PairSettlementInvalidSignature']);
    }
    await receiptOf(wallet, 'set', yes, false);
    expect(await eventsOf(scene.asStranger, 'prepare', ...args)).toHaveLength(1);
  });

  it('that lies harms nobody’s signature but its own operator’s', async () => {
    const wallet = await scene.chain.deploy('LyingWallet');
    await receiptOf(wallet, 'set', `0x1626ba7e${'00'.repeat(28)}`, false);
    await rotateSigner(await wallet.getAddress());
    const { batch, batchId } = await scene.consortium.sign();
    expect(await refusalOf(scene.asStranger, 'prepare', batch, '0x', '0x')).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      2n,
      '0x',
    ]);
  });

  it('that calls back cannot write', async () => {
    const wallet = await scene.chain.deploy('ReenteringWallet');
    await rotateSigner(await wallet.getAddress());
    const { args } = await scene.consortium.sign();
    const data = scene.settlement.interface.encodeFunctionData('prepare', [...args]);
    await receiptOf(wallet, 'set', await scene.settlement.getAddress(), data);
    expect((await refusalOf(scene.asStranger, 'prepare', ...args))[0]).toBe('PairSettlementInvalidSignature');
    expect(await scene.settlement.getFunction('nextSequence')(1, 2)).toBe(1n);
  });
});

describe('a rotated key', () => {
  const asController = (): Contract => scene.consortium.registryAs(scene.consortium.aurora.controller);

  it('signs until the overlap ends, so that batches in flight land', async () => {
    const fresh = await scene.chain.wallet('a fresh signer');
    const old = await scene.consortium.sign();
    await scene.chain.nextBlockAt(now);
    await receiptOf(asController(), 'rotateSigner', 1, fresh.address, now + 100);
    await scene.chain.nextBlockAt(now + 100);
    expect(await eventsOf(scene.asStranger, 'prepare', ...old.args)).toEqual([preparedLine(old)]);
    const second = await scene.consortium.sign({ sequence: 2 });
    await scene.chain.nextBlockAt(now + 101);
    expect((await refusalOf(scene.asStranger, 'prepare', ...second.args))[0]).toBe('PairSettlementInvalidSignature');
    const domain = await domainOf(scene.settlement, scene.chain.chainId);
    const byFresh = await fresh.signTypedData(domain, batchType, second.batch);
    expect(await eventsOf(scene.asStranger, 'prepare', second.batch, byFresh, second.args[2])).toHaveLength(1);
  });

  it('signs nothing once the controller has ended the overlap', async () => {
    const fresh = await scene.chain.wallet('a fresh signer');
    const { args } = await scene.consortium.sign();
    await receiptOf(asController(), 'rotateSigner', 1, fresh.address, deadline);
    await receiptOf(asController(), 'endOverlap', 1, 1);
    expect((await refusalOf(scene.asStranger, 'prepare', ...args))[0]).toBe('PairSettlementInvalidSignature');
  });

  it('leaves a batch that was prepared as it is, and its acceptor decides with the new account', async () => {
    const { borealis, registryAs } = scene.consortium;
    const batch = await scene.consortium.prepared();
    const fresh = await scene.chain.wallet('a fresh account');
    const asFresh = scene.consortium.as(fresh);
    await receiptOf(registryAs(borealis.controller), 'rotateSigner', 2, fresh.address, 0);
    await receiptOf(registryAs(borealis.controller), 'rotateAccount', 2, fresh.address, 0);
    const digest = id('executed');
    expect(await refusalOf(scene.asBorealis, 'decide', commitAll(batch))).toEqual([
      'PairSettlementNotAcceptorAccount',
      0n,
      batch.batchId,
      2n,
      borealis.account.address,
    ]);
    expect(await eventsOf(asFresh, 'decide', commitAll(batch))).toEqual([decidedLine(batch, 1n, 0n)]);
    expect((await refusalOf(scene.asBorealis, 'attest', 2, [attestation(batch, digest)]))[0]).toBe(
      'PairSettlementNotOperatorAccount',
    );
    expect(await eventsOf(asFresh, 'attest', 2, [attestation(batch, digest)])).toHaveLength(1);
  });

  it('decides with either account while they overlap', async () => {
    const { borealis, registryAs } = scene.consortium;
    const batch = await scene.consortium.prepared({ count: 2 });
    const fresh = await scene.chain.wallet('a fresh account');
    await receiptOf(registryAs(borealis.controller), 'rotateAccount', 2, fresh.address, deadline);
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 0b01n)]);
    await receiptOf(scene.consortium.as(fresh), 'decide', [decision(batch, 0b10n)]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0b11n] });
  });
});

describe('a suspended operator', () => {
  it.each(['suspend', 'retire'])('starts nothing and finishes everything after %s', async (method) => {
    const batch = await scene.consortium.prepared({ count: 2 });
    const back = await scene.consortium.prepared({ initiator: 2, acceptor: 1 });
    await receiptOf(scene.registry, method, 2);
    for (const change of [{ sequence: 2 }, { initiator: 2, acceptor: 1, sequence: 2 }, { initiator: 2, acceptor: 2 }]) {
      const { args } = await scene.consortium.sign(change);
      expect((await refusalOf(scene.asStranger, 'prepare', ...args))[0]).toBe('PairSettlementOperatorNotActive');
    }
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 1n, 2n)])).toEqual([decidedLine(batch, 1n, 2n)]);
    expect(await eventsOf(scene.asAurora, 'decide', [decision(back, 1n)])).toEqual([decidedLine(back, 1n, 0n)]);
    const both = [attestation(batch, id('executed')), attestation(back, id('executed'))];
    await receiptOf(scene.asAurora, 'attest', 1, both);
    const events = await eventsOf(scene.asBorealis, 'attest', 2, both);
    expect(events.filter(([name]) => name === 'BatchReconciled')).toHaveLength(2);
  });
});

describe('somebody else’s prepare', () => {
  it('in front of a settle does not stop it', async () => {
    const signed = await scene.consortium.sign({ count: 2 });
    expect(await eventsOf(scene.asStranger, 'prepare', ...signed.args)).toEqual([preparedLine(signed)]);
    expect(await eventsOf(scene.asBorealis, 'settle', ...signed.args, commitAll(signed))).toEqual([
      decidedLine(signed, allOf(2), 0n),
    ]);
  });

  it('in front of a bundle of prepares does not stop the others', async () => {
    const [first, second] = [await scene.consortium.sign(), await scene.consortium.sign({ sequence: 2 })];
    await receiptOf(scene.asStranger, 'prepare', ...first.args);
    const calls = [first, second].map(({ args }) =>
      scene.settlement.interface.encodeFunctionData('prepare', [...args]),
    );
    expect(await eventsOf(scene.asAurora, 'multicall', calls)).toEqual([preparedLine(second)]);
  });
});

describe('a late decision', () => {
  it('among many neither counts nor takes the others with it', async () => {
    const batches = [];
    for (let sequence = 1; sequence <= 5; ++sequence) {
      batches.push(await scene.consortium.prepared({ sequence, deadline: sequence === 3 ? now : deadline }));
    }
    await scene.chain.nextBlockAt(now + 1);
    const events = await eventsOf(scene.asBorealis, 'decide', batches.flatMap(commitAll));
    expect(events.map(([name]) => name)).toEqual([
      'PairsDecided',
      'PairsDecided',
      'DecisionTooLate',
      'PairsDecided',
      'PairsDecided',
    ]);
    const statuses = await Promise.all(batches.map((batch) => statusOf(scene, batch, 0)));
    const { committed, aborted } = status;
    expect(statuses).toEqual([committed, committed, aborted, committed, committed]);
  });

  it('cannot abort what was committed in time', async () => {
    const batch = await scene.consortium.prepared();
    await receiptOf(scene.asBorealis, 'decide', commitAll(batch));
    await scene.chain.nextBlockAt(deadline + 1);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 0n, 1n)])).toEqual([
      ['DecisionTooLate', batch.batchId, 0n],
    ]);
    expect(await statusOf(scene, batch, 0)).toBe(status.committed);
  });
});

describe('bits past count', () => {
  it.each([1, 255, 256, 257, 4095, 4096])('are refused at every edge of %i pairs', async (count) => {
    const batch = await scene.consortium.prepared({ count });
    for (const index of [count, count + 1, count + 255, count + 256, 65535]) {
      const word = Math.floor(index / 256);
      const bit = 1n << BigInt(index % 256);
      const refused = ['PairSettlementBeyondCount', 0n, batch.batchId, BigInt(word), BigInt(count), bit];
      expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, bit, 0n, word)])).toEqual(refused);
      expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, 0n, bit, word)])).toEqual(refused);
    }
    const last = count - 1;
    const bit = 1n << BigInt(last % 256);
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, bit, 0n, Math.floor(last / 256))]);
    expect(await statusOf(scene, batch, last)).toBe(status.committed);
  });
});

describe('a forged proof', () => {
  const hashLeaf = (leaf: string): string => sha256(concat(['0x00', leaf]));
  const hashNode = (left: string, right: string): string => sha256(concat(['0x01', left, right]));
  const leaves = ['0xaa', '0xbb', '0xcc'].map((byte) => `0x${byte.slice(2).repeat(112)}`);
  const [a = '', b = '', c = ''] = leaves.map(hashLeaf);
  const root = hashNode(hashNode(a, b), c);
  const verify = async (index: number, leaf: string, proof: readonly string[], change = {}): Promise<unknown> => {
    const { batch } = await scene.consortium.sign({ count: 3, root, ...change });
    return scene.settlement.getFunction('verifyPair')(batch, index, leaf, proof);
  };
  const leafOf = (index: number): string => leaves[index] ?? '';

  it('is told from a true one', async () => {
    await scene.consortium.prepared({ count: 3, root });
    expect(await verify(0, leafOf(0), [b, c])).toBe(true);
    expect(await verify(1, leafOf(1), [a, c])).toBe(true);
    expect(await verify(2, leafOf(2), [hashNode(a, b)])).toBe(true);
  });

  it('counts for nothing before the batch is prepared, or for a batch that differs', async () => {
    expect(await verify(0, leafOf(0), [b, c])).toBe(false);
    await scene.consortium.prepared({ count: 3, root });
    expect(await verify(0, leafOf(0), [b, c], { deadline: deadline + 1 })).toBe(false);
  });

  it('is refused when a node is shown as a leaf (second pre-image)', async () => {
    await scene.consortium.prepared({ count: 3, root });
    expect(await verify(0, concat([a, b]), [c])).toBe(false);
    expect(await verify(0, concat(['0x01', a, b]), [c])).toBe(false);
  });

  it('is refused at another index, past the count, and with a proof too short or too long', async () => {
    await scene.consortium.prepared({ count: 3, root });
    const wrong: [number, string, string[]][] = [
      [1, leafOf(0), [b, c]],
      [2, leafOf(0), [b, c]],
      [3, leafOf(2), [hashNode(a, b)]],
      [65535, leafOf(2), [hashNode(a, b)]],
      [0, leafOf(0), []],
      [0, leafOf(0), [b]],
      [0, leafOf(0), [b, c, ZeroHash]],
      [2, leafOf(2), [hashNode(a, b), ZeroHash]],
      [0, leafOf(0), [c, b]],
      [0, leafOf(1), [b, c]],
    ];
    for (const [index, leaf, proof] of wrong) expect(await verify(index, leaf, proof)).toBe(false);
  });

  it('is refused when the root is that of a larger tree than the batch says', async () => {
    const [left, right] = [
      { sequence: 1, count: 1, root: hashNode(a, b) },
      { sequence: 2, count: 1, root: hashNode(b, a) },
    ];
    await scene.consortium.prepared(left);
    await scene.consortium.prepared(right);
    expect(await verify(0, leafOf(0), [b], left)).toBe(false);
    expect(await verify(0, leafOf(0), [b], right)).toBe(false);
  });

  it('is refused for the root itself as the only leaf', async () => {
    await scene.consortium.prepared({ count: 1, root: a });
    expect(await verify(0, leafOf(0), [], { count: 1, root: a })).toBe(true);
    expect(await verify(0, a, [], { count: 1, root: a })).toBe(false);
  });
});
