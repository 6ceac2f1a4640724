/** The store on LevelDB: one folder, one owner, every batch synced. */
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { TandemError } from '../errors.ts';
import type { Disk, DiskOp, DiskRange } from './disk.ts';
import { GroupCommitStore, type StoreOptions } from './group-commit.ts';
import type { Store } from './store.ts';

const mebibyte = 1024 * 1024;

/** Entries that a scan takes from LevelDB at once. */
const scanChunk = 256;

class LevelDisk implements Disk {
  readonly #db: ClassicLevel<string, string>;

  constructor(db: ClassicLevel<string, string>) {
    this.#db = db;
  }

  get(key: string): string | undefined {
    return this.#db.getSync(key);
  }

  write(ops: DiskOp[]): Promise<void> {
    return this.#db.batch(ops, { sync: true });
  }

  async *entries(range: DiskRange): AsyncGenerator<readonly [string, string]> {
    const iterator = this.#db.iterator({ ...range, fillCache: false });
    try {
      for (;;) {
        const chunk = await iterator.nextv(scanChunk);
        if (chunk.length === 0) return;
        yield* chunk;
      }
    } finally {
      await iterator.close();
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

/**
 * Opens the store in `dir`, creating the folder (readable by its owner only) where it is missing.
 * @throws {TandemError} `store-failed` when another process has it open or it cannot be read.
 */
export async function openLevelStore(dir: string, options: StoreOptions = {}): Promise<Store> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const db = new ClassicLevel<string, string>(dir, {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
      // Larger than the defaults (4, 8 and 2 MiB): fewer compactions for the same writes.
      writeBufferSize: 16 * mebibyte,
      cacheSize: 32 * mebibyte,
      maxFileSize: 8 * mebibyte,
    });
    await db.open();
    return new GroupCommitStore(new LevelDisk(db), options);
  } catch (error) {
    throw openFault(dir, error);
  }
}

function openFault(dir: string, error: unknown): TandemError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED') {
    return new TandemError(
      'store-failed',
      `${dir} is in use by another process: a store has one owner; stop the other`,
      {
        cause,
        facts: { dir, reason: 'locked' },
      },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TandemError('store-failed', `Cannot open the store in ${dir}: ${reason}`, {
    cause,
    facts: { dir, reason: 'unreadable' },
  });
}
