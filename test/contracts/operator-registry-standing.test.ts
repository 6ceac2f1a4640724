/** Emergencies, standings and replaced controllers; who may ask for what is in the tables of cells. */
import { type Contract, ZeroAddress } from 'ethers';
import { beforeEach, describe, expect, it } from 'vitest';

import { oneDay } from './chain.ts';
import { receiptOf, refusalOf } from './outcome.ts';
import { admitMore, now, openScene, operatorStatus, standing } from './scene.ts';

const scene = openScene();
const longest = 30 * oneDay;
let asGuardian: Contract;
const view = (name: string, ...args: unknown[]): Promise<unknown> => scene.registry.getFunction(name)(...args);
const statusOf = (operatorId: number): Promise<unknown> => view('statusOf', operatorId);

/** Seven operators: two may be under an emergency at a time. */
beforeEach(async () => {
  await admitMore(scene, ['delta', 'eos', 'fauna', 'gaia']);
  await receiptOf(scene.registry, 'setGuardian', scene.consortium.stranger.address);
  asGuardian = scene.consortium.registryAs(scene.consortium.stranger);
});

const suspendAt = async (time: number, operatorId: number, until: number): Promise<void> => {
  await scene.chain.nextBlockAt(time);
  await receiptOf(asGuardian, 'suspendForEmergency', operatorId, until);
};

describe('suspendForEmergency', () => {
  it.each([now - 1, now + longest + 1])('refuses an end at %i', async (until) => {
    await scene.chain.nextBlockAt(now);
    expect(await refusalOf(asGuardian, 'suspendForEmergency', 4, until)).toEqual([
      'OperatorRegistryEmergencyOutOfRange',
      4n,
      BigInt(until),
      BigInt(now),
      BigInt(now + longest),
    ]);
  });

  it.each([now, now + longest])('takes an end at %i, which is its last second', async (until) => {
    await suspendAt(now, 4, until);
    expect(await statusOf(4)).toBe(operatorStatus.suspended);
    await scene.chain.mineAt(until);
    expect(await statusOf(4)).toBe(operatorStatus.suspended);
    await scene.chain.mineAt(until + 1);
    expect(await statusOf(4)).toBe(operatorStatus.active);
  });

  it('refuses one more than ⌊(n−1)/3⌋, and forgets those that are over, whichever came first', async () => {
    await suspendAt(now, 4, now + 10);
    await suspendAt(now, 5, now + 100);
    await scene.chain.nextBlockAt(now + 10);
    expect(await refusalOf(asGuardian, 'suspendForEmergency', 6, now + 200)).toEqual([
      'OperatorRegistryTooManyEmergencies',
      6n,
      2n,
      2n,
    ]);
    await suspendAt(now + 11, 6, now + 200);
    expect(await view('emergencies')).toEqual([2n, 2n]);
    await scene.chain.nextBlockAt(now + 100);
    expect((await refusalOf(asGuardian, 'suspendForEmergency', 7, now + 200))[0]).toBe(
      'OperatorRegistryTooManyEmergencies',
    );
    await suspendAt(now + 101, 7, now + 200);
    expect(await Promise.all([4, 5, 6, 7].map(statusOf))).toEqual([1n, 1n, 2n, 2n]);
    await scene.chain.mineAt(now + 201);
    expect(await view('emergencies')).toEqual([0n, 2n]);
    await suspendAt(now + 300, 1, now + 400);
    await suspendAt(now + 300, 2, now + 400);
    expect(await view('emergencies')).toEqual([2n, 2n]);
  });

  it('makes room when one is ended by the authority', async () => {
    await suspendAt(now, 4, now + 100);
    await suspendAt(now, 5, now + 100);
    await receiptOf(scene.registry, 'reinstate', 4);
    expect(await view('emergencies')).toEqual([1n, 2n]);
    await suspendAt(now + 10, 6, now + 100);
    expect(await Promise.all([4, 5, 6].map(statusOf))).toEqual([1n, 2n, 2n]);
  });

  it.each([
    [0, 0n],
    [1, 0n],
    [3, 0n],
    [4, 1n],
    [6, 1n],
    [7, 2n],
    [9, 2n],
    [10, 3n],
  ])('counts only those with a vote: of %i at most %i', async (voters, most) => {
    if (voters > 7) await admitMore(scene, ['hera', 'iris', 'juno'].slice(0, voters - 7));
    for (let operatorId = 7; operatorId > voters; --operatorId) {
      await receiptOf(scene.registry, operatorId % 2 === 0 ? 'suspend' : 'retire', operatorId);
    }
    expect(await view('emergencies')).toEqual([0n, most]);
  });

  it('ends when the operator is retired or suspended: it counts no more, and lapses into nothing', async () => {
    await suspendAt(now, 4, now + 100);
    await suspendAt(now, 5, now + 100);
    await receiptOf(scene.registry, 'retire', 4);
    await receiptOf(scene.registry, 'suspend', 5);
    expect([await statusOf(4), await statusOf(5)]).toEqual([operatorStatus.retired, operatorStatus.suspended]);
    expect(await view('emergencies')).toEqual([0n, 1n]);
    for (const operatorId of [4, 5]) {
      expect((await scene.registry.getFunction('operator')(operatorId)).toObject()).toMatchObject({
        emergencyUntil: 0n,
      });
    }
    await scene.chain.mineAt(now + 101);
    expect([await statusOf(4), await statusOf(5)]).toEqual([operatorStatus.retired, operatorStatus.suspended]);
  });
});

describe('standings', () => {
  const at = async (operatorId: number): Promise<readonly unknown[]> => {
    const time = (await scene.chain.provider.getBlock('latest'))?.timestamp ?? 0;
    await scene.chain.mineAt(time + 1);
    return [await view('standingAt', operatorId, time), await view('votersAt', time), await view('membersAt', time)];
  };

  it('follow every decision, and are kept for every second that is past', async () => {
    const found = [await at(4)];
    for (const method of ['suspend', 'reinstate', 'suspend', 'retire']) {
      await receiptOf(scene.registry, method, 4);
      found.push(await at(4));
    }
    await receiptOf(scene.registry, 'retire', 5);
    found.push(await at(5));
    expect(found).toEqual([
      [standing.voter, 7n, 7n],
      [standing.member, 6n, 7n],
      [standing.voter, 7n, 7n],
      [standing.member, 6n, 7n],
      [standing.none, 6n, 6n],
      [standing.none, 5n, 5n],
    ]);
  });

  it('do not change with an emergency', async () => {
    await suspendAt(now, 4, now + 100);
    expect(await at(4)).toEqual([standing.voter, 7n, 7n]);
    await receiptOf(scene.registry, 'reinstate', 4);
    expect(await at(4)).toEqual([standing.voter, 7n, 7n]);
  });

  it('are asked of the past alone', async () => {
    await scene.chain.mineAt(now);
    for (const [name, ...args] of [
      ['standingAt', 4, now],
      ['votersAt', now],
      ['membersAt', now + 1],
    ] as const) {
      const asked = BigInt(args.at(-1) ?? 0);
      expect(await refusalOf(scene.registry, name, ...args)).toEqual([
        'OperatorRegistryFutureLookup',
        asked,
        BigInt(now),
      ]);
    }
    expect(await view('standingAt', 4, now - 1)).toBe(standing.voter);
    expect(await view('standingAt', 9, now - 1)).toBe(standing.none);
  });
});

describe('a controller that is replaced or accepted', () => {
  const byController = (): Contract => scene.consortium.registryAs(scene.consortium.aurora.controller);

  it('is refused when it is zero or another operator’s', async () => {
    const { registry, consortium } = scene;
    const { aurora, borealis } = consortium;
    const refused = (controller: string): Promise<unknown> => refusalOf(registry, 'replaceController', 1, controller);
    expect(await refused(ZeroAddress)).toEqual(['OperatorRegistryInvalidController', 1n, ZeroAddress]);
    for (const { id, controller } of [aurora, borealis]) {
      const taken = ['OperatorRegistryControllerTaken', 1n, controller.address, BigInt(id)];
      expect(await refused(controller.address)).toEqual(taken);
    }
    await receiptOf(byController(), 'proposeController', 1, borealis.controller.address);
    expect(await refusalOf(consortium.registryAs(borealis.controller), 'acceptController', 1)).toEqual([
      'OperatorRegistryControllerTaken',
      1n,
      borealis.controller.address,
      2n,
    ]);
  });

  it('ends what the one before proposed, and frees the one before', async () => {
    const { registry, consortium, chain } = scene;
    const [proposed, fresh] = [await chain.wallet('a proposed key'), await chain.wallet('a fresh key')];
    await receiptOf(byController(), 'proposeController', 1, proposed.address);
    await receiptOf(registry, 'replaceController', 1, fresh.address);
    expect((await refusalOf(consortium.registryAs(proposed), 'acceptController', 1))[0]).toBe(
      'OperatorRegistryNotPendingController',
    );
    const { address } = consortium.aurora.controller;
    expect([await view('operatorByController', address), await view('operatorByController', fresh.address)]).toEqual([
      0n,
      1n,
    ]);
    await receiptOf(registry, 'replaceController', 2, address);
    expect(await view('operatorByController', address)).toBe(2n);
  });
});
