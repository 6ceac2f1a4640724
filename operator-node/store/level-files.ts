/**
 * The files of a LevelDB folder, checked before LevelDB opens them (faults.md 13). LevelDB 1.20 skips damaged records of
 * its log without a word, checks no checksum of a table unless asked, and `classic-level` has no option to ask: a flipped
 * bit in an index or a filter makes a record vanish. So every checksum that LevelDB has written is compared here.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c, masked } from './crc32c.ts';
import { readLog } from './level-log.ts';
import { unsnap } from './snappy.ts';

export interface FilesChecked {
  /** One sentence a file that is not as it was written; empty is sound. */
  readonly faults: readonly string[];
  /** Whole writes in the log, oldest first: what LevelDB will bring into its tables when it opens. */
  readonly batches: readonly Uint8Array[];
  /** Names of the tables that the manifest says are in use. */
  readonly tables: readonly string[];
  /** The log ends in a write that was not finished: nobody was told of it. */
  readonly torn: boolean;
  readonly files: number;
  readonly bytes: number;
}

const footerBytes = 48;
const trailerBytes = 5;
const magic = 0xdb4775248b80fb57n;

/** Reads numbers and texts as LevelDB encodes them. @throws {RangeError} at the end of the data. */
class Cursor {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = this.bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a number is not whole');
  }

  take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError('a text is not whole');
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  text(): Uint8Array {
    return this.take(this.varint());
  }
}

interface LiveFiles {
  /** Size by number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Logs of this number and above are not in tables yet, and that of `previousLog`. */
  readonly log: number;
  readonly previousLog: number;
}

/** Version edits (db/version_edit.cc), added up. */
function liveFiles(records: readonly Uint8Array[]): LiveFiles {
  const tables = new Map<number, number>();
  let log = 0;
  let previousLog = 0;
  for (const record of records) {
    const edit = new Cursor(record);
    const deleted: number[] = [];
    const added: (readonly [number, number])[] = [];
    while (!edit.done) {
      const tag = edit.varint();
      if (tag === 1) edit.text();
      else if (tag === 2) log = edit.varint();
      else if (tag === 3 || tag === 4) edit.varint();
      else if (tag === 9) previousLog = edit.varint();
      else if (tag === 5) {
        edit.varint();
        edit.text();
      } else if (tag === 6) {
        edit.varint();
        deleted.push(edit.varint());
      } else if (tag === 7) {
        edit.varint();
        added.push([edit.varint(), edit.varint()]);
        edit.text();
        edit.text();
      } else throw new RangeError(`an edit has the unknown tag ${tag}`);
    }
    for (const number of deleted) tables.delete(number);
    for (const [number, size] of added) tables.set(number, size);
  }
  return { tables, log, previousLog };
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

const handleOf = (cursor: Cursor): Handle => ({ offset: cursor.varint(), size: cursor.varint() });

/** Why the block is not as it was written, or its content. */
function blockOf(bytes: Buffer, { offset, size }: Handle, wanted: boolean): string | Uint8Array {
  const end = offset + size;
  if (end + trailerBytes > bytes.length) return `the block at ${offset} is not whole`;
  if (masked(crc32c(bytes, offset, end + 1)) !== bytes.readUInt32LE(end + 1)) {
    return `the block at ${offset} has another checksum than it was written with`;
  }
  const data = bytes.subarray(offset, end);
  return wanted && bytes[end] === 1 ? unsnap(data) : data;
}

interface BlockEntry {
  readonly key: Buffer;
  readonly value: Uint8Array;
}

/**
 * Entries of an index block or a data block, in which a key is stored as what differs from the key before it
 * (https://github.com/google/leveldb/blob/main/doc/table_format.md).
 */
function* entriesOf(block: Uint8Array): Generator<BlockEntry> {
  const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const restarts = view.readUInt32LE(view.length - 4);
  const cursor = new Cursor(view.subarray(0, view.length - 4 - 4 * restarts));
  let key = Buffer.alloc(0);
  while (!cursor.done) {
    const shared = cursor.varint();
    const [more, length] = [cursor.varint(), cursor.varint()];
    key = Buffer.concat([key.subarray(0, shared), cursor.take(more)]);
    yield { key, value: cursor.take(length) };
  }
}

const handlesOf = (block: Uint8Array): Handle[] =>
  Array.from(entriesOf(block), ({ value }) => handleOf(new Cursor(value)));

/** What is wrong with a table file, or `undefined`. */
function checkTable(bytes: Buffer): string | undefined {
  if (bytes.length < footerBytes) return 'it has no footer';
  const footer = bytes.subarray(bytes.length - footerBytes);
  if (footer.readBigUInt64LE(footerBytes - 8) !== magic) return 'its footer is not one of a table';
  const cursor = new Cursor(footer);
  for (const handle of [handleOf(cursor), handleOf(cursor)]) {
    const index = blockOf(bytes, handle, true);
    if (typeof index === 'string') return index;
    for (const inner of handlesOf(index)) {
      const block = blockOf(bytes, inner, false);
      if (typeof block === 'string') return block;
    }
  }
  // Handles are followed by zeros: of a flipped bit there, nothing depends.
  return undefined;
}

const nameOf = (number: number, kind: string): string => `${String(number).padStart(6, '0')}.${kind}`;

/** `undefined` for a folder without a database: there is nothing, or LevelDB would make a new one. */
export async function checkLevelFiles(dir: string): Promise<FilesChecked | undefined> {
  const names = await readdir(dir).catch((): string[] => []);
  if (!names.includes('CURRENT')) return undefined;
  const faults: string[] = [];
  let files = 0;
  let size = 0;
  const read = async (name: string): Promise<Buffer> => {
    const bytes = await readFile(join(dir, name));
    files += 1;
    size += bytes.length;
    return bytes;
  };
  const current = (await read('CURRENT')).toString('latin1');
  const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (manifest === undefined || !names.includes(manifest)) {
    faults.push(`CURRENT names ${JSON.stringify(current.slice(0, 40))}, which is no manifest of this folder`);
    return { faults, batches: [], tables: [], torn: false, files, bytes: size };
  }
  const edits = readLog(await read(manifest));
  if (edits.end === 'damaged') faults.push(`${manifest} is damaged at ${edits.at ?? 0}`);
  let live: LiveFiles = { tables: new Map(), log: 0, previousLog: 0 };
  try {
    live = liveFiles(edits.records);
  } catch (error) {
    faults.push(`${manifest} cannot be read: ${(error as Error).message}`);
  }
  const tables: string[] = [];
  for (const [number, expected] of live.tables) {
    const name = [nameOf(number, 'ldb'), nameOf(number, 'sst')].find((known) => names.includes(known));
    if (name === undefined) {
      faults.push(`${nameOf(number, 'ldb')} is missing`);
      continue;
    }
    tables.push(name);
    const bytes = await read(name);
    const wrong = bytes.length === expected ? tableFault(bytes) : `it has ${bytes.length} bytes, not ${expected}`;
    if (wrong !== undefined) faults.push(`${name}: ${wrong}`);
  }
  const batches: Uint8Array[] = [];
  let torn = false;
  const logs = names
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((number) => number >= live.log || number === live.previousLog)
    .sort((a, b) => a - b);
  for (const number of logs) {
    const name = nameOf(number, 'log');
    const log = readLog(await read(name));
    // Only the newest can end in the middle of a write: a log is finished before the next is begun.
    const damaged = log.end === 'damaged' || (log.end === 'torn' && number !== logs.at(-1));
    if (damaged) faults.push(`${name} is damaged at ${log.at ?? 0}, and what was written after that is still there`);
    torn ||= log.end === 'torn';
    batches.push(...log.records);
  }
  return { faults, batches, tables, torn, files, bytes: size };
}

function tableFault(bytes: Buffer): string | undefined {
  try {
    return checkTable(bytes);
  } catch (error) {
    return (error as Error).message;
  }
}

/** The value that the newest of these writes gives `key`; undefined where none writes it. */
export function lastPut(batches: readonly Uint8Array[], key: string): string | undefined {
  const wanted = Buffer.from(key);
  for (const batch of batches.toReversed()) {
    const cursor = new Cursor(batch);
    cursor.take(12);
    let found: Uint8Array | undefined;
    while (!cursor.done) {
      const put = cursor.take(1)[0] === 1;
      const name = cursor.text();
      const value = put ? cursor.text() : undefined;
      if (Buffer.compare(name, wanted) === 0) found = value;
    }
    if (found !== undefined) return Buffer.from(found).toString('utf8');
  }
  return undefined;
}

/** A key as tables keep it ends in the number of its change, shifted by the kind: 1 puts, 0 deletes. */
const internalBytes = 8;

/** The newest entry of `key` in a table that `checkTable` found whole. */
function entryIn(bytes: Buffer, key: Buffer): BlockEntry | undefined {
  const footer = new Cursor(bytes.subarray(bytes.length - footerBytes));
  handleOf(footer);
  const index = blockOf(bytes, handleOf(footer), true);
  if (typeof index === 'string') return undefined;
  const userKey = (entry: BlockEntry): Buffer => entry.key.subarray(0, -internalBytes);
  for (const pointer of entriesOf(index)) {
    if (Buffer.compare(userKey(pointer), key) < 0) continue;
    const block = blockOf(bytes, handleOf(new Cursor(pointer.value)), true);
    if (typeof block === 'string') return undefined;
    // Changes of one key stand newest first.
    for (const entry of entriesOf(block)) if (Buffer.compare(userKey(entry), key) === 0) return entry;
    if (Buffer.compare(userKey(pointer), key) > 0) return undefined;
  }
  return undefined;
}

/** The value that the tables of a sound folder give `key`, read without LevelDB; undefined where none has it. */
export async function tablePut(dir: string, tables: readonly string[], key: string): Promise<string | undefined> {
  let newest: BlockEntry | undefined;
  const changeOf = ({ key: full }: BlockEntry): bigint => full.readBigUInt64LE(full.length - internalBytes);
  for (const name of tables) {
    const found = entryIn(await readFile(join(dir, name)), Buffer.from(key));
    if (found !== undefined && (newest === undefined || changeOf(found) > changeOf(newest))) newest = found;
  }
  if (newest === undefined || (changeOf(newest) & 255n) !== 1n) return undefined;
  return Buffer.from(newest.value).toString('utf8');
}
