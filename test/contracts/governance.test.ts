import { MaxUint256, ZeroAddress, ZeroHash, id, zeroPadValue, toBeHex } from 'ethers';
import { describe, expect, it } from 'vitest';

import { startTime } from './chain.ts';
import { type Action, type Member, governanceScene, settings } from './governance.ts';
import { eventsOf, receiptOf, refusalOf } from './outcome.ts';
import { operatorStatus, standing } from './scene.ts';

const scene = governanceScene();
const voterOf = (operatorId: number): string => zeroPadValue(toBeHex(operatorId), 20);
const suspend = (operatorId: number): Action => ({ target: scene().registry, method: 'suspend', args: [operatorId] });
const reinstate = (operatorId: number): Action => ({ ...suspend(operatorId), method: 'reinstate' });
const retire = (operatorId: number): Action => ({ ...suspend(operatorId), method: 'retire' });
const statusOf = (operatorId: number): Promise<unknown> => scene().registry.getFunction('statusOf')(operatorId);
const openVote = async (by: number, ...actions: Action[]): Promise<bigint> => {
  const { proposalId } = await scene().propose(by, actions);
  await scene().pass(settings.votingDelaySeconds + 1);
  return proposalId;
};
const emergency = async (operatorId: number, by: readonly [number, number]): Promise<void> => {
  await receiptOf(scene().asController(by[0]), 'supportEmergency', operatorId);
  await receiptOf(scene().asController(by[1]), 'supportEmergency', operatorId);
};
const newKey = (name: string): Promise<Member['controller']> => scene().chain.wallet(name);

describe('the consortium', () => {
  it('is the only authority once the founder has handed over', async () => {
    const { registry, founder, timelock, governor } = scene();
    const owner = await timelock.getAddress();
    expect(await registry.getFunction('owner')()).toBe(owner);
    expect(await registry.getFunction('guardian')()).toBe(await governor.getAddress());
    for (const [method, ...args] of [
      ['suspend', 1],
      ['reinstate', 1],
      ['retire', 1],
      ['setMaxWindow', 3600],
      ['setFinality', { mode: 0, depth: 1 }],
      ['replaceController', 1, founder.address],
      ['setGuardian', founder.address],
      ['transferOwnership', founder.address],
      ['renounceOwnership'],
      ['admit', 'x', founder.address, founder.address, founder.address, id('x'), 'https://x.example'],
    ] as const) {
      expect(await refusalOf(registry, method, ...args)).toEqual(['OwnableUnauthorizedAccount', founder.address]);
    }
    expect(await refusalOf(registry, 'acceptOwnership')).toEqual(['OwnableUnauthorizedAccount', founder.address]);
  });

  it('admits, suspends, reinstates, retires and sets parameters by vote', async () => {
    const { registry, decide } = scene();
    const { address } = await newKey('hera');
    const target = registry;
    const admission = ['hera', address, address, address, id('pin of hera'), 'https://hera.example'];
    await decide([1, 2, 3, 4], { target, method: 'admit', args: admission });
    expect(await registry.getFunction('operatorByHandle')('hera')).toBe(8n);
    await decide([1, 2, 3, 4, 5], suspend(7), { target, method: 'setMaxWindow', args: [7200] });
    expect([await statusOf(7), await registry.getFunction('maxWindow')()]).toEqual([operatorStatus.suspended, 7200n]);
    await decide([1, 2, 3, 4], reinstate(7), retire(8));
    expect([await statusOf(7), await statusOf(8)]).toEqual([operatorStatus.active, operatorStatus.retired]);
  });

  it('replaces a lost controller', async () => {
    const { governor, registry, decide, as } = scene();
    const found = await newKey('a new controller');
    await decide([1, 2, 3, 4], { target: registry, method: 'replaceController', args: [7, found.address] });
    const proposalId = await openVote(1, suspend(2));
    const lost = scene().member(7).controller;
    expect(await refusalOf(as(governor, lost), 'castVote', proposalId, 1)).toEqual([
      'ConsortiumGovernorNotController',
      lost.address,
    ]);
    expect(await eventsOf(as(governor, found), 'castVote', proposalId, 1)).toEqual([
      ['VoteCast', voterOf(7), proposalId, 1n, 1n, ''],
    ]);
  });

  it('can hand over to another governor by vote', async () => {
    const { registry, decide, chain } = scene();
    const next = await chain.deploy('ConsortiumGovernor', await registry.getAddress(), settings);
    const timelock = await chain.contractAt('ConsortiumTimelock', String(await next.getFunction('timelock')()));
    await decide(
      [1, 2, 3, 4],
      { target: registry, method: 'setGuardian', args: [await next.getAddress()] },
      { target: registry, method: 'transferOwnership', args: [await timelock.getAddress()] },
    );
    await receiptOf(timelock, 'acceptOwnershipOf', await registry.getAddress());
    expect(await registry.getFunction('owner')()).toBe(await timelock.getAddress());
  });
});

describe('propose', () => {
  it('refuses who controls no operator, and a retired operator', async () => {
    const { governor, stranger, decide, as, registry, asController } = scene();
    const call = [[await registry.getAddress()], [0n], ['0x'], 'x'];
    expect(await refusalOf(as(governor, stranger), 'propose', ...call)).toEqual([
      'ConsortiumGovernorNotController',
      stranger.address,
    ]);
    await decide([1, 2, 3, 4], retire(7));
    expect(await refusalOf(asController(7), 'propose', ...call)).toEqual([
      'ConsortiumGovernorNotActive',
      7n,
      operatorStatus.retired,
    ]);
  });

  it('refuses a description kept for somebody else', async () => {
    const { asController, member, registry, stranger } = scene();
    const text = `mine#proposer=${stranger.address}`;
    const call = [[await registry.getAddress()], [0n], ['0x'], text];
    expect(await refusalOf(asController(1), 'propose', ...call)).toEqual([
      'GovernorRestrictedProposer',
      member(1).controller.address,
    ]);
  });

  it('keeps the operator, not its key, as the proposer, also to withdraw it', async () => {
    const { governor, registry, asController, as, member, stranger } = scene();
    const { proposalId, operations } = await scene().propose(1, [suspend(2)]);
    expect(await governor.getFunction('proposalProposer')(proposalId)).toBe(voterOf(1));
    const fresh = await newKey('a fresh controller');
    await receiptOf(as(registry, member(1).controller), 'proposeController', 1, fresh.address);
    await receiptOf(as(registry, fresh), 'acceptController', 1);
    const refused = (by: string): unknown[] => ['GovernorUnableToCancel', proposalId, by];
    expect(await refusalOf(asController(1), 'cancel', ...operations)).toEqual(refused(member(1).controller.address));
    expect(await refusalOf(asController(2), 'cancel', ...operations)).toEqual(refused(member(2).controller.address));
    expect(await refusalOf(as(governor, stranger), 'cancel', ...operations)).toEqual(refused(stranger.address));
    await receiptOf(as(governor, fresh), 'cancel', ...operations);
    expect(await scene().stateOf(proposalId)).toBe('Canceled');
  });

  it('cannot be withdrawn once the vote is open', async () => {
    const { proposalId, operations } = await scene().propose(1, [suspend(2)]);
    await scene().pass(settings.votingDelaySeconds + 1);
    expect(await refusalOf(scene().asController(1), 'cancel', ...operations)).toEqual([
      'GovernorUnableToCancel',
      proposalId,
      scene().member(1).controller.address,
    ]);
  });
});

describe('castVote', () => {
  it('is open from after the delay to the end of the period', async () => {
    const { asController, chain, now, propose, stateOf } = scene();
    const { proposalId } = await propose(1, [suspend(2)]);
    const made = await now();
    const snapshot = made + settings.votingDelaySeconds;
    await chain.nextBlockAt(snapshot);
    const refusal = await refusalOf(asController(1), 'castVote', proposalId, 1);
    expect(refusal).toEqual(['GovernorUnexpectedProposalState', proposalId, 0n, toBeHex(2, 32)]);
    await chain.nextBlockAt(snapshot + 1);
    await receiptOf(asController(1), 'castVote', proposalId, 1);
    await chain.nextBlockAt(snapshot + settings.votingPeriodSeconds);
    await receiptOf(asController(2), 'castVote', proposalId, 0);
    await chain.nextBlockAt(snapshot + settings.votingPeriodSeconds + 1);
    expect(await refusalOf(asController(3), 'castVote', proposalId, 1)).toEqual([
      'GovernorUnexpectedProposalState',
      proposalId,
      3n,
      toBeHex(2, 32),
    ]);
    expect(await stateOf(proposalId)).toBe('Defeated');
  });

  it('takes one vote of an operator, whatever its key', async () => {
    const { governor, registry, asController, as, member } = scene();
    const proposalId = await openVote(1, suspend(2));
    await receiptOf(asController(1), 'castVote', proposalId, 1);
    const fresh = await newKey('a fresh controller');
    await receiptOf(as(registry, member(1).controller), 'proposeController', 1, fresh.address);
    await receiptOf(as(registry, fresh), 'acceptController', 1);
    expect(await refusalOf(as(governor, fresh), 'castVote', proposalId, 1)).toEqual([
      'GovernorAlreadyCastVote',
      voterOf(1),
    ]);
    for (const account of [voterOf(1), fresh.address]) {
      expect(await governor.getFunction('hasVoted')(proposalId, account)).toBe(true);
    }
    expect(await governor.getFunction('hasVoted')(proposalId, member(1).controller.address)).toBe(false);
    expect(await governor.getFunction('proposalVotes')(proposalId)).toEqual([0n, 1n, 0n, 1n]);
  });

  it('takes no vote by a stolen key that was rotated out, signed before or not', async () => {
    const { governor, registry, as, member, chain } = scene();
    const proposalId = await openVote(1, suspend(2));
    const stolen = member(1).controller;
    const domain = {
      name: 'Tandem consortium',
      version: '1',
      chainId: chain.chainId,
      verifyingContract: await governor.getAddress(),
    };
    const ballot = {
      Ballot: [
        { name: 'proposalId', type: 'uint256' },
        { name: 'support', type: 'uint8' },
        { name: 'voter', type: 'address' },
        { name: 'nonce', type: 'uint256' },
      ],
    };
    const vote = (voter: Member['controller']): Promise<string> =>
      voter.signTypedData(domain, ballot, { proposalId, support: 1, voter: voter.address, nonce: 0 });
    const signature = await vote(stolen);
    const fresh = await newKey('a fresh controller');
    await receiptOf(as(registry, stolen), 'proposeController', 1, fresh.address);
    await receiptOf(as(registry, fresh), 'acceptController', 1);
    const refused = ['ConsortiumGovernorNotController', stolen.address];
    expect(await refusalOf(as(governor, stolen), 'castVote', proposalId, 0)).toEqual(refused);
    expect(await refusalOf(governor, 'castVoteBySig', proposalId, 1, stolen.address, signature)).toEqual(refused);
    const bySignature = await eventsOf(governor, 'castVoteBySig', proposalId, 1, fresh.address, await vote(fresh));
    expect(bySignature).toEqual([['VoteCast', voterOf(1), proposalId, 1n, 1n, '']]);
  });

  it('counts operators as they stood at the snapshot', async () => {
    const { registry, governor, asController, as, decide } = scene();
    const { address } = await newKey('hera');
    const keys = [address, address, address, id('pin of hera'), 'https://hera.example'];
    const early = await scene().propose(1, [suspend(2)]);
    await decide([1, 2, 3, 4], retire(7), { target: registry, method: 'admit', args: ['hera', ...keys] });
    // The early vote ended meanwhile; one that opens now has operator 8, and not 7.
    const proposalId = await openVote(1, suspend(2));
    const snapshot = BigInt(await governor.getFunction('proposalSnapshot')(proposalId));
    expect(await refusalOf(asController(7), 'castVote', proposalId, 1)).toEqual([
      'ConsortiumGovernorNoStanding',
      7n,
      snapshot,
    ]);
    await receiptOf(as(governor, await newKey('hera')), 'castVote', proposalId, 1);
    const { proposalId: earlyId } = early;
    const then = await governor.getFunction('proposalSnapshot')(earlyId);
    expect(await governor.getFunction('getVotes')(voterOf(7), then)).toBe(1n);
    expect(await governor.getFunction('getVotes')(voterOf(8), then)).toBe(0n);
    expect(await governor.getFunction('getVotes')(address, snapshot)).toBe(1n);
  });

  it('refuses a kind of support that there is not', async () => {
    const proposalId = await openVote(1, suspend(2));
    expect(await refusalOf(scene().asController(1), 'castVote', proposalId, 3)).toEqual(['GovernorInvalidVoteType']);
  });

  it('gives a suspended operator no vote, and counts its for among the members', async () => {
    const { decide, asController, governor } = scene();
    await decide([1, 2, 3, 4], suspend(7));
    const proposalId = await openVote(7, reinstate(7));
    expect(await eventsOf(asController(7), 'castVote', proposalId, 1)).toEqual([
      ['VoteCast', voterOf(7), proposalId, 1n, 0n, ''],
    ]);
    expect(await governor.getFunction('proposalVotes')(proposalId)).toEqual([0n, 0n, 0n, 1n]);
  });
});

describe('a proposal', () => {
  it.each([
    { votes: [3, 4, 0], outcome: 'Defeated' },
    { votes: [0, 3, 4], outcome: 'Defeated' },
    { votes: [3, 4, 0].toReversed(), outcome: 'Defeated' },
    { votes: [3, 0, 4], outcome: 'Defeated' },
  ] as const)(
    'fails with $votes against, for, abstaining unless more than half are for',
    async ({ votes, outcome }) => {
      const proposalId = await openVote(1, suspend(2));
      const [against, inFavour] = votes;
      for (let operatorId = 1; operatorId <= 7; ++operatorId) {
        const support = operatorId <= against ? 0 : operatorId <= against + Math.min(inFavour, 3) ? 1 : 2;
        await receiptOf(scene().asController(operatorId), 'castVote', proposalId, support);
      }
      await scene().pass(settings.votingPeriodSeconds);
      expect(await scene().stateOf(proposalId)).toBe(outcome);
    },
  );

  it('passes with more than half of those who have a vote', async () => {
    const proposalId = await openVote(1, suspend(2));
    await scene().voteFor(proposalId, [1, 3, 4]);
    for (const operatorId of [2, 5, 6]) await receiptOf(scene().asController(operatorId), 'castVote', proposalId, 0);
    await scene().voteFor(proposalId, [7]);
    await scene().pass(settings.votingPeriodSeconds);
    expect(await scene().stateOf(proposalId)).toBe('Succeeded');
  });

  it('passes with more than half of all members though most of them are suspended', async () => {
    const { decide } = scene();
    await decide([1, 2, 3, 4], suspend(5), suspend(6), suspend(7));
    await decide([1, 2, 3], suspend(4));
    // Three with a vote, four suspended: two of the three decide, and so do the four with nobody else.
    const members = await openVote(4, reinstate(4), reinstate(5));
    await scene().voteFor(members, [4, 5, 6, 7]);
    await scene().pass(settings.votingPeriodSeconds);
    expect(await scene().stateOf(members)).toBe('Succeeded');
    const tooFew = await openVote(4, reinstate(4));
    await scene().voteFor(tooFew, [5, 6, 7]);
    await scene().pass(settings.votingPeriodSeconds);
    expect(await scene().stateOf(tooFew)).toBe('Defeated');
  });

  it('is decided by all members when every one of them is suspended', async () => {
    const { decide, registry } = scene();
    const all = [1, 2, 3, 4, 5, 6, 7];
    await decide(all, ...all.map(suspend));
    await decide([1, 2, 3, 4], ...all.map(reinstate));
    expect(await registry.getFunction('isActive')(7)).toBe(true);
  });

  it('waits in the timelock before anybody may execute it', async () => {
    const { governor, timelock, registry, pass, stateOf, as, stranger } = scene();
    const { proposalId, operations } = await scene().propose(1, [suspend(2)]);
    await pass(settings.votingDelaySeconds + 1);
    await scene().voteFor(proposalId, [1, 3, 4, 5]);
    expect((await refusalOf(governor, 'queue', ...operations))[0]).toBe('GovernorUnexpectedProposalState');
    await pass(settings.votingPeriodSeconds);
    await receiptOf(as(governor, stranger), 'queue', ...operations);
    expect(await stateOf(proposalId)).toBe('Queued');
    expect((await refusalOf(governor, 'execute', ...operations))[0]).toBe('TimelockUnexpectedOperationState');
    const [, , calls] = operations;
    const direct = [await registry.getAddress(), 0, calls[0], ZeroHash, ZeroHash, settings.timelockSeconds];
    expect((await refusalOf(timelock, 'schedule', ...direct))[0]).toBe('AccessControlUnauthorizedAccount');
    await pass(settings.timelockSeconds);
    await receiptOf(as(governor, stranger), 'execute', ...operations);
    expect([await stateOf(proposalId), await statusOf(2)]).toEqual(['Executed', operatorStatus.suspended]);
  });
});

describe('supportEmergency', () => {
  it('refuses who controls no operator', async () => {
    const { governor, stranger, as } = scene();
    expect(await refusalOf(as(governor, stranger), 'supportEmergency', 1)).toEqual([
      'ConsortiumGovernorNotController',
      stranger.address,
    ]);
  });

  it('refuses an operator that is suspended itself, and one that means itself', async () => {
    await emergency(3, [1, 2]);
    expect(await refusalOf(scene().asController(3), 'supportEmergency', 1)).toEqual([
      'ConsortiumGovernorNotActive',
      3n,
      operatorStatus.suspended,
    ]);
    expect(await refusalOf(scene().asController(1), 'supportEmergency', 1)).toEqual([
      'ConsortiumGovernorOwnEmergency',
      1n,
    ]);
  });

  it('needs two operators, and the same one twice is not two', async () => {
    const { asController, chain, now } = scene();
    const time = (await now()) + 10;
    await chain.nextBlockAt(time);
    const until = BigInt(time + settings.emergencySeconds);
    expect(await asController(1).getFunction('supportEmergency').staticCall(3)).toBe(0n);
    await chain.nextBlockAt(time);
    expect(await eventsOf(asController(1), 'supportEmergency', 3)).toEqual([['EmergencySupported', 3n, 1n, until]]);
    expect(await refusalOf(asController(1), 'supportEmergency', 3)).toEqual([
      'ConsortiumGovernorAlreadySupported',
      3n,
      1n,
      until,
    ]);
    expect(await statusOf(3)).toBe(operatorStatus.active);
  });

  it('does not count support that is too old, or by an operator that is no longer Active', async () => {
    const { asController, chain, now, governor } = scene();
    await receiptOf(asController(1), 'supportEmergency', 3);
    await chain.nextBlockAt((await now()) + settings.emergencySeconds + 1);
    const lapsed = await eventsOf(asController(2), 'supportEmergency', 3);
    expect(lapsed.map(([name]) => name)).toEqual(['EmergencySupported']);
    await emergency(2, [4, 5]);
    const inactive = await eventsOf(asController(6), 'supportEmergency', 3);
    expect(inactive.map(([name]) => name)).toEqual(['EmergencySupported']);
    expect((await governor.getFunction('emergencyOf')(3)).toArray().slice(0, 1)).toEqual([6n]);
    expect(await statusOf(3)).toBe(operatorStatus.active);
  });

  it('suspends with the second, until its time is over, and opens the vote on it', async () => {
    const { asController, chain, now, registry, governor, stateOf } = scene();
    await receiptOf(asController(1), 'supportEmergency', 3);
    const time = (await now()) + 10;
    await chain.nextBlockAt(time);
    const until = BigInt(time + settings.emergencySeconds);
    const events = await eventsOf(asController(2), 'supportEmergency', 3);
    const { proposalId } = (await governor.getFunction('emergencyOf')(3)).toObject();
    expect(events.map(([name]) => name)).toEqual([
      'OperatorSuspendedForEmergency',
      'ProposalCreated',
      'EmergencySuspension',
    ]);
    expect(events[0]).toEqual(['OperatorSuspendedForEmergency', 3n, until]);
    expect(events[2]).toEqual(['EmergencySuspension', 3n, 1n, 2n, until, proposalId]);
    expect(await governor.getFunction('proposalProposer')(proposalId)).toBe(await governor.getAddress());
    expect(await stateOf(proposalId)).toBe('Pending');
    expect(await statusOf(3)).toBe(operatorStatus.suspended);
    expect((await registry.getFunction('operator')(3)).toObject()).toMatchObject({
      status: operatorStatus.suspended,
      emergencyUntil: until,
    });
    expect(await registry.getFunction('emergencies')()).toEqual([1n, 2n]);
    await chain.mineAt(Number(until));
    expect(await statusOf(3)).toBe(operatorStatus.suspended);
    await chain.mineAt(Number(until) + 1);
    expect([await statusOf(3), await registry.getFunction('isActive')(3)]).toEqual([operatorStatus.active, true]);
    expect(await registry.getFunction('emergencies')()).toEqual([0n, 2n]);
  });

  it('leaves the suspended operator its vote, on its own suspension too', async () => {
    const { asController, governor, pass, registry, now } = scene();
    await emergency(3, [1, 2]);
    const { proposalId } = (await governor.getFunction('emergencyOf')(3)).toObject();
    await pass(settings.votingDelaySeconds + 1);
    expect(await registry.getFunction('standingAt')(3, (await now()) - 1)).toBe(standing.voter);
    expect(await eventsOf(asController(3), 'castVote', proposalId, 0)).toEqual([
      ['VoteCast', voterOf(3), proposalId, 0n, 1n, ''],
    ]);
  });

  it('is confirmed by the vote that it opened, before it lapses', async () => {
    const { governor, registry, pass } = scene();
    await emergency(3, [1, 2]);
    const { proposalId, count } = (await governor.getFunction('emergencyOf')(3)).toObject();
    await pass(settings.votingDelaySeconds + 1);
    await scene().voteFor(proposalId, [1, 2, 4, 5]);
    await pass(settings.votingPeriodSeconds);
    const text = `Confirm emergency suspension ${count} of operator 3#proposer=${(await governor.getAddress()).toLowerCase()}`;
    const call = registry.interface.encodeFunctionData('suspend', [3]);
    const operations = [[await registry.getAddress()], [0n], [call], id(text)];
    await receiptOf(governor, 'queue', ...operations);
    await pass(settings.timelockSeconds);
    await receiptOf(governor, 'execute', ...operations);
    await pass(settings.emergencySeconds);
    expect(await statusOf(3)).toBe(operatorStatus.suspended);
    expect((await registry.getFunction('operator')(3)).toObject()).toMatchObject({ emergencyUntil: 0n });
  });

  it('cannot be stopped by opening its vote beforehand', async () => {
    const { asController, governor, registry, member } = scene();
    const text = `Confirm emergency suspension 1 of operator 3#proposer=${(await governor.getAddress()).toLowerCase()}`;
    const call = registry.interface.encodeFunctionData('suspend', [3]);
    const proposal = [[await registry.getAddress()], [0n], [call], text];
    expect(await refusalOf(asController(3), 'propose', ...proposal)).toEqual([
      'GovernorRestrictedProposer',
      member(3).controller.address,
    ]);
    await emergency(3, [1, 2]);
  });

  it('is refused for the same operator until the vote on it has ended', async () => {
    const { asController, governor, chain } = scene();
    await emergency(3, [1, 2]);
    const { proposalId } = (await governor.getFunction('emergencyOf')(3)).toObject();
    const end = Number(await governor.getFunction('proposalDeadline')(proposalId));
    await chain.nextBlockAt(end);
    expect(await refusalOf(asController(1), 'supportEmergency', 3)).toEqual([
      'ConsortiumGovernorVoteNotEnded',
      3n,
      proposalId,
      BigInt(end),
    ]);
    await chain.nextBlockAt(end + 1);
    await receiptOf(asController(1), 'supportEmergency', 3);
    // Its first emergency has not lapsed yet: there is nothing to suspend.
    expect(await refusalOf(asController(2), 'supportEmergency', 3)).toEqual([
      'OperatorRegistryUnexpectedStatus',
      3n,
      operatorStatus.active,
      operatorStatus.suspended,
    ]);
    await scene().pass(settings.emergencySeconds + 10);
    await emergency(3, [1, 2]);
    expect((await governor.getFunction('emergencyOf')(3)).toObject()).toMatchObject({ count: 2n });
  });

  it('lets no minority silence the voters one after another', async () => {
    const { asController, governor } = scene();
    await emergency(3, [1, 2]);
    await emergency(4, [1, 2]);
    await receiptOf(asController(1), 'supportEmergency', 5);
    // Two of seven are the most; the two that are suspended still vote, and the vote on them fails.
    expect(await refusalOf(asController(2), 'supportEmergency', 5)).toEqual([
      'OperatorRegistryTooManyEmergencies',
      5n,
      2n,
      2n,
    ]);
    const { proposalId } = (await governor.getFunction('emergencyOf')(3)).toObject();
    await scene().pass(settings.votingDelaySeconds + 1);
    await scene().voteFor(proposalId, [1, 2]);
    for (const operatorId of [3, 4, 5, 6, 7]) {
      await receiptOf(asController(operatorId), 'castVote', proposalId, 0);
    }
    await scene().pass(settings.votingPeriodSeconds);
    expect(await scene().stateOf(proposalId)).toBe('Defeated');
    await scene().pass(settings.emergencySeconds);
    await emergency(5, [1, 2]);
  });
});

describe('what could lock the consortium out', () => {
  it('is refused also to a vote: other roles, no timelock, an endless delay', async () => {
    const { timelock, governor, propose, voteFor, pass, stranger } = scene();
    const proposer = id('PROPOSER_ROLE');
    const address = await governor.getAddress();
    const refused: [Action, unknown[]][] = [
      [
        { target: timelock, method: 'revokeRole', args: [proposer, address] },
        ['ConsortiumTimelockRolesAreFixed', proposer, address],
      ],
      [
        { target: timelock, method: 'grantRole', args: [proposer, stranger.address] },
        ['ConsortiumTimelockRolesAreFixed', proposer, stranger.address],
      ],
      [
        { target: timelock, method: 'renounceRole', args: [ZeroHash, await timelock.getAddress()] },
        ['ConsortiumTimelockRolesAreFixed', ZeroHash, await timelock.getAddress()],
      ],
      [
        { target: timelock, method: 'updateDelay', args: [MaxUint256] },
        ['ConsortiumTimelockDelayTooLong', 2_592_000n, MaxUint256],
      ],
      [
        { target: governor, method: 'updateTimelock', args: [ZeroAddress] },
        ['ConsortiumGovernorTimelockIsFixed', await timelock.getAddress()],
      ],
      [{ target: scene().registry, method: 'renounceOwnership', args: [] }, ['OperatorRegistryAuthorityRequired']],
    ];
    const proposals = [];
    for (const [action] of refused) proposals.push(await propose(1, [action]));
    await pass(settings.votingDelaySeconds + 1);
    for (const { proposalId } of proposals) await voteFor(proposalId, [1, 2, 3, 4]);
    await pass(settings.votingPeriodSeconds);
    for (const { operations } of proposals) await receiptOf(governor, 'queue', ...operations);
    await pass(settings.timelockSeconds);
    for (const [index, { operations }] of proposals.entries()) {
      expect(await refusalOf(governor, 'execute', ...operations)).toEqual(refused[index]?.[1]);
    }
  });

  it('is refused to a vote: retiring the last member', async () => {
    const { propose, voteFor, pass, governor } = scene();
    const all = [1, 2, 3, 4, 5, 6, 7];
    const { proposalId, operations } = await propose(1, all.map(retire));
    await pass(settings.votingDelaySeconds + 1);
    await voteFor(proposalId, all);
    await pass(settings.votingPeriodSeconds);
    await receiptOf(governor, 'queue', ...operations);
    await pass(settings.timelockSeconds);
    expect(await refusalOf(governor, 'execute', ...operations)).toEqual(['OperatorRegistryLastOperator', 7n]);
  });
});

describe('views', () => {
  it('say what OpenZeppelin’s tools ask for', async () => {
    const { governor } = scene();
    const view = (name: string, ...args: unknown[]): Promise<unknown> => governor.getFunction(name)(...args);
    expect(await view('name')).toBe('Tandem consortium');
    expect(await view('CLOCK_MODE')).toBe('mode=timestamp');
    expect(await view('COUNTING_MODE')).toBe('support=bravo&quorum=for');
    expect(await view('votingDelay')).toBe(BigInt(settings.votingDelaySeconds));
    expect(await view('votingPeriod')).toBe(BigInt(settings.votingPeriodSeconds));
    expect(await view('EMERGENCY_SECONDS')).toBe(BigInt(settings.emergencySeconds));
    expect(await view('voterOf', 7)).toBe(voterOf(7));
    await scene().pass(1);
    expect(await view('quorum', (await scene().now()) - 1)).toBe(4n);
    expect(await view('quorum', startTime - 1)).toBe(1n);
    expect(await view('getVotes', scene().stranger.address, (await scene().now()) - 1)).toBe(0n);
  });
});
