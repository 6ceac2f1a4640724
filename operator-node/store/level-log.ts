/**
 * LevelDB's log format (https://github.com/google/leveldb/blob/main/doc/log_format.md), read more strictly than LevelDB
 * reads it: LevelDB skips damaged records without a word, this reader reports them. The write-ahead log and MANIFEST files
 * are in this format.
 */
import { crc32c, masked } from './crc32c.ts';

const blockBytes = 32 * 1024;
const headerBytes = 7;

/** Types of a fragment; 3 is one from the middle. */
const full = 1;
const first = 2;
const last = 4;

export interface LogContent {
  /** Whole records, in order, up to the first damaged place. */
  readonly records: readonly Uint8Array[];
  /**
   * `whole`: nothing is wrong. `torn`: it ends in a record that was not finished, as a crash in the middle of a write
   * leaves it. `damaged`: a whole record follows a place that cannot be read, so something that was finished is lost.
   */
  readonly end: 'whole' | 'torn' | 'damaged';
  /** Offset of the first place that cannot be read. */
  readonly at?: number;
}

interface Fragment {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The fragment at `offset`, `undefined` where there is none that is whole. */
function fragmentAt(bytes: Buffer, offset: number): Fragment | undefined {
  if (offset + headerBytes > bytes.length) return undefined;
  const length = bytes.readUInt16LE(offset + 4);
  const type = bytes[offset + 6] ?? 0;
  const end = offset + headerBytes + length;
  const blockEnd = offset - (offset % blockBytes) + blockBytes;
  if (type < full || type > last || end > blockEnd || end > bytes.length) return undefined;
  if (masked(crc32c(bytes, offset + 6, end)) !== bytes.readUInt32LE(offset)) return undefined;
  return { type, data: bytes.subarray(offset + headerBytes, end) };
}

export function readLog(bytes: Buffer): LogContent {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] | undefined;
  let begun = 0;
  let offset = 0;
  while (offset < bytes.length) {
    const left = blockBytes - (offset % blockBytes);
    if (left < headerBytes) {
      // The rest of a block that is too small for a header is filled with zeros.
      if (bytes.subarray(offset, offset + left).some((byte) => byte !== 0)) return stopped(bytes, records, offset);
      offset += left;
      continue;
    }
    const found = fragmentAt(bytes, offset);
    const starts = found?.type === full || found?.type === first;
    if (found === undefined || starts === (parts !== undefined)) return stopped(bytes, records, offset);
    if (starts) {
      begun = offset;
      parts = [];
    }
    parts?.push(found.data);
    if (parts !== undefined && (found.type === full || found.type === last)) {
      records.push(parts.length === 1 ? found.data : Buffer.concat(parts));
      parts = undefined;
    }
    offset += headerBytes + found.data.length;
  }
  return parts === undefined ? { records, end: 'whole' } : { records, end: 'torn', at: begun };
}

/**
 * Writes are one at a time, so what follows an unfinished one can only be more of itself. A record that begins after it
 * was written when it was finished.
 */
function stopped(bytes: Buffer, records: readonly Uint8Array[], at: number): LogContent {
  for (let offset = at + 1; offset + headerBytes <= bytes.length; offset += 1) {
    const type = bytes[offset + 6];
    if (type !== full && type !== first) continue;
    const found = fragmentAt(bytes, offset);
    if (found !== undefined && found.data.length > 0) return { records, end: 'damaged', at };
  }
  return { records, end: 'torn', at };
}
