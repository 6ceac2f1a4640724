/** A small disk for one node's store, which can be filled to the last byte; only where this process may mount. */
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const sizeMebibytes = 384;
const piece = Buffer.alloc(1024 * 1024);

export class SmallDisk {
  readonly #dir: string;
  readonly #ballast: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#ballast = join(dir, 'ballast');
  }

  /** Moves what is in `dir` onto a disk of its own there. Its owner must not run. @returns why not, where it cannot be */
  static mount(dir: string): SmallDisk | string {
    if (process.platform !== 'linux') return `mounting a tmpfs is for Linux; this is ${process.platform}`;
    const aside = `${dir}.before`;
    if (existsSync(dir)) renameSync(dir, aside);
    mkdirSync(dir, { mode: 0o700 });
    const options = `size=${sizeMebibytes}m,mode=0700`;
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tandem-chaos', dir], { encoding: 'utf8' });
    if (mounted.status !== 0) {
      rmSync(dir, { recursive: true });
      if (existsSync(aside)) renameSync(aside, dir);
      return (mounted.stderr || (mounted.error?.message ?? 'mount failed')).trim();
    }
    if (existsSync(aside)) cpSync(aside, dir, { recursive: true });
    rmSync(aside, { recursive: true, force: true });
    return new SmallDisk(dir);
  }

  /** Until nothing more fits; again, where its owner has freed something. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (const size of [piece.length, 4096, 1]) {
        try {
          for (;;) writeSync(file, piece, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Takes the disk away; what was on it stays in the folder. Its owner must not run. */
  dissolve(): void {
    const aside = `${this.#dir}.after`;
    this.free();
    cpSync(this.#dir, aside, { recursive: true });
    spawnSync('umount', ['-l', this.#dir]);
    rmSync(this.#dir, { recursive: true, force: true });
    renameSync(aside, this.#dir);
  }
}
