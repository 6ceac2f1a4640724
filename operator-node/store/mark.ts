/**
 * A small file beside the store that says how far the store has come: the number of its last write that somebody may have
 * been told of. LevelDB loses the end of its log without noticing; against this file the loss shows, and so does an older
 * copy of the folder put in its place.
 *
 * Written after each synced write and before anybody is told, without a sync of its own (a `pwrite` of 64 bytes): it
 * survives the process. After a power failure it may be older than the store, never newer, so it never accuses a sound
 * store. Two slots are written in turn, so that one that is torn leaves the other, which is one write older.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFolderNow } from './whole-file.ts';

export interface Mark {
  /** 32 hex digits, drawn when the store was made: a mark belongs to one store. */
  readonly store: string;
  /** Writes of that store so far. */
  readonly write: number;
}

const slotBytes = 64;
/** Between syncs of the file. */
const syncMillis = 1_000;

export const markFileOf = (dir: string): string => `${dir}.mark`;

const sumOf = (body: string): string => crc32(body).toString(16).padStart(8, '0');

/** 64 bytes: `1 <store> <write, 15 digits>`, five spaces, CRC-32, line end. */
function slotText({ store, write }: Mark): string {
  const body = `1 ${store} ${String(write).padStart(15, '0')}`;
  return `${body}     ${sumOf(body)}\n`;
}

function slotOf(text: string): Mark | undefined {
  const [, body = '', store = '', write, sum] = /^(1 ([0-9a-f]{32}) (\d{15})) {5}([0-9a-f]{8})\n$/.exec(text) ?? [];
  return sum !== undefined && sumOf(body) === sum ? { store, write: Number(write) } : undefined;
}

/**
 * How far the store must have come at least; undefined where there is no mark. `damaged`: there is one and it cannot be
 * read. Where one slot of the two is damaged, that may have been the newer.
 */
export function readMark(file: string): Mark | 'damaged' | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [a, b] = [slotOf(text.slice(0, slotBytes)), slotOf(text.slice(slotBytes))];
  if (a !== undefined && b !== undefined) {
    if (a.store !== b.store) return 'damaged';
    return a.write > b.write ? a : b;
  }
  const one = a ?? b;
  return one === undefined ? 'damaged' : { store: one.store, write: one.write + 1 };
}

export class MarkWriter {
  readonly #fd: number;
  #syncedAt = performance.now();
  #syncing = false;

  /** Replaces what is there. */
  constructor(file: string, mark: Mark) {
    // Not emptied first: a crash in between would leave no mark.
    this.#fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
    writeSync(this.#fd, slotText(mark) + slotText(mark), 0, 'latin1');
    ftruncateSync(this.#fd, 2 * slotBytes);
    fdatasyncSync(this.#fd);
    syncFolderNow(dirname(file));
  }

  move(mark: Mark): void {
    writeSync(this.#fd, slotText(mark), (mark.write % 2) * slotBytes, 'latin1');
    const now = performance.now();
    if (this.#syncing || now - this.#syncedAt < syncMillis) return;
    this.#syncing = true;
    this.#syncedAt = now;
    // A sync that fails leaves the mark as safe as it was: the store's own sync decides.
    fdatasync(this.#fd, () => {
      this.#syncing = false;
    });
  }

  close(): void {
    fdatasyncSync(this.#fd);
    closeSync(this.#fd);
  }
}
