/**
 * One operator's node out of its ports: the wiring that the process and the simulator share. `node.ts` hands in a real
 * disk, a real chain and a real network, the simulator models of them; what stands between is the same.
 */
import { Alarms } from './alarms/alarms.ts';
import type { Analysis } from './analysis/analysis.ts';
import type { ChainReader, ChainWriter, Head, PeerRegistry, SendingKey } from './chain/chain.ts';
import { cursorTable } from './chain/cursor.ts';
import { Duties } from './chain/duties.ts';
import { watchChain } from './chain/conditions.ts';
import { shelfOf } from './chain/kept-registry.ts';
import { ChainPeers, maxRegistryAgeMillis } from './chain/peers.ts';
import { ChainSender } from './chain/sender.ts';
import type { TransactionSigner } from './chain/signing.ts';
import { ChainWatcher } from './chain/watcher.ts';
import type { Channel, PeerHandlers } from './channel/channel.ts';
import type { Request } from './channel/messages.ts';
import { createLoopback, withLoopback } from './channel/loopback.ts';
import type { Config } from './config.ts';
import type { Directory } from './directory/directory.ts';
import { createGoods, type GoodsDomain } from './domains/goods/goods.ts';
import { createPayments, type PaymentsDomain } from './domains/payments/payments.ts';
import { createDomains, type Domains } from './domains/registry.ts';
import type { Clock, Random } from './engine/clock.ts';
import { Engine, type EngineEvent } from './engine/engine.ts';
import { Eraser } from './erasure/erase.ts';
import { noShelf, type TombstoneShelf } from './erasure/tombstones.ts';
import { TandemError } from './errors.ts';
import { PeerAllowance } from './flow/allowance.ts';
import { applyBlocks } from './flow/blocks.ts';
import { JournalAnchor, checkAnchored } from './flow/checkpoint.ts';
import { Caps } from './flow/caps.ts';
import type { OwnKeys } from './flow/batch.ts';
import type { BatchSigner, ChainView, FlowContext } from './flow/context.ts';
import { flowPart } from './flow/flow-part.ts';
import { Gas } from './flow/gas.ts';
import { journalPart } from './flow/journal-part.ts';
import { Greetings } from './flow/greet.ts';
import { ForwardAllowance } from './flow/forwarding.ts';
import { machines, type Machines } from './flow/machines.ts';
import { OpenWork } from './flow/open.ts';
import { backlogOf, Overload } from './flow/overload.ts';
import { PeerTroubles } from './flow/troubles.ts';
import { Receiver } from './flow/receive.ts';
import type { ContractCalls } from './flow/own-calls.ts';
import { AuditRequests } from './flow/requests/requests.ts';
import { Decisions } from './flow/submit.ts';
import { requestsPart } from './flow/requests/requests-part.ts';
import { windowsPart } from './flow/windows/windows-part.ts';
import { Windows } from './flow/windows/windows.ts';
import type { MessageGateway } from './messaging/gateway.ts';
import { counted } from './model/counted.ts';
import type { Amount, OperatorId } from './model/ids.ts';
import type { SettlementDomain } from './model/records.ts';
import { declareParts, handlersOf, loadParts, logHandlersOf, startClocks } from './parts/assemble.ts';
import { checkParts, type Part } from './parts/part.ts';
import { erasurePart } from './erasure/erasure-part.ts';
import { recoveryPart } from './recovery/recovery-part.ts';
import { forgetOldAccounts } from './recovery/old-accounts.ts';
import { signAgain } from './recovery/resign.ts';
import { RecoveryRun } from './recovery/run.ts';
import { Readiness } from './readiness.ts';
import { isForgottenPast, recoveryOf } from './recovery/state.ts';
import { Room, type FreeBytes } from './store/room.ts';
import type { Store } from './store/store.ts';
import { Staff } from './users/staff.ts';

export interface NodeDomains {
  readonly payments: PaymentsDomain;
  readonly goods: GoodsDomain;
  readonly domains: Domains;
  readonly caps: Caps;
}

export interface NodeParts extends NodeDomains, ContractCalls {
  readonly config: Config;
  /** 32 bytes. */
  readonly operatorKey: Uint8Array;
  readonly settlement: SettlementDomain;
  /** Where the watcher begins on a new store. */
  readonly firstBlock: number;
  /** For so long the chain may make no block. */
  readonly maxBlockGapSeconds: number;
  readonly store: Store;
  /** Absent: the disk has no end. */
  readonly freeBytes?: FreeBytes;
  /** Where tombstones of erased users go; nowhere unless given. */
  readonly shelf?: TombstoneShelf;
  /** Takes deleted keys off the disk; nothing to do unless given. */
  readonly purge?: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly reader: ChainReader;
  readonly writer: ChainWriter;
  readonly signer: BatchSigner;
  /** Addresses of signer and account, for a recovery; lower case. */
  readonly ownKeys?: OwnKeys;
  readonly transactionSigners: Readonly<Record<SendingKey, TransactionSigner>>;
  readonly analysis: Analysis & { readonly services: readonly string[] };
  readonly directory: Directory;
  readonly gateway: MessageGateway;
  /** The channel to other operators; that to oneself is added. */
  readonly remote: (peers: PeerRegistry) => Channel;
  /** What each state does with each event. */
  readonly machines?: Machines;
  /** Parts beside those that every node has. */
  readonly more?: readonly ((flow: FlowContext) => Part)[];
  readonly onEvent: (event: EngineEvent) => void;
  /** Made before the node where parts of it have something to tell before that. */
  readonly alarms?: Alarms;
  /** A fault in the background: logged, and work goes on. */
  readonly onFailure: (where: string, error: unknown) => void;
  /** The node cannot go on: nothing more is written or told. */
  readonly onFatal: (error: unknown) => void;
  /** At every look at the chain that succeeded. */
  readonly onHead?: (head: Head) => void;
  /** `failure` is undefined for a call that was answered. */
  readonly onPeerCall?: (method: Parameters<Channel['call']>[1], failure: unknown) => void;
}

export interface ComposedNode {
  readonly flow: FlowContext & { readonly readiness: Readiness; readonly alarms: Alarms };
  readonly engine: Engine;
  readonly head: HeadView;
  readonly recovery: RecoveryRun;
  readonly peers: ChainPeers;
  readonly sender: ChainSender;
  readonly watcher: ChainWatcher;
  readonly handlers: PeerHandlers;
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

const mebibyte = 1024 * 1024;
/** How often it is looked at whether an alarm about the chain has begun or ended. */
const chainMillis = 2_000;
const gwei = 1_000_000_000n;

/** What the watcher has seen of the chain's head, as the flow asks for it. */
export class HeadView implements ChainView {
  private head: Head | undefined;
  private seenAt = 0;
  caughtUp = false;
  private readonly clock: Clock;
  readonly maxGapMillis: number;
  private readonly madeAt: number;

  constructor(clock: Clock, maxGapMillis: number) {
    this.clock = clock;
    this.maxGapMillis = maxGapMillis;
    this.madeAt = clock.now();
  }

  see(head: Head, applied: number | undefined): void {
    this.head = head;
    this.seenAt = this.clock.now();
    if (applied !== undefined) this.applied(applied);
  }

  applied(number: number): void {
    if (this.head !== undefined && number >= this.head.final.number) this.caughtUp = true;
  }

  get headTime(): ChainView['headTime'] {
    return this.head?.newest.timestamp;
  }

  get finalNumber(): ChainView['finalNumber'] {
    return this.head?.final.number;
  }

  get finalitySeconds(): number {
    return this.head === undefined ? 0 : Math.max(0, this.head.newest.timestamp - this.head.final.timestamp);
  }

  get ageMillis(): ChainView['ageMillis'] {
    return this.head === undefined ? undefined : this.head.ageMillis + (this.clock.now() - this.seenAt);
  }

  get stalled(): boolean {
    return this.ageMillis === undefined || this.ageMillis > this.maxGapMillis;
  }

  get standsStill(): boolean {
    return (this.ageMillis ?? this.clock.now() - this.madeAt) > this.maxGapMillis;
  }
}

/** The private domains of an operator. @throws {TandemError} `catalogue-invalid` for a service that they do not fit. */
export function openDomains(
  config: Config,
  analysis: Analysis & { readonly services: readonly string[] },
): NodeDomains {
  const { operator, limits } = config;
  const caps = new Caps(config);
  const payments = createPayments({
    operator: operator.id,
    limits: {
      ...limits,
      perService: (service, asset) => analysis.plan(service)?.maxAmount[asset],
      perCounterparty: (peer, asset) => caps.of(peer, asset),
    },
  });
  const goods = createGoods(payments);
  const domains = createDomains([payments, goods]);
  for (const service of analysis.services) {
    const plan = analysis.plan(service);
    if (plan !== undefined) domains.checkPlan(service, plan);
  }
  return { payments, goods, domains, caps };
}

export type Greeting = (peer: OperatorId) => Request<'hello'>;

export const helloOf =
  ({ operator, assets }: Config, settlement: SettlementDomain, caps: Caps): Greeting =>
  (peer) => ({
    version: 1,
    operator: operator.id,
    chainId: settlement.chainId.toString(),
    settlement: settlement.contract.toLowerCase(),
    assets: [...assets],
    caps: caps.toldTo(peer),
  });

/** What a node is made of, in the order in which it is loaded and started. */
const partsOf = (flow: FlowContext, parts: NodeParts): readonly Part[] => [
  flowPart(flow, parts.calls),
  windowsPart(flow, parts),
  requestsPart(flow, parts),
  journalPart(flow, parts),
  recoveryPart(flow),
  erasurePart(flow),
  ...(parts.more ?? []).map((make) => make(flow)),
];

/** Builds everything and starts nothing. */
export function composeNode(parts: NodeParts): ComposedNode {
  const { config, store, clock, reader, payments, goods, analysis, settlement, onFailure, onFatal, onPeerCall } = parts;
  const { operator } = config;
  const engine = new Engine({ store, clock, random: parts.random, onEvent: parts.onEvent, onFailure });
  const { alarms = new Alarms() } = parts;
  alarms.attach(engine);
  const peers = new ChainPeers({
    reader,
    clock,
    onTrouble: (trouble) => {
      // Another chain is seen here also where the watcher does not run yet.
      if (trouble instanceof TandemError && trouble.code === 'network-mismatch') onFatal(trouble);
      else onFailure('peers', trouble);
    },
    shelf: shelfOf(store),
    onRead: () => {
      lookAtChain();
    },
  });
  /** Read when it is called: the watcher is made below. */
  const lookAtChain = (): void => {
    watchChain({ alarms, watcher, registry: peers.status, operators: peers.all() });
  };
  const head = new HeadView(clock, parts.maxBlockGapSeconds * 1000);
  const sender: ChainSender = new ChainSender({
    store,
    reader,
    writer: parts.writer,
    transact: (body) => store.transact(body),
    clock,
    chainId: settlement.chainId,
    signers: parts.transactionSigners,
    onOutcome: (tx, outcome) => duties.onOutcome(tx, outcome),
    enlarge: (tx, tag, call) => duties.enlarge(tx, tag, call),
    feeCap: BigInt(config.gas.feeCapGwei) * gwei,
    isForgotten: (block) => isForgottenPast(store.newest, block),
    onPrices: () => {
      gas.look(flow);
    },
    onAlarm: ({ what, ...facts }) => {
      alarms.raise(what, facts, facts.key);
    },
    onTrouble: (trouble) => {
      onFailure('sender', trouble);
    },
  });
  const gas = new Gas(sender, config.gas);
  const decisions = new Decisions();
  const duties = new Duties({
    engine,
    sender,
    // A store that may be behind says nothing on the chain (rule 11).
    maySend: () => head.caughtUp && recoveryOf(store.newest) === undefined,
  });

  const remote = parts.remote(peers);
  /** Set below: the loopback answers with the flow that uses it. */
  let everyone = remote;
  const channel: Channel = {
    call: async (peer, method, request) => {
      try {
        const answer = await everyone.call(peer, method, request);
        onPeerCall?.(method, undefined);
        return answer;
      } catch (error) {
        onPeerCall?.(method, error);
        throw error;
      }
    },
    close: () => everyone.close(),
  };
  const hello = helloOf(config, settlement, parts.caps);
  const troubles = new PeerTroubles(clock, (code, active, facts, subject) => {
    alarms.set(code, active, facts, subject);
  });
  const overBudget =
    (why: string) =>
    (peer: OperatorId): void => {
      troubles.note('peer-over-budget', peer, { why });
    };
  const allowance = new PeerAllowance(config.maxRememberedPerPeerHour, clock, overBudget('refusals that are kept'));
  const open = new OpenWork();
  const overload = new Overload(
    config.overload,
    backlogOf(engine, open, decisions, head),
    clock,
    (active, facts, subject) => {
      alarms.set('overloaded', active, facts, subject);
    },
  );
  const flow: { -readonly [K in keyof ComposedNode['flow']]: ComposedNode['flow'][K] } = {
    self: operator.id,
    handle: operator.handle,
    serviceNumber: operator.serviceNumber,
    operatorKey: parts.operatorKey,
    settlement,
    config,
    engine,
    machines: parts.machines ?? machines,
    analysis,
    directory: parts.directory,
    domains: parts.domains,
    accounts: {
      balances: (view, user) =>
        payments
          .balances(view, user)
          .map(({ asset, balance, held }) => ({ asset, balance: balance as Amount, held: held as Amount })),
      moved: (view, pair, leg, operator) => payments.moved(view, pair, leg, operator),
      discharge: (tx, discharge, now) => payments.discharge(tx, discharge, now),
    },
    peers,
    channel,
    greetings: new Greetings(hello, channel, engine, parts.caps, (peer) => allowance.take(peer)),
    caps: parts.caps,
    auditLog: parts.statements?.domain,
    windows: new Windows(engine, duties),
    requests: new AuditRequests(engine, duties),
    gateway: parts.gateway,
    chain: reader,
    chainView: head,
    signer: parts.signer,
    open,
    decisions,
    duties,
    sender,
    anchor: new JournalAnchor({ ...config.journal, enabled: parts.auditLog !== undefined }),
    readiness: new Readiness(() => ({
      self: operator.id,
      recovering: recovery.needed,
      halted: flow.open.halted,
      room: flow.room,
      overloaded: overload.chain,
      chain: head,
      trouble: watcher.status.trouble?.message,
      unreadable: watcher.unreadable,
      watching: watcher.status.running,
      peers,
      gas,
    })),
    alarms,
    gas,
    allowance,
    lookups: new PeerAllowance(
      config.maxLookupsPerPeerHour,
      clock,
      overBudget('look-ups that came to nothing'),
      Math.ceil(config.maxLookupsPerPeerHour / 10),
    ),
    forwarding: new ForwardAllowance(config.forward, clock),
    troubles,
    overload,
    room: new Room(config.disk.minFreeMebibytes * mebibyte, parts.freeBytes),
  };
  flow.open.keys = parts.ownKeys;
  const recovery = new RecoveryRun(flow, parts.ownKeys ?? { signer: '', account: '' }, onFailure);
  const own = partsOf(flow, parts);
  checkParts(own);
  const handlers = handlersOf(own, () => recovery.needed);
  everyone = withLoopback(operator.id, createLoopback(operator.id, handlers), remote);
  declareParts(own, engine, duties);
  const logHandlers = logHandlersOf(own);

  const watcher = new ChainWatcher({
    reader,
    clock,
    pollMillis: config.chain.pollMillis,
    firstBlock: parts.firstBlock,
    onBlocks: async (blocks) => {
      peers.onBlocks(blocks);
      await applyBlocks(flow, logHandlers, blocks);
      const last = blocks.at(-1);
      if (last !== undefined) head.applied(last.block.number);
    },
    onHead: (seen) => {
      head.see(seen, store.newest.get(cursorTable, 'chain')?.number);
      peers.onHead(seen);
      sender.onHead(seen);
      parts.onHead?.(seen);
    },
    onFault: onFatal,
    onTrouble: (trouble) => {
      onFailure('chain', trouble);
    },
  });

  const eraser = new Eraser({
    flow,
    payments,
    shelf: parts.shelf ?? noShelf,
    purge: parts.purge ?? (() => Promise.resolve()),
  });
  const checkOpenServices = (services: readonly string[]): void => {
    const missing = [...flow.open.byService()].filter(([service]) => !services.includes(service));
    if (missing.length === 0) return;
    const list = missing.map(([service, open]) => `${service} (${counted(open, 'open side')})`).join(', ');
    throw new TandemError(
      'catalogue-invalid',
      `The catalogue lacks ${list}, which open pairs need to inform their users: put it back until these pairs have ended.`,
    );
  };
  const lookAtOwnEntry = async (): Promise<void> => {
    checkOwnEntry(config, peers);
    const account = parts.transactionSigners.account.address.toLowerCase();
    await forgetOldAccounts(flow, account, peers.get(operator.id)?.accounts.map((key) => key.toLowerCase()) ?? []);
  };
  const begin = async (): Promise<void> => {
    alarms.set('recovering', false);
    // A registry that was never read says nothing of old accounts.
    if (peers.asOf !== undefined) await lookAtOwnEntry();
    await loadParts(own, engine, duties);
    checkOpenServices(analysis.services);
    await signAgain(flow);
    sender.start();
    watcher.start(store.newest.get(cursorTable, 'chain'));
    engine.start();
    startClocks(own, engine);
    engine.every(chainMillis, 'chain', async () => {
      // An own clock that has jumped makes it old at once: read now, and not when it would be its turn.
      if (peers.status.ageMillis > maxRegistryAgeMillis) await peers.refresh().catch(() => undefined);
      lookAtChain();
    });
    void eraser.resume().catch((error: unknown) => {
      onFailure('erasure', error);
    });
    peers.onChange(() => {
      signAgain(flow).catch((error: unknown) => {
        onFailure('signatures', error);
      });
    });
  };

  return {
    flow,
    engine,
    eraser,
    head,
    recovery,
    peers,
    sender,
    watcher,
    handlers,
    hello,
    receiver: new Receiver(flow),
    staff: new Staff({
      engine,
      payments,
      goods,
      assets: new Set(config.assets.map(({ asset }) => asset)),
      get languages() {
        return analysis.languages;
      },
    }),
    reconfigure(next) {
      flow.config = next;
    },
    checkOpenServices,
    async start() {
      checkAnchored(store.newest);
      await flow.room.look();
      if (!(await peers.start())) {
        // What the registry is asked at a start, it is asked when it can be.
        peers.whenRead(() => {
          if (!recovery.needed) lookAtOwnEntry().catch(onFatal);
        });
      }
      if (peers.asOf !== undefined) checkOwnEntry(config, peers);
      if (!recovery.needed) {
        await begin();
        return;
      }
      alarms.set('recovering', true);
      recovery.start(async () => {
        // No watcher has kept up with the registry meanwhile.
        await peers.refresh();
        await begin().catch(onFatal);
      });
    },
    async stop() {
      await recovery.stop();
      await watcher.stop();
      await engine.stop();
      await sender.stop();
      await peers.stop();
      await channel.close();
    },
  };
}

/** A node that the registry does not know would sign what nobody accepts. */
function checkOwnEntry({ operator }: Config, peers: ChainPeers): void {
  const entry = peers.get(operator.id);
  if (entry === undefined || entry.status === 'unknown' || entry.status === 'retired') {
    throw new TandemError(
      'config-invalid',
      `The registry has no acting operator ${operator.id}: the consortium has to admit it first.`,
    );
  }
}
