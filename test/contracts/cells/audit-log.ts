/** AuditLog: every call about auditor 1, operator 2, its first request and one statement, in every state of these. */
import { type Contract, TypedDataEncoder, type Wallet, ZeroHash, id } from 'ethers';

import { types } from '../audit-log/scene.ts';
import { startTime } from '../chain.ts';
import type { Consortium } from '../consortium.ts';
import { receiptOf } from '../outcome.ts';
import { type Call, type Column, type Outcome, type State, type Table, done, refused } from './table.ts';

export interface AuditWorld {
  readonly consortium: Consortium;
  readonly log: Contract;
  readonly auditor: Wallet;
  /** Releases what the auditor keeps confidential. */
  readonly releaser: Wallet;
  readonly fresh: Wallet;
  readonly signed: {
    readonly release: Signed;
    readonly statement: Signed;
    readonly otherStatement: Signed;
    readonly discharge: Signed;
  };
}

/** What was signed, by whom it had to be, and the EIP-712 digest. */
interface Signed {
  readonly digest: string;
  readonly signatures: readonly string[];
}

type World = AuditWorld;

const before = startTime + 5000;
const due = before + 1000;
const late = due + 5000;
const [head, digest, statement, reference, other] = ['head', 'digest', 'statement', 'reference', 'other'].map(id) as [
  string,
  string,
  string,
  string,
  string,
];
const request = { auditorId: 1, operatorId: 2, digest: id('kept confidential'), madeAt: startTime, due: late };

export async function auditWorld(consortium: Consortium): Promise<World> {
  const { chain, registry, aurora, borealis, corona } = consortium;
  const log = await chain.deploy('AuditLog', await registry.getAddress());
  const [auditor, releaser] = [await chain.wallet('the auditor'), await chain.wallet('the auditor’s authority')];
  await receiptOf(log, 'admitAuditor', auditor.address, releaser.address, 'Audit Office');
  const domain = {
    name: 'Tandem audit log',
    version: '1',
    chainId: chain.chainId,
    verifyingContract: await log.getAddress(),
  };
  const sign = async (type: keyof typeof types, value: object, ...wallets: Wallet[]): Promise<Signed> => ({
    digest: TypedDataEncoder.hash(domain, { [type]: types[type] }, value),
    signatures: await Promise.all(
      wallets.map((wallet) => wallet.signTypedData(domain, { [type]: types[type] }, value)),
    ),
  });
  const between = (operatorA: number, operatorB: number): object => ({
    operatorA,
    operatorB,
    statementDigest: statement,
  });
  const discharge = { payee: 2, statementDigest: statement, referenceDigest: reference };
  return {
    consortium,
    log,
    auditor,
    releaser,
    fresh: await chain.wallet('a fresh key'),
    signed: {
      release: await sign('Request', request, auditor),
      statement: await sign('Statement', between(1, 2), aurora.signer, borealis.signer),
      otherStatement: await sign('Statement', between(2, 3), borealis.signer, corona.signer),
      discharge: await sign('Discharge', discharge, borealis.signer),
    },
  };
}

type Who = 'authority' | 'auditor' | 'releaser' | 'fresh' | 'stranger' | 'aurora' | 'borealis' | 'controller';
const walletOf = ({ consortium, auditor, releaser, fresh }: World, who: Who): Wallet => {
  const { chain, stranger, aurora, borealis } = consortium;
  const accounts = { aurora: aurora.account, borealis: borealis.account, controller: borealis.controller };
  return { authority: chain.authority, auditor, releaser, fresh, stranger, ...accounts }[who];
};
const by = (world: World, who: Who): Contract => world.log.connect(walletOf(world, who)) as Contract;

const file = (world: World): Promise<unknown> =>
  receiptOf(by(world, 'auditor'), 'requestDisclosure', 1, 2, digest, due);
const release = (world: World): Promise<unknown> =>
  receiptOf(by(world, 'releaser'), 'releaseRequest', request, ...world.signed.release.signatures);
const answer = (world: World): Promise<unknown> => receiptOf(by(world, 'borealis'), 'answer', 2, 1, head);
const anchor = (world: World): Promise<unknown> =>
  receiptOf(by(world, 'stranger'), 'anchorStatement', 1, 2, statement, ...world.signed.statement.signatures);
const discharge = (world: World): Promise<unknown> =>
  receiptOf(by(world, 'stranger'), 'discharge', 2, statement, reference, ...world.signed.discharge.signatures);

const inTurn =
  (...steps: readonly ((world: World) => Promise<unknown>)[]) =>
  async (world: World): Promise<void> => {
    for (const step of steps) await step(world);
  };

const states: readonly State<World>[] = [
  { name: 'nothing filed', time: before, reach: inTurn() },
  {
    name: 'checkpointed',
    time: before,
    reach: inTurn((world) => receiptOf(by(world, 'borealis'), 'checkpoint', 2, 5, head)),
  },
  { name: 'requested', time: before, reach: inTurn(file) },
  { name: 'requested, last second', time: due, reach: inTurn(file) },
  { name: 'overdue', time: due + 1, reach: inTurn(file) },
  { name: 'answered', time: before, reach: inTurn(file, answer) },
  { name: 'released', time: before, reach: inTurn(release) },
  {
    name: 'heads disowned',
    time: before,
    reach: inTurn(
      (world) => receiptOf(by(world, 'borealis'), 'checkpoint', 2, 5, head),
      (world) => receiptOf(by(world, 'controller'), 'disownHeads', 2, 4),
    ),
  },
  {
    name: 'auditor dismissed',
    time: before,
    reach: inTurn(file, (world) => receiptOf(world.log, 'dismissAuditor', 1)),
  },
  {
    name: 'auditor rotated',
    time: before,
    reach: inTurn(file, (world) =>
      receiptOf(by(world, 'auditor'), 'rotateAuditorAccount', 1, walletOf(world, 'fresh').address),
    ),
  },
  {
    name: 'operator suspended',
    time: before,
    reach: inTurn(file, ({ consortium }) => receiptOf(consortium.registry, 'suspend', 2)),
  },
  {
    name: 'operator retired',
    time: before,
    reach: inTurn(file, ({ consortium }) => receiptOf(consortium.registry, 'retire', 2)),
  },
  { name: 'statement anchored', time: before, reach: inTurn(anchor) },
  {
    name: 'statement anchored with another',
    time: before,
    reach: inTurn((world) =>
      receiptOf(by(world, 'stranger'), 'anchorStatement', 2, 3, statement, ...world.signed.otherStatement.signatures),
    ),
  },
  { name: 'discharged', time: before, reach: inTurn(anchor, discharge) },
  {
    name: 'handed over',
    time: before,
    reach: inTurn(
      ({ consortium, fresh }) => receiptOf(consortium.registry, 'transferOwnership', fresh.address),
      ({ consortium, fresh }) => receiptOf(consortium.registryAs(fresh), 'acceptOwnership'),
    ),
  },
];

const names = states.map(({ name }) => name);
type Given = Readonly<Record<string, (world: World) => Outcome>>;
const outcomes = (given: Given, others: (world: World) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, given[name] ?? others]));
const sameFor = (some: readonly string[], outcome: (world: World) => Outcome): Given =>
  Object.fromEntries(some.map((name) => [name, outcome]));
const always = (outcome: (world: World) => Outcome): Given => outcomes({}, outcome);
const call =
  (who: Who, method: string, args: (world: World) => readonly unknown[]) =>
  (world: World): Promise<Call> =>
    Promise.resolve({ contract: by(world, who), method, args: args(world) });

const timeOf = (name: string): bigint => BigInt(states.find((state) => state.name === name)?.time ?? 0);
/** States in which request 1 is filed already, and another is the second. */
const filed = names.filter((name) => /^(requested|overdue|answered|released|auditor|operator)/.test(name));
const filing = (line: (requestId: bigint, time: bigint) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, () => line(filed.includes(name) ? 2n : 1n, timeOf(name))]));

const noAuditor = (): Outcome => refused('AuditLogUnknownAuditor', 1n);
const notAuditor =
  (who: Who) =>
  (world: World): Outcome =>
    refused('AuditLogNotAuditor', 1n, world.auditor.address, walletOf(world, who).address);
/** The auditor's calls with its first account, where it is not the auditor's any more. */
const auditorGone: Given = {
  'auditor dismissed': noAuditor,
  'auditor rotated': ({ auditor, fresh }) => refused('AuditLogNotAuditor', 1n, fresh.address, auditor.address),
};
const strangersCall: Given = outcomes(
  {
    'auditor dismissed': noAuditor,
    'auditor rotated': (world) =>
      refused('AuditLogNotAuditor', 1n, world.fresh.address, walletOf(world, 'stranger').address),
  },
  notAuditor('stranger'),
);
const notAuthority =
  (who: Who) =>
  (world: World): Outcome =>
    refused('AuditLogNotAuthority', world.consortium.chain.authority.address, walletOf(world, who).address);
const handedOver =
  (who: Who) =>
  (world: World): Outcome =>
    refused('AuditLogNotAuthority', world.fresh.address, walletOf(world, who).address);
const byStranger: Given = outcomes({ 'handed over': handedOver('stranger') }, notAuthority('stranger'));
const byFounder = { 'handed over': handedOver('authority') };
const notAccount =
  (operatorId: bigint, who: Who) =>
  (world: World): Outcome =>
    refused('AuditLogNotOperatorAccount', operatorId, walletOf(world, who).address);
const invalidSignature =
  (operatorId: bigint, of: 'statement' | 'discharge', signature: (world: World) => string | undefined) =>
  (world: World): Outcome =>
    refused('AuditLogInvalidSignature', operatorId, world.signed[of].digest, signature(world));
const signatureOf =
  (of: keyof World['signed'], index = 0) =>
  (world: World): string =>
    world.signed[of].signatures[index] ?? '';
const anchoredWithOther = 'statement anchored with another';
const unanchored = names.filter((name) => !name.startsWith('statement') && name !== 'discharged');
const noStatement = (): Outcome => refused('AuditLogUnknownStatement', statement, 2n);

/** Of a retired operator nothing is anchored or disowned. */
const beforeRetirement = (outcome: (world: World) => Outcome, given: Given = {}): Given =>
  outcomes({ ...given, 'operator retired': () => refused('AuditLogOperatorRetired', 2n) }, outcome);

const columns: readonly Column<World>[] = [
  ...['checkpoint', 'multicall: checkpoint'].map((name): Column<World> => ({
    name,
    call: name.startsWith('multicall')
      ? call('borealis', 'multicall', ({ log }) => [[log.interface.encodeFunctionData('checkpoint', [2, 6, other])]])
      : call('borealis', 'checkpoint', () => [2, 6, other]),
    outcomes: beforeRetirement(() => done(['JournalCheckpoint', 2n, 6n, other])),
  })),
  {
    name: 'checkpoint: the fifth entry',
    call: call('borealis', 'checkpoint', () => [2, 5, other]),
    outcomes: beforeRetirement(() => done(['JournalCheckpoint', 2n, 5n, other]), {
      checkpointed: () => refused('AuditLogCheckpointNotNewer', 2n, 5n, 5n),
    }),
  },
  {
    name: 'checkpoint: 65,540 entries later',
    call: call('borealis', 'checkpoint', () => [2, 65_540, other]),
    outcomes: beforeRetirement(() => refused('AuditLogCheckpointTooFar', 2n, 0n, 65_540n), {
      checkpointed: () => done(['JournalCheckpoint', 2n, 65_540n, other]),
      'heads disowned': () => done(['JournalCheckpoint', 2n, 65_540n, other]),
    }),
  },
  {
    name: 'disownHeads',
    call: call('controller', 'disownHeads', () => [2, 0]),
    outcomes: beforeRetirement(() => refused('AuditLogNothingToDisown', 2n, 0n, 0n), {
      checkpointed: () => done(['JournalHeadsDisowned', 2n, 5n, 0n]),
      'heads disowned': () => done(['JournalHeadsDisowned', 2n, 4n, 0n]),
    }),
  },
  {
    name: 'disownHeads: by the account',
    call: call('borealis', 'disownHeads', () => [2, 0]),
    outcomes: always((world) => refused('AuditLogNotController', 2n, walletOf(world, 'borealis').address)),
  },
  {
    name: 'checkpoint: by another operator',
    call: call('aurora', 'checkpoint', () => [2, 6, other]),
    outcomes: always(notAccount(2n, 'aurora')),
  },
  {
    name: 'admitAuditor',
    call: call('authority', 'admitAuditor', ({ consortium, releaser }) => [
      consortium.stranger.address,
      releaser.address,
      'Two',
    ]),
    outcomes: outcomes(byFounder, ({ consortium, releaser }) =>
      done(['AuditorAdmitted', 2n, consortium.stranger.address, releaser.address, 'Two']),
    ),
  },
  {
    name: 'admitAuditor: with an account that is an auditor’s',
    call: call('authority', 'admitAuditor', ({ auditor }) => [auditor.address, auditor.address, 'Two']),
    outcomes: outcomes(
      {
        ...byFounder,
        ...sameFor(['auditor dismissed', 'auditor rotated'], ({ auditor }) =>
          done(['AuditorAdmitted', 2n, auditor.address, auditor.address, 'Two']),
        ),
      },
      ({ auditor }) => refused('AuditLogAccountTaken', auditor.address, 1n),
    ),
  },
  {
    name: 'admitAuditor: by a stranger',
    call: call('stranger', 'admitAuditor', ({ fresh }) => [fresh.address, fresh.address, 'Two']),
    outcomes: byStranger,
  },
  {
    name: 'dismissAuditor',
    call: call('authority', 'dismissAuditor', () => [1]),
    outcomes: outcomes({ ...byFounder, 'auditor dismissed': noAuditor }, () => done(['AuditorDismissed', 1n])),
  },
  {
    name: 'dismissAuditor: by a stranger',
    call: call('stranger', 'dismissAuditor', () => [1]),
    outcomes: byStranger,
  },
  {
    name: 'rotateAuditorAccount',
    call: call('auditor', 'rotateAuditorAccount', (world) => [1, walletOf(world, 'stranger').address]),
    outcomes: outcomes(auditorGone, (world) =>
      done(['AuditorAccountRotated', 1n, world.auditor.address, walletOf(world, 'stranger').address]),
    ),
  },
  {
    name: 'rotateAuditorAccount: by a stranger',
    call: call('stranger', 'rotateAuditorAccount', (world) => [1, walletOf(world, 'stranger').address]),
    outcomes: strangersCall,
  },
  {
    name: 'requestDisclosure',
    call: call('auditor', 'requestDisclosure', () => [1, 2, digest, late]),
    outcomes: {
      ...filing((requestId, time) =>
        done(['DisclosureRequested', requestId, 2n, 1n, digest, time, BigInt(late), false]),
      ),
      ...auditorGone,
    },
  },
  {
    name: 'requestDisclosure: due now',
    call: call('auditor', 'requestDisclosure', () => [1, 2, digest, before]),
    outcomes: {
      ...filing((_, time) => refused('AuditLogDueOutOfRange', time + 1n, BigInt(before))),
      ...auditorGone,
    },
  },
  {
    name: 'requestDisclosure: by a stranger',
    call: call('stranger', 'requestDisclosure', () => [1, 2, digest, late]),
    outcomes: strangersCall,
  },
  {
    name: 'releaseRequest',
    call: call('releaser', 'releaseRequest', (world) => [request, signatureOf('release')(world)]),
    outcomes: {
      ...filing((requestId) =>
        done([
          'DisclosureRequested',
          requestId,
          2n,
          1n,
          request.digest,
          BigInt(request.madeAt),
          BigInt(request.due),
          true,
        ]),
      ),
      released: () => refused('AuditLogAlreadyReleased', request.digest, 1n),
      'auditor dismissed': noAuditor,
      'auditor rotated': (world) =>
        refused('AuditLogInvalidAuditorSignature', 1n, world.signed.release.digest, signatureOf('release')(world)),
    },
  },
  {
    name: 'releaseRequest: by the auditor itself',
    call: call('auditor', 'releaseRequest', (world) => [request, signatureOf('release')(world)]),
    outcomes: outcomes({ 'auditor dismissed': noAuditor }, ({ releaser, auditor }) =>
      refused('AuditLogNotAuditorsAuthority', 1n, releaser.address, auditor.address),
    ),
  },
  {
    name: 'releaseRequest: with another signature',
    call: call('releaser', 'releaseRequest', (world) => [request, signatureOf('discharge')(world)]),
    outcomes: outcomes(
      {
        'auditor dismissed': noAuditor,
        released: () => refused('AuditLogAlreadyReleased', request.digest, 1n),
      },
      (world) =>
        refused('AuditLogInvalidAuditorSignature', 1n, world.signed.release.digest, signatureOf('discharge')(world)),
    ),
  },
  {
    name: 'answer',
    call: call('borealis', 'answer', () => [2, 1, other]),
    outcomes: outcomes(
      {
        ...sameFor(filed, () => done(['DisclosureAnswered', 1n, 2n, other, false])),
        overdue: () => done(['DisclosureAnswered', 1n, 2n, other, true]),
        answered: () => refused('AuditLogAlreadyAnswered', 1n, head, other),
      },
      () => refused('AuditLogUnknownRequest', 1n),
    ),
  },
  {
    name: 'answer: by an operator that was not asked',
    call: call('aurora', 'answer', () => [1, 1, other]),
    outcomes: outcomes(
      sameFor(filed, () => refused('AuditLogNotRequested', 1n, 2n, 1n)),
      () => refused('AuditLogUnknownRequest', 1n),
    ),
  },
  {
    name: 'answer: with another operator’s account',
    call: call('aurora', 'answer', () => [2, 1, other]),
    outcomes: always(notAccount(2n, 'aurora')),
  },
  {
    name: 'anchorStatement',
    call: call('stranger', 'anchorStatement', ({ signed }) => [1, 2, statement, ...signed.statement.signatures]),
    outcomes: outcomes(
      {
        ...sameFor(['statement anchored', 'discharged'], () => done()),
        [anchoredWithOther]: () => refused('AuditLogStatementTaken', statement, 2n, 3n, 1n),
      },
      () => done(['StatementAnchored', statement, 1n, 2n]),
    ),
  },
  {
    name: 'anchorStatement: operators out of order',
    call: call('stranger', 'anchorStatement', ({ signed }) => [2, 1, statement, ...signed.statement.signatures]),
    outcomes: always(() => refused('AuditLogOperatorsOutOfOrder', 2n, 1n)),
  },
  {
    name: 'anchorStatement: signed by one of them',
    call: call('stranger', 'anchorStatement', (world) => {
      const signature = signatureOf('statement')(world);
      return [1, 2, statement, signature, signature];
    }),
    outcomes: always(invalidSignature(2n, 'statement', signatureOf('statement'))),
  },
  {
    name: 'discharge',
    call: call('stranger', 'discharge', (world) => [2, statement, reference, signatureOf('discharge')(world)]),
    outcomes: outcomes(
      {
        ...sameFor(unanchored, noStatement),
        [anchoredWithOther]: () => done(['StatementDischarged', statement, 2n, 3n, reference]),
        discharged: () => done(),
      },
      () => done(['StatementDischarged', statement, 2n, 1n, reference]),
    ),
  },
  {
    name: 'discharge: with another’s signature',
    call: call('stranger', 'discharge', (world) => [2, statement, reference, signatureOf('statement', 1)(world)]),
    outcomes: outcomes(
      sameFor(unanchored, noStatement),
      invalidSignature(2n, 'discharge', signatureOf('statement', 1)),
    ),
  },
  {
    name: 'discharge: of one that has no part in it',
    call: call('stranger', 'discharge', (world) => [4, statement, ZeroHash, signatureOf('discharge')(world)]),
    outcomes: always(() => refused('AuditLogUnknownStatement', statement, 4n)),
  },
];

export const auditTable: Table<World> = { states, columns };
