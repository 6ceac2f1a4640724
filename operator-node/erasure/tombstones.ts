/**
 * Tombstones: a file for each erasure, kept beside the store and with its backups, so that no backup brings an erased user
 * back. It says who was erased (by id: there is nothing else) and holds what the user's records can still show, since an
 * older backup does not have it.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperatorId, UnixMillis, UserId } from '../model/ids.ts';
import { damagedBackup, lineOf, readLines } from '../store/backup-lines.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import type { ErasureScope } from './state.ts';

const format = 'tandem/erased/1';

export interface Tombstone {
  readonly operator: OperatorId;
  readonly user: UserId;
  readonly what: ErasureScope;
  /** The generation of the messages key that was destroyed; absent if the user's key was. */
  readonly generation?: number;
  readonly at: UnixMillis;
}

/** A record that is written out: `<pairId>!<leg>` and its twelve entries. */
export type WrittenOut = readonly [key: string, entries: readonly string[]];

export interface TombstoneShelf {
  /** Resolves when it is durable in every place. The same one again replaces it. */
  put(tombstone: Tombstone, records: () => AsyncIterable<WrittenOut>): Promise<void>;
}

/** Where there is no disk. */
export const noShelf: TombstoneShelf = { put: () => Promise.resolve() };

const suffix = '.erased';

const nameOf = ({ user, what, generation }: Tombstone): string =>
  `${user}${what === 'all' ? '' : `-messages-${generation ?? 0}`}${suffix}`;

const chunkCharacters = 256 * 1024;

export function fileShelf(folders: readonly string[]): TombstoneShelf {
  return {
    async put(tombstone, records) {
      for (const folder of folders) await write(folder, tombstone, records());
    },
  };
}

async function write(folder: string, tombstone: Tombstone, records: AsyncIterable<WrittenOut>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWholeFile(join(folder, nameOf(tombstone)), async (put) => {
    let count = 0;
    let chunk = lineOf(JSON.stringify({ format, ...tombstone }));
    for await (const record of records) {
      chunk += lineOf(JSON.stringify(record));
      count += 1;
      if (chunk.length >= chunkCharacters) {
        await put(chunk);
        chunk = '';
      }
    }
    await put(chunk + lineOf(JSON.stringify({ end: count })));
  });
}

export interface FoundTombstone {
  readonly tombstone: Tombstone;
  readonly records: readonly WrittenOut[];
}

/** Every tombstone of those folders, once; a folder that is not there has none. @throws {TandemError} `store-damaged` */
export async function readTombstones(folders: readonly string[]): Promise<readonly FoundTombstone[]> {
  const found = new Map<string, FoundTombstone>();
  for (const folder of folders) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch {
      continue;
    }
    for (const name of names.filter((one) => one.endsWith(suffix))) {
      if (!found.has(name)) found.set(name, await readOne(join(folder, name)));
    }
  }
  return [...found.values()];
}

async function readOne(file: string): Promise<FoundTombstone> {
  let tombstone: Tombstone | undefined;
  const records: WrittenOut[] = [];
  let end: number | undefined;
  for await (const line of readLines(file)) {
    if (tombstone === undefined) {
      const { format: found, ...rest } = line as Tombstone & { readonly format: string };
      if (found !== format) throw damagedBackup(file, `it is of format ${found}, not ${format}`);
      tombstone = rest;
    } else if (Array.isArray(line)) records.push(line as unknown as WrittenOut);
    else ({ end } = line as { readonly end: number });
  }
  if (tombstone === undefined || end !== records.length) throw damagedBackup(file, 'its end is missing');
  return { tombstone, records };
}
