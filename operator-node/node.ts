/** The composition root: builds the adapters of one operator's node, puts the node together from them, and starts everything in order. */
import { alarmEntry } from './alarms/catalogue.ts';
import { ReplaceableAnalysis } from './analysis/replaceable.ts';
import { loadServices } from './analysis/services.ts';
import { ApiAccess } from './api/access.ts';
import { AuditorGate } from './api/auditor-gate.ts';
import { createMetrics, type Metrics } from './api/metrics.ts';
import { capsUsed } from './api/cap-routes.ts';
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
import type { EngineEvent } from './engine/engine.ts';
import { checkJournalEnd, checkJournalFurther } from './engine/journal.ts';
import { KeyLog } from './erasure/key-backup.ts';
import { followKeysDirOf, tombstoneFolders } from './erasure/restoring.ts';
import { fileShelf } from './erasure/tombstones.ts';
import { TandemError } from './errors.ts';
import { anchorStatus } from './flow/checkpoint.ts';
import { listSetAside } from './flow/deliver.ts';
import { addressOf, codecOf, loadKeys, localSigner } from './keys.ts';
import { FanoutGateway } from './messaging/fanout.ts';
import { Phones } from './messaging/phones.ts';
import { WebhookGateway } from './messaging/webhook.ts';
import { toUnixSeconds, type UnixSeconds } from './model/ids.ts';
import { Backups, headerOf, removeLeftovers } from './recovery/backup.ts';
import { FollowLog } from './recovery/follow.ts';
import { holdsBefore } from './recovery/holds.ts';
import { recoveryOf } from './recovery/state.ts';
import { reload, type Reloaded } from './reload.ts';
import { checkFormat } from './store/format.ts';
import { openLevelStore } from './store/level.ts';
import { freeBytesOf } from './store/room.ts';

export interface NodeHooks {
  /** Where the configuration came from: `reload` reads it again. */
  readonly configFile: string;
  /** One entry a line: what staff should see. */
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
  /** The node cannot go on: nothing more is written or told. */
  readonly onFatal: (error: unknown) => void;
}

export interface RunningNode {
  readonly apiPort: number;
  readonly channelPort: number;
  /** Reads again what may change while the node runs; never throws for what it finds. */
  reload(): Reloaded;
  stop(): Promise<void>;
}

const webhookTimeoutMillis = 10_000;
const metricsMillis = 2_000;
/** An alarm is raised this many days before the channel's certificate expires. */
const certificateDays = 14;
/** How often the followed copy is looked at for its length. */
const tidyMillis = 600_000;
/** A hold is near its deadline so long before. */
const nearSeconds = 60;
/** The interval and number of journal entries with which the journal is verified in the background. */
const journalMillis = 60_000;
const journalEntries = 5_000;
/** After these the node writes and tells nothing more. */
const storeFaults: ReadonlySet<string> = new Set(['store-failed', 'store-damaged']);
/** Events that come with every pair or block: counted, not logged. */
const everyPair = new Set(['ordered', 'held', 'refused', 'notice', 'message', 'committed', 'aborted', 'told', 'block']);

/** @throws {TandemError} for whatever is wrong with configuration, store, network or ports, saying what to do. */
export async function startNode(config: Config, { configFile, log, onFatal }: NodeHooks): Promise<RunningNode> {
  const { operator } = config;
  const keys = loadKeys(config.chain.keysFile);
  const certificate = new OwnCertificate(readCertificate(config.channel), systemClock.now());
  const metrics = createMetrics(
    () => toUnixSeconds(systemClock.now()),
    () => certificate.ends,
  );
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
  const { followDir } = config.backup;
  const followed: { log: FollowLog | undefined } = { log: undefined };
  const store = await openLevelStore(config.dataDir, {
    codec: codecOf(keys, systemRandom),
    ...(followDir === undefined
      ? {}
      : {
          follow: async (mark, content) => {
            const header = () => headerOf(config, settlement, systemClock.now());
            const keys = await KeyLog.open(followKeysDirOf(config.backup) ?? followDir, mark.store, content.records());
            return (followed.log = await FollowLog.open({ dir: followDir, header, keys }, mark, content));
          },
        }),
    onFlush: ({ millis, transactions }) => {
      metrics.observeFlush(millis / 1000, transactions);
    },
  });
  await removeLeftovers(config);
  await checkFormat(store);
  await checkJournalEnd(store);
  const phones = config.gateway.phonesDir === undefined ? undefined : await Phones.open(config.gateway.phonesDir);
  const webhook = webhookOf(config);
  const gateway = new FanoutGateway([phones, webhook].filter((each) => each !== undefined));

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
    remote: (peers) => createHttpsChannel({ ...common, peers: withRoutes(peers, config.channel.routes) }),
    onEvent: (event) => {
      observe(metrics, event);
      if (!everyPair.has(event.type)) log(lineOf(event));
    },
    onFailure: failed,
    onFatal,
    onHead: ({ newest, final }) => {
      metrics.setChainHead(newest.number, newest.timestamp);
      metrics.setChainFinal(final.number, final.timestamp);
    },
    onPeerCall: (method, failure) => {
      const outcome = failure === undefined ? 'ok' : failure instanceof TandemError ? failure.code : 'internal';
      metrics.incPeerCall(method, outcome);
    },
  });
  const { flow, engine, peers, handlers } = node;
  await node.start();
  engine.every(metricsMillis, 'metrics', async () => {
    const daysLeft = Math.floor((certificate.ends - toUnixSeconds(systemClock.now())) / 86_400);
    flow.alarms.set('certificate-ends', daysLeft < certificateDays, { days: daysLeft });
    watchEndpoints(flow.alarms, endpoints.status);
    metrics.setActiveAlarms(await flow.alarms.active());
    const now = systemClock.now();
    for (const name of engine.queueNames) {
      metrics.setOutboxDepth(name, engine.depth(name));
      metrics.setOutboxLag(name, Math.max(0, now - (engine.oldestSince(name) ?? now)) / 1000);
    }
    const seconds = toUnixSeconds(now);
    const requests = flow.requests.counts(flow);
    metrics.setWatch({
      holdsNearDeadline: holdsBefore(flow, (seconds + nearSeconds) as UnixSeconds),
      holdsPastDeadline: holdsBefore(flow, seconds),
      endpointsOk: endpoints.status.filter(({ state }) => state === 'ok').length,
      endpointsSilent: endpoints.status.filter(({ state }) => state === 'silent').length,
      endpoints: endpoints.status,
      disagreements: endpoints.disagreements.length,
      halted: flow.open.halted,
      freeBytes: flow.room.freeBytes,
      outOfRoom: flow.room.short,
      setAside: (await listSetAside(engine)).length,
      recovering: recoveryOf(engine.newest) !== undefined,
      openWindows: [...flow.windows.open()].length,
      overdueWindows: flow.windows.overdue(flow, now),
      oldestWindowSeconds: flow.windows.oldestSeconds(now),
      gas: flow.gas.keys,
      gasShort: flow.gas.trouble !== undefined,
      openRequests: requests.open,
      overdueRequests: requests.overdue,
      standings: peers.all().map(({ id, status }) => ({ operator: id, status })),
      capsUsed: capsUsed(flow, parts.payments),
    });
    if (flow.anchor.enabled) metrics.setAnchor(anchorStatus(engine.newest, now));
    metrics.setOpenPairs(flow.open.openSides);
    const oldest = flow.open.oldestSince();
    metrics.setOldestOpenPair(oldest === undefined ? undefined : toUnixSeconds(oldest));
  });

  engine.every(journalMillis, 'journal', async () => {
    await checkJournalFurther(store, journalEntries);
  });

  const backups = (kept.backups = new Backups({
    config,
    settlement,
    engine,
    records: () => store.records(),
    follow: followed.log,
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
  const api = await startApi(
    routes,
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
  engine.every(metricsMillis, 'servers', () => {
    servers.round();
    metrics.setConnections('channel', channelServer.connections);
    metrics.setConnections('api', api.connections);
    metrics.setOverload(flow.overload.status);
  });

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

function webhookOf({ gateway: { webhook } }: Config): WebhookGateway | undefined {
  if (webhook === undefined) return undefined;
  return new WebhookGateway({ ...webhook, timeoutMillis: webhookTimeoutMillis, now: () => systemClock.now() });
}

/** An alarm by its code and how bad it is; what to do about it is in docs/alarms.md, and `tandem alarms` says it. */
function lineOf(event: EngineEvent): Readonly<Record<string, unknown>> {
  if (event.type !== 'alarm' && event.type !== 'alarm-over') return { level: 'info', ...event };
  const { type, what: code, ...facts } = event;
  const { severity, text } = alarmEntry(code);
  if (type === 'alarm-over') return { level: 'info', type, code, severity, ...facts };
  return { level: severity === 'critical' ? 'error' : 'warn', type, code, severity, text, ...facts };
}

function observe(metrics: Metrics, event: EngineEvent): void {
  if (event.type === 'alarm') metrics.incAlarm(event.what);
  else if (event.type === 'message') metrics.incMessage(event.disposition);
  else if (event.type === 'committed' || event.type === 'aborted') metrics.incPair(event.role, event.type);
  else if (event.type === 'refused') metrics.incRefusal(event.reason);
  else if (event.type === 'notice') metrics.incRefusal(event.key);
}
