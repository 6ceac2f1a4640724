/** What governor and timelock are deployed with, and the bounds of what they take. */
import { ZeroAddress, ZeroHash, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { governanceScene, settings } from './governance.ts';
import { type Line, deployRefusalOf, linesOf, receiptOf, refusalOf } from './outcome.ts';

const scene = governanceScene();
/** 30 days. */
const longest = 2_592_000;

describe('the constructor', () => {
  const deploy = async (change: Partial<typeof settings>): Promise<unknown> =>
    scene().chain.deploy('ConsortiumGovernor', await scene().registry.getAddress(), { ...settings, ...change });
  const outOfRange = (least: number, actual: number): Line => [
    'ConsortiumGovernorPeriodOutOfRange',
    BigInt(least),
    BigInt(longest),
    BigInt(actual),
  ];

  it.each([
    [{ votingDelaySeconds: longest + 1 }, outOfRange(0, longest + 1)],
    [{ votingPeriodSeconds: 59 }, outOfRange(60, 59)],
    [{ votingPeriodSeconds: longest + 1, emergencySeconds: longest }, outOfRange(60, longest + 1)],
    [{ emergencySeconds: longest + 1 }, outOfRange(0, longest + 1)],
    [{ emergencySeconds: 0 }, ['ConsortiumGovernorEmergencyTooShort', 1300n, 0n]],
    [{ emergencySeconds: 1299 }, ['ConsortiumGovernorEmergencyTooShort', 1300n, 1299n]],
    [{ timelockSeconds: longest + 1 }, ['ConsortiumTimelockDelayTooLong', BigInt(longest), BigInt(longest + 1)]],
  ])('refuses %o', async (change, refusal) => {
    expect(await deployRefusalOf(deploy(change))).toEqual(refusal);
  });

  it.each([
    { emergencySeconds: 1300 },
    { emergencySeconds: longest },
    { votingPeriodSeconds: 60 },
    { votingDelaySeconds: 0, timelockSeconds: 0 },
    { votingDelaySeconds: longest - 1200, emergencySeconds: longest },
    { votingPeriodSeconds: longest, votingDelaySeconds: 0, timelockSeconds: 0, emergencySeconds: longest },
  ])('takes %o', async (change) => {
    await deploy(change);
  });
});

describe('the timelock', () => {
  it('knows its governor as proposer and canceller, anyone as executor, and itself alone as administrator', async () => {
    const { timelock, governor, founder } = scene();
    const [self, ofGovernor] = [await timelock.getAddress(), await governor.getAddress()];
    const roles = [ZeroHash, id('PROPOSER_ROLE'), id('CANCELLER_ROLE'), id('EXECUTOR_ROLE')];
    const holders = await Promise.all(
      roles.map((role) =>
        Promise.all(
          [self, ofGovernor, ZeroAddress, founder.address].map(async (account) =>
            Boolean(await timelock.getFunction('hasRole')(role, account)),
          ),
        ),
      ),
    );
    expect(holders).toEqual([
      [true, false, false, false],
      [false, true, false, false],
      [false, true, false, false],
      [false, false, true, false],
    ]);
    for (const role of roles) expect(await timelock.getFunction('getRoleAdmin')(role)).toBe(ZeroHash);
    const log = linesOf(await scene().chain.provider.getLogs({ address: self, fromBlock: 0 }));
    const granted = log.filter(([name]) => name === 'RoleGranted').map(([, role, account]) => [role, account]);
    const [administrator, proposer, canceller, executor] = roles;
    expect(granted).toEqual([
      [administrator, self],
      [proposer, ofGovernor],
      [canceller, ofGovernor],
      [executor, ZeroAddress],
    ]);
  });

  it.each([0, longest])('takes a delay of %i s by vote', async (delay) => {
    const { timelock, decide, founder } = scene();
    await decide([1, 2, 3, 4], { target: timelock, method: 'updateDelay', args: [delay] });
    expect(await timelock.getFunction('getMinDelay')()).toBe(BigInt(delay));
    expect(await refusalOf(timelock, 'updateDelay', 1)).toEqual(['TimelockUnauthorizedCaller', founder.address]);
  });
});

describe('a proposal', () => {
  const outcomeWith = async (operatorIds: readonly number[]): Promise<string> => {
    const { propose, pass, voteFor, stateOf, registry } = scene();
    const { proposalId } = await propose(1, [{ target: registry, method: 'suspend', args: [2] }]);
    await pass(settings.votingDelaySeconds + 1);
    await voteFor(proposalId, operatorIds);
    await pass(settings.votingPeriodSeconds);
    return stateOf(proposalId);
  };

  it('fails with half of an even number, and passes with one more', async () => {
    const { registry, decide, governor, now, pass } = scene();
    await decide([1, 2, 3, 4], { target: registry, method: 'retire', args: [7] });
    await pass(1);
    expect(await governor.getFunction('quorum')((await now()) - 1)).toBe(4n);
    expect(await outcomeWith([1, 2, 3])).toBe('Defeated');
    expect(await outcomeWith([1, 2, 3, 4])).toBe('Succeeded');
  });

  it('passes by the voters alone where most members are suspended', async () => {
    const { registry, decide } = scene();
    const suspend = (operatorId: number) => ({ target: registry, method: 'suspend', args: [operatorId] });
    await decide([1, 2, 3, 4], suspend(4), suspend(5), suspend(6), suspend(7));
    expect(await outcomeWith([1])).toBe('Defeated');
    expect(await outcomeWith([1, 2])).toBe('Succeeded');
    expect(await outcomeWith([4, 5, 6])).toBe('Defeated');
  });

  it('can be made by a member that is suspended, and hands a stray ether to nobody', async () => {
    const { registry, decide, asController, governor, stranger } = scene();
    await decide([1, 2, 3, 4], { target: registry, method: 'suspend', args: [7] });
    const target = await registry.getAddress();
    await receiptOf(asController(7), 'propose', [target], [0n], ['0x'], 'by a member');
    const sent = stranger.sendTransaction({ to: await governor.getAddress(), value: 1n, gasLimit: 100_000 });
    expect(await deployRefusalOf(sent)).toEqual(['GovernorDisabledDeposit']);
  });
});
