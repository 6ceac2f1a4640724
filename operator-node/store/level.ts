/**
 * The store on LevelDB: one folder, one owner, every batch synced; a folder that is not as it was left is not opened. What
 * is lost, and where to go on, is in the message; `docs/operations.md` has the steps.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { TandemError } from '../errors.ts';
import type { Disk, DiskOp, DiskRange } from './disk.ts';
import { GroupCommitStore, type StoreOptions } from './group-commit.ts';
import { GuardedDisk, guardKey, openRecord, sealRecord, type Follower } from './guard.ts';
import { everything } from './keys.ts';
import { checkLevelFiles, lastPut, tablePut, type FilesChecked } from './level-files.ts';
import { markFileOf, MarkWriter, readMark, type Mark } from './mark.ts';

const mebibyte = 1024 * 1024;

/** Entries that a scan takes from LevelDB at once. */
const scanChunk = 256;

/** Looks at the files before they count as damaged: those of a store in use change between two reads. */
const looks = 3;

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

  /**
   * LevelDB keeps what was deleted until it merges the files that hold it. A record at each end of the range makes every
   * one of them part of a merge; two rounds, since the first may leave its own outcome a level above the older one.
   */
  async purge(prefixes: readonly string[]): Promise<void> {
    for (const prefix of prefixes) {
      const ends = [prefix, `${prefix}~`];
      for (let round = 0; round < 2; round += 1) {
        const puts = ends.map((key) => ({ type: 'put' as const, key, value: sealRecord(key, '0') }));
        await this.#db.batch(puts, { sync: true });
        await this.#db.compactRange(prefix, `${prefix}~`);
        await this.#db.batch(
          ends.map((key) => ({ type: 'del' as const, key })),
          { sync: true },
        );
      }
      await this.#db.compactRange(prefix, `${prefix}~`);
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

/** Opens nothing yet. */
const levelAt = (dir: string): ClassicLevel<string, string> =>
  new ClassicLevel<string, string>(dir, {
    keyEncoding: 'utf8',
    valueEncoding: 'utf8',
    // Larger than the defaults (4, 8 and 2 MiB): fewer compactions for the same writes.
    writeBufferSize: 16 * mebibyte,
    cacheSize: 32 * mebibyte,
    maxFileSize: 8 * mebibyte,
  });

/** Records that are written at once while a store is made anew. */
const recordsAtOnce = 1_000;

/**
 * Makes a store in `dir`, which must not be there yet, out of changes in their order; the number of its last write is that
 * of `mark`, and its mark is made last: a store that was not finished is not opened.
 */
export async function makeLevelStore(
  dir: string,
  changes: AsyncIterable<DiskOp>,
  finish: () => { readonly mark: Mark; readonly more: readonly DiskOp[] },
): Promise<void> {
  await mkdir(dir, { mode: 0o700 });
  const db = levelAt(dir);
  await db.open();
  const disk = new LevelDisk(db);
  try {
    let group: DiskOp[] = [];
    const flush = async (): Promise<void> => {
      await disk.write(group.map((op) => (op.type === 'put' ? { ...op, value: sealRecord(op.key, op.value) } : op)));
      group = [];
    };
    for await (const change of changes) {
      group.push(change);
      if (group.length >= recordsAtOnce) await flush();
    }
    const { mark, more } = finish();
    group.push(...more, { type: 'put', key: guardKey, value: JSON.stringify(mark) });
    await flush();
    new MarkWriter(markFileOf(dir), mark).close();
  } finally {
    await disk.close();
  }
}

/** An opened store before it is used. */
export interface StoreContent {
  /** JSON text of a record by its whole key. */
  get(key: string): string | undefined;
  /** All records as of one moment. */
  records(): AsyncIterable<readonly [key: string, text: string]>;
}

export interface LevelStoreOptions extends StoreOptions {
  /** Opens the second log, given where the store is and what is in it. */
  readonly follow?: (mark: Mark, content: StoreContent) => Promise<Follower>;
  /** The end of the store is known to be lost, and that is accepted: it will be put into recovery (rule 11). */
  readonly acceptLoss?: boolean;
}

/** Before anything is changed in the folder. */
export interface Inspected {
  readonly files: FilesChecked | undefined;
  readonly mark: Mark | 'damaged' | undefined;
  /** The number of the last whole write; undefined where there is none. */
  readonly logged: Mark | undefined;
  readonly faults: readonly StoreDamage[];
}

/** How a folder is not the store that was left there. */
export type DamageCode =
  /** A file of LevelDB's is missing, damaged, or not what its list of files says. */
  | 'files'
  /** It cannot be said, by its mark, whether all of it is there. */
  | 'mark-missing'
  | 'mark-damaged'
  /** The end of the store is lost. */
  | 'end-lost'
  /** Another store is there, or none, or one of another build. */
  | 'other-store'
  | 'store-missing'
  | 'no-checksums';

export interface StoreDamage {
  readonly code: DamageCode;
  /** One sentence, for staff. */
  readonly text: string;
}

/** What can be accepted, and made good from the chain and the peers (rule 11). */
const losses: ReadonlySet<DamageCode> = new Set(['mark-missing', 'mark-damaged', 'end-lost']);

/** Looks at the folder of a store that nobody has open, and at its mark; changes nothing. */
export async function inspectLevelStore(dir: string): Promise<Inspected> {
  // Read before the files: a store in use is never behind a mark that was read earlier.
  const mark = readMark(markFileOf(dir));
  const files = await checkLevelFiles(dir);
  const faults: StoreDamage[] = (files?.faults ?? []).map((text) => ({ code: 'files', text }));
  const logged = files === undefined ? undefined : await loggedMark(dir, files);
  if (files === undefined && mark !== undefined) {
    faults.push({ code: 'store-missing', text: `${dir} holds no store, and its mark says that it did` });
  }
  const lost = lossOf(dir, mark, logged);
  if (lost !== undefined) faults.push(lost);
  return { files, mark, logged, faults };
}

/** A log whose only write cannot be read says nothing: then the tables are asked, for LevelDB would throw that log away. */
async function loggedMark(dir: string, { batches, tables, faults }: FilesChecked): Promise<Mark | undefined> {
  const sealed =
    lastPut(batches, guardKey) ?? (faults.length === 0 ? await tablePut(dir, tables, guardKey) : undefined);
  return sealed === undefined ? undefined : (JSON.parse(openRecord(guardKey, sealed)) as Mark);
}

/** Why the store is not the one of its mark, or has less than was told of. */
function lossOf(dir: string, mark: Mark | 'damaged' | undefined, found: Mark | undefined): StoreDamage | undefined {
  // Of a store without a write nobody was told anything.
  if (found === undefined || (mark === undefined && found.write === 0)) return undefined;
  const file = markFileOf(dir);
  const damage = (code: DamageCode, text: string): StoreDamage => ({ code, text });
  if (mark === undefined) {
    return damage('mark-missing', `${file} is missing: the folder was moved without its mark, or is a copy`);
  }
  if (mark === 'damaged') {
    return damage('mark-damaged', `${file} is damaged, so whether the end of the store is there cannot be said`);
  }
  if (mark.store !== found.store) {
    return damage('other-store', `${file} is of the store ${mark.store}, the folder holds ${found.store}`);
  }
  if (found.write >= mark.write) return undefined;
  return damage(
    'end-lost',
    `The store ends at write ${found.write} and somebody was told of what write ${mark.write} holds: ${mark.write - found.write} are lost`,
  );
}

const remedy =
  'Nothing was changed. Keep the folder. With a followed backup run tandem restore, which loses nothing; else restore the newest backup, or go on with what is here by tandem recover --accept-loss: both start in recovery (docs/operations.md).';

function damaged(dir: string, damages: readonly StoreDamage[]): TandemError {
  const faults = damages.map(({ text }) => text);
  return new TandemError('store-damaged', `The store in ${dir} is damaged:\n  ${faults.join('\n  ')}\n${remedy}`, {
    facts: { dir, faults, codes: damages.map(({ code }) => code) },
  });
}

/**
 * Opens the store in `dir`, creating the folder (readable by its owner only) where it is missing.
 * @throws {TandemError} `store-failed` when another process has it open or it cannot be read, `store-damaged` when it is
 *   not as it was left.
 */
export async function openLevelStore(dir: string, options: LevelStoreOptions = {}): Promise<GroupCommitStore> {
  const { follow, acceptLoss = false, ...storeOptions } = options;
  const tolerated = (faults: readonly StoreDamage[]): boolean =>
    faults.length === 0 || (acceptLoss && faults.every(({ code }) => losses.has(code)));
  let db: ClassicLevel<string, string> | undefined;
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    let found = await inspectLevelStore(dir);
    for (let look = 1; look < looks && !tolerated(found.faults); look += 1) found = await inspectLevelStore(dir);
    if (!tolerated(found.faults)) throw damaged(dir, found.faults);
    db = levelAt(dir);
    await db.open();
    const disk = new LevelDisk(db);
    const mark = await markOf(dir, disk, tolerated);
    const follower = await follow?.(mark, {
      get: (key) => {
        const sealed = disk.get(key);
        return sealed === undefined ? undefined : openRecord(key, sealed);
      },
      records: () => openedRecords(disk),
    });
    return new GroupCommitStore(new GuardedDisk({ disk, markFile: markFileOf(dir), mark, follower }), storeOptions);
  } catch (error) {
    await db?.close();
    if (error instanceof TandemError) throw error;
    throw openFault(dir, error);
  }
}

async function* openedRecords(disk: Disk): AsyncGenerator<readonly [string, string]> {
  for await (const [key, sealed] of disk.entries(everything)) yield [key, openRecord(key, sealed)];
}

/** Where the opened store is, compared with its mark; a new store begins here. */
async function markOf(
  dir: string,
  disk: LevelDisk,
  tolerated: (faults: readonly StoreDamage[]) => boolean,
): Promise<Mark> {
  const known = readMark(markFileOf(dir));
  const sealed = disk.get(guardKey);
  if (sealed !== undefined) {
    const found = JSON.parse(openRecord(guardKey, sealed)) as Mark;
    const lost = lossOf(dir, known, found);
    if (lost !== undefined && !tolerated([lost])) throw damaged(dir, [lost]);
    return found;
  }
  for await (const [key] of disk.entries({ ...everything, limit: 1 })) {
    throw damaged(dir, [
      {
        code: 'no-checksums',
        text: `It holds ${key} and no number of its last write: a build without checksums made it`,
      },
    ]);
  }
  if (known !== undefined) {
    throw damaged(dir, [{ code: 'store-missing', text: `It is empty, and ${markFileOf(dir)} says that it was not` }]);
  }
  const mark: Mark = { store: randomBytes(16).toString('hex'), write: 0 };
  await disk.write([{ type: 'put', key: guardKey, value: sealRecord(guardKey, JSON.stringify(mark)) }]);
  return mark;
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
  // The list of its files is not one that is checked here: LevelDB reads it first, and refuses before it changes anything.
  if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_CORRUPTION') {
    return damaged(dir, [{ code: 'files', text: reason }]);
  }
  return new TandemError('store-failed', `Cannot open the store in ${dir}: ${reason}`, {
    cause,
    facts: { dir, reason: 'unreadable' },
  });
}
