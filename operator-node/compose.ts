/**
 * One operator's node out of its ports: the wiring that the process and the simulator share. `node.ts` hands in a real
 * disk, a real chain and a real network, the simulator models of them; what stands between is the same.
 */
import { Alarms } from './alarms/alarms.ts';
import type { ChainPeers } from './chain/peers.ts';
import type { ChainSender } from './chain/sender.ts';
import type { ChainWatcher } from './chain/watcher.ts';
import type { PeerHandlers } from './channel/channel.ts';
import { MethodForms, type KnownForms } from './channel/forms.ts';
import type { Config } from './config.ts';
import { Engine } from './engine/engine.ts';
import { Eraser } from './erasure/erase.ts';
import { erasurePart } from './erasure/erasure-part.ts';
import { noShelf } from './erasure/tombstones.ts';
import type { FlowContext } from './flow/context.ts';
import { flowPart } from './flow/flow-part.ts';
import type { HeadView } from './flow/head-view.ts';
import { helloOf, type Greeting } from './flow/hello.ts';
import { journalPart } from './flow/journal-part.ts';
import { Receiver } from './flow/receive.ts';
import { requestsPart } from './flow/requests/requests-part.ts';
import { windowsPart } from './flow/windows/windows-part.ts';
import { addForms, declareParts, handlersOf, logHandlersOf } from './parts/assemble.ts';
import { checkParts, type Part } from './parts/part.ts';
import { recoveryPart } from './recovery/recovery-part.ts';
import { RecoveryRun } from './recovery/run.ts';
import { Staff } from './users/staff.ts';
import { chainSide } from './wiring/chain-side.ts';
import { flowContext, type OwnFlow } from './wiring/flow-context.ts';
import { checkOpenServices, startBuilt, stopBuilt } from './wiring/lifecycle.ts';
import type { NodeParts } from './wiring/node-parts.ts';
import { peerChannel } from './wiring/peer-channel.ts';

export interface ComposedNode {
  readonly flow: OwnFlow;
  readonly parts: readonly Part[];
  readonly engine: Engine;
  readonly head: HeadView;
  readonly recovery: RecoveryRun;
  readonly peers: ChainPeers;
  readonly sender: ChainSender;
  readonly watcher: ChainWatcher;
  readonly handlers: PeerHandlers;
  /** The methods that it speaks. */
  readonly forms: KnownForms;
  readonly receiver: Receiver;
  readonly staff: Staff;
  readonly eraser: Eraser;
  /** As this node greets others. */
  readonly hello: Greeting;
  /** Applies the settings that may change while the node runs. */
  reconfigure(config: Config): void;
  /** @throws {TandemError} `catalogue-invalid` for one that lacks a service with open pairs: their users could not be told. */
  checkOpenServices(services: readonly string[]): void;
  /**
   * Reads the operators and the store, then sets everything going. Where the chain is out of reach, it goes on without it
   * and waits. @throws {TandemError} `network-mismatch`, `config-invalid`
   */
  start(): Promise<void>;
  /** Lets what is under way end. The store stays open. */
  stop(): Promise<void>;
}

/** What a node is made of, in the order in which it is loaded and started. */
const partsOf = (flow: FlowContext, parts: NodeParts): readonly Part[] => [
  flowPart(flow, parts.calls, parts.payments),
  windowsPart(flow, parts),
  requestsPart(flow, parts),
  journalPart(flow, parts),
  recoveryPart(flow),
  erasurePart(flow),
  ...(parts.more ?? []).map((make) => make(flow)),
];

/** Builds everything and starts nothing. @throws {TandemError} `internal` where two parts declare the same */
export function composeNode(parts: NodeParts): ComposedNode {
  const { config, store, clock, random, payments, goods, onEvent, onFailure } = parts;
  const engine = new Engine({ store, clock, random, onEvent, onFailure });
  const { alarms = new Alarms() } = parts;
  alarms.attach(engine);
  const forms = new MethodForms();
  const chain = chainSide(parts, engine, alarms, () => ({ flow, logs }));
  const { channel, answerWith } = peerChannel(parts, chain.peers, forms);
  const hello = helloOf(config, parts.settlement, parts.caps);
  const flow = flowContext(parts, { engine, alarms, chain, channel, hello, recovering: () => recovery.needed });
  const recovery = new RecoveryRun(flow, parts.ownKeys ?? { signer: '', account: '' }, onFailure);
  const own = partsOf(flow, parts);
  checkParts(own);
  addForms(forms, own);
  const handlers = handlersOf(own, () => recovery.needed);
  answerWith(handlers);
  declareParts(own, engine, chain.duties);
  const logs = logHandlersOf(own);
  const { shelf = noShelf, purge = () => Promise.resolve() } = parts;
  const eraser = new Eraser({ flow, payments, shelf, purge });
  const built = { parts, own, flow, engine, alarms, chain, channel, recovery, eraser };
  return {
    ...{ flow, parts: own, engine, eraser, recovery, handlers, forms, hello },
    ...{ head: chain.head, peers: chain.peers, sender: chain.sender, watcher: chain.watcher },
    receiver: new Receiver(flow),
    staff: new Staff({
      engine,
      payments,
      goods,
      assets: new Set(config.assets.map(({ asset }) => asset)),
      get languages() {
        return parts.analysis.languages;
      },
    }),
    reconfigure(next) {
      flow.config = next;
    },
    checkOpenServices: (services) => checkOpenServices(flow, services),
    start: () => startBuilt(built),
    stop: () => stopBuilt(built),
  };
}
