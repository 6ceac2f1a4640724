import { describe, expect, it } from 'vitest';

import { commitAll, decision } from '../consortium.ts';
import { eventsOf, receiptOf, refusalOf } from '../outcome.ts';
import { decidedLine, now, openScene, preparedLine, status, statusOf } from '../scene.ts';

const scene = openScene();
const view = (method: string, ...args: unknown[]): Promise<unknown> => scene.settlement.getFunction(method)(...args);

describe('settle', () => {
  it('refuses anyone but the acceptor’s account, also without decisions', async () => {
    const signed = await scene.consortium.sign();
    const { aurora, stranger } = scene.consortium;
    for (const caller of [aurora.account, stranger]) {
      for (const decisions of [commitAll(signed), []]) {
        const refusal = await refusalOf(scene.consortium.as(caller), 'settle', ...signed.args, decisions);
        expect(refusal).toEqual(['PairSettlementNotOperatorAccount', 2n, caller.address]);
      }
    }
  });

  it('refuses what prepare refuses', async () => {
    const { batch, batchId, args } = await scene.consortium.sign();
    const decisions = [decision({ batchId }, 1n)];
    expect(await refusalOf(scene.asBorealis, 'settle', batch, args[1], '0x', decisions)).toEqual([
      'PairSettlementInvalidSignature',
      batchId,
      2n,
      '0x',
    ]);
    await receiptOf(scene.consortium.registry, 'suspend', 2);
    expect(await refusalOf(scene.asBorealis, 'settle', ...args, decisions)).toEqual([
      'PairSettlementOperatorNotActive',
      2n,
      2n,
    ]);
  });

  it.each([0, 1])('refuses a decision of another batch as entry %i, and then prepares nothing', async (entry) => {
    const other = await scene.consortium.prepared();
    const signed = await scene.consortium.sign({ sequence: 2 });
    const decisions = [decision(signed, 1n), decision(other, 1n)].slice(1 - entry);
    expect(await refusalOf(scene.asBorealis, 'settle', ...signed.args, decisions)).toEqual([
      'PairSettlementForeignDecision',
      BigInt(entry),
      signed.batchId,
      other.batchId,
    ]);
    expect(await view('nextSequence', 1, 2)).toBe(2n);
  });

  it('refuses what decide refuses, and then prepares nothing', async () => {
    const signed = await scene.consortium.sign();
    expect(
      await refusalOf(scene.asBorealis, 'settle', ...signed.args, [decision(signed, 1n), decision(signed, 2n)]),
    ).toEqual(['PairSettlementBeyondCount', 1n, signed.batchId, 0n, 1n, 2n]);
    expect(await statusOf(scene, signed, 0)).toBe(status.unknown);
  });

  it('prepares and decides at once', async () => {
    const signed = await scene.consortium.sign({ count: 2 });
    expect(await eventsOf(scene.asBorealis, 'settle', ...signed.args, [decision(signed, 1n, 2n)])).toEqual([
      preparedLine(signed),
      decidedLine(signed, 1n, 2n),
    ]);
    expect([await statusOf(scene, signed, 0), await statusOf(scene, signed, 1)]).toEqual([
      status.committed,
      status.aborted,
    ]);
  });

  it('prepares alone when there is nothing to decide', async () => {
    const signed = await scene.consortium.sign();
    expect(await eventsOf(scene.asBorealis, 'settle', ...signed.args, [])).toEqual([preparedLine(signed)]);
  });

  it('finds the batch prepared and decides, also for a suspended acceptor', async () => {
    const signed = await scene.consortium.prepared();
    await receiptOf(scene.consortium.registry, 'suspend', 2);
    expect(await eventsOf(scene.asBorealis, 'settle', signed.batch, '0x', '0x', commitAll(signed))).toEqual([
      decidedLine(signed, 1n, 0n),
    ]);
  });

  it('anchors a dead batch and skips its decisions', async () => {
    const dead = await scene.consortium.sign({ deadline: now - 1 });
    await scene.chain.nextBlockAt(now);
    expect(await eventsOf(scene.asBorealis, 'settle', ...dead.args, commitAll(dead))).toEqual([
      preparedLine(dead),
      ['DecisionTooLate', dead.batchId, 0n],
    ]);
  });
});
