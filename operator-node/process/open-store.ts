/** The node's store on its disk, with the copy that is followed write by write, and the first checks of both. */
import type { Config } from '../config.ts';
import { systemClock, systemRandom } from '../engine/clock.ts';
import { checkJournalEnd } from '../engine/journal.ts';
import { KeyLog } from '../erasure/key-backup.ts';
import { followKeysDirOf } from '../erasure/restoring.ts';
import { codecOf, type Keys } from '../keys.ts';
import type { SettlementDomain } from '../model/records.ts';
import { headerOf, removeLeftovers } from '../recovery/backup.ts';
import { FollowLog } from '../recovery/follow.ts';
import { checkFormat } from '../store/format.ts';
import type { GroupCommitStore } from '../store/group-commit.ts';
import { openLevelStore } from '../store/level.ts';

export interface NodeStore {
  readonly store: GroupCommitStore;
  readonly followed: FollowLog | undefined;
}

interface StoreMakings {
  readonly keys: Keys;
  readonly settlement: SettlementDomain;
  readonly onFlush: (seconds: number, transactions: number) => void;
}

/** @throws {TandemError} `store-damaged`, `store-failed`, saying what to do */
export async function openNodeStore(config: Config, { keys, settlement, onFlush }: StoreMakings): Promise<NodeStore> {
  const { followDir } = config.backup;
  let followed: FollowLog | undefined;
  const store = await openLevelStore(config.dataDir, {
    codec: codecOf(keys, systemRandom),
    ...(followDir === undefined
      ? {}
      : {
          follow: async (mark, content) => {
            const header = () => headerOf(config, settlement, systemClock.now());
            const log = await KeyLog.open(followKeysDirOf(config.backup) ?? followDir, mark.store, content.records());
            return (followed = await FollowLog.open({ dir: followDir, header, keys: log }, mark, content));
          },
        }),
    onFlush: ({ millis, transactions }) => {
      onFlush(millis / 1000, transactions);
    },
  });
  await removeLeftovers(config);
  await checkFormat(store);
  await checkJournalEnd(store);
  return { store, followed };
}
