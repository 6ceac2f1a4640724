/** The events alone rebuild what ConsortiumGovernor keeps of its own: tallies, who has voted, emergencies. */
import { id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { governanceScene, settings } from './governance.ts';
import { type Line, linesOf, receiptOf } from './outcome.ts';

const scene = governanceScene();

interface Tally {
  readonly votes: [against: bigint, inFavour: bigint, abstain: bigint, members: bigint];
  readonly voters: Set<unknown>;
}

interface Emergency {
  readonly supporter: unknown;
  readonly supportedUntil: unknown;
  readonly count: bigint;
  readonly proposalId: unknown;
}

interface Model {
  readonly tallies: Map<unknown, Tally>;
  readonly emergencies: Map<unknown, Emergency>;
}

const none: Emergency = { supporter: 0n, supportedUntil: 0n, count: 0n, proposalId: 0n };

function fold({ tallies, emergencies }: Model, [name, key, ...args]: Line): void {
  if (name === 'ProposalCreated') {
    tallies.set(key, { votes: [0n, 0n, 0n, 0n], voters: new Set() });
  } else if (name === 'VoteCast' || name === 'VoteCastWithParams') {
    const [proposalId, support, weight] = args;
    const tally = tallies.get(proposalId);
    if (tally === undefined) throw new Error('a vote for what was not proposed');
    const kind = Number(support);
    tally.votes[kind] = (tally.votes[kind] ?? 0n) + (weight as bigint);
    if (kind === 1) ++tally.votes[3];
    tally.voters.add(key);
  } else if (name === 'EmergencySupported') {
    const [supporter, supportedUntil] = args;
    emergencies.set(key, { ...(emergencies.get(key) ?? none), supporter, supportedUntil });
  } else if (name === 'EmergencySuspension') {
    const count = (emergencies.get(key)?.count ?? 0n) + 1n;
    emergencies.set(key, { ...none, count, proposalId: args[3] });
  } else if (!['ProposalCanceled', 'ProposalQueued', 'ProposalExecuted', 'TimelockChange'].includes(String(name))) {
    throw new Error(`an event that the model does not know: ${String(name)}`);
  }
}

describe('the log of the governor', () => {
  it('rebuilds every tally and every emergency', async () => {
    const { governor, registry, chain, asController, as, propose, decide, pass, stranger } = scene();
    const setWindow = { target: registry, method: 'setMaxWindow', args: [7200] };
    await decide([1, 2, 3, 4], { target: registry, method: 'suspend', args: [7] });
    const { proposalId } = await propose(2, [setWindow]);
    const withdrawn = await propose(3, [setWindow]);
    await receiptOf(asController(3), 'cancel', ...withdrawn.operations);
    await pass(settings.votingDelaySeconds + 1);
    for (const [operatorId, support] of [
      [1, 0],
      [2, 1],
      [3, 2],
      [7, 1],
    ] as const) {
      await receiptOf(asController(operatorId), 'castVote', proposalId, support);
    }
    await receiptOf(asController(4), 'castVoteWithReasonAndParams', proposalId, 0, 'why', '0x01');
    await receiptOf(asController(1), 'supportEmergency', 5);
    await receiptOf(asController(2), 'supportEmergency', 5);
    await receiptOf(asController(3), 'supportEmergency', 6);
    await pass(settings.emergencySeconds + 1);
    await receiptOf(asController(4), 'supportEmergency', 6);
    await receiptOf(asController(1), 'supportEmergency', 5);
    await receiptOf(asController(4), 'supportEmergency', 5);

    const model: Model = { tallies: new Map(), emergencies: new Map() };
    const logs = await chain.provider.getLogs({ address: await governor.getAddress(), fromBlock: 0 });
    for (const line of linesOf(logs)) fold(model, line);
    expect([model.tallies.size, model.emergencies.size]).toEqual([5, 2]);
    for (const [key, { votes, voters }] of model.tallies) {
      expect((await governor.getFunction('proposalVotes')(key)).toArray()).toEqual(votes);
      for (let operatorId = 1; operatorId <= 7; ++operatorId) {
        const voter = await governor.getFunction('voterOf')(operatorId);
        expect(await governor.getFunction('hasVoted')(key, voter)).toBe(voters.has(voter));
      }
    }
    for (let operatorId = 1n; operatorId <= 7n; ++operatorId) {
      const found = (await governor.getFunction('emergencyOf')(operatorId)).toObject();
      expect(found).toEqual(model.emergencies.get(operatorId) ?? none);
    }
    expect(await as(governor, stranger).getFunction('proposalVotes')(BigInt(id('no proposal')))).toEqual([
      0n,
      0n,
      0n,
      0n,
    ]);
  });
});
