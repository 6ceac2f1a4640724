/**
 * What makes a disk tell when it is not as it was left (faults.md 13): each record carries a checksum of its key and
 * text, each write its number, and the mark beside the store the number of the last one that counts. Whatever does not
 * fit is a fault, never an answer.
 */
import { crc32 } from 'node:zlib';
import { TandemError } from '../errors.ts';
import type { Disk, DiskOp, DiskRange } from './disk.ts';
import { MarkWriter, type Mark } from './mark.ts';
import { table } from './store.ts';

/** How many writes the store has seen, in each of them. Key: `head`. */
export const guardTable = table<Mark>('guard');
export const guardKey = 'guard!head';

const sumDigits = 8;

const sumOf = (key: string, text: string): string => crc32(text, crc32(key)).toString(16).padStart(sumDigits, '0');

/** A record as it is on disk: eight hex digits of CRC-32, then its JSON. */
export const sealRecord = (key: string, text: string): string => sumOf(key, text) + text;

/** @throws {TandemError} `store-damaged` */
export function openRecord(key: string, sealed: string): string {
  const text = sealed.slice(sumDigits);
  if (sumOf(key, text) === sealed.slice(0, sumDigits)) return text;
  throw new TandemError(
    'store-damaged',
    `The record ${key} does not match its checksum: the disk is failing, or the store was made by a build without checksums.`,
    { facts: { key } },
  );
}

/** A second log that has to be on its own disk before a write counts (`backup --follow`). */
export interface Follower {
  /** Resolves when that write is synced there. */
  append(write: number, ops: readonly DiskOp[]): Promise<void>;
  close(): Promise<void>;
}

export interface GuardedDiskParts {
  readonly disk: Disk;
  readonly markFile: string;
  /** As found, or of a new store. */
  readonly mark: Mark;
  readonly follower: Follower | undefined;
}

export class GuardedDisk implements Disk {
  readonly #disk: Disk;
  readonly #store: string;
  readonly #marker: MarkWriter;
  readonly #follower: Follower | undefined;
  #write: number;

  constructor({ disk, markFile, mark, follower }: GuardedDiskParts) {
    this.#disk = disk;
    this.#store = mark.store;
    this.#write = mark.write;
    this.#marker = new MarkWriter(markFile, mark);
    this.#follower = follower;
  }

  get(key: string): string | undefined {
    const sealed = this.#disk.get(key);
    return sealed === undefined ? undefined : openRecord(key, sealed);
  }

  async write(ops: DiskOp[]): Promise<void> {
    const write = this.#write + 1;
    const mark: Mark = { store: this.#store, write };
    const all: DiskOp[] = [...ops, { type: 'put', key: guardKey, value: JSON.stringify(mark) }];
    // First there: what the second log has is never less than what the store has.
    await this.#follower?.append(write, all);
    await this.#disk.write(all.map((op) => (op.type === 'put' ? { ...op, value: sealRecord(op.key, op.value) } : op)));
    this.#write = write;
    this.#marker.move(mark);
  }

  async *entries(range: DiskRange): AsyncGenerator<readonly [string, string]> {
    for await (const [key, sealed] of this.#disk.entries(range)) yield [key, openRecord(key, sealed)];
  }

  async purge(prefixes: readonly string[]): Promise<void> {
    await this.#disk.purge?.(prefixes);
  }

  async close(): Promise<void> {
    await this.#disk.close();
    this.#marker.close();
    await this.#follower?.close();
  }
}
