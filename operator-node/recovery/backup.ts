/** Backups of a node while it runs, as staff asks for them. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import { keyFileName, removeKeyBackups, writeKeyBackup, type KeyBackupSummary } from '../erasure/key-backup.ts';
import { followKeysDirOf, tombstoneFolders } from '../erasure/restoring.ts';
import { TandemError } from '../errors.ts';
import type { SettlementDomain } from '../model/records.ts';
import { removePartials } from '../store/whole-file.ts';
import type { FollowLog } from './follow.ts';
import { writeSnapshot, type SnapshotHeader, type SnapshotSummary } from './snapshot.ts';

export interface BackupParts {
  readonly config: Config;
  readonly settlement: SettlementDomain;
  readonly engine: Engine;
  readonly records: () => AsyncIterable<readonly [key: string, text: string]>;
  readonly follow: FollowLog | undefined;
}

/** Which node the backup is of, and when it was made. */
export const headerOf = (config: Config, settlement: SettlementDomain, at: number): Omit<SnapshotHeader, 'format'> => ({
  operator: config.operator.id,
  chainId: settlement.chainId.toString(),
  settlement: settlement.contract.toLowerCase(),
  at,
});

/**
 * What a crash left unfinished where this node writes backups, keys and tombstones. At a start, before anything else
 * does.
 */
export async function removeLeftovers(config: Config): Promise<readonly string[]> {
  const { dir, keysDir, followDir } = config.backup;
  // Backups of several operators may go to one folder; a followed copy and the tombstones beside a store are of one.
  const own = (name: string): boolean => name.startsWith(`${config.operator.handle}-`) && name.endsWith('.tandem');
  const followed = (name: string): boolean => name.endsWith('.tandem') || name === 'next-base';
  const tombstone = (name: string): boolean => name.endsWith('.erased');
  const places: readonly (readonly [string | undefined, (name: string) => boolean])[] = [
    [dir, own],
    [keysDir, own],
    [followDir, followed],
    [followKeysDirOf(config.backup), followed],
    [tombstoneFolders(config)[0], tombstone],
  ];
  const left: string[] = [];
  for (const [folder, whose] of places) {
    if (folder !== undefined) left.push(...(await removePartials(folder, whose)));
  }
  return left;
}

/** A new base is made by itself when the logs after the last one are longer, and longer than the base. */
const longestLogsBytes = 512 * 1024 * 1024;

const dayMillis = 86_400_000;

export class Backups {
  readonly #parts: BackupParts;
  #running = false;
  #baseBytes = 0;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  /** @throws {TandemError} `unprocessable` where the configuration names no folder, `too-busy` while one is made */
  async make(kind: 'file' | 'follow'): Promise<SnapshotSummary> {
    const { config, engine, settlement, records, follow } = this.#parts;
    if (this.#running) throw new TandemError('too-busy', 'A backup is already in progress.');
    this.#running = true;
    try {
      const now = engine.clock.now();
      const made = kind === 'follow' ? await this.#rebase(follow) : await this.#file(config, settlement, now, records);
      await engine.run((work) => {
        work.journal('staff', { did: 'backup', kind, write: made.mark.write, records: made.records });
      });
      return made;
    } finally {
      this.#running = false;
    }
  }

  async #file(
    config: Config,
    settlement: SettlementDomain,
    now: number,
    records: BackupParts['records'],
  ): Promise<SnapshotSummary> {
    const { dir } = config.backup;
    if (dir === undefined) throw new TandemError('unprocessable', 'The configuration has no backup.dir.');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const name = `${config.operator.handle}-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}.tandem`;
    return writeSnapshot(join(dir, name), headerOf(config, settlement, now), records());
  }

  async #rebase(follow: FollowLog | undefined): Promise<SnapshotSummary> {
    if (follow === undefined) {
      throw new TandemError(
        'unprocessable',
        'The configuration has no backup.followDir, so there is no followed copy.',
      );
    }
    const made = await follow.rebase(this.#parts.records);
    this.#baseBytes = made.bytes;
    return made;
  }

  /** The keys of users, without which no backup says anything of a person. @throws `unprocessable` without a folder */
  async makeKeys(): Promise<KeyBackupSummary> {
    const { config, engine } = this.#parts;
    const { keysDir } = config.backup;
    if (keysDir === undefined) throw new TandemError('unprocessable', 'The configuration has no backup.keysDir.');
    const made = await this.#writeKeys(keysDir);
    await engine.run((work) => {
      work.journal('staff', { did: 'backup', kind: 'keys', records: made.records, expires: made.expires });
    });
    return made;
  }

  /** After an erasure: a key backup without the key that went takes the place of those there are. */
  async renewKeys(): Promise<void> {
    const { keysDir } = this.#parts.config.backup;
    if (keysDir === undefined || !existsSync(keysDir)) return;
    const { file } = await this.#writeKeys(keysDir);
    await removeKeyBackups(keysDir, 0, file);
  }

  async #writeKeys(dir: string): Promise<KeyBackupSummary> {
    const { config, engine, settlement, records } = this.#parts;
    const header = headerOf(config, settlement, engine.clock.now());
    const expires = header.at + config.backup.keysDays * dayMillis;
    return writeKeyBackup(join(dir, keyFileName(config.operator.handle, header.at)), { ...header, expires }, records());
  }

  /** Called now and then: keeps what a restore would have to read within bounds, and no keys beyond their time. */
  async tidy(): Promise<void> {
    const { follow, config, engine } = this.#parts;
    const { keysDir } = config.backup;
    if (keysDir !== undefined && existsSync(keysDir)) await removeKeyBackups(keysDir, engine.clock.now());
    if (follow === undefined || this.#running) return;
    if (follow.bytesSinceBase > Math.max(longestLogsBytes, this.#baseBytes)) await this.make('follow');
  }
}
