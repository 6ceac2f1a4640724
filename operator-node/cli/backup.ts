/** `tandem backup`: a backup of a node, through the running node or, where it does not run, of its store directly. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadNetwork } from '../chain/network.ts';
import { TandemError } from '../errors.ts';
import { headerOf } from '../recovery/backup.ts';
import { writeSnapshot, type SnapshotSummary } from '../recovery/snapshot.ts';
import { openLevelStore } from '../store/level.ts';
import { parseCommand, print } from './arguments.ts';
import { ApiError, NodeClient } from './client.ts';
import type { Output } from './output.ts';
import { staffNode, staffOptions, staffUsage, type StaffNode } from './staff.ts';

const usage = `usage: tandem backup (--config FILE | --operator HANDLE) [--follow] [--json]
${staffUsage}
  --follow           a new base of the copy in backup.followDir, to which the running node adds each of its writes before
                     anything is told of it; without it a file in backup.dir`;

const slowMillis = 3_600_000;

export async function backup(args: readonly string[], out: Output): Promise<number> {
  const options = { ...staffOptions, follow: { type: 'boolean', default: false } } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const node = staffNode(values);
  const made = await online(node, values.follow);
  const { file, mark, records, bytes } = made ?? (await offline(node, values.follow));
  print(
    out,
    values.json,
    { file, mark, records, bytes },
    () => `${records} records, ${bytes} bytes, as of write ${mark.write}: ${file}`,
  );
  return 0;
}

/** Undefined where no node answers. */
async function online({ access }: StaffNode, follow: boolean): Promise<SnapshotSummary | undefined> {
  const client = new NodeClient(access, { timeoutMillis: slowMillis });
  try {
    return await client.backup(follow ? 'follow' : 'file');
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) return undefined;
    throw error;
  } finally {
    client.close();
  }
}

async function offline({ config }: StaffNode, follow: boolean): Promise<SnapshotSummary> {
  const { dir } = config.backup;
  if (follow) throw new TandemError('not-ready', 'The node does not run, so nothing follows it: start it first.');
  if (dir === undefined) throw new TandemError('unprocessable', 'The configuration names no backup.dir.');
  const network = loadNetwork(config.chain.networkFile);
  const settlement = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  await using store = await openLevelStore(config.dataDir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const now = Date.now();
  const name = `${config.operator.handle}-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}.tandem`;
  return await writeSnapshot(join(dir, name), headerOf(config, settlement, now), store.records());
}
