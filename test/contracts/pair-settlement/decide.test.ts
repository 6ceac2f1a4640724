import { ZeroHash } from 'ethers';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Signed, allOf, commitAll, deadline, decision } from '../consortium.ts';
import { eventsOf, receiptOf, refusalOf } from '../outcome.ts';
import { decidedLine, now, openScene, outcomeOf, status, statusOf } from '../scene.ts';

const scene = openScene();

describe('decide', () => {
  let batch: Signed;
  beforeEach(async () => {
    batch = await scene.consortium.prepared({ count: 300 });
  });

  it('refuses a batch that is not prepared, and names the entry', async () => {
    const absent = await scene.consortium.sign({ sequence: 2 });
    expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, 1n), decision(absent, 1n)])).toEqual([
      'PairSettlementUnknownBatch',
      1n,
      absent.batchId,
    ]);
  });

  it.each([0, 1])('refuses the batch id zero at entry %i', async (entry) => {
    const decisions = [decision(batch, 1n), decision({ batchId: ZeroHash }, 1n)].slice(1 - entry);
    expect(await refusalOf(scene.asBorealis, 'decide', decisions)).toEqual([
      'PairSettlementUnknownBatch',
      BigInt(entry),
      ZeroHash,
    ]);
  });

  it('refuses a stranger for the first operator too', async () => {
    const back = await scene.consortium.prepared({ initiator: 2, acceptor: 1 });
    expect(await refusalOf(scene.asStranger, 'decide', [decision(back, 1n)])).toEqual([
      'PairSettlementNotAcceptorAccount',
      0n,
      back.batchId,
      1n,
      scene.consortium.stranger.address,
    ]);
  });

  it('refuses anyone but the acceptor’s account, late or not', async () => {
    const { aurora, borealis, corona, stranger } = scene.consortium;
    const wallets = [
      aurora.account,
      corona.account,
      stranger,
      borealis.controller,
      borealis.signer,
      scene.chain.authority,
    ];
    for (const timestamp of [now, deadline + 1]) {
      for (const caller of wallets) {
        await scene.chain.nextBlockAt(timestamp);
        expect(await refusalOf(scene.consortium.as(caller), 'decide', [decision(batch, 1n)])).toEqual([
          'PairSettlementNotAcceptorAccount',
          0n,
          batch.batchId,
          2n,
          caller.address,
        ]);
      }
    }
  });

  it('checks the account for each acceptor of one call', async () => {
    const other = await scene.consortium.prepared({ initiator: 2, acceptor: 1 });
    expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, 1n), decision(other, 1n)])).toEqual([
      'PairSettlementNotAcceptorAccount',
      1n,
      other.batchId,
      1n,
      scene.consortium.borealis.account.address,
    ]);
    expect(await statusOf(scene, batch, 0)).toBe(status.prepared);
  });

  it('refuses a pair both committed and aborted', async () => {
    expect(
      await refusalOf(scene.asBorealis, 'decide', [decision(batch, 1n), decision(batch, 0b0110n, 0b1100n)]),
    ).toEqual(['PairSettlementContradiction', 1n, batch.batchId, 0n, 0b0100n]);
  });

  it.each([
    ['commit', 1, 1n << 44n, 0n, 1n << 44n],
    ['abort', 1, 0n, 1n << 255n, 1n << 255n],
    ['commit one before and one past', 1, (1n << 43n) | (1n << 44n), 0n, 1n << 44n],
    ['commit in a word past the last', 2, 1n, 0n, 1n],
    ['abort in the word past the seventeenth', 17, 0n, 1n, 1n],
    ['commit in the last word there could be', 65535, 1n, 0n, 1n],
  ])('refuses to %s the count', async (_, word, commitMask, abortMask, beyond) => {
    expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, commitMask, abortMask, word)])).toEqual([
      'PairSettlementBeyondCount',
      0n,
      batch.batchId,
      BigInt(word),
      300n,
      beyond,
    ]);
  });

  it('refuses to decide a pair the other way', async () => {
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 0b0011n, 0b1100n)]);
    const again = (commitMask: bigint, abortMask: bigint) =>
      refusalOf(scene.asBorealis, 'decide', [decision(batch, commitMask, abortMask)]);
    const refusal = ['PairSettlementAlreadyDecided', 0n, batch.batchId, 0n];
    expect(await again(0b10000n, 0b0001n)).toEqual([...refusal, 0b0001n, 0n]);
    expect(await again(0b0101n, 0n)).toEqual([...refusal, 0n, 0b0100n]);
    expect(await again(0b1100n, 0b0010n)).toEqual([...refusal, 0b0010n, 0b1100n]);
  });

  it('refuses to abort what was committed at one stroke', async () => {
    await receiptOf(scene.asBorealis, 'decide', commitAll(batch));
    expect(await refusalOf(scene.asBorealis, 'decide', [decision(batch, 0n, 1n << 7n)])).toEqual([
      'PairSettlementAlreadyDecided',
      0n,
      batch.batchId,
      0n,
      1n << 7n,
      0n,
    ]);
  });

  it('refuses in the order of the manual, and a late entry before its masks', async () => {
    const nonsense = decision(batch, 1n << 50n, 1n << 50n, 1);
    expect((await refusalOf(scene.asBorealis, 'decide', [nonsense]))[0]).toBe('PairSettlementContradiction');
    await scene.chain.nextBlockAt(deadline + 1);
    expect(await eventsOf(scene.asBorealis, 'decide', [nonsense])).toEqual([['DecisionTooLate', batch.batchId, 1n]]);
  });

  it('changes nothing when one entry is refused', async () => {
    await refusalOf(scene.asBorealis, 'decide', [decision(batch, 1n), decision(batch, 2n), decision(batch, 0n, 1n)]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0n, 0n], abortWords: [0n, 0n] });
  });

  it('commits and aborts, and leaves the others prepared', async () => {
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 0b001n, 0b100n)])).toEqual([
      decidedLine(batch, 0b001n, 0b100n),
    ]);
    const statuses = await Promise.all([0, 1, 2, 255, 256, 299, 300].map((index) => statusOf(scene, batch, index)));
    expect(statuses).toEqual([
      status.committed,
      status.prepared,
      status.aborted,
      status.prepared,
      status.prepared,
      status.prepared,
      status.unknown,
    ]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0b001n, 0n], abortWords: [0b100n, 0n] });
  });

  it('decides on the last second of the deadline', async () => {
    await scene.chain.nextBlockAt(deadline);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 1n)])).toEqual([decidedLine(batch, 1n, 0n)]);
  });

  it('skips a decision one second after the deadline', async () => {
    await scene.chain.nextBlockAt(deadline + 1);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 1n)])).toEqual([
      ['DecisionTooLate', batch.batchId, 0n],
    ]);
    expect(await statusOf(scene, batch, 0)).toBe(status.aborted);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0n, 0n] });
  });

  it('takes the same bit the same way again without an event, and says only what is new', async () => {
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 0b0001n, 0b1000n)]);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 0b0001n, 0b1000n)])).toEqual([]);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, 0b0011n, 0b1100n)])).toEqual([
      decidedLine(batch, 0b0010n, 0b0100n),
    ]);
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, allOf(44), 0n, 1)]);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, allOf(44), 0n, 1)])).toEqual([]);
  });

  it('takes a decision about nothing, in any word', async () => {
    const empty = [decision(batch, 0n), decision(batch, 0n, 0n, 1), decision(batch, 0n, 0n, 65535)];
    expect(await eventsOf(scene.asBorealis, 'decide', empty)).toEqual([]);
    expect(await eventsOf(scene.asBorealis, 'decide', [])).toEqual([]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0n, 0n], abortWords: [0n, 0n] });
  });

  it('commits a whole batch at one stroke', async () => {
    expect(await eventsOf(scene.asBorealis, 'decide', commitAll(batch))).toEqual([
      decidedLine(batch, allOf(256), 0n, 0n),
      decidedLine(batch, allOf(44), 0n, 1n),
    ]);
    const outcome = { commitWords: [allOf(256), allOf(44)], abortWords: [0n, 0n] };
    expect(await outcomeOf(scene, batch)).toMatchObject(outcome);
    expect([await statusOf(scene, batch, 0), await statusOf(scene, batch, 299)]).toEqual([
      status.committed,
      status.committed,
    ]);
  });

  it('comes to the same words whichever way the last bits are set', async () => {
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 1n)]);
    expect(await eventsOf(scene.asBorealis, 'decide', [decision(batch, allOf(256))])).toEqual([
      decidedLine(batch, allOf(256) - 1n, 0n),
    ]);
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 0n, allOf(44), 1)]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [allOf(256), 0n], abortWords: [0n, allOf(44)] });
  });

  it('decides many batches in one call, also when they are not side by side', async () => {
    const second = await scene.consortium.prepared({ sequence: 2, count: 2 });
    const events = await eventsOf(scene.asBorealis, 'decide', [
      decision(batch, 0b01n),
      decision(second, 0b01n),
      decision(batch, 0b10n),
      decision(batch, 0b1n, 0n, 1),
      decision(second, 0n, 0b10n),
    ]);
    expect(events).toEqual([
      decidedLine(batch, 0b01n, 0n),
      decidedLine(second, 0b01n, 0n),
      decidedLine(batch, 0b10n, 0n),
      decidedLine(batch, 0b1n, 0n, 1n),
      decidedLine(second, 0n, 0b10n),
    ]);
    expect(await outcomeOf(scene, batch)).toMatchObject({ commitWords: [0b11n, 0b1n] });
    expect(await outcomeOf(scene, second)).toMatchObject({ commitWords: [0b01n], abortWords: [0b10n] });
  });

  it('keeps the good entries when others are late', async () => {
    const early = await scene.consortium.prepared({ sequence: 2, deadline: now });
    await scene.chain.nextBlockAt(now + 1);
    expect(
      await eventsOf(scene.asBorealis, 'decide', [decision(batch, 1n), decision(early, 1n), decision(batch, 2n)]),
    ).toEqual([decidedLine(batch, 1n, 0n), ['DecisionTooLate', early.batchId, 0n], decidedLine(batch, 2n, 0n)]);
    expect([await statusOf(scene, batch, 0), await statusOf(scene, batch, 1), await statusOf(scene, early, 0)]).toEqual(
      [status.committed, status.committed, status.aborted],
    );
  });
});
