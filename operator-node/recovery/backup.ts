/** Backups of a node while it runs, as staff asks for them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { SettlementDomain } from '../model/records.ts';
import type { FollowLog } from './follow.ts';
import { writeSnapshot, type SnapshotHeader, type SnapshotSummary } from './snapshot.ts';

export interface BackupParts {
  readonly config: Config;
  readonly settlement: SettlementDomain;
  readonly engine: Engine;
  readonly records: () => AsyncIterable<readonly [key: string, text: string]>;
  readonly follow: FollowLog | undefined;
}

/** Of which node, and when. */
export const headerOf = (config: Config, settlement: SettlementDomain, at: number): Omit<SnapshotHeader, 'format'> => ({
  operator: config.operator.id,
  chainId: settlement.chainId.toString(),
  settlement: settlement.contract.toLowerCase(),
  at,
});

/** A new base is made by itself when the logs after the last one are longer, and longer than the base. */
const longestLogsBytes = 512 * 1024 * 1024;

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
    if (this.#running) throw new TandemError('too-busy', 'A backup is being made already.');
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
    if (dir === undefined) throw new TandemError('unprocessable', 'The configuration names no backup.dir.');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const name = `${config.operator.handle}-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}.tandem`;
    return writeSnapshot(join(dir, name), headerOf(config, settlement, now), records());
  }

  async #rebase(follow: FollowLog | undefined): Promise<SnapshotSummary> {
    if (follow === undefined) {
      throw new TandemError('unprocessable', 'The configuration names no backup.followDir, so nothing is followed.');
    }
    const made = await follow.rebase(this.#parts.records);
    this.#baseBytes = made.bytes;
    return made;
  }

  /** Called now and then: keeps what a restore would have to read within bounds. */
  async tidy(): Promise<void> {
    const { follow } = this.#parts;
    if (follow === undefined || this.#running) return;
    if (follow.bytesSinceBase > Math.max(longestLogsBytes, this.#baseBytes)) await this.make('follow');
  }
}
