import { ZeroHash } from 'ethers';
import { describe, expect, it } from 'vitest';

import { deadline, decision } from '../consortium.ts';
import { receiptOf } from '../outcome.ts';
import { openScene, outcomeOf, reconciliation, status, statusOf } from '../scene.ts';

const scene = openScene();
const view = (method: string, ...args: unknown[]): Promise<unknown> => scene.settlement.getFunction(method)(...args);

describe('pairStatus', () => {
  it('is unknown for a batch that is not prepared', async () => {
    const signed = await scene.consortium.sign();
    expect(await statusOf(scene, signed, 0)).toBe(status.unknown);
    expect(await view('pairStatus', ZeroHash, 0)).toBe(status.unknown);
  });

  it('aborts by itself after the deadline, and leaves what is committed', async () => {
    const signed = await scene.consortium.prepared({ count: 257 });
    await receiptOf(scene.asBorealis, 'decide', [decision(signed, 0b01n, 0b10n)]);
    const statuses = (): Promise<unknown[]> =>
      Promise.all([0, 1, 2, 256, 257].map((index) => statusOf(scene, signed, index)));
    await scene.chain.mineAt(deadline);
    expect(await statuses()).toEqual([
      status.committed,
      status.aborted,
      status.prepared,
      status.prepared,
      status.unknown,
    ]);
    await scene.chain.mineAt(deadline + 1);
    expect(await statuses()).toEqual([
      status.committed,
      status.aborted,
      status.aborted,
      status.aborted,
      status.unknown,
    ]);
  });
});

describe('batchOutcome', () => {
  it('is empty for a batch that is not prepared', async () => {
    const outcome = { prepared: false, deadline: 0n, count: 0n, commitWords: [], abortWords: [] };
    expect(await outcomeOf(scene, await scene.consortium.sign())).toEqual(outcome);
  });
});

describe('executedDigestOf and reconciliationOf', () => {
  it('are zero for a batch that is not prepared, also for operator 0', async () => {
    expect(await view('executedDigestOf', ZeroHash, 0)).toBe(ZeroHash);
    expect(await view('reconciliationOf', ZeroHash)).toBe(reconciliation.none);
  });
});
