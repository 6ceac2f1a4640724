/**
 * One member, or two, against all others: with controller, account and signer of its own, also after it is retired.
 * What every argument of every function can be is walked in `extreme-arguments.test.ts`.
 */
import { type Contract, ZeroHash, hexlify, id, toUtf8Bytes } from 'ethers';
import { describe, expect, it } from 'vitest';

import { governanceScene, settings } from './governance.ts';
import { eventsOf, receiptOf, refusalOf } from './outcome.ts';
import { operatorStatus } from './scene.ts';

const scene = governanceScene();
const voteSeconds = settings.votingDelaySeconds + settings.votingPeriodSeconds;

const byController = (contract: Contract, operatorId: number): Contract =>
  scene().as(contract, scene().member(operatorId).controller);
const retire = async (operatorId: number): Promise<void> => {
  const { registry, decide } = scene();
  await decide([1, 2, 3, 4], { target: registry, method: 'retire', args: [operatorId] });
  expect(await registry.getFunction('statusOf')(operatorId)).toBe(operatorStatus.retired);
};

const struct = async (contract: Contract, name: string, key: number): Promise<unknown> =>
  (await contract.getFunction(name)(key)).toObject();

/** The call with these bytes where its text is: what a library that checks its text would not send. */
const withText = (contract: Contract, method: string, args: readonly unknown[], text: string, bytes: string): string =>
  contract.interface.encodeFunctionData(method, [...args]).replace(hexlify(toUtf8Bytes(text)).slice(2), bytes);

describe('a pin that somebody else has named first', () => {
  it('keeps no operator out whom a vote has admitted, whoever named it and however', async () => {
    const { registry, propose, pass, voteFor, governor, chain } = scene();
    const { address } = await chain.wallet('hera');
    const pin = id('pin of hera');
    const admission = ['hera', address, address, address, pin, 'https://hera.example'];
    const { proposalId, operations } = await propose(1, [{ target: registry, method: 'admit', args: admission }]);
    await pass(settings.votingDelaySeconds + 1);
    await voteFor(proposalId, [1, 2, 3, 4]);
    await pass(settings.votingPeriodSeconds);
    await receiptOf(governor, 'queue', ...operations);
    await pass(settings.timelockSeconds);
    // They read it in the proposal's calldata.
    await receiptOf(byController(registry, 6), 'setNextPin', 6, pin);
    await receiptOf(byController(registry, 7), 'rotatePin', 7, pin, 0);
    await receiptOf(governor, 'execute', ...operations);
    expect(await registry.getFunction('operatorByHandle')('hera')).toBe(8n);
    expect(await struct(registry, 'operator', 8)).toMatchObject({ pin });
  });

  it('keeps nobody from rotating to it, in the moment when the old key is stolen', async () => {
    const { registry } = scene();
    const fresh = id('the fresh key of 2');
    await receiptOf(byController(registry, 3), 'setNextPin', 3, fresh);
    await receiptOf(byController(registry, 3), 'setNextPin', 3, ZeroHash);
    await receiptOf(byController(registry, 4), 'rotatePin', 4, fresh, 0);
    await receiptOf(byController(registry, 2), 'setNextPin', 2, fresh);
    await receiptOf(byController(registry, 2), 'rotatePin', 2, fresh, 0);
    expect(await struct(registry, 'operator', 2)).toMatchObject({ pin: fresh, nextPin: ZeroHash });
  });

  it('is named by no retired operator any more', async () => {
    const { registry } = scene();
    await retire(7);
    expect(await refusalOf(byController(registry, 7), 'setNextPin', 7, id('fresh'))).toEqual([
      'OperatorRegistryRetired',
      7n,
    ]);
  });
});

describe('the account of an operator in the hands of a thief', () => {
  const head = id('a foreign head');

  it.each([65_537n, 2n ** 32n, 2n ** 53n, 2n ** 53n - 1n, 2n ** 64n - 1n])(
    'cannot anchor entry %s, of which the journal knows nothing',
    async (entry) => {
      const { auditLog, as, member } = scene();
      expect(await refusalOf(as(auditLog, member(2).account), 'checkpoint', 2, entry, head)).toEqual([
        'AuditLogCheckpointTooFar',
        2n,
        0n,
        entry,
      ]);
    },
  );

  it('ends nothing for good: after the rotation the journal goes on where it was, however far the thief went', async () => {
    const { auditLog, registry, as, member, chain } = scene();
    const { account } = member(2);
    await receiptOf(as(auditLog, account), 'checkpoint', 2, 700, id('a true head'));
    const far = Array.from({ length: 500 }, (_, index) => 700 + 65_536 * (index + 1));
    const calls = far.map((entry) => auditLog.interface.encodeFunctionData('checkpoint', [2, entry, head]));
    await receiptOf(as(auditLog, account), 'multicall', calls);
    const last = BigInt(far.at(-1) ?? 0);
    const fresh = await chain.wallet('the new account of 2');
    await receiptOf(byController(registry, 2), 'rotateAccount', 2, fresh.address, 0);
    expect((await refusalOf(as(auditLog, account), 'checkpoint', 2, last + 1n, head))[0]).toBe(
      'AuditLogNotOperatorAccount',
    );
    expect((await refusalOf(as(auditLog, fresh), 'checkpoint', 2, 1000, id('true')))[0]).toBe(
      'AuditLogCheckpointNotNewer',
    );
    expect(await eventsOf(byController(auditLog, 2), 'disownHeads', 2, 700)).toEqual([
      ['JournalHeadsDisowned', 2n, last, 700n],
    ]);
    await receiptOf(as(auditLog, fresh), 'checkpoint', 2, 1000, id('true'));
    expect(await struct(auditLog, 'lastCheckpoint', 2)).toMatchObject({ entry: 1000n, head: id('true') });
  });

  it('anchors nothing in the name of an operator that is retired', async () => {
    const { auditLog, as, member } = scene();
    await retire(7);
    expect(await refusalOf(as(auditLog, member(7).account), 'checkpoint', 7, 1, head)).toEqual([
      'AuditLogOperatorRetired',
      7n,
    ]);
  });
});

describe('an endpoint that nobody can read', () => {
  const bytes = ['fffe', 'c0af', 'eda0', '0a0d', '0000', '1b5b', '7f7f', '8080', 'c3a5'];

  it.each(bytes)('is refused: 0x%s', async (two) => {
    const { registry, member } = scene();
    const data = withText(registry, 'setEndpoint', [3, 'zz'], 'zz', two);
    const sent = member(3).controller.sendTransaction({ to: await registry.getAddress(), data, gasLimit: 1_000_000 });
    await expect(sent.then((response) => response.wait())).rejects.toThrow(/revert/);
    expect(await struct(registry, 'operator', 3)).toMatchObject({ endpoint: 'https://corona.example' });
  });

  it.each(bytes)('is refused to a vote too, and so is such a handle: 0x%s', async (two) => {
    const { registry, timelock, chain } = scene();
    const address = await timelock.getAddress();
    await chain.send('hardhat_impersonateAccount', address);
    await chain.send('hardhat_setBalance', address, '0x56bc75e2d63100000');
    const authority = await chain.provider.getSigner(address);
    const keys = [address, address, address, id('a pin')];
    const to = await registry.getAddress();
    for (const data of [
      withText(registry, 'admit', ['hera', ...keys, 'https://zz'], 'zz', two),
      withText(registry, 'admit', ['zz', ...keys, 'https://hera'], 'zz', two),
    ]) {
      await expect(authority.sendTransaction({ to, data, gasLimit: 1_000_000 })).rejects.toThrow(/revert/);
    }
    expect(await registry.getFunction('operatorCount')()).toBe(7n);
  });

  it('is changed by no retired operator, whatever it says', async () => {
    const { registry } = scene();
    await retire(7);
    expect(await refusalOf(byController(registry, 7), 'setEndpoint', 7, 'https://gaia.example')).toEqual([
      'OperatorRegistryRetired',
      7n,
    ]);
  });
});

describe('the controller of a retired operator', () => {
  it('takes keys out of use, and does nothing else', async () => {
    const { registry, auditLog, governor, chain, now } = scene();
    const asGaia = byController(registry, 7);
    const [account, signer] = [await chain.wallet('an account'), await chain.wallet('a signer')];
    const until = (await now()) + 20_000;
    await receiptOf(asGaia, 'rotateAccount', 7, account.address, until);
    await receiptOf(asGaia, 'rotateSigner', 7, signer.address, until);
    await receiptOf(asGaia, 'rotatePin', 7, id('a pin'), until);
    await receiptOf(asGaia, 'proposeController', 7, signer.address);
    await retire(7);
    for (const kind of [0, 1, 2]) await receiptOf(asGaia, 'endOverlap', 7, kind);
    const other = await chain.wallet('another key');
    const rotations = [
      ['rotateAccount', other.address],
      ['rotateSigner', other.address],
      ['rotatePin', id('another pin')],
    ] as const;
    for (const [method, key] of rotations) {
      expect(await refusalOf(asGaia, method, 7, key, until)).toEqual(['OperatorRegistryRetired', 7n]);
      await receiptOf(asGaia, method, 7, key, 0);
    }
    const refused: readonly (readonly [Contract, string, readonly unknown[], string])[] = [
      [asGaia, 'setNextPin', [7, ZeroHash], 'OperatorRegistryRetired'],
      [asGaia, 'setEndpoint', [7, 'https://x'], 'OperatorRegistryRetired'],
      [asGaia, 'proposeController', [7, other.address], 'OperatorRegistryRetired'],
      [scene().as(registry, signer), 'acceptController', [7], 'OperatorRegistryRetired'],
      [byController(auditLog, 7), 'disownHeads', [7, 0], 'AuditLogOperatorRetired'],
      [byController(governor, 7), 'supportEmergency', [1], 'ConsortiumGovernorNotActive'],
      [byController(governor, 7), 'propose', [[], [], [], 'x'], 'ConsortiumGovernorNotActive'],
    ];
    for (const [contract, method, args, error] of refused) {
      expect((await refusalOf(contract, method, ...args))[0]).toBe(error);
    }
    expect((await registry.getFunction('operator')(7)).toObject()).toMatchObject({
      status: operatorStatus.retired,
      account: other.address,
      previousAccount: '0x0000000000000000000000000000000000000000',
      pin: id('another pin'),
      endpoint: 'https://gaia.example',
    });
  });
});

describe('two of seven against two others', () => {
  it('keep them suspended for less and less of the time, as long as the others vote it down', async () => {
    const { asController, governor, registry, now, chain } = scene();
    const begin = await now();
    const month = 30 * 86_400;
    const suspended = new Map<number, number>([
      [3, 0],
      [4, 0],
    ]);
    const pauseOf = async (victim: number): Promise<number> =>
      Math.max(
        ...(await Promise.all([1, 2].map((by) => governor.getFunction('supportPausedUntil')(victim, by)))).map(Number),
      );
    // As soon as it can be done again, it is done again, until a month is over.
    while ((await now()) < begin + month) {
      for (const victim of [3, 4]) {
        for (const by of [1, 2]) await receiptOf(asController(by), 'supportEmergency', victim);
        expect(await registry.getFunction('isActive')(victim)).toBe(false);
        suspended.set(victim, (suspended.get(victim) ?? 0) + settings.emergencySeconds);
      }
      const from = await now();
      await chain.mineAt(from + settings.votingDelaySeconds + 2);
      for (const victim of [3, 4]) {
        const { proposalId } = await governor.getFunction('emergencyOf')(victim);
        for (const voter of [5, 6, 7, victim]) await receiptOf(asController(voter), 'castVote', proposalId, 0);
        for (const by of [1, 2]) await receiptOf(asController(by), 'castVote', proposalId, 1);
      }
      await chain.mineAt(from + voteSeconds + 10);
      const again = Math.max(await pauseOf(3), await pauseOf(4), from + settings.emergencySeconds) + 10;
      expect((await refusalOf(asController(1), 'supportEmergency', 3))[0]).toBe('ConsortiumGovernorSupportPaused');
      await chain.mineAt(again);
      for (const victim of [3, 4]) expect(await registry.getFunction('isActive')(victim)).toBe(true);
    }
    for (const seconds of suspended.values()) expect(seconds / ((await now()) - begin)).toBeLessThan(0.01);
  });

  it('cannot do to one operator after another what they cannot do to one', async () => {
    const { asController, registry } = scene();
    for (const victim of [3, 4]) {
      for (const by of [1, 2]) await receiptOf(asController(by), 'supportEmergency', victim);
    }
    await receiptOf(asController(1), 'supportEmergency', 5);
    expect((await refusalOf(asController(2), 'supportEmergency', 5))[0]).toBe('OperatorRegistryTooManyEmergencies');
    expect(await registry.getFunction('isActive')(5)).toBe(true);
  });
});

describe('a proposal of somebody else', () => {
  it('that a member makes first, and withdraws, can be made again in words of one’s own', async () => {
    const { registry, governor, member, propose } = scene();
    const action = { target: registry, method: 'suspend', args: [3] };
    const { operations } = await propose(3, [action], 'to suspend 3');
    await receiptOf(byController(governor, 3), 'cancel', ...operations);
    const kept = `to suspend 3#proposer=${member(1).controller.address}`;
    const [targets, values, calls] = operations;
    expect((await refusalOf(byController(governor, 3), 'propose', targets, values, calls, kept))[0]).toBe(
      'GovernorRestrictedProposer',
    );
    await propose(1, [action], kept);
  });
});
