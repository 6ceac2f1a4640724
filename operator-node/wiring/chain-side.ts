/** What a node has of the chain: the registry, the head, what watches blocks, and what sends. */
import type { Alarms } from '../alarms/alarms.ts';
import { watchChain } from '../chain/conditions.ts';
import { cursorTable } from '../chain/cursor.ts';
import { Duties } from '../chain/duties.ts';
import { shelfOf } from '../chain/kept-registry.ts';
import { ChainPeers } from '../chain/peers.ts';
import { ChainSender } from '../chain/sender.ts';
import { ChainWatcher } from '../chain/watcher.ts';
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { applyBlocks } from '../flow/blocks.ts';
import type { FlowContext } from '../flow/context.ts';
import { Gas } from '../flow/gas.ts';
import { HeadView } from '../flow/head-view.ts';
import type { PartLog } from '../parts/part.ts';
import { isForgottenPast, recoveryOf } from '../flow/past.ts';
import type { NodeParts } from './node-parts.ts';

export interface ChainSide {
  readonly peers: ChainPeers;
  readonly head: HeadView;
  readonly sender: ChainSender;
  readonly duties: Duties;
  readonly gas: Gas;
  readonly watcher: ChainWatcher;
  /** Whether an alarm about the chain has begun or ended. */
  readonly look: () => void;
}

/** What is made of this, and asked for when something happens. */
export interface MadeOfIt {
  readonly flow: FlowContext;
  readonly logs: ReadonlyMap<string, PartLog>;
}

const gwei = 1_000_000_000n;

export function chainSide(parts: NodeParts, engine: Engine, alarms: Alarms, later: () => MadeOfIt): ChainSide {
  const { config, store, clock, reader } = parts;
  const head = new HeadView(clock, parts.maxBlockGapSeconds * 1000);
  const look = (): void => {
    watchChain({ alarms, watcher, registry: peers.status, operators: peers.all() });
  };
  const peers = peersOf(parts, look);
  const sender: ChainSender = senderOf(
    parts,
    alarms,
    () => duties,
    () => {
      gas.look(later().flow);
    },
  );
  const gas = new Gas(sender, config.gas);
  const duties = new Duties({
    engine,
    sender,
    // A store that may be behind says nothing on the chain (rule 11).
    maySend: () => head.caughtUp && recoveryOf(store.newest) === undefined,
  });
  const watcher = new ChainWatcher({
    reader,
    clock,
    pollMillis: config.chain.pollMillis,
    firstBlock: parts.firstBlock,
    onBlocks: async (blocks) => {
      peers.onBlocks(blocks);
      const { flow, logs } = later();
      await applyBlocks(flow, logs, blocks);
      const last = blocks.at(-1);
      if (last !== undefined) head.applied(last.block.number);
    },
    onHead: (seen) => {
      head.see(seen, store.newest.get(cursorTable, 'chain')?.number);
      peers.onHead(seen);
      sender.onHead(seen);
      parts.onHead?.(seen);
    },
    onFault: parts.onFatal,
    onTrouble: (trouble) => {
      parts.onFailure('chain', trouble);
    },
  });
  return { peers, head, sender, duties, gas, watcher, look };
}

const peersOf = ({ reader, clock, store, onFatal, onFailure }: NodeParts, onRead: () => void): ChainPeers =>
  new ChainPeers({
    reader,
    clock,
    onTrouble: (trouble) => {
      // Another chain is seen here also where the watcher does not run yet.
      if (trouble instanceof TandemError && trouble.code === 'network-mismatch') onFatal(trouble);
      else onFailure('peers', trouble);
    },
    shelf: shelfOf(store),
    onRead,
  });

const senderOf = (
  { config, store, reader, writer, clock, settlement, transactionSigners, onFailure }: NodeParts,
  alarms: Alarms,
  duties: () => Duties,
  onPrices: () => void,
): ChainSender =>
  new ChainSender({
    store,
    reader,
    writer,
    transact: (body) => store.transact(body),
    clock,
    chainId: settlement.chainId,
    signers: transactionSigners,
    onOutcome: (tx, outcome) => duties().onOutcome(tx, outcome),
    enlarge: (tx, tag, call) => duties().enlarge(tx, tag, call),
    feeCap: BigInt(config.gas.feeCapGwei) * gwei,
    isForgotten: (block) => isForgottenPast(store.newest, block),
    onPrices,
    onAlarm: ({ what, ...facts }) => {
      alarms.raise(what, facts, facts.key);
    },
    onTrouble: (trouble) => {
      onFailure('sender', trouble);
    },
  });
