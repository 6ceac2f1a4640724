/** PairSettlement: every call of a batch of two pairs, aurora → borealis, in every state that it can be in. */
import { type Contract, id } from 'ethers';

import { startTime } from '../chain.ts';
import { type Consortium, type Signed, allOf, deadline, decision } from '../consortium.ts';
import { type Line, receiptOf } from '../outcome.ts';
import { type Call, type Column, type Outcome, type State, type Table, done, refused } from './table.ts';

export interface SettlementWorld {
  readonly consortium: Consortium;
  readonly signed: Signed;
  /** Arguments of `resolve`. */
  readonly resolution: readonly [string, string, string, string];
}

export async function settlementWorld(consortium: Consortium): Promise<SettlementWorld> {
  const { registry, stranger, chain } = consortium;
  // Four operators are the fewest of which one can be under an emergency suspension.
  const { address } = await chain.wallet('delta');
  const keys = [address, address, address, id('pin of delta'), 'https://delta.example'];
  await receiptOf(registry, 'admit', 'delta', ...keys);
  await receiptOf(registry, 'setGuardian', stranger.address);
  const signed = await consortium.sign({ count: 2 });
  return { consortium, signed, resolution: await consortium.resolution(signed, cleared) };
}

const [same, other, cleared] = [id('executed'), id('something else'), id('cleared up')];
const before = startTime + 5000;
const after = deadline + 10;

type World = SettlementWorld;
const as = ({ consortium }: World, who: 'aurora' | 'borealis'): Contract => consortium.as(consortium[who].account);
const prepare = async ({ consortium, signed }: World): Promise<unknown> =>
  receiptOf(consortium.as(consortium.stranger), 'prepare', ...signed.args);
const decide = async (world: World, commitMask: bigint, abortMask = 0n): Promise<unknown> =>
  receiptOf(as(world, 'borealis'), 'decide', [decision(world.signed, commitMask, abortMask)]);
const attest = async (world: World, who: 'aurora' | 'borealis', executedDigest: string): Promise<unknown> => {
  const { batchId } = world.signed;
  return receiptOf(as(world, who), 'attest', world.consortium[who].id, [{ batchId, executedDigest }]);
};
const byAuthority = async ({ consortium }: World, method: string, ...args: unknown[]): Promise<unknown> =>
  receiptOf(consortium.registry, method, ...args);
const suspendForEmergency = async ({ consortium }: World, operatorId: number): Promise<unknown> =>
  receiptOf(consortium.registryAs(consortium.stranger), 'suspendForEmergency', operatorId, before + 10);

const inTurn =
  (...steps: readonly ((world: World) => Promise<unknown>)[]) =>
  async (world: World): Promise<void> => {
    for (const step of steps) await step(world);
  };
const past = async ({ consortium }: World): Promise<unknown> => consortium.chain.mineAt(deadline + 1);
const allCommitted = inTurn(prepare, (world) => decide(world, 0b11n));

const states: readonly State<World>[] = [
  { name: 'unknown', time: before, reach: inTurn() },
  { name: 'unknown, deadline past', time: after, reach: inTurn() },
  { name: 'unknown, acceptor suspended', time: before, reach: (world) => byAuthority(world, 'suspend', 2).then() },
  { name: 'unknown, initiator retired', time: before, reach: (world) => byAuthority(world, 'retire', 1).then() },
  { name: 'unknown, acceptor in emergency', time: before, reach: (world) => suspendForEmergency(world, 2).then() },
  { name: 'unknown, emergency lapsed', time: before + 11, reach: (world) => suspendForEmergency(world, 2).then() },
  { name: 'prepared', time: before, reach: inTurn(prepare) },
  { name: 'prepared, last second', time: deadline, reach: inTurn(prepare) },
  {
    name: 'prepared, both suspended',
    time: before,
    reach: inTurn(
      prepare,
      (world) => byAuthority(world, 'suspend', 1),
      (world) => byAuthority(world, 'retire', 2),
    ),
  },
  { name: 'first committed', time: before, reach: inTurn(prepare, (world) => decide(world, 0b01n)) },
  { name: 'first aborted', time: before, reach: inTurn(prepare, (world) => decide(world, 0n, 0b01n)) },
  { name: 'all committed', time: before, reach: allCommitted },
  { name: 'all aborted', time: before, reach: inTurn(prepare, (world) => decide(world, 0n, 0b11n)) },
  { name: 'one of each', time: before, reach: inTurn(prepare, (world) => decide(world, 0b10n, 0b01n)) },
  { name: 'past, undecided', time: after, reach: inTurn(prepare, past) },
  { name: 'past, first committed', time: after, reach: inTurn(prepare, (world) => decide(world, 0b01n), past) },
  {
    name: 'attested by the initiator',
    time: before,
    reach: inTurn(allCommitted, (world) => attest(world, 'aurora', same)),
  },
  {
    name: 'attested by the acceptor',
    time: before,
    reach: inTurn(allCommitted, (world) => attest(world, 'borealis', same)),
  },
  {
    name: 'reconciled',
    time: before,
    reach: inTurn(
      allCommitted,
      (world) => attest(world, 'borealis', same),
      (world) => attest(world, 'aurora', same),
    ),
  },
  {
    name: 'discrepancy',
    time: before,
    reach: inTurn(
      allCommitted,
      (world) => attest(world, 'aurora', same),
      (world) => attest(world, 'borealis', other),
    ),
  },
  {
    name: 'resolved',
    time: before,
    reach: inTurn(
      allCommitted,
      (world) => attest(world, 'aurora', other),
      (world) => attest(world, 'borealis', same),
      ({ consortium, resolution }) => receiptOf(consortium.as(consortium.stranger), 'resolve', ...resolution),
    ),
  },
];

const names = states.map(({ name }) => name);
type Given = Readonly<Record<string, (world: World) => Outcome>>;
/** The outcomes of some states by name, and of all others by one rule. */
const outcomes = (given: Given, others: (world: World) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, given[name] ?? others]));
const sameFor = (some: readonly string[], outcome: (world: World) => Outcome): Given =>
  Object.fromEntries(some.map((name) => [name, outcome]));

const unknown = names.filter((name) => name.startsWith('unknown'));
const decided = ['all committed', ...names.slice(names.indexOf('attested by the initiator'))];
const nothing = (): Outcome => done();

const preparedLine = ({ signed: { batchId, batch } }: World): Line => [
  'BatchPrepared',
  batchId,
  BigInt(batch.initiator),
  BigInt(batch.acceptor),
  BigInt(batch.sequence),
  BigInt(batch.deadline),
  BigInt(batch.count),
  batch.root,
];
const decidedLine = ({ signed }: World, commits: bigint, aborts: bigint): Line => [
  'PairsDecided',
  signed.batchId,
  0n,
  commits,
  aborts,
];
const tooLate = ({ signed }: World): Outcome => done(['DecisionTooLate', signed.batchId, 0n]);
const notActive = (operatorId: bigint, status: bigint) => (): Outcome =>
  refused('PairSettlementOperatorNotActive', operatorId, status);
const cannotStart: Given = {
  'unknown, acceptor suspended': notActive(2n, 2n),
  'unknown, initiator retired': notActive(1n, 3n),
  'unknown, acceptor in emergency': notActive(2n, 2n),
};
const unknownBatch = ({ signed }: World): Outcome => refused('PairSettlementUnknownBatch', 0n, signed.batchId);
const otherWay =
  (committed: bigint, aborted: bigint) =>
  ({ signed }: World): Outcome =>
    refused('PairSettlementAlreadyDecided', 0n, signed.batchId, 0n, committed, aborted);

const call =
  (who: 'aurora' | 'borealis' | 'stranger', method: string, args: (world: World) => readonly unknown[]) =>
  (world: World): Promise<Call> => {
    const { consortium } = world;
    const contract = who === 'stranger' ? consortium.as(consortium.stranger) : as(world, who);
    return Promise.resolve({ contract, method, args: args(world) });
  };
const decideFirst = (commitMask: bigint, abortMask: bigint) =>
  call('borealis', 'decide', ({ signed }) => [[decision(signed, commitMask, abortMask)]]);

const attestOutcomes = (who: 'aurora' | 'borealis'): Given => {
  const operatorId = who === 'aurora' ? 1n : 2n;
  const own = who === 'aurora' ? 'attested by the initiator' : 'attested by the acceptor';
  const others = who === 'aurora' ? 'attested by the acceptor' : 'attested by the initiator';
  const attested = ({ signed }: World): Line => ['BatchAttested', signed.batchId, operatorId, same];
  const already =
    (digest: string) =>
    ({ signed }: World): Outcome =>
      refused('PairSettlementAlreadyAttested', 0n, signed.batchId, operatorId, digest, same);
  const open =
    (time: number) =>
    ({ signed }: World): Outcome =>
      refused('PairSettlementStillOpen', 0n, signed.batchId, BigInt(deadline), BigInt(time));
  return outcomes(
    {
      ...sameFor(unknown, unknownBatch),
      ...sameFor(['prepared', 'prepared, both suspended', 'first committed', 'first aborted'], open(before)),
      'prepared, last second': open(deadline),
      [own]: already(same),
      [others]: (world) => done(attested(world), ['BatchReconciled', world.signed.batchId]),
      reconciled: already(same),
      discrepancy: already(who === 'aurora' ? same : other),
      resolved: already(who === 'aurora' ? other : same),
    },
    (world) => done(attested(world)),
  );
};

const columns: readonly Column<World>[] = [
  {
    name: 'prepare',
    call: call('stranger', 'prepare', ({ signed }) => signed.args),
    outcomes: outcomes(
      {
        ...sameFor(unknown, (world) => done(preparedLine(world))),
        ...cannotStart,
      },
      nothing,
    ),
  },
  {
    name: 'multicall: prepare',
    call: call('stranger', 'multicall', ({ consortium, signed }) => [
      [consortium.settlement.interface.encodeFunctionData('prepare', [...signed.args])],
    ]),
    outcomes: outcomes(
      {
        ...sameFor(unknown, (world) => done(preparedLine(world))),
        ...cannotStart,
      },
      nothing,
    ),
  },
  {
    name: 'decide: commit the first',
    call: decideFirst(0b01n, 0n),
    outcomes: outcomes(
      {
        ...sameFor(unknown, unknownBatch),
        ...sameFor(['first committed', ...decided], nothing),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
        'first aborted': otherWay(0n, 0b01n),
        'all aborted': otherWay(0n, 0b01n),
        'one of each': otherWay(0n, 0b01n),
      },
      (world) => done(decidedLine(world, 0b01n, 0n)),
    ),
  },
  {
    name: 'decide: abort the first',
    call: decideFirst(0n, 0b01n),
    outcomes: outcomes(
      {
        ...sameFor(unknown, unknownBatch),
        ...sameFor(['first aborted', 'all aborted', 'one of each'], nothing),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
        ...sameFor(['first committed', ...decided], otherWay(0b01n, 0n)),
      },
      (world) => done(decidedLine(world, 0n, 0b01n)),
    ),
  },
  {
    name: 'decide: commit all',
    call: decideFirst(0b11n, 0n),
    outcomes: outcomes(
      {
        ...sameFor(unknown, unknownBatch),
        ...sameFor(decided, nothing),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
        'first committed': (world) => done(decidedLine(world, 0b10n, 0n)),
        'first aborted': otherWay(0n, 0b01n),
        'all aborted': otherWay(0n, 0b11n),
        'one of each': otherWay(0n, 0b01n),
      },
      (world) => done(decidedLine(world, 0b11n, 0n)),
    ),
  },
  {
    name: 'decide: not by the acceptor',
    call: call('aurora', 'decide', ({ signed }) => [[decision(signed, 0b01n)]]),
    outcomes: outcomes(sameFor(unknown, unknownBatch), ({ consortium, signed }) =>
      refused('PairSettlementNotAcceptorAccount', 0n, signed.batchId, 2n, consortium.aurora.account.address),
    ),
  },
  {
    name: 'decide: both ways',
    call: decideFirst(0b11n, 0b10n),
    outcomes: outcomes(
      {
        ...sameFor(unknown, unknownBatch),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
      },
      ({ signed }) => refused('PairSettlementContradiction', 0n, signed.batchId, 0n, 0b10n),
    ),
  },
  {
    name: 'decide: past count',
    call: decideFirst(0b100n, 0b1001n),
    outcomes: outcomes(
      {
        ...sameFor(unknown, unknownBatch),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
      },
      ({ signed }) => refused('PairSettlementBeyondCount', 0n, signed.batchId, 0n, 2n, 0b1100n),
    ),
  },
  {
    name: 'settle',
    call: call('borealis', 'settle', ({ signed }) => [...signed.args, [decision(signed, allOf(2))]]),
    outcomes: outcomes(
      {
        ...sameFor(unknown, (world) => done(preparedLine(world), decidedLine(world, 0b11n, 0n))),
        ...cannotStart,
        'unknown, deadline past': (world) => done(preparedLine(world), ['DecisionTooLate', world.signed.batchId, 0n]),
        ...sameFor(decided, nothing),
        ...sameFor(['past, undecided', 'past, first committed'], tooLate),
        'first committed': (world) => done(decidedLine(world, 0b10n, 0n)),
        'first aborted': otherWay(0n, 0b01n),
        'all aborted': otherWay(0n, 0b11n),
        'one of each': otherWay(0n, 0b01n),
      },
      (world) => done(decidedLine(world, 0b11n, 0n)),
    ),
  },
  {
    name: 'settle: not by the acceptor',
    call: call('aurora', 'settle', ({ signed }) => [...signed.args, []]),
    outcomes: outcomes({}, ({ consortium }) =>
      refused('PairSettlementNotOperatorAccount', 2n, consortium.aurora.account.address),
    ),
  },
  {
    name: 'attest: by the initiator',
    call: call('aurora', 'attest', ({ signed: { batchId } }) => [1, [{ batchId, executedDigest: same }]]),
    outcomes: attestOutcomes('aurora'),
  },
  {
    name: 'attest: by the acceptor',
    call: call('borealis', 'attest', ({ signed: { batchId } }) => [2, [{ batchId, executedDigest: same }]]),
    outcomes: attestOutcomes('borealis'),
  },
  {
    name: 'attest: with another account',
    call: call('aurora', 'attest', ({ signed: { batchId } }) => [2, [{ batchId, executedDigest: same }]]),
    outcomes: outcomes({}, ({ consortium }) =>
      refused('PairSettlementNotOperatorAccount', 2n, consortium.aurora.account.address),
    ),
  },
  {
    name: 'resolve',
    call: call('stranger', 'resolve', ({ resolution }) => resolution),
    outcomes: outcomes(
      {
        ...sameFor(['attested by the initiator'], ({ signed }) =>
          refused('PairSettlementNoDiscrepancy', signed.batchId, 1n),
        ),
        ...sameFor(['attested by the acceptor'], ({ signed }) =>
          refused('PairSettlementNoDiscrepancy', signed.batchId, 2n),
        ),
        reconciled: ({ signed }) => refused('PairSettlementNoDiscrepancy', signed.batchId, 3n),
        resolved: ({ signed }) => refused('PairSettlementNoDiscrepancy', signed.batchId, 5n),
        discrepancy: ({ signed }) => done(['BatchResolved', signed.batchId, cleared]),
      },
      ({ signed }) => refused('PairSettlementNoDiscrepancy', signed.batchId, 0n),
    ),
  },
];

export const settlementTable: Table<World> = { states, columns };
