/** One devnet a folder: a file with the process id of the one that runs it, which also marks a folder as a devnet's. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DevnetError, type Layout } from './layout.ts';

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The folder is somebody else's: nothing in it may be touched. */
export class FolderNotOurs extends DevnetError {}

/** @throws {FolderNotOurs} when another devnet runs there, the folder holds something else, or it cannot be written to */
export function claim(place: Layout): void {
  try {
    take(place);
  } catch (cause) {
    if (cause instanceof DevnetError) throw cause;
    throw new FolderNotOurs(
      `The devnet's folder ${place.dir} cannot be used: ${(cause as Error).message}. Set TANDEM_DEVNET_DIR to one that can be written to.`,
      { cause },
    );
  }
}

function take(place: Layout): void {
  mkdirSync(place.dir, { recursive: true });
  if (existsSync(place.lockFile)) {
    const pid = Number(readFileSync(place.lockFile, 'utf8'));
    if (pid > 0 && pid !== process.pid && alive(pid)) {
      throw new FolderNotOurs(
        `A devnet runs in ${place.dir} already (process ${pid}), and goes on. Stop it with Ctrl-C where it runs, or with ` +
          `kill ${pid}; or run a second one beside it with TANDEM_DEVNET_DIR and TANDEM_DEVNET_PORT_BASE.`,
      );
    }
  } else if (!existsSync(place.madeFile) && readdirSync(place.dir).length > 0) {
    throw new FolderNotOurs(`${place.dir} holds something that is not a devnet: empty it or set TANDEM_DEVNET_DIR.`);
  }
  writeFileSync(place.lockFile, String(process.pid));
}

/** A folder whose set-up was not finished keeps its mark, so that the next start may clear it. */
export function release(place: Layout): void {
  if (existsSync(place.madeFile)) rmSync(place.lockFile, { force: true });
  else if (existsSync(place.dir)) writeFileSync(place.lockFile, '0');
}
