import { type Contract, ZeroHash, id } from 'ethers';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Signed, allOf, commitAll, deadline, decision } from '../consortium.ts';
import { type Line, eventsOf, receiptOf, refusalOf } from '../outcome.ts';
import { attestation, openScene, reconciliation } from '../scene.ts';

const scene = openScene();
const view = (method: string, ...args: unknown[]): Promise<unknown> => scene.settlement.getFunction(method)(...args);

describe('attest', () => {
  const [same, other] = [id('what both executed'), id('something else')];
  let batch: Signed;
  beforeEach(async () => {
    batch = await scene.consortium.prepared({ count: 300 });
  });
  const decideAll = (): Promise<unknown> => receiptOf(scene.asBorealis, 'decide', commitAll(batch));
  const attest = (as: Contract, operatorId: number, digest: string) =>
    eventsOf(as, 'attest', operatorId, [attestation(batch, digest)]);
  const digests = async (): Promise<unknown[]> =>
    Promise.all([1, 2, 3].map((operatorId) => view('executedDigestOf', batch.batchId, operatorId)));

  it('refuses anyone but that operator’s account', async () => {
    await decideAll();
    const { aurora, borealis, stranger } = scene.consortium;
    for (const caller of [borealis.account, aurora.controller, aurora.signer, stranger]) {
      const refusal = await refusalOf(scene.consortium.as(caller), 'attest', 1, [attestation(batch, same)]);
      expect(refusal).toEqual(['PairSettlementNotOperatorAccount', 1n, caller.address]);
    }
    expect(await refusalOf(scene.asAurora, 'attest', 9, [])).toEqual([
      'PairSettlementNotOperatorAccount',
      9n,
      aurora.account.address,
    ]);
  });

  it('refuses a batch that is not prepared, and names the entry', async () => {
    await decideAll();
    const absent = await scene.consortium.sign({ sequence: 2 });
    const entries = [attestation(batch, same), attestation(absent, same)];
    expect(await refusalOf(scene.asAurora, 'attest', 1, entries)).toEqual([
      'PairSettlementUnknownBatch',
      1n,
      absent.batchId,
    ]);
    expect(await digests()).toEqual([ZeroHash, ZeroHash, ZeroHash]);
  });

  it('refuses an operator that is neither of the two', async () => {
    await decideAll();
    const asCorona = scene.consortium.as(scene.consortium.corona.account);
    const refusal = await refusalOf(asCorona, 'attest', 3, [attestation(batch, same)]);
    expect(refusal).toEqual(['PairSettlementNotParty', 0n, batch.batchId, 1n, 2n, 3n]);
  });

  it.each([1, 255, 256, 257, 511, 512, 4095, 4096])('takes %i pairs as ended once all are decided', async (count) => {
    const whole = await scene.consortium.prepared({ sequence: 2, count });
    const decisions = commitAll(whole);
    const last = decisions.length - 1;
    await receiptOf(scene.asBorealis, 'decide', decisions.slice(0, last));
    expect((await refusalOf(scene.asAurora, 'attest', 1, [attestation(whole, same)]))[0]).toBe(
      'PairSettlementStillOpen',
    );
    await receiptOf(scene.asBorealis, 'decide', decisions.slice(last));
    expect(await eventsOf(scene.asAurora, 'attest', 1, [attestation(whole, same)])).toEqual([
      ['BatchAttested', whole.batchId, 1n, same],
    ]);
  });

  it('refuses while a pair is open and the deadline is not past', async () => {
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, allOf(256)), decision(batch, allOf(43), 0n, 1)]);
    await scene.chain.nextBlockAt(deadline);
    expect(await refusalOf(scene.asAurora, 'attest', 1, [attestation(batch, same)])).toEqual([
      'PairSettlementStillOpen',
      0n,
      batch.batchId,
      BigInt(deadline),
      BigInt(deadline),
    ]);
    await receiptOf(scene.asBorealis, 'decide', [decision(batch, 0n, 1n << 43n, 1)]);
    expect(await attest(scene.asAurora, 1, same)).toEqual([['BatchAttested', batch.batchId, 1n, same]]);
  });

  it('takes an attestation past the deadline, decided or not', async () => {
    await scene.chain.nextBlockAt(deadline + 1);
    expect(await attest(scene.asAurora, 1, same)).toEqual([['BatchAttested', batch.batchId, 1n, same]]);
  });

  it('refuses a second attestation, before and after the other’s', async () => {
    await decideAll();
    await attest(scene.asAurora, 1, same);
    const again = (as: Contract, operatorId: number, digest: string) =>
      refusalOf(as, 'attest', operatorId, [attestation(batch, digest)]);
    const refusal = (operatorId: bigint, attested: string, actual: string): Line => [
      'PairSettlementAlreadyAttested',
      0n,
      batch.batchId,
      operatorId,
      attested,
      actual,
    ];
    expect(await again(scene.asAurora, 1, same)).toEqual(refusal(1n, same, same));
    expect(await again(scene.asAurora, 1, other)).toEqual(refusal(1n, same, other));
    await attest(scene.asBorealis, 2, same);
    expect(await again(scene.asAurora, 1, other)).toEqual(refusal(1n, same, other));
    expect(await again(scene.asBorealis, 2, other)).toEqual(refusal(2n, same, other));
  });

  it('refuses a second attestation after a discrepancy', async () => {
    await decideAll();
    await attest(scene.asBorealis, 2, other);
    await attest(scene.asAurora, 1, same);
    expect(await refusalOf(scene.asBorealis, 'attest', 2, [attestation(batch, same)])).toEqual([
      'PairSettlementAlreadyAttested',
      0n,
      batch.batchId,
      2n,
      other,
      same,
    ]);
  });

  it.each([
    ['initiator', 1, 2, reconciliation.byInitiator],
    ['acceptor', 2, 1, reconciliation.byAcceptor],
  ])('reconciles when both say the same, the %s first', async (_, first, second, between) => {
    await decideAll();
    const as = [scene.asAurora, scene.asAurora, scene.asBorealis];
    const [asFirst, asSecond] = [as[first] ?? scene.asStranger, as[second] ?? scene.asStranger];
    expect(await view('reconciliationOf', batch.batchId)).toBe(reconciliation.none);
    expect(await attest(asFirst, first, same)).toEqual([['BatchAttested', batch.batchId, BigInt(first), same]]);
    expect(await view('reconciliationOf', batch.batchId)).toBe(between);
    expect(await view('executedDigestOf', batch.batchId, first)).toBe(same);
    expect(await view('executedDigestOf', batch.batchId, second)).toBe(ZeroHash);
    expect(await attest(asSecond, second, same)).toEqual([
      ['BatchAttested', batch.batchId, BigInt(second), same],
      ['BatchReconciled', batch.batchId],
    ]);
    expect(await view('reconciliationOf', batch.batchId)).toBe(reconciliation.reconciled);
    expect(await digests()).toEqual([same, same, ZeroHash]);
  });

  it.each([
    ['initiator', 1, 2],
    ['acceptor', 2, 1],
  ])('says a discrepancy when they differ, the %s first', async (_, first, second) => {
    await decideAll();
    const as = [scene.asAurora, scene.asAurora, scene.asBorealis];
    const [asFirst, asSecond] = [as[first] ?? scene.asStranger, as[second] ?? scene.asStranger];
    await attest(asFirst, first, same);
    const both = first === 1 ? [same, other] : [other, same];
    expect(await attest(asSecond, second, other)).toEqual([
      ['BatchAttested', batch.batchId, BigInt(second), other],
      ['BatchDiscrepancy', batch.batchId, ...both],
    ]);
    expect(await view('reconciliationOf', batch.batchId)).toBe(reconciliation.discrepancy);
    expect(await digests()).toEqual([...both, ZeroHash]);
  });

  it('reconciles an on-us batch by its one attestation', async () => {
    batch = await scene.consortium.prepared({ acceptor: 1, count: 3 });
    await receiptOf(scene.asAurora, 'decide', commitAll(batch));
    expect(await attest(scene.asAurora, 1, same)).toEqual([
      ['BatchAttested', batch.batchId, 1n, same],
      ['BatchReconciled', batch.batchId],
    ]);
    expect(await digests()).toEqual([same, ZeroHash, ZeroHash]);
    expect(await refusalOf(scene.asAurora, 'attest', 1, [attestation(batch, same)])).toEqual([
      'PairSettlementAlreadyAttested',
      0n,
      batch.batchId,
      1n,
      same,
      same,
    ]);
  });

  it('attests many batches in one call, in either role', async () => {
    const back = await scene.consortium.prepared({ initiator: 2, acceptor: 1 });
    await decideAll();
    await receiptOf(scene.asAurora, 'decide', commitAll(back));
    expect(await eventsOf(scene.asAurora, 'attest', 1, [attestation(batch, same), attestation(back, other)])).toEqual([
      ['BatchAttested', batch.batchId, 1n, same],
      ['BatchAttested', back.batchId, 1n, other],
    ]);
    expect(await view('reconciliationOf', back.batchId)).toBe(reconciliation.byAcceptor);
    expect(await eventsOf(scene.asAurora, 'attest', 1, [])).toEqual([]);
  });
});

describe('resolve', () => {
  const resolution = id('what both found');
  const disputed = async () => {
    const batch = await scene.consortium.prepared({ count: 2 });
    await receiptOf(scene.asBorealis, 'decide', commitAll(batch));
    await receiptOf(scene.asAurora, 'attest', 1, [attestation(batch, id('executed'))]);
    await receiptOf(scene.asBorealis, 'attest', 2, [attestation(batch, id('something else'))]);
    return batch;
  };

  it('refuses a batch without a discrepancy', async () => {
    const batch = await scene.consortium.prepared();
    const args = await scene.consortium.resolution(batch, resolution);
    expect(await refusalOf(scene.asStranger, 'resolve', ...args)).toEqual([
      'PairSettlementNoDiscrepancy',
      batch.batchId,
      reconciliation.none,
    ]);
  });

  it('refuses the initiator’s, then the acceptor’s wrong signature', async () => {
    const batch = await disputed();
    const [batchId, , byAurora, byBorealis] = await scene.consortium.resolution(batch, resolution);
    const digest = await scene.settlement.getFunction('resolutionDigestOf')(batchId, resolution);
    expect(await refusalOf(scene.asStranger, 'resolve', batchId, resolution, byBorealis, byAurora)).toEqual([
      'PairSettlementInvalidSignature',
      digest,
      1n,
      byBorealis,
    ]);
    expect(await refusalOf(scene.asStranger, 'resolve', batchId, resolution, byAurora, byAurora)).toEqual([
      'PairSettlementInvalidSignature',
      digest,
      2n,
      byAurora,
    ]);
    const other = await scene.consortium.resolution(batch, id('something they did not sign'));
    expect((await refusalOf(scene.asStranger, 'resolve', batchId, resolution, other[2], other[3]))[0]).toBe(
      'PairSettlementInvalidSignature',
    );
  });

  it('ends the discrepancy, once, and leaves what was attested', async () => {
    const batch = await disputed();
    const args = await scene.consortium.resolution(batch, resolution);
    expect(await eventsOf(scene.asStranger, 'resolve', ...args)).toEqual([
      ['BatchResolved', batch.batchId, resolution],
    ]);
    const view = (name: string, ...rest: unknown[]): Promise<unknown> =>
      scene.settlement.getFunction(name)(batch.batchId, ...rest);
    expect(await view('reconciliationOf')).toBe(reconciliation.resolved);
    expect([await view('executedDigestOf', 1), await view('executedDigestOf', 2)]).toEqual([
      id('executed'),
      id('something else'),
    ]);
    expect((await refusalOf(scene.asStranger, 'resolve', ...args))[0]).toBe('PairSettlementNoDiscrepancy');
    expect((await refusalOf(scene.asAurora, 'attest', 1, [attestation(batch, id('late'))]))[0]).toBe(
      'PairSettlementAlreadyAttested',
    );
  });
});
