/**
 * The keys of users by themselves: a file that is made and forgotten within days, and a folder that follows each change.
 * Neither is of use without the store or an ordinary backup of it, and no ordinary backup is of use for a person without.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { damagedBackup, lineOf, openLine, opOf, opText, readLines } from '../store/backup-lines.ts';
import type { DiskOp } from '../store/disk.ts';
import { isKeyRecord } from '../store/personal.ts';
import { writeWholeFile } from '../store/whole-file.ts';

const format = 'tandem/keys/1';

/** Key on disk and JSON text. */
export type KeyRecord = readonly [key: string, text: string];

export interface KeyBackupHeader {
  readonly operator: number;
  readonly chainId: string;
  readonly settlement: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** Unix milliseconds: from here on it is not restored from, and the node removes it. */
  readonly expires: number;
}

export interface KeyBackupSummary {
  readonly file: string;
  readonly records: number;
  readonly expires: number;
}

export interface KeyBackup {
  readonly header: KeyBackupHeader;
  readonly records: ReadonlyMap<string, string>;
}

export async function writeKeyBackup(
  file: string,
  header: KeyBackupHeader,
  records: AsyncIterable<KeyRecord>,
): Promise<KeyBackupSummary> {
  const { count } = await writeKeys(file, JSON.stringify({ format, ...header }), records);
  return { file, records: count, expires: header.expires };
}

async function writeKeys(
  file: string,
  header: string,
  records: AsyncIterable<KeyRecord>,
): Promise<{ readonly count: number }> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  return writeWholeFile(file, async (put) => {
    const sum = createHash('sha256');
    let count = 0;
    await put(lineOf(header));
    for await (const [key, value] of records) {
      // The two ends of the range are there while it is being purged.
      if (!isKeyRecord(key) || /[!~]$/.test(key)) continue;
      const json = opText({ type: 'put', key, value });
      sum.update(json);
      await put(lineOf(json));
      count += 1;
    }
    await put(lineOf(JSON.stringify({ end: { records: count, sha256: sum.digest('hex') } })));
    return { count };
  });
}

/** @throws {TandemError} `store-damaged` for a file that is not whole */
export async function readKeyBackup(file: string): Promise<KeyBackup> {
  const sum = createHash('sha256');
  const records = new Map<string, string>();
  let header: (KeyBackupHeader & { readonly format?: string }) | undefined;
  let end: { readonly records: number; readonly sha256: string } | undefined;
  for await (const line of readLines(file)) {
    if (header === undefined) {
      header = line as KeyBackupHeader & { readonly format?: string };
      if (header.format !== format) throw damagedBackup(file, `it is of format ${header.format}, not ${format}`);
    } else if (Array.isArray(line)) {
      const op = opOf(line);
      sum.update(opText(op));
      if (op.type === 'put') records.set(op.key, op.value);
    } else ({ end } = line as { readonly end: NonNullable<typeof end> });
  }
  if (header === undefined || end?.records !== records.size || end.sha256 !== sum.digest('hex')) {
    throw damagedBackup(file, 'it is not the whole of what was written');
  }
  return { header, records };
}

const suffix = '.keys.tandem';

export const keyFileName = (handle: string, at: number): string =>
  `${handle}-${new Date(at).toISOString().replaceAll(/[-:.]/g, '')}${suffix}`;

/** Removes key backups that have expired, or all but one after an erasure. */
export async function removeKeyBackups(dir: string, now: number, but?: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.endsWith(suffix) || join(dir, name) === but) continue;
    const file = join(dir, name);
    const gone = but !== undefined || (await readKeyBackup(file)).header.expires <= now;
    if (gone) await rm(file);
  }
}

const logFormat = 'tandem/follow-keys/1';
const logName = 'keys.tandem';

/** The followed copy: a file of changes that is written anew, without it, whenever a key is deleted. */
export class KeyLog {
  readonly #file: string;
  readonly #header: string;
  #handle: FileHandle;

  private constructor(file: string, header: string, handle: FileHandle) {
    this.#file = file;
    this.#header = header;
    this.#handle = handle;
  }

  /** Begins it anew from what the store has. */
  static async open(dir: string, store: string, records: AsyncIterable<KeyRecord>): Promise<KeyLog> {
    const file = join(dir, logName);
    const header = JSON.stringify({ format: logFormat, store });
    await writeKeys(file, header, records);
    return new KeyLog(file, header, await open(file, 'a'));
  }

  /** Resolves when it is synced. */
  async append(ops: readonly DiskOp[]): Promise<void> {
    const own = ops.filter(({ key }) => isKeyRecord(key));
    if (own.length === 0) return;
    if (own.every(({ type }) => type === 'put')) {
      await this.#handle.appendFile(own.map((op) => lineOf(opText(op))).join(''));
      await this.#handle.datasync();
      return;
    }
    const records = await readKeyLog(dirname(this.#file));
    for (const op of own) {
      if (op.type === 'put') records.set(op.key, op.value);
      else records.delete(op.key);
    }
    await this.#handle.close();
    await writeKeys(this.#file, this.#header, each(records));
    this.#handle = await open(this.#file, 'a');
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function* each(records: ReadonlyMap<string, string>): AsyncGenerator<KeyRecord> {
  yield* records;
}

/** What a followed copy of keys holds; a last line that was not finished is nobody's. @throws {TandemError} `store-damaged` */
export async function readKeyLog(dir: string): Promise<Map<string, string>> {
  const file = join(dir, logName);
  const records = new Map<string, string>();
  const lines = (await readFile(file, 'utf8')).split('\n');
  lines.pop();
  for (const [at, text] of lines.entries()) {
    const json = openLine(text);
    if (json === undefined) throw damagedBackup(file, `line ${at + 1} is not as it was written`);
    const line: unknown = JSON.parse(json);
    if (!Array.isArray(line)) continue;
    const op = opOf(line);
    if (op.type === 'put') records.set(op.key, op.value);
    else records.delete(op.key);
  }
  return records;
}
