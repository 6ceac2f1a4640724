/** The events alone rebuild what ConsortiumGovernor keeps of its own: tallies, who has voted, emergencies. */
import { id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { governanceScene, settings } from './governance.ts';
import { type Line, linesOf, receiptOf } from './outcome.ts';

const scene = governanceScene();

interface Tally {
  readonly votes: [against: bigint, inFavour: bigint, abstain: bigint, members: bigint];
  readonly voters: Set<unknown>;
  /** Of those whose vote counts: 0 against, 1 for. */
  readonly ballots: Map<bigint, bigint>;
  readonly ends: bigint;
}

interface Emergency {
  readonly supporter: unknown;
  readonly supportedUntil: unknown;
  readonly count: bigint;
  readonly firstSupporter: unknown;
  readonly secondSupporter: unknown;
  readonly proposalId: unknown;
}

interface Pause {
  readonly until: bigint;
  readonly length: bigint;
}

interface Model {
  readonly tallies: Map<unknown, Tally>;
  readonly emergencies: Map<unknown, Emergency>;
  /** By operator and supporter. */
  readonly pauses: Map<string, Pause>;
}

const none: Emergency = {
  supporter: 0n,
  supportedUntil: 0n,
  count: 0n,
  firstSupporter: 0n,
  secondSupporter: 0n,
  proposalId: 0n,
};
const placeOf = (operatorId: unknown, supporter: unknown): string => `${String(operatorId)} ${String(supporter)}`;

/** Those two count no more against that operator, if the vote on their emergency is over and went against them. */
function judge({ tallies, emergencies, pauses }: Model, operatorId: unknown, now: bigint): void {
  const { firstSupporter, secondSupporter, proposalId } = emergencies.get(operatorId) ?? none;
  const tally = tallies.get(proposalId);
  if (tally === undefined || now <= tally.ends) return;
  const others = [...tally.ballots].filter(([voter]) => voter !== operatorId).map(([, support]) => support);
  const against = others.filter((support) => support === 0n).length;
  if (against <= others.length - against) return;
  for (const supporter of [firstSupporter, secondSupporter]) {
    const place = placeOf(operatorId, supporter);
    const before = pauses.get(place)?.length ?? 0n;
    const length = before === 0n ? BigInt(settings.votingDelaySeconds + settings.votingPeriodSeconds) : 2n * before;
    pauses.set(place, { until: tally.ends + length, length });
  }
}

function fold(model: Model, [name, key, ...args]: Line, timestamp: bigint): void {
  const { tallies, emergencies } = model;
  if (name === 'ProposalCreated') {
    const ends = args[6] as bigint;
    tallies.set(key, { votes: [0n, 0n, 0n, 0n], voters: new Set(), ballots: new Map(), ends });
  } else if (name === 'VoteCast' || name === 'VoteCastWithParams') {
    const [proposalId, support, weight] = args;
    const tally = tallies.get(proposalId);
    if (tally === undefined) throw new Error('a vote for what was not proposed');
    const kind = Number(support);
    tally.votes[kind] = (tally.votes[kind] ?? 0n) + (weight as bigint);
    if (kind === 1) ++tally.votes[3];
    if (weight === 1n && kind !== 2) tally.ballots.set(BigInt(String(key)), BigInt(kind));
    tally.voters.add(key);
  } else if (name === 'EmergencySupported') {
    const [supporter, supportedUntil] = args;
    emergencies.set(key, { ...(emergencies.get(key) ?? none), supporter, supportedUntil });
  } else if (name === 'EmergencySuspension') {
    const count = (emergencies.get(key)?.count ?? 0n) + 1n;
    judge(model, key, timestamp);
    const [firstSupporter, secondSupporter] = args;
    emergencies.set(key, { ...none, count, firstSupporter, secondSupporter, proposalId: args[3] });
  } else if (!['ProposalCanceled', 'ProposalQueued', 'ProposalExecuted', 'TimelockChange'].includes(String(name))) {
    throw new Error(`an event that the model does not know: ${String(name)}`);
  }
}

/** Proposals voted on and withdrawn, and three emergencies against one operator, each rejected by the others. */
async function votesAndEmergencies(): Promise<void> {
  const { governor, registry, asController, propose, decide, pass } = scene();
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
  const against = async (operatorId: number, ...voters: number[]): Promise<void> => {
    const { proposalId: vote } = await governor.getFunction('emergencyOf')(operatorId);
    await pass(settings.votingDelaySeconds + 1);
    for (const voter of voters) await receiptOf(asController(voter), 'castVote', vote, 0);
  };
  // Two against, and the suspended operator itself; then three, against one of the same two and a third.
  await against(5, 3, 4, 5);
  await pass(2 * settings.emergencySeconds);
  await receiptOf(asController(4), 'supportEmergency', 6);
  await receiptOf(asController(1), 'supportEmergency', 5);
  await receiptOf(asController(4), 'supportEmergency', 5);
  await against(5, 2, 3, 6);
  await pass(4 * settings.emergencySeconds);
  await receiptOf(asController(2), 'supportEmergency', 5);
  await receiptOf(asController(3), 'supportEmergency', 5);
  await against(5, 6);
}

describe('the log of the governor', () => {
  it('rebuilds every tally, every emergency, and whose support is paused', async () => {
    const { governor, chain, as, stranger, pass } = scene();
    await votesAndEmergencies();
    const model: Model = { tallies: new Map(), emergencies: new Map(), pauses: new Map() };
    const logs = await chain.provider.getLogs({ address: await governor.getAddress(), fromBlock: 0 });
    for (const [index, line] of linesOf(logs).entries()) {
      const block = await chain.provider.getBlock(logs[index]?.blockNumber ?? 0);
      fold(model, line, BigInt(block?.timestamp ?? 0));
    }
    expect([model.tallies.size, model.emergencies.size]).toEqual([6, 2]);
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
    const kept = new Map(model.pauses);
    expect([...kept.keys()].sort()).toEqual(['5 1', '5 2', '5 4']);
    await pass(settings.emergencySeconds);
    const latest = BigInt(await scene().now());
    for (let operatorId = 1n; operatorId <= 7n; ++operatorId) judge(model, operatorId, latest);
    expect(model.pauses.get('5 2')).not.toEqual(kept.get('5 2'));
    for (let operatorId = 1n; operatorId <= 7n; ++operatorId) {
      for (let supporter = 0n; supporter <= 7n; ++supporter) {
        const until = await governor.getFunction('supportPausedUntil')(operatorId, supporter);
        expect(until).toBe(model.pauses.get(placeOf(operatorId, supporter))?.until ?? 0n);
      }
    }
    expect(await as(governor, stranger).getFunction('proposalVotes')(BigInt(id('no proposal')))).toEqual([
      0n,
      0n,
      0n,
      0n,
    ]);
  });
});
