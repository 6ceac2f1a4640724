/**
 * A store made anew out of a backup. What is there is set aside, never written over. Unless the backup is known to be
 * complete, the new store may be behind what this operator has signed and said: it is marked, and the node starts in
 * recovery (protocol §3, rule 11).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { RestoredPersons } from '../erasure/restoring.ts';
import { TandemError } from '../errors.ts';
import type { UnixMillis } from '../model/ids.ts';
import type { DiskOp } from '../store/disk.ts';
import { makeLevelStore } from '../store/level.ts';
import { markFileOf, readMark, type Mark } from '../store/mark.ts';
import { renameDurably } from '../store/whole-file.ts';
import { isFollowFolder, readFollow } from './follow.ts';
import { isInUse } from './lock.ts';
import { readSnapshot, type SnapshotReading } from './snapshot.ts';
import type { Recovery } from '../flow/past.ts';

export interface RestoreOptions {
  readonly config: Config;
  /** A backup file, or the folder of a followed backup. */
  readonly from: string;
  /** A key backup; without one the keys that were followed are taken. */
  readonly keys?: string;
  readonly now: UnixMillis;
  /** Addresses of signer and account as they are now. */
  readonly oldKeys: readonly string[];
  readonly network: { readonly chainId: string; readonly settlement: string };
}

export interface Restored {
  readonly mark: Mark;
  readonly taken: string;
  /** Where the store that was there is now. */
  readonly setAside?: string;
  /** Why the node starts in recovery, or why it need not. */
  readonly recovery: boolean;
  /** Users who were erased after the backup was made, or before: nothing of them can be opened. */
  readonly erased: number;
  readonly why: string;
}

/** @throws {TandemError} `unprocessable` for the backup of another operator, contract or chain */
function checkOwner(
  { operator, settlement, chainId }: SnapshotReading['header'],
  { config, from, network }: Pick<RestoreOptions, 'config' | 'from' | 'network'>,
): void {
  const found = `operator ${operator} of contract ${settlement} on chain ${chainId}`;
  const expected = `operator ${config.operator.id} of contract ${network.settlement} on chain ${network.chainId}`;
  if (found === expected) return;
  throw new TandemError('unprocessable', `${from} is a backup of ${found}; the configuration is of ${expected}`);
}

/** @throws {TandemError} `store-failed` while the store is in use, `store-damaged` or `unprocessable` for the backup */
export async function restore({ config, from, keys, now, network, oldKeys }: RestoreOptions): Promise<Restored> {
  const { dataDir } = config;
  if (await isInUse(dataDir)) {
    throw new TandemError('store-failed', `${dataDir} is in use by another process: stop the node first`);
  }
  const folder = await isFollowFolder(from);
  const source = folder ? readFollow(from) : readSnapshot(from);
  const making = `${dataDir}.restoring`;
  if (existsSync(making))
    throw new TandemError('unprocessable', `${making} is left from an unfinished restore: remove it`);
  const known = markOf(dataDir);
  let reading: SnapshotReading | undefined;
  let made: Mark | undefined;
  let completeness = { complete: false, why: '' };
  const persons = await RestoredPersons.read({ config, from, now, network, ...(keys === undefined ? {} : { keys }) });
  async function* changes(): AsyncGenerator<DiskOp> {
    for (;;) {
      const step = await source.next();
      if (step.done === true) {
        reading = step.value;
        yield* persons.rest();
        return;
      }
      const change = persons.take(step.value);
      if (change !== undefined) yield change;
    }
  }
  const read = (): SnapshotReading => {
    if (reading === undefined) throw new TandemError('internal', 'The backup was not read completely.');
    return reading;
  };
  const finish = (): { readonly mark: Mark; readonly more: readonly DiskOp[] } => {
    const { header, mark } = read();
    checkOwner(header, { config, from, network });
    completeness = completenessOf(config, folder, from, mark, known);
    const recovery: Recovery = { why: 'restored', at: now, oldKeys };
    const more: DiskOp[] = completeness.complete
      ? []
      : [{ type: 'put', key: 'recovery!mark', value: JSON.stringify(recovery) }];
    // What may be behind is another store from here on: no mark and no copy of the old one fits it.
    made = completeness.complete ? mark : { ...mark, store: randomBytes(16).toString('hex') };
    return { mark: made, more };
  };
  try {
    await makeLevelStore(making, changes(), finish);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
  const mark = made ?? read().mark;
  const aside = existsSync(dataDir) ? `${dataDir}.before-restore-${now}` : undefined;
  if (aside !== undefined) {
    await rename(dataDir, aside);
    if (existsSync(markFileOf(dataDir))) await rename(markFileOf(dataDir), markFileOf(aside));
  }
  // The mark last: a store without its mark is not opened.
  await rename(making, dataDir);
  await renameDurably(markFileOf(making), markFileOf(dataDir));
  return {
    mark,
    taken: from,
    ...(aside === undefined ? {} : { setAside: aside }),
    recovery: !completeness.complete,
    erased: persons.erased,
    why: completeness.why,
  };
}

function markOf(dir: string): Mark | undefined {
  const mark = readMark(markFileOf(dir));
  return mark === 'damaged' ? undefined : mark;
}

/** Whether everything that anybody was told of is in the backup. */
function completenessOf(
  config: Config,
  folder: boolean,
  from: string,
  { store, write }: Mark,
  known: Mark | undefined,
): { readonly complete: boolean; readonly why: string } {
  if (known?.store === store) {
    return write >= known.write
      ? {
          complete: true,
          why: `The mark of the store says that nothing was told of after write ${known.write}: nothing is lost.`,
        }
      : {
          complete: false,
          why: `The store had come to write ${known.write}: what writes ${write + 1} to ${known.write} held is not in this backup.`,
        };
  }
  if (folder && config.backup.followDir !== undefined && resolve(from) === config.backup.followDir) {
    return {
      complete: true,
      why: 'Each write was in this folder before it counted (backup.followDir): nothing is lost.',
    };
  }
  return { complete: false, why: 'Nothing says that this was the last state of the store.' };
}
