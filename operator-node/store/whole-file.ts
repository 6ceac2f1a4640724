/**
 * Files that are there as a whole or not at all, also after a power failure: written under another name, synced, renamed,
 * and the folder synced, since a new name is safe only when its folder is.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whose file it is can read it, and nobody else: most of these hold secrets or what is between operators. */
const ownerOnly = 0o600;

const suffix = '.partial';

/** Puts more text at the end. */
export type Put = (text: string) => Promise<void>;

/**
 * Replaces what is there. What a crash left under the other name is written anew, with the mode that is asked for.
 * @param write what comes into the file; when it throws, the file is as it was
 */
export async function writeWholeFile<R>(file: string, write: (put: Put) => Promise<R>, mode = ownerOnly): Promise<R> {
  const partial = `${file}${suffix}`;
  await rm(partial, { force: true });
  const handle = await open(partial, 'wx', mode);
  let result: R;
  try {
    result = await write((text) => handle.appendFile(text));
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(partial, { force: true });
    throw error;
  }
  await handle.close();
  await renameDurably(partial, file);
  return result;
}

/** The same for a text that is at hand, for commands that do one thing after another. */
export function writeWholeText(file: string, text: string, mode = ownerOnly): void {
  const partial = `${file}${suffix}`;
  rmSync(partial, { force: true });
  const fd = openSync(partial, 'wx', mode);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(partial, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(partial, file);
  syncFolderNow(dirname(file));
}

/** Takes the place of what has that name; both folders are synced. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/** Where folders cannot be synced by themselves (Windows), the file system does it in its own time. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function syncFolderNow(folder: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * What crashes left unfinished in a folder that nobody else writes to now; a folder that is not there has none.
 * @param whose which names, without the suffix, are meant
 */
export async function removePartials(folder: string, whose: (name: string) => boolean): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const left = names.filter((name) => name.endsWith(suffix) && whose(name.slice(0, -suffix.length)));
  for (const name of left) await rm(join(folder, name));
  return left;
}
