/** A consortium of seven operators that its founder has handed over to, for the tests of how they decide. */
import type { Contract } from 'ethers';
import { type Wallet, id } from 'ethers';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import { type Chain, oneDay, openChain, startTime } from './chain.ts';
import { receiptOf } from './outcome.ts';

export const settings = {
  votingDelaySeconds: 100,
  votingPeriodSeconds: 1000,
  timelockSeconds: 200,
  emergencySeconds: 2000,
};

export interface Member {
  readonly id: number;
  readonly controller: Wallet;
  readonly account: Wallet;
  readonly signer: Wallet;
}

export interface Action {
  readonly target: Contract;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The arguments of `propose`, and with the description's hash those of `queue`, `execute` and `cancel`. */
export interface Proposal {
  readonly proposalId: bigint;
  readonly description: string;
  readonly operations: readonly [readonly string[], readonly bigint[], readonly string[], string];
}

export interface Governance {
  readonly chain: Chain;
  readonly founder: Wallet;
  readonly registry: Contract;
  readonly settlement: Contract;
  readonly auditLog: Contract;
  readonly governor: Contract;
  readonly timelock: Contract;
  /** Operator n is `members[n − 1]`. */
  readonly members: readonly Member[];
  readonly stranger: Wallet;
  as(contract: Contract, wallet: Wallet): Contract;
  member(operatorId: number): Member;
  /** The governor, called by that operator's controller. */
  asController(operatorId: number): Contract;
  /** Unix seconds of the newest block. */
  now(): Promise<number>;
  /** A block so many seconds later than the newest one. */
  pass(seconds: number): Promise<void>;
  propose(by: number, actions: readonly Action[], description?: string): Promise<Proposal>;
  /** Votes for it by those operators; the vote must be open. */
  voteFor(proposalId: bigint, operatorIds: readonly number[]): Promise<void>;
  stateOf(proposalId: bigint): Promise<State>;
  /** Proposal, votes of those operators, queue, execution. */
  decide(operatorIds: readonly number[], ...actions: readonly Action[]): Promise<bigint>;
}

/** `IGovernor.ProposalState`. */
const states = ['Pending', 'Active', 'Canceled', 'Defeated', 'Succeeded', 'Queued', 'Expired', 'Executed'] as const;
export type State = (typeof states)[number];

const handles = ['aurora', 'borealis', 'corona', 'delta', 'eos', 'fauna', 'gaia'];

/** All contracts, with their members admitted and handed over to them. */
async function deployConsortium(chain: Chain, founders: readonly string[]) {
  const founder = chain.authority;
  const registry = await chain.deploy('OperatorRegistry', founder.address, oneDay, { mode: 0, depth: 0 });
  const registryAddress = await registry.getAddress();
  const settlement = await chain.deploy('PairSettlement', registryAddress);
  const auditLog = await chain.deploy('AuditLog', registryAddress);
  const governor = await chain.deploy('ConsortiumGovernor', registryAddress, settings);
  const timelock = await chain.contractAt('ConsortiumTimelock', String(await governor.getFunction('timelock')()));
  const members: Member[] = [];
  for (const handle of founders) {
    const controller = await chain.wallet(`${handle}'s controller`);
    const account = await chain.wallet(`${handle}'s account`);
    const signer = await chain.wallet(`${handle}'s signer`);
    const keys = [controller.address, account.address, signer.address, id(`pin of ${handle}`)];
    await receiptOf(registry, 'admit', handle, ...keys, `https://${handle}.example`);
    members.push({ id: members.length + 1, controller, account, signer });
  }
  await receiptOf(registry, 'setGuardian', await governor.getAddress());
  await receiptOf(registry, 'transferOwnership', await timelock.getAddress());
  await receiptOf(timelock, 'acceptOwnershipOf', registryAddress);
  const stranger = await chain.wallet('a stranger');
  return { founder, registry, settlement, auditLog, governor, timelock, members, stranger };
}

export async function openGovernance(chain: Chain, options: { readonly operators?: number } = {}): Promise<Governance> {
  const deployed = await deployConsortium(chain, handles.slice(0, options.operators ?? handles.length));
  const { governor, members } = deployed;
  let proposals = 0;

  const member = (operatorId: number): Member => {
    const found = members[operatorId - 1];
    if (found === undefined) throw new Error(`no operator ${operatorId}`);
    return found;
  };
  const as = (contract: Contract, wallet: Wallet): Contract => contract.connect(wallet) as Contract;
  const asController = (operatorId: number): Contract => as(governor, member(operatorId).controller);
  const now = async (): Promise<number> => (await chain.provider.getBlock('latest'))?.timestamp ?? 0;
  const pass = async (seconds: number): Promise<void> => chain.mineAt((await now()) + seconds);
  const stateOf = async (proposalId: bigint): Promise<State> => {
    const state = states[Number(await governor.getFunction('state')(proposalId))];
    if (state === undefined) throw new Error('a state that the governor does not have');
    return state;
  };
  const propose = async (by: number, actions: readonly Action[], description?: string): Promise<Proposal> => {
    const text = description ?? `proposal ${String(++proposals)}`;
    const targets = await Promise.all(actions.map(({ target }) => target.getAddress()));
    const calls = actions.map(({ target, method, args }) => target.interface.encodeFunctionData(method, [...args]));
    const values = actions.map(() => 0n);
    const operations = [targets, values, calls, id(text)] as const;
    await receiptOf(asController(by), 'propose', targets, values, calls, text);
    const proposalId = BigInt(await governor.getFunction('hashProposal')(...operations));
    return { proposalId, description: text, operations };
  };
  const voteFor = async (proposalId: bigint, operatorIds: readonly number[]): Promise<void> => {
    for (const operatorId of operatorIds) await receiptOf(asController(operatorId), 'castVote', proposalId, 1);
  };
  return {
    chain,
    ...deployed,
    as,
    member,
    asController,
    now,
    pass,
    propose,
    voteFor,
    stateOf,
    async decide(operatorIds, ...actions) {
      const { proposalId, operations } = await propose(operatorIds[0] ?? 1, actions);
      await pass(settings.votingDelaySeconds + 1);
      await voteFor(proposalId, operatorIds);
      await pass(settings.votingPeriodSeconds);
      await receiptOf(governor, 'queue', ...operations);
      await pass(settings.timelockSeconds);
      await receiptOf(governor, 'execute', ...operations);
      return proposalId;
    },
  };
}

/** To be called where tests are declared; what it returns answers from within the tests, each from the same start. */
export function governanceScene(options: { readonly operators?: number } = {}): () => Governance {
  let opened: Governance | undefined;
  let undo: () => Promise<void>;
  beforeAll(async () => {
    opened = await openGovernance(await openChain({ startsAt: startTime }), options);
  });
  afterAll(() => opened?.chain.close());
  beforeEach(async () => {
    undo = await current().chain.snapshot();
  });
  afterEach(() => undo());
  const current = (): Governance => {
    if (opened === undefined) throw new Error('the consortium is used before its tests run');
    return opened;
  };
  return current;
}
