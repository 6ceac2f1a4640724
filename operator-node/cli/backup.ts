/** `tandem backup`: a backup of a node, through the running node or, where it does not run, of its store directly. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadNetwork } from '../chain/network.ts';
import { keyFileName, writeKeyBackup, type KeyBackupSummary } from '../erasure/key-backup.ts';
import { TandemError } from '../errors.ts';
import { headerOf } from '../recovery/backup.ts';
import { writeSnapshot, type SnapshotSummary } from '../recovery/snapshot.ts';
import { openLevelStore } from '../store/level.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { ApiError, type NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
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

const usage = `usage: tandem backup [which node] [--follow | --keys] [--json]
  --follow           start a new followed copy in backup.followDir, to which the running node adds each write before the
                     write counts; without --follow, a backup file in backup.dir
  --keys             back up the users' keys, which no other backup has, to a file in backup.keysDir that expires after
                     backup.keysDays; restore it with tandem restore --keys FILE
${nodeUsage}`;

export async function backup(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    follow: { type: 'boolean', default: false },
    keys: { type: 'boolean', default: false },
  } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.follow && values.keys) throw new UsageError(`Use either --follow or --keys.\n${usage}`);
  const node = nodeOf(values);
  if (values.keys) {
    const made = (await online(node, (client) => client.keyBackup())) ?? (await offlineKeys(configured(node)));
    print(out, values.json, made, () => {
      const day = new Date(made.expires).toISOString().slice(0, 10);
      return `${counted(made.records, 'record')} of keys in ${made.file}: usable until ${day}, to be deleted then`;
    });
    return 0;
  }
  const made = await online(node, (client) => client.backup({ kind: values.follow ? 'follow' : 'file' }));
  const { file, mark, records, bytes } = made ?? (await offline(configured(node), values.follow));
  print(
    out,
    values.json,
    { file, mark, records, bytes },
    () => `${counted(records, 'record')}, ${counted(bytes, 'byte')}, as of write ${mark.write}: ${file}`,
  );
  return 0;
}

/** Undefined where no node answers whose files are here. */
async function online<R>(node: ChosenNode, ask: (client: NodeClient) => Promise<R>): Promise<R | undefined> {
  try {
    return await withClient(node, ask, { timeoutMillis: slowMillis });
  } catch (error) {
    if (error instanceof ApiError && error.status === 0 && node.configFile !== undefined) return undefined;
    throw error;
  }
}

async function offline({ config }: ConfiguredNode, follow: boolean): Promise<SnapshotSummary> {
  const { dir } = config.backup;
  if (follow)
    throw new TandemError('not-ready', 'The node is not running, so it has no followed copy: start it first.');
  if (dir === undefined) throw new TandemError('unprocessable', 'The configuration has no backup.dir.');
  const network = loadNetwork(config.chain.networkFile);
  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  await using store = await openLevelStore(config.dataDir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const now = Date.now();
  const name = `${config.operator.handle}-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}.tandem`;
  return await writeSnapshot(join(dir, name), headerOf(config, settlement, now), store.records());
}

async function offlineKeys({ config }: ConfiguredNode): Promise<KeyBackupSummary> {
  const { keysDir, keysDays } = config.backup;
  if (keysDir === undefined) throw new TandemError('unprocessable', 'The configuration has no backup.keysDir.');
  const network = loadNetwork(config.chain.networkFile);
  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  await using store = await openLevelStore(config.dataDir);
  const header = headerOf(config, settlement, Date.now());
  const file = join(keysDir, keyFileName(config.operator.handle, header.at));
  return await writeKeyBackup(file, { ...header, expires: header.at + keysDays * 86_400_000 }, store.records());
}
