/** A node of operator 1, whole, in memory, on a `TestChain`: its store, its watcher, its registry, its flow. */
import { onTestFinished } from 'vitest';
import { connect } from '../../../operator-node/chain/connect.ts';
import type { ChainWriter } from '../../../operator-node/chain/chain.ts';
import { RpcReader } from '../../../operator-node/chain/rpc.ts';
import { composeNode, type ComposedNode } from '../../../operator-node/compose.ts';
import { openDomains } from '../../../operator-node/flow/own-domains.ts';
import { systemRandom } from '../../../operator-node/engine/clock.ts';
import type { AlarmEvent, EngineEvent } from '../../../operator-node/engine/engine.ts';
import { TandemError } from '../../../operator-node/errors.ts';
import type { OperatorId } from '../../../operator-node/model/ids.ts';
import { SimulatedDisk, openMemoryStore } from '../../../operator-node/store/memory.ts';
import type { Store } from '../../../operator-node/store/store.ts';
import { cheapNotary } from '../../simulation/chain/notary.ts';
import { analysis, configOf, directory } from '../../simulation/setting.ts';
import { ManualClock } from '../chain.fixture.ts';
import { contracts, type TestChain } from './chain.ts';

export const self = 1 as OperatorId;
const pollMillis = 1_000;
const mostLooks = 2_000;

export interface TestNode {
  readonly node: ComposedNode;
  readonly store: Store;
  readonly reader: RpcReader;
  readonly clock: ManualClock;
  readonly events: EngineEvent[];
  readonly fatal: unknown[];
  readonly failures: { readonly where: string; readonly error: unknown }[];
  /** One look at the chain. */
  look(): Promise<void>;
  /** Looks until every block of the chain is applied, or one cannot be. @returns the number of the last one applied */
  catchUp(): Promise<number>;
  alarms(): readonly AlarmEvent[];
  /** Lets go of the disk; without it, when the test ends. */
  stop(): Promise<void>;
}

const writer: ChainWriter = {
  broadcast: () => Promise.resolve({ outcome: 'held' }),
  receipt: () => Promise.resolve(undefined),
  nonce: () => Promise.resolve(0),
  fees: () => Promise.resolve({ offer: { kind: 'legacy', gasPrice: 0n }, baseFee: 0n }),
  balance: () => Promise.resolve(0n),
  userOf: () => Promise.resolve({ by: 'unknown' }),
  revertReason: () => Promise.resolve(undefined),
};

export interface NodeOptions {
  readonly urls?: readonly string[];
  readonly disk?: SimulatedDisk;
  /** Whoever starts it stops it. */
  readonly outsideTests?: boolean;
}

/** Started, with the registry read. Stopped when the test ends. @throws what its start throws */
export async function startNode(chain: TestChain, options: NodeOptions = {}): Promise<TestNode> {
  const { urls = ['http://endpoint.test:8545'], disk = new SimulatedDisk() } = options;
  const clock = new ManualClock();
  const config = configOf(self, {});
  const notary = cheapNotary(31_337n);
  const endpoints = connect({ network: chain.network, urls, clock, fetchOver: chain.fetchOver });
  const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0, self });
  const store = openMemoryStore(disk);
  const events: EngineEvent[] = [];
  const fatal: unknown[] = [];
  const failures: { where: string; error: unknown }[] = [];
  const node = composeNode({
    ...openDomains(config, analysis),
    config,
    operatorKey: new Uint8Array(32).fill(7),
    settlement: { chainId: 31_337n, contract: contracts.PairSettlement },
    maxBlockGapSeconds: 60,
    firstBlock: 1,
    store,
    clock,
    random: systemRandom,
    reader,
    writer,
    calls: notary.calls,
    auditLog: notary.auditLog,
    statements: { domain: { chainId: 31_337n, contract: contracts.AuditLog }, calls: notary.statementCalls },
    signer: notary.batchSigner(self, 0),
    ownKeys: { signer: notary.signerOf(self, 0), account: notary.accountOf(self, 0) },
    transactionSigners: {
      carrier: notary.transactionSigner(self, 'carrier', 0),
      account: notary.transactionSigner(self, 'account', 0),
    },
    analysis,
    directory,
    gateway: { name: 'none', deliver: () => Promise.resolve(), close: () => Promise.resolve() },
    remote: () => ({
      call: (peer, method, request) =>
        method === 'hello'
          ? Promise.resolve({ ...request, operator: peer, caps: [] } as never)
          : Promise.reject(new TandemError('peer-unavailable', `Operator ${peer} is not in this test`)),
      close: () => Promise.resolve(),
    }),
    onEvent: (event) => events.push(event),
    onFailure: (where, error) => failures.push({ where, error }),
    onFatal: (error) => fatal.push(error),
  });
  await node.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= node.stop().then(() => store.close()));
  if (options.outsideTests !== true) onTestFinished(stop);
  const applied = (): number => node.watcher.status.cursor?.number ?? 0;
  const look = async (): Promise<void> => {
    clock.advance(pollMillis);
    await node.watcher.idle();
  };
  return {
    node,
    store,
    reader,
    clock,
    events,
    fatal,
    failures,
    look,
    async catchUp() {
      for (let looks = 0; looks < mostLooks && applied() < chain.height; looks += 1) {
        const before = applied();
        await look();
        if (applied() === before && node.watcher.status.trouble !== undefined) break;
      }
      return applied();
    },
    stop,
    alarms: () => events.filter((event) => event.type === 'alarm'),
  };
}
