/**
 * ConsortiumGovernor: every call about the proposal of operator 1 to suspend operator 6, about an emergency of operator 3
 * and by operators 1 and 2, in every state of these. Of seven operators.
 */
import { type Contract, type Wallet, ZeroHash, id, toBeHex, zeroPadValue } from 'ethers';

import { startTime } from '../chain.ts';
import { type Governance, type Member, settings } from '../governance.ts';
import { receiptOf } from '../outcome.ts';
import { type Call, type Column, type Outcome, type State, type Table, done, refused } from './table.ts';

export interface GovernorWorld {
  readonly governance: Governance;
  /** Becomes the controller of operator 1. */
  readonly fresh: Wallet;
  /** Targets, values, calls and the hash of the description. */
  readonly operations: readonly [readonly string[], readonly bigint[], readonly string[], string];
  readonly proposalId: bigint;
  /** The operation of the timelock. */
  readonly operationId: string;
  /** The vote that the emergency of operator 3 opens, and its description. */
  readonly emergencyVote: bigint;
  readonly emergencyText: string;
  /** The call that the vote is about. */
  readonly emergencyCall: string;
  readonly registryAddress: string;
  readonly governorAddress: string;
  /** Signed by the first controller of operator 1. */
  readonly ballot: string;
  readonly extendedBallot: string;
}

type World = GovernorWorld;

const text = 'a proposal';
const reason = 'a reason';
const params = '0x01';

export async function governorWorld(governance: Governance): Promise<World> {
  const { chain, registry, governor, timelock, member } = governance;
  const [registryAddress, governorAddress] = [await registry.getAddress(), await governor.getAddress()];
  const suspensionOf = (operatorId: number): string => registry.interface.encodeFunctionData('suspend', [operatorId]);
  const operations = [[registryAddress], [0n], [suspensionOf(6)], id(text)] as const;
  const emergencyText = `Confirm emergency suspension 1 of operator 3#proposer=${governorAddress.toLowerCase()}`;
  const emergencyCall = suspensionOf(3);
  const hash = async (...proposal: readonly unknown[]): Promise<bigint> =>
    BigInt(await governor.getFunction('hashProposal')(...proposal));
  const proposalId = await hash(...operations);
  const salt = toBeHex(BigInt(id(text)) ^ (BigInt(governorAddress) << 96n), 32);
  const domain = {
    name: 'Tandem consortium',
    version: '1',
    chainId: chain.chainId,
    verifyingContract: governorAddress,
  };
  const controller = member(1).controller;
  const common = { proposalId, support: 1, voter: controller.address, nonce: 0 };
  const fields = [
    { name: 'proposalId', type: 'uint256' },
    { name: 'support', type: 'uint8' },
    { name: 'voter', type: 'address' },
    { name: 'nonce', type: 'uint256' },
  ];
  const more = [
    { name: 'reason', type: 'string' },
    { name: 'params', type: 'bytes' },
  ];
  return {
    governance,
    fresh: await chain.wallet('a fresh key'),
    operations,
    proposalId,
    operationId: String(await timelock.getFunction('hashOperationBatch')(...operations.slice(0, 3), ZeroHash, salt)),
    emergencyVote: await hash([registryAddress], [0n], [emergencyCall], id(emergencyText)),
    emergencyText,
    emergencyCall,
    registryAddress,
    governorAddress,
    ballot: await controller.signTypedData(domain, { Ballot: fields }, common),
    extendedBallot: await controller.signTypedData(
      domain,
      { ExtendedBallot: [...fields, ...more] },
      { ...common, reason, params },
    ),
  };
}

/** When it is proposed, and when what follows from that happens. */
const proposed = startTime + 5000;
const snapshot = proposed + settings.votingDelaySeconds;
const end = snapshot + settings.votingPeriodSeconds;
const queued = end + 50;
const ready = queued + settings.timelockSeconds;
/** When the first supports the emergency, and the second. */
const supported = startTime + 5000;
const supportEnds = supported + settings.emergencySeconds;
const suspended = supported + 100;
const emergencyVoteEnds = suspended + settings.votingDelaySeconds + settings.votingPeriodSeconds;
/** Of the support of operators 2 and 4, where that vote went against them. */
const pauseEnds = emergencyVoteEnds + settings.votingDelaySeconds + settings.votingPeriodSeconds;

const at = async ({ governance }: World, time: number): Promise<void> => governance.chain.nextBlockAt(time);
const act = async (world: World, time: number, by: number, method: string, ...args: unknown[]): Promise<void> => {
  await at(world, time);
  await receiptOf(world.governance.asController(by), method, ...args);
};
const propose = (world: World): Promise<void> => {
  const [targets, values, calls] = world.operations;
  return act(world, proposed, 1, 'propose', targets, values, calls, text);
};
const vote = async (world: World, ...operatorIds: number[]): Promise<void> => {
  for (const operatorId of operatorIds) await act(world, snapshot + 10, operatorId, 'castVote', world.proposalId, 1);
};
const queue = (world: World): Promise<void> => act(world, queued, 1, 'queue', ...world.operations);
const execute = (world: World): Promise<void> => act(world, ready, 1, 'execute', ...world.operations);
const support = (world: World, time: number, by: number): Promise<void> => act(world, time, by, 'supportEmergency', 3);
const againstEmergency = async (world: World): Promise<void> => {
  for (const operatorId of [5, 6, 7]) {
    await act(world, emergencyVoteEnds - 10, operatorId, 'castVote', world.emergencyVote, 0);
  }
};
/** As a vote would have it, without one. */
const byConsortium = async ({ governance }: World, method: string, operatorId: number): Promise<void> => {
  const { chain, timelock, registry } = governance;
  const address = await timelock.getAddress();
  await chain.send('hardhat_impersonateAccount', address);
  await chain.send('hardhat_setBalance', address, '0x56bc75e2d63100000');
  await receiptOf(registry.connect(await chain.provider.getSigner(address)) as Contract, method, operatorId);
};
const rotate = async ({ governance, fresh }: World): Promise<void> => {
  const { as, registry, member } = governance;
  await receiptOf(as(registry, member(1).controller), 'proposeController', 1, fresh.address);
  await receiptOf(as(registry, fresh), 'acceptController', 1);
};

const inTurn =
  (...steps: readonly ((world: World) => Promise<void>)[]) =>
  async (world: World): Promise<void> => {
    for (const step of steps) await step(world);
  };
const majority = (world: World): Promise<void> => vote(world, 2, 3, 4, 5);

const states: readonly State<World>[] = [
  { name: 'nothing', time: snapshot + 20, reach: inTurn() },
  { name: 'pending', time: proposed + 20, reach: inTurn(propose) },
  { name: 'pending, last second', time: snapshot, reach: inTurn(propose) },
  { name: 'active', time: snapshot + 20, reach: inTurn(propose) },
  { name: 'active, last second', time: end, reach: inTurn(propose, majority) },
  { name: 'active, voted', time: snapshot + 20, reach: inTurn(propose, (world) => vote(world, 1)) },
  { name: 'active, voted and rotated', time: snapshot + 20, reach: inTurn(propose, (world) => vote(world, 1), rotate) },
  { name: 'defeated', time: end + 1, reach: inTurn(propose, (world) => vote(world, 2, 3, 4)) },
  { name: 'succeeded', time: end + 1, reach: inTurn(propose, majority) },
  { name: 'queued', time: ready - 1, reach: inTurn(propose, majority, queue) },
  { name: 'ready', time: ready, reach: inTurn(propose, majority, queue) },
  { name: 'executed', time: ready, reach: inTurn(propose, majority, queue, execute) },
  {
    name: 'canceled',
    time: proposed + 20,
    reach: inTurn(propose, (world) => act(world, proposed + 10, 1, 'cancel', ...world.operations)),
  },
  {
    name: 'caller suspended',
    time: snapshot + 20,
    reach: inTurn((world) => byConsortium(world, 'suspend', 1), propose),
  },
  { name: 'caller retired', time: snapshot + 20, reach: inTurn(propose, (world) => byConsortium(world, 'retire', 1)) },
  {
    name: 'caller retired before',
    time: snapshot + 20,
    reach: inTurn(
      (world) => act(world, proposed, 2, 'propose', ...world.operations.slice(0, 3), text),
      (world) => byConsortium(world, 'retire', 1),
    ),
  },
  {
    name: 'supported by the other',
    time: supportEnds,
    reach: inTurn((world) => support(world, supported, 2)),
  },
  {
    name: 'supported, lapsed',
    time: supportEnds + 1,
    reach: inTurn((world) => support(world, supported, 2)),
  },
  {
    name: 'supporter suspended',
    time: supported + 50,
    reach: inTurn(
      (world) => support(world, supported, 2),
      (world) => byConsortium(world, 'suspend', 2),
    ),
  },
  {
    name: 'emergency',
    time: emergencyVoteEnds,
    reach: inTurn(
      (world) => support(world, supported, 2),
      (world) => support(world, suspended, 4),
    ),
  },
  {
    name: 'emergency, its vote ended',
    time: emergencyVoteEnds + 1,
    reach: inTurn(
      (world) => support(world, supported, 2),
      (world) => support(world, suspended, 4),
    ),
  },
  ...[
    { name: 'emergency, rejected', time: pauseEnds },
    { name: 'emergency, rejected, later', time: pauseEnds + 1 },
  ].map((state) => ({
    ...state,
    reach: inTurn(
      (world) => support(world, supported, 2),
      (world) => support(world, suspended, 4),
      againstEmergency,
    ),
  })),
];

const names = states.map(({ name }) => name);
const timeOf = (name: string): bigint => BigInt(states.find((state) => state.name === name)?.time ?? 0);

type Given = Readonly<Record<string, (world: World) => Outcome>>;
const outcomes = (given: Given, others: (world: World) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, given[name] ?? others]));
const sameFor = (some: readonly string[], outcome: (world: World) => Outcome): Given =>
  Object.fromEntries(some.map((name) => [name, outcome]));
const always = (outcome: (world: World) => Outcome): Given => outcomes({}, outcome);
const byName = (outcome: (name: string, world: World) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, (world: World) => outcome(name, world)]));

type Who = 'first' | 'second' | 'stranger' | 'fresh';
const walletOf = ({ governance, fresh }: World, who: Who): Member['controller'] => {
  const { member, stranger } = governance;
  return { first: member(1).controller, second: member(2).controller, stranger, fresh }[who];
};
const call =
  (who: Who, method: string, args: (world: World) => readonly unknown[]) =>
  (world: World): Promise<Call> => {
    const { as, governor } = world.governance;
    return Promise.resolve({ contract: as(governor, walletOf(world, who)), method, args: args(world) });
  };
const voterOf = (operatorId: number): string => zeroPadValue(toBeHex(operatorId), 20);

const notController =
  (who: Who) =>
  (world: World): Outcome =>
    refused('ConsortiumGovernorNotController', walletOf(world, who).address);
/** States in which operator 1 has another controller than its first. */
const rotated = 'active, voted and rotated';

/** `IGovernor.ProposalState` of the proposal; nothing where it was not made. */
const proposalState: Readonly<Record<string, bigint>> = {
  pending: 0n,
  'pending, last second': 0n,
  active: 1n,
  'active, last second': 1n,
  'active, voted': 1n,
  [rotated]: 1n,
  canceled: 2n,
  defeated: 3n,
  succeeded: 4n,
  queued: 5n,
  ready: 5n,
  executed: 7n,
  'caller suspended': 1n,
  'caller retired': 1n,
  'caller retired before': 1n,
};
const bitmap = (...allowed: readonly number[]): string =>
  toBeHex(
    allowed.reduce((sum, each) => sum + 2 ** each, 0),
    32,
  );
/** The refusal of what asks for another state of the proposal. */
const inState = (name: string, { proposalId }: World, allowed: string): Outcome => {
  const state = proposalState[name];
  return state === undefined
    ? refused('GovernorNonexistentProposal', proposalId)
    : refused('GovernorUnexpectedProposalState', proposalId, state, allowed);
};
const open = names.filter((name) => proposalState[name] === 1n);

/** A vote for it by operator 1 with its first controller. */
const firstVotes = (cast: (world: World, weight: bigint) => Outcome, nobody?: Given): Given => ({
  ...byName((name, world) => (open.includes(name) ? cast(world, 1n) : inState(name, world, bitmap(1)))),
  'active, voted': () => refused('GovernorAlreadyCastVote', voterOf(1)),
  'caller suspended': (world) => cast(world, 0n),
  'caller retired before': () => refused('ConsortiumGovernorNoStanding', 1n, BigInt(snapshot)),
  'caller retired': () => refused('ConsortiumGovernorNoStanding', 1n, BigInt(snapshot)),
  [rotated]: notController('first'),
  ...nobody,
});
const voteCast =
  (why: string) =>
  ({ proposalId }: World, weight: bigint): Outcome =>
    done(['VoteCast', voterOf(1), proposalId, 1n, weight, why]);
const voteCastWithParams = ({ proposalId }: World, weight: bigint): Outcome =>
  done(['VoteCastWithParams', voterOf(1), proposalId, 1n, weight, reason, params]);

const created =
  (by: number) =>
  (name: string, { proposalId, operations }: World): Outcome => {
    const start = timeOf(name) + BigInt(settings.votingDelaySeconds);
    const [targets, values, calls] = operations;
    const until = start + BigInt(settings.votingPeriodSeconds);
    return done(['ProposalCreated', proposalId, voterOf(by), targets, values, [''], calls, start, until, text]);
  };
const proposes = (by: number): Given =>
  byName((name, world) => {
    const state = proposalState[name];
    return state === undefined
      ? created(by)(name, world)
      : refused('GovernorUnexpectedProposalState', world.proposalId, state, ZeroHash);
  });

const cannotCancel = (who: Who): Given =>
  byName((name, world) =>
    proposalState[name] === undefined
      ? refused('GovernorNonexistentProposal', world.proposalId)
      : refused('GovernorUnableToCancel', world.proposalId, walletOf(world, who).address),
  );
const callOf = ({ operations }: World): readonly [string, bigint, string] => {
  const [[target = ''], [value = 0n], [data = '']] = operations;
  return [target, value, data];
};

const supportedLine =
  (by: number) =>
  (name: string): Outcome =>
    done(['EmergencySupported', 3n, BigInt(by), timeOf(name) + BigInt(settings.emergencySeconds)]);
const suspends =
  (by: number) =>
  (name: string, world: World): Outcome => {
    const time = timeOf(name);
    const until = time + BigInt(settings.emergencySeconds);
    const start = time + BigInt(settings.votingDelaySeconds);
    const { emergencyVote, emergencyText, emergencyCall, registryAddress, governorAddress } = world;
    const [targets, calls] = [[registryAddress], [emergencyCall]];
    const ends = start + BigInt(settings.votingPeriodSeconds);
    return done(
      ['OperatorSuspendedForEmergency', 3n, until],
      ['ProposalCreated', emergencyVote, governorAddress, targets, [0n], [''], calls, start, ends, emergencyText],
      ['EmergencySuspension', 3n, 2n, BigInt(by), until, emergencyVote],
    );
  };
const voteNotEnded = ({ emergencyVote }: World): Outcome =>
  refused('ConsortiumGovernorVoteNotEnded', 3n, emergencyVote, BigInt(emergencyVoteEnds));
const notActive = (operatorId: bigint, status: bigint) => (): Outcome =>
  refused('ConsortiumGovernorNotActive', operatorId, status);
const firstInactive: Given = {
  'caller suspended': notActive(1n, 2n),
  'caller retired': notActive(1n, 3n),
  'caller retired before': notActive(1n, 3n),
  [rotated]: notController('first'),
};

const proposal = ({ operations }: World): readonly unknown[] => [...operations.slice(0, 3), text];
const columns: readonly Column<World>[] = [
  {
    name: 'propose',
    call: call('first', 'propose', proposal),
    outcomes: {
      ...proposes(1),
      'caller retired': notActive(1n, 3n),
      'caller retired before': notActive(1n, 3n),
      [rotated]: notController('first'),
    },
  },
  {
    name: 'propose: by a stranger',
    call: call('stranger', 'propose', proposal),
    outcomes: always(notController('stranger')),
  },
  {
    name: 'castVote',
    call: call('first', 'castVote', ({ proposalId }) => [proposalId, 1]),
    outcomes: firstVotes(voteCast('')),
  },
  {
    name: 'castVote: with the key after it',
    call: call('fresh', 'castVote', ({ proposalId }) => [proposalId, 1]),
    outcomes: outcomes({ [rotated]: () => refused('GovernorAlreadyCastVote', voterOf(1)) }, notController('fresh')),
  },
  {
    name: 'castVote: in no way there is',
    call: call('first', 'castVote', ({ proposalId }) => [proposalId, 3]),
    outcomes: firstVotes(() => refused('GovernorInvalidVoteType')),
  },
  {
    name: 'castVote: by a stranger',
    call: call('stranger', 'castVote', ({ proposalId }) => [proposalId, 1]),
    outcomes: always(notController('stranger')),
  },
  {
    name: 'castVoteWithReason',
    call: call('first', 'castVoteWithReason', ({ proposalId }) => [proposalId, 1, reason]),
    outcomes: firstVotes(voteCast(reason)),
  },
  {
    name: 'castVoteWithReasonAndParams',
    call: call('first', 'castVoteWithReasonAndParams', ({ proposalId }) => [proposalId, 1, reason, params]),
    outcomes: firstVotes(voteCastWithParams),
  },
  {
    name: 'castVoteBySig',
    call: call('stranger', 'castVoteBySig', (world) => [
      world.proposalId,
      1,
      walletOf(world, 'first').address,
      world.ballot,
    ]),
    outcomes: firstVotes(voteCast('')),
  },
  {
    name: 'castVoteBySig: of another vote',
    call: call('stranger', 'castVoteBySig', (world) => [
      world.proposalId,
      0,
      walletOf(world, 'first').address,
      world.ballot,
    ]),
    outcomes: always((world) => refused('GovernorInvalidSignature', walletOf(world, 'first').address)),
  },
  {
    name: 'castVoteWithReasonAndParamsBySig',
    call: call('stranger', 'castVoteWithReasonAndParamsBySig', (world) => [
      world.proposalId,
      1,
      walletOf(world, 'first').address,
      reason,
      params,
      world.extendedBallot,
    ]),
    outcomes: firstVotes(voteCastWithParams),
  },
  {
    name: 'cancel',
    call: call('first', 'cancel', ({ operations }) => operations),
    outcomes: {
      ...cannotCancel('first'),
      ...sameFor(['pending', 'pending, last second'], ({ proposalId }) => done(['ProposalCanceled', proposalId])),
    },
  },
  {
    name: 'cancel: by another operator',
    call: call('second', 'cancel', ({ operations }) => operations),
    outcomes: cannotCancel('second'),
  },
  {
    name: 'cancel: by a stranger',
    call: call('stranger', 'cancel', ({ operations }) => operations),
    outcomes: always((world) =>
      refused('GovernorUnableToCancel', world.proposalId, walletOf(world, 'stranger').address),
    ),
  },
  {
    name: 'queue',
    call: call('stranger', 'queue', ({ operations }) => operations),
    outcomes: {
      ...byName((name, world) => inState(name, world, bitmap(4))),
      succeeded: (world) => {
        const [target, value, data] = callOf(world);
        const salt = toBeHex(BigInt(id(text)) ^ (BigInt(world.governorAddress) << 96n), 32);
        const delay = BigInt(settings.timelockSeconds);
        return done(
          ['CallScheduled', world.operationId, 0n, target, value, data, ZeroHash, delay],
          ['CallSalt', world.operationId, salt],
          ['ProposalQueued', world.proposalId, timeOf('succeeded') + delay],
        );
      },
    },
  },
  {
    name: 'execute',
    call: call('stranger', 'execute', ({ operations }) => operations),
    outcomes: {
      ...byName((name, world) => inState(name, world, bitmap(5))),
      queued: ({ operationId }) => refused('TimelockUnexpectedOperationState', operationId, bitmap(2)),
      ready: (world) =>
        done(
          ['OperatorSuspended', 6n],
          ['CallExecuted', world.operationId, 0n, ...callOf(world)],
          ['ProposalExecuted', world.proposalId],
        ),
    },
  },
  {
    name: 'supportEmergency',
    call: call('first', 'supportEmergency', () => [3]),
    outcomes: {
      ...byName(supportedLine(1)),
      ...firstInactive,
      'supported by the other': (world) => suspends(1)('supported by the other', world),
      emergency: voteNotEnded,
    },
  },
  {
    name: 'supportEmergency: by the other',
    call: call('second', 'supportEmergency', () => [3]),
    outcomes: {
      ...byName(supportedLine(2)),
      'supported by the other': () => refused('ConsortiumGovernorAlreadySupported', 3n, 2n, BigInt(supportEnds)),
      'supporter suspended': notActive(2n, 2n),
      emergency: voteNotEnded,
      'emergency, rejected': () => refused('ConsortiumGovernorSupportPaused', 3n, 2n, BigInt(pauseEnds)),
    },
  },
  {
    name: 'supportEmergency: of itself',
    call: call('first', 'supportEmergency', () => [1]),
    outcomes: outcomes(firstInactive, () => refused('ConsortiumGovernorOwnEmergency', 1n)),
  },
  {
    name: 'supportEmergency: by a stranger',
    call: call('stranger', 'supportEmergency', () => [3]),
    outcomes: always(notController('stranger')),
  },
  {
    name: 'relay',
    call: call('first', 'relay', ({ registryAddress, operations }) => [registryAddress, 0, operations[2][0]]),
    outcomes: always((world) => refused('GovernorOnlyExecutor', walletOf(world, 'first').address)),
  },
  ...[
    ['onERC721Received', 1, '0x'],
    ['onERC1155Received', 1, 1, '0x'],
    ['onERC1155BatchReceived', [], [], '0x'],
  ].map(([method, ...args]): Column<World> => ({
    name: String(method),
    call: call('stranger', String(method), ({ registryAddress }) => [registryAddress, registryAddress, ...args]),
    outcomes: always(() => refused('GovernorDisabledDeposit')),
  })),
];

export const governorTable: Table<World> = { states, columns };
