/** `tandem doctor`: store, chain and peers of a node compared, by the running node or on its stopped store. */
import { connect } from '../chain/connect.ts';
import { loadNetwork } from '../chain/network.ts';
import { ChainPeers } from '../chain/peers.ts';
import { RpcReader } from '../chain/rpc.ts';
import { readCertificate } from '../channel/certificate.ts';
import { createHttpsChannel } from '../channel/https.ts';
import { helloOf } from '../flow/hello.ts';
import { systemClock, systemRandom } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import { Caps } from '../flow/caps.ts';
import { addressOf, codecOf, loadKeys } from '../keys.ts';
import { examine, type Diagnosis } from '../recovery/doctor.ts';
import { isInUse } from '../recovery/lock.ts';
import { inspectLevelStore, openLevelStore } from '../store/level.ts';
import { parseCommand, print } from './arguments.ts';
import { ApiError } from '../api/client.ts';
import type { Output } from './output.ts';
import { freeBytesOf, Room } from '../store/room.ts';
import { counted, countedOf } from '../model/counted.ts';
import {
  configured,
  nodeOf,
  nodeOptions,
  nodeUsage,
  slowMillis,
  withClient,
  type ChosenNode,
  type ConfiguredNode,
} from './which-node.ts';

const usage = `usage: tandem doctor [which node] [--json]
  Exit code 1: something was found. The store of a stopped node is read directly; nothing in it is changed.
${nodeUsage}`;

export async function doctor(args: readonly string[], out: Output): Promise<number> {
  const { values } = parseCommand(usage, args, nodeOptions, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const node = nodeOf(values);
  const found = (await online(node)) ?? (await offline(configured(node)));
  print(out, values.json, found, () => text(found));
  return found.findings.length === 0 ? 0 : 1;
}

async function online(node: ChosenNode): Promise<Diagnosis | undefined> {
  try {
    return await withClient(node, (client) => client.doctor(), { timeoutMillis: slowMillis });
  } catch (error) {
    if (error instanceof ApiError && error.status === 0 && node.configFile !== undefined) return undefined;
    throw error;
  }
}

async function offline({ config }: ConfiguredNode): Promise<Diagnosis> {
  const { dataDir, operator } = config;
  if (await isInUse(dataDir)) {
    throw new TandemError(
      'store-failed',
      `${dataDir} is used by a process that does not answer at ${config.api.host}:${config.api.port}`,
    );
  }
  const { files, faults } = await inspectLevelStore(dataDir);
  const looked = { files: files?.files ?? 0, bytes: files?.bytes ?? 0 };
  // Opening would change what is damaged.
  if (faults.length > 0)
    return { findings: faults.map(({ text: says }) => ({ part: 'store' as const, says })), looked };
  if (files === undefined) return { findings: [{ part: 'store', says: `${dataDir} holds no store` }], looked };

  const keys = loadKeys(config.chain.keysFile);
  const network = loadNetwork(config.chain.networkFile);
  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  const endpoints = connect({ network, urls: config.chain.rpcUrls, clock: systemClock });
  const reader = new RpcReader({ endpoints, network, extraDepth: config.chain.extraDepth, self: operator.id });
  await using store = await openLevelStore(dataDir, { codec: codecOf(keys, systemRandom) });
  const peers = new ChainPeers({ reader, clock: systemClock, onTrouble: () => undefined });
  const chain: string[] = [];
  try {
    await reader.checkNetwork();
    await peers.refresh();
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    chain.push(error.message);
  }
  const caps = new Caps(config);
  await caps.load(store);
  const channel = createHttpsChannel({
    operator: operator.id,
    ...readCertificate(config.channel),
    peers,
    now: () => systemClock.now(),
  });
  try {
    const found = await examine({
      self: operator.id,
      store,
      room: new Room(config.disk.minFreeMebibytes * 1024 * 1024, freeBytesOf(config.dataDir)),
      records: () => store.records(),
      reader,
      endpoints: () => endpoints.status,
      peers,
      channel,
      hello: helloOf(config, settlement, caps),
      signer: addressOf(keys.signer),
      account: addressOf(keys.account),
    });
    return {
      findings: [...chain.map((says) => ({ part: 'chain' as const, says })), ...found.findings],
      looked: { ...looked, ...found.looked },
    };
  } finally {
    await channel.close();
    await peers.stop();
  }
}

function text({ findings, looked }: Diagnosis): string {
  const counts = Object.entries(looked).map(([what, count]) => countedOf(count, what));
  return [
    ...findings.map(({ part, says }) => `${part}: ${says}`),
    findings.length === 0 ? 'No problems found.' : `${counted(findings.length, 'finding')}.`,
    `Checked ${counts.join(', ')}.`,
  ].join('\n');
}
