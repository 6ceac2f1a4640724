/**
 * `backup.followDir`: a second copy of the store in another folder, best on another disk or machine, of which each write is
 * synced there before it counts. A *base* is a backup file; *logs* hold every write after it, a line each. Base and logs
 * together are the store as of the last write that anybody was told of, and perhaps one more.
 */
import { mkdir, open, readdir, readFile, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { KeyLog } from '../erasure/key-backup.ts';
import { TandemError } from '../errors.ts';
import type { DiskOp } from '../store/disk.ts';
import type { Follower } from '../store/guard.ts';
import type { StoreContent } from '../store/level.ts';
import type { Mark } from '../store/mark.ts';
import { isKeyRecord } from '../store/personal.ts';
import { renameDurably, syncFolder } from '../store/whole-file.ts';
import { damagedBackup, lineOf, openLine, opOf, opText, readLines } from '../store/backup-lines.ts';
import { readSnapshot, writeSnapshot, type SnapshotHeader, type SnapshotSummary } from './snapshot.ts';

const format = 'tandem/follow/1';
/** A log that is longer is followed by a new one. */
const longestLogBytes = 64 * 1024 * 1024;

interface LogHeader {
  readonly format: typeof format;
  readonly store: string;
  /** The log holds writes after this one. */
  readonly after: number;
}

interface LogWrite {
  readonly write: number;
  readonly ops: readonly unknown[];
}

type Records = () => AsyncIterable<readonly [key: string, text: string]>;

const nameOf = (kind: 'base' | 'log', write: number): string => `${kind}-${String(write).padStart(15, '0')}.tandem`;

interface Found {
  readonly write: number;
  readonly file: string;
}

async function filesOf(dir: string, kind: 'base' | 'log'): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const name of await readdir(dir)) {
    const match = /^(base|log)-(\d{15})\.tandem$/.exec(name);
    if (match?.[1] === kind) found.push({ write: Number(match[2]), file: join(dir, name) });
  }
  return found.sort((a, b) => a.write - b.write);
}

/** Where a log ends. What was not finished at its end is nobody's. */
interface LogEnd {
  readonly store: string;
  readonly last: number;
  /** Bytes up to the end of the last whole line, and up to its beginning. */
  readonly size: number;
  readonly sizeBefore: number;
  readonly torn: boolean;
}

async function endOf(file: string): Promise<LogEnd> {
  const bytes = await readFile(file);
  let offset = 0;
  let sizeBefore = 0;
  let header: LogHeader | undefined;
  let last = 0;
  for (;;) {
    const end = bytes.indexOf(10, offset);
    if (end < 0) break;
    const json = openLine(bytes.toString('utf8', offset, end));
    if (json === undefined) throw damagedBackup(file, `the line at byte ${offset} is not as it was written`);
    if (header === undefined) {
      header = JSON.parse(json) as LogHeader;
      last = header.after;
    } else {
      // `{"write":17,…`: the rest of a line can be long.
      const write = Number(/^\{"write":(\d+),/.exec(json)?.[1]);
      if (write !== last + 1) throw damagedBackup(file, `write ${last + 1} is missing: ${write} follows ${last}`);
      last = write;
    }
    sizeBefore = offset;
    offset = end + 1;
  }
  if (header === undefined) throw damagedBackup(file, 'it has no header');
  return { store: header.store, last, size: offset, sizeBefore, torn: offset < bytes.length };
}

export interface FollowOptions {
  readonly dir: string;
  /** The header for a new base; `at` is when it is made. */
  readonly header: () => Omit<SnapshotHeader, 'format'>;
  /** Where the keys of users go, which are not in the copy. */
  readonly keys?: Pick<KeyLog, 'append' | 'close'>;
}

export class FollowLog implements Follower {
  readonly #options: FollowOptions;
  readonly #store: string;
  #handle: FileHandle;
  #bytes: number;
  #sinceBase: number;
  #base: number;

  private constructor(options: FollowOptions, store: string, handle: FileHandle, bytes: number, base: number) {
    this.#options = options;
    this.#store = store;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#base = base;
    this.#sinceBase = bytes;
  }

  /**
   * Goes on where the copy is, or begins it: then the whole store is copied first.
   * @throws {TandemError} `config-invalid` for a folder of another store, `store-damaged` where the store has less than the copy
   */
  static async open(options: FollowOptions, { store, write }: Mark, content: StoreContent): Promise<FollowLog> {
    const records: Records = () => content.records();
    const { dir } = options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const base = (await filesOf(dir, 'base')).at(-1);
    const log = (await filesOf(dir, 'log')).at(-1);
    if (base !== undefined && log !== undefined) {
      const end = await endOf(log.file);
      if (end.store !== store && content.get(recoveryKey) !== undefined) {
        // Restored from elsewhere: what is here may still be wanted, and is nobody's continuation.
        await setAside(dir, end.store);
        return await FollowLog.#begin(options, store, write, records);
      }
      if (end.store !== store) {
        throw new TandemError(
          'config-invalid',
          `backup.followDir: ${dir} is the copy of another store (${end.store}, not ${store}); name an empty folder`,
        );
      }
      if (end.last > write + 1) {
        throw new TandemError(
          'store-damaged',
          `The store is at write ${write}, but its copy in ${dir} is at ${end.last}: this store lacks the writes in between. Run tandem restore --from ${dir}.`,
          { facts: { write, copy: end.last } },
        );
      }
      // One more than the store: the process died before that write counted, and nobody was told of it.
      const size = end.last > write ? end.sizeBefore : end.size;
      if (end.last >= write) {
        if (end.torn || end.last > write) await truncate(log.file, size);
        return new FollowLog(options, store, await open(log.file, 'a'), size, base.write);
      }
    }
    // New, or it was not followed for a while.
    return await FollowLog.#begin(options, store, write, records);
  }

  static async #begin(options: FollowOptions, store: string, write: number, records: Records): Promise<FollowLog> {
    const { dir } = options;
    await writeSnapshot(join(dir, nameOf('base', write)), options.header(), records());
    const { handle, bytes } = await newLog(dir, { format, store, after: write });
    const follow = new FollowLog(options, store, handle, bytes, write);
    await follow.#forget(write);
    return follow;
  }

  get dir(): string {
    return this.#options.dir;
  }

  /** Written to logs since the base, by this process. */
  get bytesSinceBase(): number {
    return this.#sinceBase;
  }

  async append(write: number, ops: readonly DiskOp[]): Promise<void> {
    if (this.#bytes > longestLogBytes) {
      const { handle, bytes } = await newLog(this.dir, { format, store: this.#store, after: write - 1 });
      await this.#handle.close();
      this.#handle = handle;
      this.#bytes = bytes;
    }
    // First the keys: what they seal is never without them.
    await this.#options.keys?.append(ops);
    const ordinary = ops.filter(({ key }) => !isKeyRecord(key));
    const line = Buffer.from(lineOf(`{"write":${write},"ops":[${ordinary.map(opText).join(',')}]}`));
    await this.#handle.appendFile(line);
    await this.#handle.datasync();
    this.#bytes += line.length;
    this.#sinceBase += line.length;
  }

  /** A new base, while the store is written to; logs that are wholly before it are removed. */
  async rebase(records: Records): Promise<SnapshotSummary> {
    const partial = join(this.dir, 'next-base');
    const made = await writeSnapshot(partial, this.#options.header(), records());
    const file = join(this.dir, nameOf('base', made.mark.write));
    await renameDurably(partial, file);
    this.#base = made.mark.write;
    this.#sinceBase = 0;
    await this.#forget(this.#base);
    return { ...made, file };
  }

  async #forget(write: number): Promise<void> {
    for (const base of await filesOf(this.dir, 'base')) if (base.write < write) await rm(base.file);
    const logs = await filesOf(this.dir, 'log');
    for (const [index, log] of logs.entries()) {
      const next = logs[index + 1];
      // A log ends where the next begins.
      if (next !== undefined && next.write <= write) await rm(log.file);
    }
  }

  async close(): Promise<void> {
    await this.#options.keys?.close();
    await this.#handle.close();
  }
}

const recoveryKey = 'recovery!mark';

async function setAside(dir: string, store: string): Promise<void> {
  const aside = join(dir, `of-${store}`);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const kind of ['base', 'log'] as const) {
    for (const { file } of await filesOf(dir, kind)) await renameDurably(file, join(aside, basename(file)));
  }
}

async function newLog(
  dir: string,
  header: LogHeader,
): Promise<{ readonly handle: FileHandle; readonly bytes: number }> {
  const handle = await open(join(dir, nameOf('log', header.after)), 'w', 0o600);
  const line = lineOf(JSON.stringify(header));
  await handle.appendFile(line);
  await handle.sync();
  await syncFolder(dir);
  return { handle, bytes: line.length };
}

export interface FollowReading {
  readonly header: SnapshotHeader;
  readonly mark: Mark;
}

/**
 * All changes of base and logs, in order. @throws {TandemError} `store-damaged` for a gap or damage, except at the very
 * end
 */
export async function* readFollow(dir: string): AsyncGenerator<DiskOp, FollowReading> {
  const base = (await filesOf(dir, 'base')).at(-1);
  if (base === undefined) throw damagedBackup(dir, 'it holds no base');
  const snapshot = yield* readSnapshot(base.file);
  const { store } = snapshot.mark;
  let { write } = snapshot.mark;
  const logs = await filesOf(dir, 'log');
  for (const [index, { file }] of logs.entries()) {
    const end = await endOf(file);
    if (end.store !== store) throw damagedBackup(file, 'it is of another store than the base');
    if (end.torn && index < logs.length - 1) throw damagedBackup(file, 'it ends in a line that is not whole');
    if (end.last <= write) continue;
    for await (const line of readLines(file)) {
      const { write: number, ops } = line as Partial<LogWrite>;
      if (number === undefined || ops === undefined || number <= write) continue;
      if (number !== write + 1) throw damagedBackup(file, `write ${write + 1} is missing`);
      for (const op of ops) yield opOf(op);
      write = number;
    }
  }
  return { header: snapshot.header, mark: { store, write } };
}

/** Whether that is a folder of bases and logs rather than a backup file. */
export const isFollowFolder = async (path: string): Promise<boolean> => (await stat(path)).isDirectory();
