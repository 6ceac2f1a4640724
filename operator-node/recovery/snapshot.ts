/**
 * A backup file: all records of a store as of one of its writes. A header, a line a record, and a trailer that counts and
 * hashes them; a file without its trailer is none. Values are as the store has them: what is personal is sealed, and the keys
 * of users are not among them. What is between operators is in the clear.
 */
import { createHash } from 'node:crypto';
import { guardKey } from '../store/guard.ts';
import type { DiskOp } from '../store/disk.ts';
import type { Mark } from '../store/mark.ts';
import { isKeyRecord } from '../store/personal.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import { damagedBackup, lineOf, opOf, opText, readLines } from '../store/backup-lines.ts';

const format = 'tandem/backup/1';

export interface SnapshotHeader {
  readonly format: typeof format;
  readonly operator: number;
  readonly chainId: string;
  readonly settlement: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface SnapshotSummary {
  readonly file: string;
  /** Which store, and as of which of its writes. */
  readonly mark: Mark;
  readonly records: number;
  readonly bytes: number;
}

interface Trailer {
  readonly end: { readonly mark: Mark; readonly records: number; readonly sha256: string };
}

const chunkCharacters = 256 * 1024;

export function writeSnapshot(
  file: string,
  header: Omit<SnapshotHeader, 'format'>,
  records: AsyncIterable<readonly [key: string, text: string]>,
): Promise<SnapshotSummary> {
  return writeWholeFile(file, async (put) => {
    const sum = createHash('sha256');
    let mark: Mark | undefined;
    let count = 0;
    let bytes = 0;
    let chunk = lineOf(JSON.stringify({ format, ...header }));
    const flush = async (): Promise<void> => {
      bytes += Buffer.byteLength(chunk);
      await put(chunk);
      chunk = '';
    };
    for await (const [key, text] of records) {
      // The keys of users have a backup of their own.
      if (isKeyRecord(key)) continue;
      if (key === guardKey) mark = JSON.parse(text) as Mark;
      const json = opText({ type: 'put', key, value: text });
      sum.update(json);
      chunk += lineOf(json);
      count += 1;
      if (chunk.length >= chunkCharacters) await flush();
    }
    if (mark === undefined) throw damagedBackup(file, 'the store has no number of its last write');
    chunk += lineOf(JSON.stringify({ end: { mark, records: count, sha256: sum.digest('hex') } } satisfies Trailer));
    await flush();
    return { file, mark, records: count, bytes };
  });
}

export interface SnapshotReading {
  readonly header: SnapshotHeader;
  /** Known when all records have been taken. */
  readonly mark: Mark;
}

/** Records one by one; what the generator returns at its end is said only of a whole file. @throws `store-damaged` */
export async function* readSnapshot(file: string): AsyncGenerator<DiskOp, SnapshotReading> {
  const sum = createHash('sha256');
  let header: SnapshotHeader | undefined;
  let trailer: Trailer['end'] | undefined;
  let count = 0;
  for await (const line of readLines(file)) {
    if (trailer !== undefined) throw damagedBackup(file, 'something follows its end');
    if (header === undefined) {
      if ((line as { format?: unknown }).format !== format) {
        throw damagedBackup(file, `it is no file of format ${format}`);
      }
      header = line as SnapshotHeader;
    } else if (Array.isArray(line)) {
      const op = opOf(line);
      sum.update(opText(op));
      count += 1;
      yield op;
    } else trailer = (line as Trailer).end;
  }
  if (header === undefined || trailer === undefined) throw damagedBackup(file, 'its end is missing');
  if (trailer.records !== count || trailer.sha256 !== sum.digest('hex')) {
    throw damagedBackup(file, 'its records are not those that were written');
  }
  return { header, mark: trailer.mark };
}
