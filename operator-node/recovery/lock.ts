/** Whether a process has a store open, found without touching it. */
import { existsSync, linkSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

/**
 * LevelDB's lock is on the file LOCK itself, so a database with a hard link to it cannot be opened while the store is. Asked
 * from another process than the one that has it open, as POSIX locks want.
 */
export async function isInUse(dir: string): Promise<boolean> {
  if (!existsSync(join(dir, 'LOCK'))) return false;
  const probe = mkdtempSync(`${dir}.probe-`);
  try {
    linkSync(join(dir, 'LOCK'), join(probe, 'LOCK'));
    const db = new ClassicLevel<string, string>(probe);
    try {
      await db.open();
      return false;
    } catch (error) {
      const cause = (error as Error).cause;
      if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED') return true;
      throw error;
    } finally {
      await db.close();
    }
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
