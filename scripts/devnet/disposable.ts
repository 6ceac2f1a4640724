/**
 * `tandem/devnet`: a devnet for test code, in a temporary folder and on ports that are free, thrown away at its end.
 * docs/devnet.md has an example.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile, DevnetUser } from '../../operator-node/cli/devnet-file.ts';
import { defaultFile, readDescription, type Description } from './description.ts';
import { Devnet } from './devnet.ts';
import { DevnetError } from './layout.ts';
import { freePortBase } from './ports.ts';

export interface DisposableOptions {
  /** How many operators, from 2 to 8; by default the two of `devnet.yaml`. */
  readonly operators?: number;
  /** A description of operators and users in place of `devnet.yaml`. */
  readonly file?: string;
}

interface Up {
  readonly dir: string;
  readonly devnet: Devnet;
  readonly file: DevnetFile;
}

/** @throws {DevnetError} for what the caller can mend, with the log to look at */
async function bringUp(description: Description): Promise<Up> {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-devnet-'));
  try {
    const devnet = await Devnet.start({
      dir,
      portBase: await freePortBase(),
      fresh: true,
      description,
      users: description.users,
      keepChain: false,
      say: () => undefined,
      // What asks a part that has died is told so by its client.
      onDeath: () => undefined,
    });
    return { dir, devnet, file: await devnet.publish() };
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

async function takeDown({ devnet, dir }: Up): Promise<void> {
  await devnet.stop();
  rmSync(dir, { recursive: true, force: true });
}

class DisposableDevnet {
  readonly #description: Description;
  #up: Up;

  private constructor(description: Description, up: Up) {
    this.#description = description;
    this.#up = up;
  }

  static async start({ operators, file = defaultFile }: DisposableOptions): Promise<DisposableDevnet> {
    const description = readDescription(file, operators);
    return new DisposableDevnet(description, await bringUp(description));
  }

  /** What devnet.json says: operators with addresses and tokens, users, contracts. Another one after a reset. */
  get file(): DevnetFile {
    return this.#up.file;
  }

  /** The folder, as `--devnet` takes it. Another one after a reset. */
  get dir(): string {
    return this.#up.dir;
  }

  /** A client of an operator's node, with its tokens. Another one after a reset. */
  node(handle: string): NodeClient {
    return this.#up.devnet.operator(handle);
  }

  /** A user by first name, in small letters. */
  user(name: string): DevnetUser {
    const found = this.file.users.find((user) => user.name.split(' ')[0]?.toLowerCase() === name);
    if (found === undefined) throw new DevnetError(`This devnet has no user ${name}.`);
    return found;
  }

  /** As it was at its start: a new chain, new stores, the users and their money of the description. */
  async reset(): Promise<void> {
    await takeDown(this.#up);
    this.#up = await bringUp(this.#description);
  }

  async stop(): Promise<void> {
    await takeDown(this.#up);
  }
}

/** Resolves when every node takes orders. */
export const startDevnet = (options: DisposableOptions = {}): Promise<DisposableDevnet> =>
  DisposableDevnet.start(options);

export type { DisposableDevnet };
