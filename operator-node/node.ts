/** The composition root: builds the adapters of one operator's node, puts the node together from them, and starts everything in order. */
import { ReplaceableAnalysis } from './analysis/replaceable.ts';
import { loadServices } from './analysis/services.ts';
import { ApiAccess } from './api/access.ts';
import { AuditorGate } from './api/auditor-gate.ts';
import { createMetrics } from './api/metrics.ts';
import type { RouteGroup } from './api/route.ts';
import { startApi } from './api/server.ts';
import { nodeRoutes } from './api/table.ts';
import { auditLogCalls, settlementCalls } from './chain/calls.ts';
import { statementCalls } from './chain/audit-log.ts';
import { connect } from './chain/connect.ts';
import { loadNetwork } from './chain/network.ts';
import { RpcWriter } from './chain/rpc-writer.ts';
import { RpcReader } from './chain/rpc.ts';
import { localTransactionSigner } from './chain/signing.ts';
import { watchEndpoints } from './chain/watch-endpoints.ts';
import { readCertificate } from './channel/certificate.ts';
import { createHttpsChannel, startChannelServer } from './channel/https.ts';
import { OwnCertificate } from './channel/own-certificate.ts';
import { withRoutes } from './channel/routes.ts';
import { signDigest } from './commitment/typed-data.ts';
import { LogDigest } from './connections/digest.ts';
import { ServerWatch } from './connections/watch.ts';
import { composeNode } from './compose.ts';
import { openDomains } from './flow/own-domains.ts';
import { checkTiming, maxBlockGapOf, type Config } from './config.ts';
import { loadDirectory } from './directory/file.ts';
import { ReplaceableDirectory } from './directory/replaceable.ts';
import { systemClock, systemRandom } from './engine/clock.ts';
import { checkJournalFurther } from './engine/journal.ts';
import { tombstoneFolders } from './erasure/restoring.ts';
import { fileShelf } from './erasure/tombstones.ts';
import { TandemError } from './errors.ts';
import { addressOf, loadKeys, localSigner } from './keys.ts';
import { toUnixSeconds } from './model/ids.ts';
import { openGateways } from './process/gateways.ts';
import { everyPair, lineOf, observe } from './process/log-lines.ts';
import { nodeGauges } from './process/node-gauges.ts';
import { openNodeStore } from './process/open-store.ts';
import type { NodeParts } from './wiring/node-parts.ts';
import { Backups } from './recovery/backup.ts';
import { reload, type Reloaded } from './reload.ts';
import { freeBytesOf } from './store/room.ts';

export interface NodeHooks {
  /** Where the configuration came from: `reload` reads it again. */
  readonly configFile: string;
  /** One entry a line: what staff should see. */
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
  /** The node cannot go on: nothing more is written or told. */
  readonly onFatal: (error: unknown) => void;
  /** Parts beside those that every node has. */
  readonly more?: NodeParts['more'];
}

export interface RunningNode {
  readonly apiPort: number;
  readonly channelPort: number;
  /** Reads again what may change while the node runs; never throws for what it finds. */
  reload(): Reloaded;
  stop(): Promise<void>;
}

const watchMillis = 2_000;
/** An alarm is raised this many days before the channel's certificate expires. */
const certificateDays = 14;
/** How often the followed copy is looked at for its length. */
const tidyMillis = 600_000;
/** The interval and number of journal entries with which the journal is verified in the background. */
const journalMillis = 60_000;
const journalEntries = 5_000;
/** After these the node writes and tells nothing more. */
const storeFaults: ReadonlySet<string> = new Set(['store-failed', 'store-damaged']);

/** @throws {TandemError} for whatever is wrong with configuration, store, network or ports, saying what to do. */
export async function startNode(config: Config, { configFile, log, onFatal, more }: NodeHooks): Promise<RunningNode> {
  const { operator } = config;
  const keys = loadKeys(config.chain.keysFile);
  const certificate = new OwnCertificate(readCertificate(config.channel), systemClock.now());
  const metrics = createMetrics();
  const network = loadNetwork(config.chain.networkFile);
  checkTiming(config, network);
  const analysis = new ReplaceableAnalysis(loadServices(config.catalogueFile, config.assets));
  const directory = new ReplaceableDirectory(loadDirectory(config.directoryFile));

  const parts = openDomains(config, analysis);

  const endpoints = connect({ network, urls: config.chain.rpcUrls, clock: systemClock });
  const reader = new RpcReader({ endpoints, network, extraDepth: config.chain.extraDepth, self: operator.id });
  await reader.checkNetwork().catch((error: unknown) => {
    // Another chain is a mistake of the configuration; one that is away comes back, and much can be done without it.
    if (!(error instanceof TandemError && error.code === 'chain-unavailable')) throw error;
    log({ level: 'warn', where: 'chain', message: error.message });
  });

  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  const { AuditLog } = network.contracts;
  const { store, followed } = await openNodeStore(config, {
    keys,
    settlement,
    onFlush: (...flush) => metrics.observeFlush(...flush),
  });
  const { phones, webhook, gateway } = await openGateways(config);

  const digest = new LogDigest(log, systemClock);
  const failed = (where: string, error: unknown): void => {
    if (error instanceof TandemError && storeFaults.has(error.code)) onFatal(error);
    else {
      const message = error instanceof Error ? error.message : String(error);
      digest.note(`${where} ${message.slice(0, 200)}`, { level: 'warn', where, message });
    }
  };
  /** Set below: made of the engine. */
  const kept: { backups: Backups | undefined } = { backups: undefined };
  const common = { operator: operator.id, ...certificate.pem, certificate, now: () => systemClock.now() };
  const node = composeNode({
    ...parts,
    config,
    operatorKey: Buffer.from(keys.operatorKey.slice(2), 'hex'),
    settlement,
    firstBlock: network.firstBlock,
    maxBlockGapSeconds: maxBlockGapOf(config, network),
    store,
    freeBytes: freeBytesOf(config.dataDir),
    shelf: fileShelf(tombstoneFolders(config)),
    purge: async () => {
      await store.purge();
      await kept.backups?.renewKeys();
    },
    clock: systemClock,
    random: systemRandom,
    reader,
    writer: new RpcWriter(endpoints),
    calls: settlementCalls(network.contracts.PairSettlement),
    auditLog: AuditLog === undefined ? undefined : auditLogCalls(AuditLog),
    statements:
      AuditLog === undefined
        ? undefined
        : { domain: { chainId: settlement.chainId, contract: AuditLog }, calls: statementCalls(AuditLog) },
    signer: localSigner(keys),
    ownKeys: { signer: addressOf(keys.signer), account: addressOf(keys.account) },
    transactionSigners: {
      carrier: localTransactionSigner(keys.carrier),
      account: localTransactionSigner(keys.account),
    },
    analysis,
    directory,
    gateway,
    remote: (peers, forms) => createHttpsChannel({ ...common, forms, peers: withRoutes(peers, config.channel.routes) }),
    ...(more === undefined ? {} : { more }),
    onEvent: (event) => {
      observe(metrics, event);
      if (!everyPair.has(event.type)) log(lineOf(event));
    },
    onFailure: failed,
    onFatal,
    onPeerCall: (method, failure) => {
      const outcome = failure === undefined ? 'ok' : failure instanceof TandemError ? failure.code : 'internal';
      metrics.incPeerCall(method, outcome);
    },
  });
  const { flow, engine, peers, handlers } = node;
  await node.start();
  engine.every(watchMillis, 'watch', () => {
    const daysLeft = Math.floor((certificate.ends - toUnixSeconds(systemClock.now())) / 86_400);
    flow.alarms.set('certificate-ends', daysLeft < certificateDays, { days: daysLeft });
    watchEndpoints(flow.alarms, endpoints.status);
  });

  engine.every(journalMillis, 'journal', async () => {
    await checkJournalFurther(store, journalEntries);
  });

  const backups = (kept.backups = new Backups({
    config,
    settlement,
    engine,
    records: () => store.records(),
    follow: followed,
  }));
  engine.every(tidyMillis, 'backup', () => backups.tidy());

  const { alarms, troubles } = flow;
  const servers = new ServerWatch({ clock: systemClock, digest, metrics, alarms, troubles, peers });
  const channelServer = await startChannelServer({
    ...common,
    peers,
    host: config.channel.host,
    port: config.channel.port,
    sharedAddresses: config.channel.sharedAddresses,
    handlers,
    forms: node.forms,
    observe: (event) => {
      if (event.type === 'handler-failed') failed(`channel ${event.method}`, event.error);
      servers.channelEvent(event);
    },
    onCut: (cut) => {
      servers.cut('channel', cut);
    },
  });
  const routes = nodeRoutes({
    flow,
    receiver: node.receiver,
    staff: node.staff,
    eraser: node.eraser,
    payments: parts.payments,
    metrics: () => metrics.text(),
    phones,
    backups,
    recovery: node.recovery,
    doctor: {
      self: operator.id,
      store,
      room: flow.room,
      records: () => store.records(),
      reader,
      endpoints: () => endpoints.status,
      peers,
      unreadable: () => node.watcher.unreadable,
      gas: flow.gas,
      channel: flow.channel,
      hello: node.hello,
      signer: addressOf(keys.signer),
      account: addressOf(keys.account),
    },
    auditLog: AuditLog,
    sign: (digest) => signDigest(keys.signer, digest),
  });
  const auditors = new AuditorGate(config.auditors, () => systemClock.now());
  const access = new ApiAccess({ ...config.api, auditors });
  // Every part's routes are made by `routeGroup`.
  const ofParts = node.parts.flatMap(({ routes: own = [] }): readonly unknown[] => own) as readonly RouteGroup[];
  const api = await startApi(
    [...routes, ...ofParts],
    { ...config.api, access },
    {
      onAnswer: (operationId, status) => {
        metrics.incHttpAnswer(operationId, status);
      },
      onFault: (operationId, error) => {
        failed(`api ${operationId}`, error);
      },
      onCut: (cut) => {
        servers.cut('api', cut);
      },
    },
  );
  engine.every(watchMillis, 'servers', () => {
    servers.round();
  });
  for (const { gauges = [] } of node.parts) metrics.show(gauges);
  metrics.show(nodeGauges({ node, endpoints, certificate, servers: { channel: channelServer, api } }));

  return {
    apiPort: api.port,
    channelPort: channelServer.port,
    reload: () =>
      reload({
        ...{ file: configFile, running: () => flow.config, reconfigure: (next) => node.reconfigure(next) },
        ...{ analysis, directory, certificate, access, auditors, webhook, log, now: () => systemClock.now() },
        fits: ({ services }) => node.checkOpenServices(services),
        pins: () => peers.get(operator.id)?.pins ?? [],
        alarms: flow.alarms,
      }),
    async stop() {
      await api.close();
      await channelServer.close();
      digest.flush(true);
      await node.stop();
      await gateway.close();
      await store.close();
    },
  };
}
