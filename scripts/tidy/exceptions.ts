/**
 * What the tidy rules let stand, each with its reason. The lists only get shorter: what is listed without need fails the
 * check as what breaks a rule does.
 */
import type { Room } from './imports.ts';
import type { Exceptions } from './sizes.ts';

/** The order of the rooms: each may import from those below it. */
export const rooms: readonly Room[] = [
  { name: 'test', paths: ['test/'] },
  { name: 'scripts', paths: ['scripts/', 'bin/'] },
  { name: 'deployment', paths: ['ignition/'] },
  { name: 'cli', paths: ['operator-node/cli/'] },
  {
    name: 'node',
    paths: [...['main', 'node', 'reload', 'keys'].map((name) => `operator-node/${name}.ts`), 'operator-node/process/'],
  },
  { name: 'smpp', paths: ['operator-node/smpp/'] },
  { name: 'api', paths: ['operator-node/api/'] },
  { name: 'compose', paths: ['operator-node/compose.ts', 'operator-node/wiring/'] },
  { name: 'care', paths: ['operator-node/care/'] },
  { name: 'recovery', paths: ['operator-node/recovery/'] },
  { name: 'erasure', paths: ['operator-node/erasure/'] },
  { name: 'flow', paths: ['operator-node/flow/', 'operator-node/readiness.ts'] },
  { name: 'parts', paths: ['operator-node/parts/'] },
  { name: 'users', paths: ['operator-node/users/'] },
  { name: 'messaging', paths: ['operator-node/messaging/'] },
  { name: 'channel', paths: ['operator-node/channel/'] },
  { name: 'statements', paths: ['operator-node/statements/'] },
  { name: 'config', paths: ['operator-node/config.ts'] },
  { name: 'audit', paths: ['operator-node/audit/'] },
  { name: 'connections', paths: ['operator-node/connections/'] },
  { name: 'directory', paths: ['operator-node/directory/'] },
  { name: 'analysis', paths: ['operator-node/analysis/'] },
  { name: 'chain', paths: ['operator-node/chain/'] },
  { name: 'domains', paths: ['operator-node/domains/'] },
  { name: 'engine', paths: ['operator-node/engine/', 'operator-node/alarms/'] },
  { name: 'store', paths: ['operator-node/store/'] },
  { name: 'commitment', paths: ['operator-node/commitment/'] },
  { name: 'model', paths: ['operator-node/model/'] },
  {
    name: 'basics',
    paths: ['errors', 'json', 'json-size', 'located-yaml', 'secret-file'].map((name) => `operator-node/${name}.ts`),
  },
];

export const upwardImports: Readonly<Record<string, string>> = {
  'audit → channel': 'the form of a disclosed window is that of the channel',
  'connections → api': 'the report of both servers’ connections',
  'connections → channel': 'the report of both servers’ connections',
  'connections → flow': 'the report of both servers’ connections',
  'scripts → test': 'the mutation tester, the coverage and the simulator run what the tests are made of',
};

export const knownCircles: Readonly<Record<string, string>> = {
  'operator-node/flow/windows/judging.ts': 'types of the flow’s context, until its parts have their own',
};

/** Files with members that are private in the other spelling. */
export const privateMembers: readonly string[] = [];

export const longFunctions: Exceptions = {
  'operator-node/node.ts startNode': { lines: 254, because: 'the adapters of a process, in their order' },
  'test/contracts/audit-log/event-log.test.ts it': { lines: 95, because: 'folds one log through every kind of event' },
  'test/node/audit.fixture.ts modelChain': {
    lines: 127,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/node/chain.fixture.ts openChain': {
    lines: 122,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/node/extremes/node.ts startNode': {
    lines: 76,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/node/journal-anchor.test.ts open': {
    lines: 99,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/node/sender.fixture.ts openSender': {
    lines: 101,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/simulation/chain/notary.ts cheapNotary': {
    lines: 89,
    because: 'a model made of closures over one state; to become a class',
  },
  'test/simulation/simulated-node.ts #open': { lines: 139, because: 'as long as composeNode hands out so much' },
  'test/simulation/world.ts constructor': {
    lines: 96,
    because: 'draws everything of a run in one order, which replays depend on',
  },
};

export const longFiles: Exceptions = {
  'operator-node/chain/delivery.ts': { lines: 456, because: 'one transaction from its order to its final block' },
  'operator-node/config.ts': {
    lines: 414,
    because: 'the schema of the configuration and the relations between its values',
  },
  'operator-node/flow/propose.ts': { lines: 455, because: 'both ends of a proposal; to become a file an end' },
  'operator-node/recovery/doctor.ts': { lines: 440, because: 'a list of comparisons' },
  'test/contracts/cells/audit-log.ts': { lines: 466, because: 'a table of every state and call' },
  'test/contracts/cells/governor.ts': { lines: 537, because: 'a table of every state and call' },
  'test/node/audit-scan.fixture.ts': { lines: 511, because: 'a whole consortium to audit' },
  'test/node/audit.fixture.ts': { lines: 424, because: 'a whole consortium to audit' },
  'test/simulation/chain/contract.ts': { lines: 529, because: 'the model of all contracts' },
  'test/simulation/monitor.ts': { lines: 633, because: 'everything that must hold at each moment' },
  'test/simulation/planted.ts': { lines: 684, because: 'one entry a planted fault' },
  'test/simulation/world.ts': { lines: 999, because: 'a run from its beginning to its end' },
};

/** How often a file name may stand in operator-node, but for the commands of `cli`. */
export const sharedNames: Readonly<Record<string, number>> = {
  'address.ts': 2,
  'apply.ts': 2,
  'batch.ts': 2,
  'catalogue.ts': 2,
  'conditions.ts': 2,
  'discharge.ts': 2,
  'doubt.ts': 2,
  'endpoints.ts': 2,
  'format.ts': 2,
  'ids.ts': 2,
  'keys.ts': 3,
  'limits.ts': 2,
  'money.ts': 3,
  'open.ts': 2,
  'order.ts': 2,
  'outcome.ts': 3,
  'read.ts': 2,
  'receive.ts': 2,
  'record.ts': 3,
  'records.ts': 5,
  'replaceable.ts': 2,
  'schema.ts': 2,
  'sizes.ts': 2,
  'state.ts': 2,
  'tables.ts': 2,
  'verify.ts': 2,
  'window.ts': 2,
  'windows.ts': 2,
  'wire.ts': 2,
};

/** Exported values that nothing of the project imports. */
export const exportedForOthers: Readonly<Record<string, string>> = {
  'scripts/devnet/disposable.ts startDevnet': 'tandem/devnet, for test code outside of this package',
};

/** Dependencies that no source names. */
export const silentDependencies: Readonly<Record<string, string>> = {
  '@foundry-rs/anvil': 'started as a program',
  '@types/express': 'types of express',
  '@types/node': 'types of Node',
  'prettier-plugin-solidity': 'named in the settings of Prettier',
  level: 'the maintained package around classic-level, which it brings; the code names the part that runs on Node',
};
