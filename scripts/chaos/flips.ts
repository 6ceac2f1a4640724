/** Flipped bits in closed stores: in copies, opened here, so that what a store then says can be compared with what it said. */
import { hash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardTable } from '../../operator-node/store/guard.ts';
import { inspectLevelStore, openLevelStore } from '../../operator-node/store/level.ts';
import { markFileOf } from '../../operator-node/store/mark.ts';
import { tables } from '../../operator-node/store/tables.ts';

export interface Flip {
  readonly file: string;
  readonly offset: number;
  readonly bit: number;
  /** What the store said when it was opened or read with this bit flipped; undefined where it said what it had said. */
  readonly noticed: string | undefined;
  /** It read as before, less its last write, of which nobody had been told. */
  readonly withoutLast: boolean;
  /** Flips the bit in the store itself; again, back. */
  readonly flip: () => void;
}

function flipBit(file: string, offset: number, bit: number): void {
  const descriptor = openSync(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(descriptor, byte, 0, 1, offset);
    writeSync(descriptor, Buffer.from([(byte[0] ?? 0) ^ (1 << bit)]), 0, 1, offset);
    if (fstatSync(descriptor).size <= offset) throw new RangeError(`${file} has no byte ${offset}`);
  } finally {
    closeSync(descriptor);
  }
}

interface Content {
  readonly digest: string;
  /** The number of the last write. */
  readonly write: number;
}

async function contentOf(dir: string): Promise<Content> {
  await using store = await openLevelStore(dir);
  const write = store.newest.get(guardTable, 'head')?.write ?? 0;
  const parts: string[] = [];
  const prefixes: string[] = [];
  for (const name of Object.keys(tables)) {
    // The number of the write is compared by itself.
    if (name === guardTable.name) continue;
    prefixes.push(`${name}!`);
  }
  // As they are on disk: what is sealed stays so.
  for await (const [key, text] of store.records()) {
    if (prefixes.some((prefix) => key.startsWith(prefix))) parts.push(hash('sha256', JSON.stringify([key, text])));
  }
  return { digest: hash('sha256', parts.join()), write };
}

function copy(dir: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(dir, to, { recursive: true });
  if (existsSync(markFileOf(dir))) cpSync(markFileOf(dir), markFileOf(to));
}

/** Files that hold data: not LevelDB's lock, its talk, or what fills a small disk. */
const isData = (name: string): boolean => /^(?:\d+\.(?:log|ldb)|MANIFEST-\d+|CURRENT)$/.test(name);

/** Each draw: where among all bytes, as a share of them, and which of eight bits. Nobody may have the store open. */
export async function tryFlips(
  dir: string,
  draws: readonly (readonly [number, number])[],
): Promise<{ readonly flips: readonly Flip[]; readonly problems: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-flips-'));
  const flips: Flip[] = [];
  const problems: string[] = [];
  try {
    const tried = join(folder, 'data');
    copy(dir, tried);
    const { mark } = await inspectLevelStore(tried);
    const promised = mark === undefined || mark === 'damaged' ? Infinity : mark.write;
    const was = await contentOf(tried);
    const files = readdirSync(dir).filter((name) => isData(name) && statSync(join(dir, name)).size > 0);
    for (const [index, [place, which]] of draws.entries()) {
      // Small files are as important as large ones: half the draws are of a file, half of a byte among all.
      const sizes = files.map((name) => statSync(join(dir, name)).size);
      const all = sizes.reduce((sum, size) => sum + size, 0);
      let chosen = index % 2 === 0 ? Math.floor(place * files.length) : 0;
      let offset = Math.floor(place * all);
      if (index % 2 === 0) offset = Math.floor(((place * files.length) % 1) * (sizes[chosen] ?? 1));
      else for (; offset >= (sizes[chosen] ?? 0); chosen += 1) offset -= sizes[chosen] ?? 0;
      const file = files[chosen];
      if (file === undefined) continue;
      const bit = Math.floor(which * 8);
      copy(dir, tried);
      flipBit(join(tried, file), offset, bit);
      let noticed: string | undefined;
      let withoutLast = false;
      try {
        const is = await contentOf(tried);
        // A last write that nobody was told of is as good as never made: a crash could have torn it as well.
        if (is.digest !== was.digest && is.write < promised) {
          const how = `write ${is.write}, marked ${promised}, whole ${was.write}`;
          problems.push(`bit ${bit} of byte ${offset} of ${file}: the store reads differently without a word (${how})`);
        } else if (is.digest !== was.digest && is.write >= was.write) {
          problems.push(`bit ${bit} of byte ${offset} of ${file}: the same writes read differently without a word`);
        }
        withoutLast = is.write < was.write;
      } catch (error) {
        noticed = (error as Error).message.split('\n').slice(0, 2).join(' ').slice(0, 160);
      }
      flips.push({ file, offset, bit, noticed, withoutLast, flip: () => flipBit(join(dir, file), offset, bit) });
    }
    return { flips, problems };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
