/** OperatorRegistry: every call about operator 2, in every state that it can be in, with six others beside it. */
import { type Contract, type Wallet, ZeroAddress, getAddress, id } from 'ethers';

import { startTime } from '../chain.ts';
import type { Consortium } from '../consortium.ts';
import { receiptOf } from '../outcome.ts';
import { type Call, type Column, type Outcome, type State, type Table, done, refused } from './table.ts';

export interface RegistryWorld {
  readonly consortium: Consortium;
  readonly guardian: Wallet;
  readonly fresh: Wallet;
}

type World = RegistryWorld;

export async function registryWorld(consortium: Consortium): Promise<World> {
  const { chain, registry } = consortium;
  for (const handle of ['delta', 'eos', 'fauna', 'gaia']) {
    const { address } = await chain.wallet(handle);
    await receiptOf(registry, 'admit', handle, address, address, address, id(handle), `https://${handle}.example`);
  }
  const guardian = await chain.wallet('the guardian');
  await receiptOf(registry, 'setGuardian', guardian.address);
  return { consortium, guardian, fresh: await chain.wallet('a fresh key') };
}

const time = startTime + 5000;
const until = time + 100;
/** The operator of every state but one; the other was never admitted. */
const second = 2;
const nobody = 9;
const [active, suspended, retired] = [1n, 2n, 3n];

const byAuthority = async ({ consortium }: World, method: string, ...args: unknown[]): Promise<unknown> =>
  receiptOf(consortium.registry, method, ...args);
const byGuardian = async ({ consortium, guardian }: World, end: number): Promise<unknown> =>
  receiptOf(consortium.registryAs(guardian), 'suspendForEmergency', second, end);
const byController = async ({ consortium }: World, method: string, ...args: unknown[]): Promise<unknown> =>
  receiptOf(consortium.registryAs(consortium.borealis.controller), method, ...args);

const inTurn =
  (...steps: readonly ((world: World) => Promise<unknown>)[]) =>
  async (world: World): Promise<void> => {
    for (const step of steps) await step(world);
  };

const states: State<World>[] = [
  { name: 'active', time, reach: inTurn() },
  { name: 'emergency', time: until, reach: inTurn((world) => byGuardian(world, until)) },
  { name: 'emergency lapsed', time: until + 1, reach: inTurn((world) => byGuardian(world, until)) },
  { name: 'suspended', time, reach: inTurn((world) => byAuthority(world, 'suspend', second)) },
  {
    name: 'suspended in an emergency',
    time,
    reach: inTurn(
      (world) => byGuardian(world, until),
      (world) => byAuthority(world, 'suspend', second),
    ),
  },
  { name: 'retired', time, reach: inTurn((world) => byAuthority(world, 'retire', second)) },
  {
    name: 'retired, alone',
    time,
    reach: inTurn(async (world) => {
      for (const operatorId of [2, 3, 4, 5, 6, 7]) await byAuthority(world, 'retire', operatorId);
    }),
  },
  {
    name: 'the last one',
    time,
    reach: inTurn(async (world) => {
      for (const operatorId of [1, 3, 4, 5, 6, 7]) await byAuthority(world, 'retire', operatorId);
    }),
  },
  {
    name: 'rotating',
    time,
    reach: inTurn(
      ({ fresh, consortium }) =>
        receiptOf(
          consortium.registryAs(consortium.borealis.controller),
          'rotateAccount',
          second,
          fresh.address,
          time + 1000,
        ),
      ({ fresh, consortium }) =>
        receiptOf(
          consortium.registryAs(consortium.borealis.controller),
          'rotateSigner',
          second,
          fresh.address,
          time + 1000,
        ),
      (world) => byController(world, 'rotatePin', second, id('fresh'), time + 1000),
      (world) => byController(world, 'proposeController', second, world.fresh.address),
    ),
  },
];
const rotating = states.find(({ name }) => name === 'rotating');
states.push({
  name: 'retired while rotating',
  time,
  reach: inTurn(
    async (world) => rotating?.reach(world),
    (world) => byAuthority(world, 'retire', second),
  ),
});
const names = states.map(({ name }) => name);

type Given = Readonly<Record<string, (world: World) => Outcome>>;
const outcomes = (given: Given, others: (world: World) => Outcome): Given =>
  Object.fromEntries(names.map((name) => [name, given[name] ?? others]));
const sameFor = (some: readonly string[], outcome: (world: World) => Outcome): Given =>
  Object.fromEntries(some.map((name) => [name, outcome]));
const always = (outcome: (world: World) => Outcome): Given => outcomes({}, outcome);

const gone = ['retired', 'retired, alone', 'retired while rotating'];
const withOverlaps = ['rotating', 'retired while rotating'];
const confirmed = ['suspended', 'suspended in an emergency'];
const unexpected = (expected: bigint, actual: bigint) => (): Outcome =>
  refused('OperatorRegistryUnexpectedStatus', BigInt(second), expected, actual);
const event =
  (name: string, ...args: readonly unknown[]) =>
  (): Outcome =>
    done([name, BigInt(second), ...args]);

type Who = 'authority' | 'guardian' | 'controller' | 'fresh' | 'stranger';
const contractBy = ({ consortium, guardian, fresh }: World, who: Who): Contract => {
  const { registry, registryAs, borealis, stranger } = consortium;
  if (who === 'authority') return registry;
  const wallets = { guardian, controller: borealis.controller, fresh, stranger };
  return registryAs(wallets[who]);
};
const call =
  (who: Who, method: string, args: (world: World) => readonly unknown[]) =>
  (world: World): Promise<Call> =>
    Promise.resolve({ contract: contractBy(world, who), method, args: args(world) });
const notOwner = ({ consortium }: World): Outcome => refused('OwnableUnauthorizedAccount', consortium.stranger.address);
const notController = ({ consortium }: World): Outcome =>
  refused(
    'OperatorRegistryNotController',
    BigInt(second),
    consortium.borealis.controller.address,
    consortium.stranger.address,
  );

const admission = ({ fresh }: World): readonly unknown[] => [
  'hera',
  fresh.address,
  fresh.address,
  fresh.address,
  id('hera'),
  'https://hera.example',
];
const finality = { mode: 0, depth: 3 };

/** Calls by the authority, each also by a stranger. */
const governedCalls: readonly (readonly [string, (world: World) => readonly unknown[], Given])[] = [
  [
    'admit',
    admission,
    always((world) =>
      done([
        'OperatorAdmitted',
        8n,
        'hera',
        world.fresh.address,
        world.fresh.address,
        world.fresh.address.toLowerCase(),
        id('hera'),
        'https://hera.example',
      ]),
    ),
  ],
  [
    'suspend',
    () => [second],
    outcomes(
      { ...sameFor(confirmed, unexpected(active, suspended)), ...sameFor(gone, unexpected(active, retired)) },
      event('OperatorSuspended'),
    ),
  ],
  [
    'reinstate',
    () => [second],
    outcomes(
      {
        ...sameFor([...confirmed, 'emergency'], event('OperatorReinstated')),
        ...sameFor(gone, unexpected(suspended, retired)),
      },
      unexpected(suspended, active),
    ),
  ],
  [
    'retire',
    () => [second],
    outcomes(
      {
        ...sameFor(gone, unexpected(active, retired)),
        'the last one': () => refused('OperatorRegistryLastOperator', BigInt(second)),
      },
      event('OperatorRetired'),
    ),
  ],
  [
    'replaceController',
    ({ fresh }) => [second, fresh.address],
    always(({ consortium, fresh }) =>
      done(['OperatorControllerRotated', BigInt(second), consortium.borealis.controller.address, fresh.address]),
    ),
  ],
  ['setMaxWindow', () => [7200], always(() => done(['MaxWindowChanged', 86_400n, 7200n]))],
  ['setFinality', () => [finality], always(() => done(['FinalityChanged', 0n, 3n]))],
  [
    'setGuardian',
    ({ fresh }) => [fresh.address],
    always(({ guardian, fresh }) => done(['GuardianChanged', guardian.address, fresh.address])),
  ],
  [
    'transferOwnership',
    ({ fresh }) => [fresh.address],
    always(({ consortium, fresh }) =>
      done(['OwnershipTransferStarted', consortium.chain.authority.address, fresh.address]),
    ),
  ],
];
const governed: readonly Column<World>[] = governedCalls.flatMap(([method, args, given]) => [
  { name: method, call: call('authority', method, args), outcomes: given },
  { name: `${method}: by a stranger`, call: call('stranger', method, args), outcomes: always(notOwner) },
]);

/** The keys of operator 2 before the call: others while it is rotating. */
const keysOf = ({ consortium: { borealis }, fresh }: World, rotating: boolean): Readonly<Record<string, string>> =>
  rotating
    ? { account: fresh.address, signer: fresh.address.toLowerCase(), pin: id('fresh') }
    : { account: borealis.account.address, signer: borealis.signer.address.toLowerCase(), pin: borealis.pin };

const rotation = (event_: string, key: string, value: (world: World) => string, ends = 0n): Given => {
  const rotated =
    (rotating: boolean) =>
    (world: World): Outcome =>
      done([event_, BigInt(second), keysOf(world, rotating)[key], value(world), ends]);
  return outcomes(sameFor(withOverlaps, rotated(true)), rotated(false));
};
const other = getAddress(`0x${'ab'.repeat(20)}`);
/** What the controller does no more once its operator is retired. */
const inOffice = (outcome: (world: World) => Outcome): Given =>
  outcomes(
    sameFor(gone, () => refused('OperatorRegistryRetired', BigInt(second))),
    outcome,
  );
/** Until when both keys count, and until when that can be at most. */
const overlap = until + 1000;

/** Calls by the controller, each also by a stranger. */
const controlled: readonly Column<World>[] = [
  {
    name: 'proposeController',
    args: ({ fresh }: World) => [second, fresh.address],
    given: inOffice(({ fresh }) => done(['OperatorControllerProposed', BigInt(second), fresh.address])),
  },
  {
    name: 'rotateAccount',
    args: () => [second, other, 0],
    given: rotation('OperatorAccountRotated', 'account', () => other),
  },
  {
    name: 'rotateSigner',
    args: () => [second, other, 0],
    given: rotation('OperatorSignerRotated', 'signer', () => other.toLowerCase()),
  },
  {
    name: 'rotatePin',
    args: () => [second, id('other'), 0],
    given: rotation('OperatorPinRotated', 'pin', () => id('other')),
  },
  {
    name: 'setNextPin',
    args: () => [second, id('next')],
    given: inOffice(() => done(['OperatorNextPinSet', BigInt(second), id('next')])),
  },
  {
    name: 'setEndpoint',
    args: () => [second, 'https://moved.example'],
    given: inOffice(() => done(['OperatorEndpointChanged', BigInt(second), 'https://moved.example'])),
  },
  ...(
    [
      ['rotateAccount', 'OperatorAccountRotated', 'account', other, other],
      ['rotateSigner', 'OperatorSignerRotated', 'signer', other, other.toLowerCase()],
      ['rotatePin', 'OperatorPinRotated', 'pin', id('other'), id('other')],
    ] as const
  ).map(([method, event_, key, value, shown]) => ({
    name: `${method}: with an overlap`,
    args: () => [second, value, overlap],
    given: {
      ...rotation(event_, key, () => shown, BigInt(overlap)),
      ...sameFor(gone, () => refused('OperatorRegistryRetired', BigInt(second))),
    },
  })),
  ...[0, 1, 2].map((kind) => ({
    name: `endOverlap: ${['account', 'signer', 'pin'][kind] ?? ''}`,
    args: () => [second, kind],
    given: outcomes(
      sameFor(withOverlaps, () => done(['OperatorOverlapEnded', BigInt(second), BigInt(kind)])),
      () => refused('OperatorRegistryNoOverlap', BigInt(second), BigInt(kind)),
    ),
  })),
].flatMap(({ name, args, given }) => {
  const method = name.split(':')[0] ?? '';
  return [
    { name, call: call('controller', method, args), outcomes: given },
    {
      name: name.includes(':') ? `${name}, by a stranger` : `${name}: by a stranger`,
      call: call('stranger', method, args),
      outcomes: always(notController),
    },
  ];
});

const emergencyArgs = (): readonly unknown[] => [second, until + 50];
const columns: readonly Column<World>[] = [
  ...governed,
  ...controlled,
  {
    name: 'acceptController',
    call: call('fresh', 'acceptController', () => [second]),
    outcomes: outcomes(
      {
        rotating: ({ consortium, fresh }) =>
          done(['OperatorControllerRotated', BigInt(second), consortium.borealis.controller.address, fresh.address]),
        'retired while rotating': () => refused('OperatorRegistryRetired', BigInt(second)),
      },
      ({ fresh }) => refused('OperatorRegistryNotPendingController', BigInt(second), ZeroAddress, fresh.address),
    ),
  },
  {
    name: 'suspendForEmergency',
    call: call('guardian', 'suspendForEmergency', emergencyArgs),
    outcomes: outcomes(
      {
        ...sameFor([...confirmed, 'emergency'], unexpected(active, suspended)),
        ...sameFor(gone, unexpected(active, retired)),
        'the last one': () => refused('OperatorRegistryTooManyEmergencies', BigInt(second), 0n, 0n),
      },
      event('OperatorSuspendedForEmergency', BigInt(until + 50)),
    ),
  },
  {
    name: 'suspendForEmergency: by a stranger',
    call: call('stranger', 'suspendForEmergency', emergencyArgs),
    outcomes: always(({ guardian, consortium }) =>
      refused('OperatorRegistryNotGuardian', guardian.address, consortium.stranger.address),
    ),
  },
  { name: 'acceptOwnership', call: call('stranger', 'acceptOwnership', () => []), outcomes: always(notOwner) },
  {
    name: 'multicall: setMaxWindow',
    call: call('authority', 'multicall', ({ consortium }) => [
      [consortium.registry.interface.encodeFunctionData('setMaxWindow', [7200])],
    ]),
    outcomes: always(() => done(['MaxWindowChanged', 86_400n, 7200n])),
  },
];

/** Every call about an operator that was never admitted. */
export const unknownOperator: readonly (readonly [Who, string, readonly unknown[]])[] = [
  ['authority', 'suspend', [nobody]],
  ['authority', 'reinstate', [nobody]],
  ['authority', 'retire', [nobody]],
  ['authority', 'replaceController', [nobody, other]],
  ['guardian', 'suspendForEmergency', [nobody, until]],
  ['controller', 'proposeController', [nobody, other]],
  ['controller', 'acceptController', [nobody]],
  ['controller', 'rotateAccount', [nobody, other, 0]],
  ['controller', 'rotateSigner', [nobody, other, 0]],
  ['controller', 'rotatePin', [nobody, id('other'), 0]],
  ['controller', 'setNextPin', [nobody, id('other')]],
  ['controller', 'endOverlap', [nobody, 0]],
  ['controller', 'setEndpoint', [nobody, 'x']],
];

export { contractBy };
export const registryTable: Table<World> = { states, columns };
