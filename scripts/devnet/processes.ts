/**
 * The devnet's child processes. Each leads a process group of its own, so that the terminal's Ctrl-C reaches only the
 * one that started them, which stops them in order; a guard process ends them where that one is gone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Part {
  readonly name: string;
  readonly pid: number;
  /** Resolves once, with how it ended. */
  readonly exited: Promise<Exit>;
  /** True from the moment that its end was asked for. */
  readonly ending: boolean;
}

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  ending: boolean;
  gone: boolean;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Takes stdout and stderr, appended. */
  readonly logFile: string;
}

const stopGraceMillis = 8000;

export class Processes {
  readonly #parts = new Map<string, Running>();
  readonly #onDeath: (part: Part, exit: Exit) => void;
  #guard: ChildProcess | undefined;

  /** `onDeath` is called for each process that ends without having been asked to. */
  constructor(onDeath: (part: Part, exit: Exit) => void) {
    this.#onDeath = onDeath;
  }

  start(name: string, command: string, args: readonly string[], options: SpawnOptions): Part {
    const log = openSync(options.logFile, 'a', 0o600);
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const exited = new Promise<Exit>((resolve) => {
      child.once('error', () => resolve({ code: 127, signal: null }));
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    const part: Running = { name, child, pid: child.pid ?? 0, exited, ending: false, gone: false };
    this.#parts.set(name, part);
    if (part.pid !== 0) this.#tellGuard(`+${part.pid}`);
    void exited.then((exit) => {
      part.gone = true;
      if (part.pid !== 0) this.#tellGuard(`-${part.pid}`);
      if (!part.ending) this.#onDeath(part, exit);
    });
    return part;
  }

  /** Asks it to end and waits; after a grace it is killed. Unknown or gone: nothing happens. */
  async stop(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined || part.gone) return;
    part.ending = true;
    part.child.kill('SIGTERM');
    const timer = setTimeout(() => part.child.kill('SIGKILL'), stopGraceMillis);
    await part.exited;
    clearTimeout(timer);
  }

  /** SIGKILL, without a word to anyone. */
  async kill(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined || part.gone) return;
    part.ending = true;
    part.child.kill('SIGKILL');
    await part.exited;
  }

  pid(name: string): number | undefined {
    const part = this.#parts.get(name);
    return part === undefined || part.gone ? undefined : part.pid;
  }

  /** Lets the guard go; call it when everything has been stopped. */
  close(): void {
    this.#guard?.stdin?.end();
    this.#guard = undefined;
  }

  #tellGuard(line: string): void {
    if (this.#guard === undefined) {
      this.#guard = spawn(process.execPath, [join(import.meta.dirname, 'guard.mjs')], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      this.#guard.unref();
      // Its end at shut-down may come before the last line: there is nobody left to guard then.
      this.#guard.stdin?.on('error', () => {});
    }
    this.#guard.stdin?.write(`${line}\n`);
  }
}
