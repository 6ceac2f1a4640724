/**
 * What a store would say if LevelDB opened it, without LevelDB touching it: opening brings the log into tables and throws
 * away what it cannot read of it, and with that what a repaired disk might still have given back. So it is opened in a
 * folder of links beside it; tables are never changed in place, and the rest is copied.
 */
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

const isTable = (name: string): boolean => /^\d+\.(?:ldb|sst)$/.test(name);
const isCopied = (name: string): boolean => /^(?:\d+\.log|MANIFEST-\d+|CURRENT)$/.test(name);

/** As stored; undefined where there is none, or where LevelDB will not open it: then it says why when it is asked to. */
export async function readOnTrial(dir: string, key: string): Promise<string | undefined> {
  const trial = `${dir}.trial`;
  await rm(trial, { recursive: true, force: true });
  try {
    await mkdir(trial, { mode: 0o700 });
    for (const name of await readdir(dir)) {
      const [from, to] = [join(dir, name), join(trial, name)];
      // Where there are no links, it takes the room of a copy for a moment.
      if (isTable(name)) await link(from, to).catch(() => copyFile(from, to));
      else if (isCopied(name)) await copyFile(from, to);
    }
    const db = new ClassicLevel<string, string>(trial, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
    try {
      await db.open();
      return db.getSync(key);
    } finally {
      await db.close();
    }
  } catch {
    return undefined;
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}
