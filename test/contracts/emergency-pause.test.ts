/** After an emergency that the others voted down, its supporters count no more against that operator for a time. */
import { beforeEach, describe, expect, it } from 'vitest';

import { governanceScene, settings } from './governance.ts';
import { eventsOf, receiptOf, refusalOf } from './outcome.ts';
import { operatorStatus } from './scene.ts';

const scene = governanceScene();
const target = 3;
const voteSeconds = settings.votingDelaySeconds + settings.votingPeriodSeconds;
/** 30 days. */
const longest = 2_592_000;

const support = (by: number): Promise<unknown> => receiptOf(scene().asController(by), 'supportEmergency', target);
const pausedUntil = async (supporter: number): Promise<number> =>
  Number(await scene().governor.getFunction('supportPausedUntil')(target, supporter));
const statusOfTarget = (): Promise<unknown> => scene().registry.getFunction('statusOf')(target);

/** By these two, one a second after the other. @returns the end of the vote on it, and how to vote on it. */
async function emergency(first: number, second: number) {
  await support(first);
  await support(second);
  const { governor, asController, now, pass } = scene();
  const { proposalId } = await governor.getFunction('emergencyOf')(target);
  const end = Number(await governor.getFunction('proposalDeadline')(proposalId));
  const vote = async (support_: number, ...voters: number[]): Promise<void> => {
    const opens = end - settings.votingPeriodSeconds + 1;
    if ((await now()) < opens) await pass(opens - (await now()));
    for (const voter of voters) await receiptOf(asController(voter), 'castVote', proposalId, support_);
  };
  return { end, vote, proposalId: BigInt(proposalId), reach: async (time: number) => scene().chain.mineAt(time) };
}

describe('after more against than for', () => {
  it('neither of the two counts until and including the last second of a vote’s length from its end', async () => {
    const { end, vote, reach } = await emergency(1, 2);
    await vote(0, 4, 5, 6);
    const until = end + voteSeconds;
    await reach(end);
    expect(await pausedUntil(1)).toBe(0);
    await reach(end + 1);
    for (const supporter of [1, 2]) {
      expect(await pausedUntil(supporter)).toBe(until);
      expect(await refusalOf(scene().asController(supporter), 'supportEmergency', target)).toEqual([
        'ConsortiumGovernorSupportPaused',
        BigInt(target),
        BigInt(supporter),
        BigInt(until),
      ]);
    }
    await scene().chain.nextBlockAt(until);
    expect((await refusalOf(scene().asController(1), 'supportEmergency', target))[0]).toBe(
      'ConsortiumGovernorSupportPaused',
    );
    await support(1);
    await support(2);
    expect(await statusOfTarget()).toBe(operatorStatus.suspended);
  });

  it('everybody else counts at once, and they do against anybody else', async () => {
    const { end, vote, reach } = await emergency(1, 2);
    await vote(0, 4, 5, 6);
    await reach(end + 1);
    await receiptOf(scene().asController(1), 'supportEmergency', 7);
    await receiptOf(scene().asController(2), 'supportEmergency', 7);
    expect(await scene().registry.getFunction('isActive')(7)).toBe(false);
    await scene().pass(settings.emergencySeconds);
    await support(4);
    await support(5);
    expect(await statusOfTarget()).toBe(operatorStatus.suspended);
    // What was said of the first two stays so.
    expect([await pausedUntil(1), await pausedUntil(4)]).toEqual([end + voteSeconds, 0]);
  });

  it('the time doubles for who was one of the two before, and is never longer than 30 days', async () => {
    let length = voteSeconds;
    const lengths: number[] = [];
    for (let round = 0; round < 14; ++round) {
      const { end, vote, reach } = await emergency(1, 2);
      await vote(0, 4, 5, 6);
      await reach(Math.max(end, (await scene().now()) + settings.emergencySeconds) + 1);
      expect([await pausedUntil(1), await pausedUntil(2)]).toEqual([end + length, end + length]);
      lengths.push(length);
      length = Math.min(2 * length, longest);
      await reach(Math.max(await pausedUntil(1), await scene().now()) + 1);
    }
    expect(lengths.slice(0, 3)).toEqual([1100, 2200, 4400]);
    expect(lengths.slice(-2)).toEqual([longest, longest]);
    // A third begins with the first length, beside one that is at the longest.
    const { end, vote, reach } = await emergency(1, 4);
    await vote(0, 2, 5, 6);
    await reach(end + 1);
    expect([await pausedUntil(1), await pausedUntil(4)]).toEqual([end + longest, end + voteSeconds]);
  });
});

describe('what is no rejection', () => {
  const [against, inFavour, abstained] = [0, 1, 2];

  it.each([
    ['silence', []],
    [
      'as many against it as for it',
      [
        [against, 4, 5],
        [inFavour, 1, 2],
      ],
    ],
    ['the target’s own vote against it', [[against, 3]]],
    [
      'one against it and one for it beside the target’s',
      [
        [against, 3, 4],
        [inFavour, 1],
      ],
    ],
    ['those who abstain', [[abstained, 4, 5, 6, 7]]],
    [
      'a vote that passes',
      [
        [against, 3, 5, 6],
        [inFavour, 1, 2, 4, 7],
      ],
    ],
  ] as const)('%s', async (_, votes) => {
    const { end, vote, reach } = await emergency(1, 2);
    for (const [support_, ...voters] of votes) await vote(support_, ...voters);
    await reach(end + 1);
    expect([await pausedUntil(1), await pausedUntil(2)]).toEqual([0, 0]);
    await reach(end + settings.emergencySeconds);
    await support(1);
    await support(2);
    expect(await statusOfTarget()).toBe(operatorStatus.suspended);
  });

  it('is one with a single vote more against it, the target’s own for it aside', async () => {
    const { end, vote, reach } = await emergency(1, 2);
    await vote(against, 4);
    await vote(inFavour, 3);
    await reach(end + 1);
    expect(await pausedUntil(1)).toBe(end + voteSeconds);
  });

  describe('with members that are suspended', () => {
    beforeEach(async () => {
      const { decide, registry } = scene();
      const suspend = (operatorId: number) => ({ target: registry, method: 'suspend', args: [operatorId] });
      await decide([1, 2, 3, 4], suspend(6), suspend(7));
    });

    it('counts no vote of theirs', async () => {
      const { end, vote, reach } = await emergency(1, 2);
      await vote(against, 6, 7);
      await reach(end + 1);
      expect(await pausedUntil(1)).toBe(0);
    });

    it('takes nothing off for the target’s own vote where that had no weight', async () => {
      const { propose, pass, voteFor, governor, registry } = scene();
      const { proposalId, operations } = await propose(1, [{ target: registry, method: 'suspend', args: [target] }]);
      await pass(settings.votingDelaySeconds + 1);
      await voteFor(proposalId, [1, 2, 4]);
      await pass(settings.votingPeriodSeconds);
      await receiptOf(governor, 'queue', ...operations);
      await pass(settings.timelockSeconds);
      const { end, vote, reach } = await emergency(1, 2);
      // Suspended by the vote before the snapshot of the other one: it is a member there, and no voter.
      await receiptOf(governor, 'execute', ...operations);
      await vote(against, 4);
      await vote(against, target);
      await reach(end + 1);
      expect(await pausedUntil(1)).toBe(end + voteSeconds);
    });

    it('is none where those suspended made it pass against the voters', async () => {
      const { decide, registry } = scene();
      await decide([1, 2, 4, 5], { target: registry, method: 'suspend', args: [5] });
      const { end, vote, reach, proposalId } = await emergency(1, 2);
      // Of 7 members 4 are for it, of whom one has a vote; of the voters 3 and 4 are against it, and so is nobody else.
      await vote(inFavour, 1, 5, 6, 7);
      await vote(against, 2, 3, 4);
      await reach(end + 1);
      expect(await scene().stateOf(proposalId)).toBe('Succeeded');
      expect(await pausedUntil(1)).toBe(0);
    });
  });
});

describe('a member that was paused', () => {
  it('cannot be counted by the support that it gave before', async () => {
    const { end, vote, reach } = await emergency(1, 2);
    await vote(0, 4, 5, 6);
    await reach(end + 1);
    expect(await eventsOf(scene().asController(4), 'supportEmergency', target)).toMatchObject([
      ['EmergencySupported', BigInt(target), 4n, expect.anything() as unknown],
    ]);
    expect((await refusalOf(scene().asController(2), 'supportEmergency', target))[0]).toBe(
      'ConsortiumGovernorSupportPaused',
    );
    expect((await scene().governor.getFunction('emergencyOf')(target)).toObject()).toMatchObject({
      supporter: 4n,
      count: 1n,
      firstSupporter: 1n,
      secondSupporter: 2n,
    });
  });
});
