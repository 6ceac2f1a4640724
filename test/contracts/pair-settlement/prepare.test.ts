import { id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { oneDay } from '../chain.ts';
import { type Batch, type Signed, deadline, decision } from '../consortium.ts';
import { eventsOf, receiptOf, refusalOf } from '../outcome.ts';
import { now, openScene, outcomeOf, preparedLine, status, statusOf } from '../scene.ts';

const scene = openScene();
const view = (method: string, ...args: unknown[]): Promise<unknown> => scene.settlement.getFunction(method)(...args);

describe('prepare', () => {
  it('refuses an operator that was never admitted, the initiator first', async () => {
    const both = await scene.consortium.sign({ initiator: 8, acceptor: 9 });
    expect(await refusalOf(scene.asStranger, 'prepare', ...both.args)).toEqual([
      'PairSettlementOperatorNotActive',
      8n,
      status.unknown,
    ]);
    const acceptor = await scene.consortium.sign({ acceptor: 9 });
    expect(await refusalOf(scene.asStranger, 'prepare', ...acceptor.args)).toEqual([
      'PairSettlementOperatorNotActive',
      9n,
      status.unknown,
    ]);
  });

  it.each([
    ['suspend', 2n],
    ['retire', 3n],
  ])('refuses after %s, of either operator', async (method, status) => {
    for (const operatorId of [1, 2]) {
      const back = await scene.chain.snapshot();
      await receiptOf(scene.consortium.registry, method, operatorId);
      const { args } = await scene.consortium.sign();
      expect(await refusalOf(scene.asStranger, 'prepare', ...args)).toEqual([
        'PairSettlementOperatorNotActive',
        BigInt(operatorId),
        status,
      ]);
      await back();
    }
  });

  it('refuses a signature that is not the operator’s, the initiator’s first', async () => {
    const { args, batchId } = await scene.consortium.sign();
    const [batch, byAurora, byBorealis] = args;
    expect(await refusalOf(scene.asStranger, 'prepare', batch, byBorealis, byAurora)).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      1n,
      byBorealis,
    ]);
    expect(await refusalOf(scene.asStranger, 'prepare', batch, byAurora, byAurora)).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      2n,
      byAurora,
    ]);
    for (const signature of ['0x', byBorealis.slice(0, -2), `${byBorealis}00`]) {
      const refusal = await refusalOf(scene.asStranger, 'prepare', batch, byAurora, signature);
      expect(refusal).toEqual(['PairSettlementInvalidSignature', batchId, 2n, signature]);
    }
  });

  it('refuses signatures of a batch that differs in any field', async () => {
    const { args } = await scene.consortium.sign();
    const [batch, byAurora, byBorealis] = args;
    const changes: Partial<Batch>[] = [
      { sequence: 2 },
      { deadline: deadline + 1 },
      { count: 2 },
      { root: id('another root') },
      { initiator: 3 },
      { acceptor: 3 },
    ];
    for (const change of changes) {
      const refusal = await refusalOf(scene.asStranger, 'prepare', { ...batch, ...change }, byAurora, byBorealis);
      expect(refusal[0]).toBe('PairSettlementInvalidSignature');
    }
  });

  it('refuses any sequence but the lane’s next', async () => {
    for (const sequence of [0, 2, 3]) {
      const { args } = await scene.consortium.sign({ sequence });
      const refusal = await refusalOf(scene.asStranger, 'prepare', ...args);
      expect(refusal).toEqual(['PairSettlementWrongSequence', 1n, 2n, 1n, BigInt(sequence)]);
    }
    await scene.consortium.prepared({ sequence: 1 });
    const again = await scene.consortium.sign({ sequence: 1, root: id('another root') });
    const refusal = await refusalOf(scene.asStranger, 'prepare', ...again.args);
    expect(refusal).toEqual(['PairSettlementWrongSequence', 1n, 2n, 2n, 1n]);
  });

  it('refuses a deadline more than maxWindow away, and takes one exactly that far', async () => {
    const tooFar = await scene.consortium.sign({ deadline: now + oneDay + 1 });
    await scene.chain.nextBlockAt(now);
    expect(await refusalOf(scene.asStranger, 'prepare', ...tooFar.args)).toEqual([
      'PairSettlementDeadlineTooFar',
      tooFar.batchId,
      BigInt(now + oneDay),
      BigInt(now + oneDay + 1),
    ]);
    const farthest = await scene.consortium.sign({ deadline: now + oneDay });
    await scene.chain.nextBlockAt(now);
    expect(await eventsOf(scene.asStranger, 'prepare', ...farthest.args)).toEqual([preparedLine(farthest)]);
  });

  it('follows maxWindow when the consortium changes it', async () => {
    await receiptOf(scene.consortium.registry, 'setMaxWindow', 60);
    const { args } = await scene.consortium.sign({ deadline: now + 61 });
    await scene.chain.nextBlockAt(now);
    expect((await refusalOf(scene.asStranger, 'prepare', ...args))[0]).toBe('PairSettlementDeadlineTooFar');
  });

  it.each([0, 4097, 65535])('refuses a count of %i', async (count) => {
    const { args, batchId } = await scene.consortium.sign({ count });
    const refusal = await refusalOf(scene.asStranger, 'prepare', ...args);
    expect(refusal).toEqual(['PairSettlementInvalidCount', batchId, 4096n, BigInt(count)]);
  });

  it('refuses in the order of the manual when all is wrong', async () => {
    const wrong = { sequence: 9, deadline: now + 2 * oneDay, count: 0 };
    const { args } = await scene.consortium.sign(wrong);
    const [batch, byAurora, byBorealis] = args;
    const first = async (...given: unknown[]): Promise<unknown> =>
      (await refusalOf(scene.asStranger, 'prepare', ...given))[0];
    await receiptOf(scene.consortium.registry, 'suspend', 2);
    expect(await first(batch, '0x', '0x')).toBe('PairSettlementOperatorNotActive');
    await receiptOf(scene.consortium.registry, 'reinstate', 2);
    expect(await first(batch, '0x', '0x')).toBe('PairSettlementInvalidSignature');
    expect(await first(batch, byAurora, byBorealis)).toBe('PairSettlementWrongSequence');
    const inSequence = await scene.consortium.sign({ ...wrong, sequence: 1 });
    expect(await first(...inSequence.args)).toBe('PairSettlementDeadlineTooFar');
    const inWindow = await scene.consortium.sign({ sequence: 1, count: 0 });
    expect(await first(...inWindow.args)).toBe('PairSettlementInvalidCount');
  });

  it.each([1, 4096])('anchors a batch of %i pairs, whoever carries it', async (count) => {
    const signed = await scene.consortium.sign({ count });
    expect(await eventsOf(scene.asStranger, 'prepare', ...signed.args)).toEqual([preparedLine(signed)]);
    expect(await view('nextSequence', 1, 2)).toBe(2n);
    expect(await statusOf(scene, signed, count - 1)).toBe(status.prepared);
    const words = Array.from({ length: Math.ceil(count / 256) }, () => 0n);
    expect(await outcomeOf(scene, signed)).toEqual({
      prepared: true,
      deadline: BigInt(deadline),
      count: BigInt(count),
      commitWords: words,
      abortWords: words,
    });
  });

  it('counts each lane for itself', async () => {
    await scene.consortium.prepared({ sequence: 1 });
    await scene.consortium.prepared({ sequence: 2 });
    await scene.consortium.prepared({ initiator: 2, acceptor: 1, sequence: 1 });
    await scene.consortium.prepared({ acceptor: 3, sequence: 1 });
    const lanes = [
      [1, 2],
      [2, 1],
      [1, 3],
      [3, 1],
    ];
    expect(await Promise.all(lanes.map((lane) => view('nextSequence', ...lane)))).toEqual([3n, 2n, 2n, 1n]);
  });

  it('finds a batch that is prepared: its id, no event, and nothing else is checked', async () => {
    const signed = await scene.consortium.prepared();
    await receiptOf(scene.consortium.registry, 'suspend', 1);
    await scene.chain.nextBlockAt(deadline + 1);
    expect(await scene.settlement.getFunction('prepare').staticCall(signed.batch, '0x', '0x')).toBe(signed.batchId);
    expect(await eventsOf(scene.asStranger, 'prepare', signed.batch, '0x', '0x')).toEqual([]);
    expect(await view('nextSequence', 1, 2)).toBe(2n);
  });

  it('takes a batch whose deadline is past: born aborted, its sequence used up', async () => {
    const dead = await scene.consortium.sign({ deadline: now - 1, count: 2 });
    await scene.chain.nextBlockAt(now);
    expect(await eventsOf(scene.asStranger, 'prepare', ...dead.args)).toEqual([preparedLine(dead)]);
    expect([await statusOf(scene, dead, 0), await statusOf(scene, dead, 1), await statusOf(scene, dead, 2)]).toEqual([
      status.aborted,
      status.aborted,
      status.unknown,
    ]);
    expect(await view('nextSequence', 1, 2)).toBe(2n);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(dead, 1n)])).toEqual([
      ['DecisionTooLate', dead.batchId, 0n],
    ]);
  });

  it('anchors many batches in one transaction, or none', async () => {
    const [first, second, third] = [
      await scene.consortium.sign({ sequence: 1 }),
      await scene.consortium.sign({ sequence: 2 }),
      await scene.consortium.sign({ sequence: 3 }),
    ];
    const calls = (...batches: Signed[]): string[] =>
      batches.map(({ args }) => scene.settlement.interface.encodeFunctionData('prepare', [...args]));
    const refusal = await refusalOf(scene.asStranger, 'multicall', calls(first, third));
    expect(refusal).toEqual(['PairSettlementWrongSequence', 1n, 2n, 2n, 3n]);
    expect(await view('nextSequence', 1, 2)).toBe(1n);
    expect(await eventsOf(scene.asStranger, 'multicall', calls(first, second, third))).toEqual(
      [first, second, third].map(preparedLine),
    );
  });

  it('takes an on-us batch with the same signature twice', async () => {
    const signed = await scene.consortium.sign({ acceptor: 1 });
    expect(signed.args[1]).toBe(signed.args[2]);
    expect(await eventsOf(scene.asStranger, 'prepare', ...signed.args)).toEqual([preparedLine(signed)]);
    const other = await scene.consortium.sign({ acceptor: 1, sequence: 2 });
    const refusal = await refusalOf(scene.asStranger, 'prepare', other.batch, other.args[1], '0x');
    expect(refusal).toEqual(['PairSettlementInvalidSignature', other.batchId, 1n, '0x']);
  });
});
