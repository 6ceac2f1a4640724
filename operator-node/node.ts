/** The composition root: builds the adapters of one operator's node, hands them to the flow, and starts everything in order. */
import { readFileSync } from 'node:fs';
import { loadCatalogue } from './analysis/load.ts';
import { createMetrics, type Metrics } from './api/metrics.ts';
import { createNodeServices } from './api/node-services.ts';
import { startApi } from './api/server.ts';
import type { Readiness } from './api/services.ts';
import { settlementCalls } from './chain/calls.ts';
import type { Head } from './chain/chain.ts';
import { connect } from './chain/connect.ts';
import { loadNetwork } from './chain/network.ts';
import { ChainPeers } from './chain/peers.ts';
import { RpcWriter } from './chain/rpc-writer.ts';
import { RpcReader } from './chain/rpc.ts';
import { ChainSender } from './chain/sender.ts';
import { localTransactionSigner } from './chain/signing.ts';
import { ChainWatcher } from './chain/watcher.ts';
import type { Channel } from './channel/channel.ts';
import { createHttpsChannel, startChannelServer } from './channel/https.ts';
import { createLoopback, withLoopback } from './channel/loopback.ts';
import type { Config } from './config.ts';
import { loadDirectory } from './directory/file.ts';
import { createGoods } from './domains/goods/goods.ts';
import { createPayments } from './domains/payments/payments.ts';
import { createDomains } from './domains/registry.ts';
import { systemClock, systemRandom } from './engine/clock.ts';
import { Engine, type EngineEvent } from './engine/engine.ts';
import { TandemError } from './errors.ts';
import { applyBlocks, cursorTable } from './flow/blocks.ts';
import type { ChainView, FlowContext } from './flow/context.ts';
import { Greetings } from './flow/greet.ts';
import { createHandlers } from './flow/handlers.ts';
import { OpenWork } from './flow/open.ts';
import { Receiver } from './flow/receive.ts';
import { recover } from './flow/recover.ts';
import { declareQueues, startClocks } from './flow/start.ts';
import { Submitter } from './flow/submit.ts';
import { loadKeys, localSigner } from './keys.ts';
import { FanoutGateway } from './messaging/fanout.ts';
import type { MessageGateway } from './messaging/gateway.ts';
import { Phones } from './messaging/phones.ts';
import { WebhookGateway } from './messaging/webhook.ts';
import { toUnixSeconds, type Amount, type Role } from './model/ids.ts';
import { openLevelStore } from './store/level.ts';
import { Staff } from './users/staff.ts';

export interface NodeHooks {
  /** One entry a line: what staff should see. */
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
  /** The node cannot go on: nothing more is written or told. */
  readonly onFatal: (error: unknown) => void;
}

export interface RunningNode {
  readonly apiPort: number;
  readonly channelPort: number;
  stop(): Promise<void>;
}

const webhookTimeoutMillis = 10_000;
const metricsMillis = 2_000;
/** Events that come with every pair or block: counted, not logged. */
const everyPair = new Set(['ordered', 'held', 'refused', 'notice', 'message', 'committed', 'aborted', 'told', 'block']);

/** What the watcher has seen of the chain's head, as the flow asks for it. */
class HeadView implements ChainView {
  private head: Head | undefined;
  private seenAt = 0;
  private readonly maxGapMillis: number;

  constructor(maxGapMillis: number) {
    this.maxGapMillis = maxGapMillis;
  }

  see(head: Head): void {
    this.head = head;
    this.seenAt = systemClock.now();
  }

  get headTime(): ChainView['headTime'] {
    return this.head?.newest.timestamp;
  }

  get stalled(): boolean {
    if (this.head === undefined) return true;
    return this.head.ageMillis + (systemClock.now() - this.seenAt) > this.maxGapMillis;
  }
}

/** @throws {TandemError} for whatever is wrong with configuration, store, network or ports, saying what to do. */
export async function startNode(config: Config, { log, onFatal }: NodeHooks): Promise<RunningNode> {
  const { operator, timing } = config;
  const keys = loadKeys(config.chain.keysFile);
  const network = loadNetwork(config.chain.networkFile);
  const analysis = loadCatalogue(config.catalogueFile, { assets: config.assets });
  const directory = loadDirectory(config.directoryFile);
  const metrics = createMetrics(() => toUnixSeconds(systemClock.now()));

  const payments = createPayments({
    operator: operator.id,
    limits: { ...config.limits, perService: (service, asset) => analysis.plan(service)?.maxAmount[asset] },
  });
  const goods = createGoods(payments);
  const domains = createDomains([payments, goods]);
  for (const service of analysis.services) {
    const plan = analysis.plan(service);
    if (plan !== undefined) domains.checkPlan(service, plan);
  }

  const endpoints = connect({ network, urls: config.chain.rpcUrls, clock: systemClock });
  const reader = new RpcReader({ endpoints, network, extraDepth: config.chain.extraDepth });
  await reader.checkNetwork();

  const store = await openLevelStore(config.dataDir, {
    onFlush: ({ millis, transactions }) => {
      metrics.observeFlush(millis / 1000, transactions);
    },
  });
  const phones = config.gateway.phonesDir === undefined ? undefined : await Phones.open(config.gateway.phonesDir);
  const gateway = gatewayOf(config, phones);

  const failed = (where: string, error: unknown): void => {
    if (error instanceof TandemError && error.code === 'store-failed') onFatal(error);
    else log({ level: 'warn', where, message: error instanceof Error ? error.message : String(error) });
  };
  const engine = new Engine({
    store,
    clock: systemClock,
    random: systemRandom,
    onEvent: (event) => {
      observe(metrics, event);
      if (event.type === 'alarm') log({ level: 'error', ...event });
      else if (!everyPair.has(event.type)) log({ level: 'info', ...event });
    },
    onFailure: failed,
  });

  const peers = new ChainPeers({ reader, clock: systemClock, onTrouble: (trouble) => failed('peers', trouble) });
  await peers.start();
  checkOwnEntry(config, peers);

  const head = new HeadView(2 * timing.maxBlockGapSeconds * 1000);
  const sender = new ChainSender({
    store,
    reader,
    writer: new RpcWriter(endpoints),
    transact: (body) => store.transact(body),
    clock: systemClock,
    chainId: BigInt(network.chainId),
    signers: { carrier: localTransactionSigner(keys.carrier), account: localTransactionSigner(keys.account) },
    onOutcome: (tx, outcome) => {
      submitter.onOutcome(tx, outcome);
    },
    onAlarm: (alarm) => {
      log({ level: 'error', type: 'alarm', ...alarm });
    },
    onTrouble: (trouble) => {
      failed('sender', trouble);
    },
  });
  const submitter = new Submitter(settlementCalls(network.contracts.PairSettlement), sender);

  const tls = {
    key: readFileSync(config.channel.keyFile, 'utf8'),
    cert: readFileSync(config.channel.certFile, 'utf8'),
  };
  const common = { operator: operator.id, ...tls, peers, now: () => systemClock.now() };
  const remote = createHttpsChannel(common);
  /** Set below: the loopback answers with the flow that uses it. */
  let channel: Channel = remote;
  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  const meteredChannel: Channel = {
    call: async (peer, method, request) => {
      try {
        const answer = await channel.call(peer, method, request);
        metrics.incPeerCall(method, 'ok');
        return answer;
      } catch (error) {
        metrics.incPeerCall(method, error instanceof TandemError ? error.code : 'internal');
        throw error;
      }
    },
    close: () => channel.close(),
  };
  const hello = {
    version: 1 as const,
    operator: operator.id,
    chainId: network.chainId,
    settlement: settlement.contract.toLowerCase(),
    assets: [...config.assets],
  };
  const flow: FlowContext = {
    self: operator.id,
    handle: operator.handle,
    serviceNumber: operator.serviceNumber,
    operatorKey: Buffer.from(keys.operatorKey.slice(2), 'hex'),
    settlement,
    config,
    engine,
    analysis,
    directory,
    domains,
    accounts: {
      balances: (view, user) =>
        payments
          .balances(view, user)
          .map(({ asset, balance, held }) => ({ asset, balance: balance as Amount, held: held as Amount })),
    },
    peers,
    channel: meteredChannel,
    greetings: new Greetings(hello, meteredChannel),
    gateway,
    chain: reader,
    chainView: head,
    signer: localSigner(keys),
    open: new OpenWork(),
    submitter,
  };
  const handlers = createHandlers(flow);
  channel = withLoopback(operator.id, createLoopback(operator.id, handlers), remote);
  submitter.attach(flow);
  declareQueues(flow);
  await recover(flow);
  sender.start();

  const watcher = new ChainWatcher({
    reader,
    clock: systemClock,
    pollMillis: config.chain.pollMillis,
    firstBlock: network.firstBlock,
    onBlocks: async (blocks) => {
      peers.onBlocks(blocks);
      await applyBlocks(flow, blocks);
    },
    onHead: (seen) => {
      head.see(seen);
      peers.onHead(seen);
      sender.onHead(seen);
      metrics.setChainHead(seen.newest.number, seen.newest.timestamp);
      metrics.setChainFinal(seen.final.number, seen.final.timestamp);
    },
    onFault: onFatal,
    onTrouble: (trouble) => failed('chain', trouble),
  });
  watcher.start(store.newest.get(cursorTable, 'chain'));
  engine.start();
  startClocks(flow);
  engine.every(metricsMillis, 'metrics', () => {
    for (const name of engine.queueNames) metrics.setOutboxDepth(name, engine.depth(name));
    metrics.setOpenPairs(flow.open.openSides);
    const oldest = flow.open.oldestSince();
    metrics.setOldestOpenPair(oldest === undefined ? undefined : toUnixSeconds(oldest));
  });

  const channelServer = await startChannelServer({
    ...common,
    host: config.channel.host,
    port: config.channel.port,
    handlers,
    observe: (event) => {
      log({ level: 'warn', where: 'channel', ...event, ...('error' in event ? { error: String(event.error) } : {}) });
    },
  });
  const readiness = (): Readiness => readinessOf(head, watcher);
  const services = createNodeServices({
    flow,
    receiver: new Receiver(flow),
    staff: new Staff({
      engine,
      payments,
      goods,
      assets: new Set(config.assets.map(({ asset }) => asset)),
      languages: analysis.languages,
    }),
    payments,
    readiness,
    metrics: () => metrics.text(),
    phones,
  });
  const api = await startApi(services, config.api, {
    onAnswer: (operationId, status) => {
      metrics.incHttpAnswer(operationId, status);
    },
    onFault: (operationId, error) => {
      failed(`api ${operationId}`, error);
    },
  });

  return {
    apiPort: api.port,
    channelPort: channelServer.port,
    async stop() {
      await api.close();
      await channelServer.close();
      await watcher.stop();
      await engine.stop();
      await sender.stop();
      await peers.stop();
      await channel.close();
      await gateway.close();
      await store.close();
    },
  };
}

function gatewayOf({ gateway }: Config, phones: Phones | undefined): MessageGateway {
  const gateways: MessageGateway[] = phones === undefined ? [] : [phones];
  if (gateway.webhook !== undefined) {
    const { url, secret } = gateway.webhook;
    gateways.push(
      new WebhookGateway({ url, secret, timeoutMillis: webhookTimeoutMillis, now: () => systemClock.now() }),
    );
  }
  return new FanoutGateway(gateways);
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

function readinessOf(head: HeadView, watcher: ChainWatcher): Readiness {
  const { running, trouble } = watcher.status;
  const chain = !running
    ? 'stopped: see the log'
    : (trouble?.message ?? (head.stalled ? 'no block for too long' : 'ok'));
  return { ready: chain === 'ok', checks: { store: 'ok', chain } };
}

function observe(metrics: Metrics, event: EngineEvent): void {
  if (event.type === 'message') metrics.incMessage(event['disposition'] as Parameters<Metrics['incMessage']>[0]);
  else if (event.type === 'committed' || event.type === 'aborted') metrics.incPair(event['role'] as Role, event.type);
  else if (event.type === 'refused') metrics.incRefusal(String(event['reason']));
  else if (event.type === 'notice') metrics.incRefusal(String(event['key']));
}
