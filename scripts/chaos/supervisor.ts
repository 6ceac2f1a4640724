/**
 * Keeps the nodes running, as a service manager would: what is killed or gives up is started again. It knows why a node
 * may end by itself; any other end is a finding.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Devnet } from '../devnet/devnet.ts';
import { root } from '../devnet/layout.ts';
import type { Exit } from '../devnet/processes.ts';
import type { Story } from './story.ts';

const restartMillis = 400;
const readyPollMillis = 100;
const secondOwnerMillis = 30_000;

interface LastWords {
  readonly fatal?: string;
  readonly code?: string;
}

/** The last line of a node's log in which it says why it ends. */
function lastWordsOf(logFile: string): LastWords | undefined {
  const lines = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n') : [];
  for (const line of lines.slice(-5).reverse()) {
    try {
      const words = JSON.parse(line) as LastWords;
      if (words.fatal !== undefined) return words;
    } catch {
      // Not a line of the node's own.
    }
  }
  return undefined;
}

export class Supervisor {
  /** Milliseconds from a start to readiness, of those that became ready. */
  readonly readyMillis: number[] = [];
  /** Ends that nothing explains. */
  readonly problems: string[] = [];
  kills = 0;
  killsWhileStarting = 0;
  /** Nodes that ended by themselves for a reason that the faults give. */
  readonly gaveUp = new Map<string, number>();
  /** Set while a node's disk is full, and shortly after. */
  diskFull: string | undefined;
  readonly #story: Story;
  readonly #nodes = new Map<string, { ready: boolean; starts: number }>();
  #devnet: Devnet | undefined;
  #ended = false;

  constructor(story: Story) {
    this.#story = story;
  }

  attach(devnet: Devnet): void {
    this.#devnet = devnet;
    for (const handle of devnet.clients.keys()) this.#nodes.set(handle, { ready: true, starts: 0 });
  }

  get #net(): Devnet {
    if (this.#devnet === undefined) throw new Error('the devnet is not up yet');
    return this.#devnet;
  }

  onDeath(part: string, exit: Exit, logFile: string): void {
    const how = exit.signal ?? `exit code ${exit.code}`;
    if (this.#devnet === undefined || this.#ended) return;
    if (part === 'chain') {
      this.problems.push(`the chain ended by itself (${how}): see ${logFile}`);
      return;
    }
    const words = lastWordsOf(logFile);
    const reason = this.#excuse(part, words);
    if (reason === undefined) {
      this.problems.push(`${part} ended by itself (${how}): ${words?.fatal ?? `see ${logFile}`}`);
    } else this.gaveUp.set(reason, (this.gaveUp.get(reason) ?? 0) + 1);
    this.#story.say(`${part} has ended by itself: ${words?.fatal?.split('\n')[0] ?? how}`);
    void this.#startAfter(part, restartMillis);
  }

  #excuse(part: string, words: LastWords | undefined): string | undefined {
    if (words?.code === 'chain-unavailable' && this.#nodes.get(part)?.ready === false)
      return 'started while the chain was out of reach';
    if (this.diskFull === part && /store|space|ENOSPC/i.test(`${words?.code} ${words?.fatal}`)) return 'disk full';
    return undefined;
  }

  /** SIGKILL; started again after `downMillis`. */
  async kill(handle: string, downMillis: number): Promise<void> {
    if (this.#net.pids()[handle] !== undefined) {
      this.kills += 1;
      if (this.#nodes.get(handle)?.ready === false) this.killsWhileStarting += 1;
    }
    this.#nodes.set(handle, { ready: false, starts: (this.#nodes.get(handle)?.starts ?? 0) + 1 });
    await this.#net.killNode(handle);
    await this.#startAfter(handle, downMillis);
  }

  /** Runs or waits to be started again; false while a restart is under way. */
  isReady(handle: string): boolean {
    return this.#nodes.get(handle)?.ready === true;
  }

  /** SIGSTOP, and SIGCONT after `millis`; to a node or the chain. */
  async pause(part: string, millis: number): Promise<void> {
    const pid = this.#net.pids()[part];
    if (pid === undefined) return;
    process.kill(pid, 'SIGSTOP');
    await sleep(millis);
    // Killed meanwhile: the process of that name is another one now.
    if (this.#net.pids()[part] === pid) process.kill(pid, 'SIGCONT');
  }

  /** A second process on the same store must end with a word about it. */
  async startTwice(handle: string): Promise<void> {
    if (!this.isReady(handle)) return;
    const place = this.#net.layout.operators.find((each) => each.handle === handle);
    if (place === undefined) return;
    const child = spawn(process.execPath, [join(root, 'operator-node', 'main.ts'), '--config', place.configFile], {
      cwd: place.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
    const first = this.#net.pids()[handle];
    const timer = setTimeout(() => child.kill('SIGKILL'), secondOwnerMillis);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    // Where the first one was killed meanwhile, the second may have become the owner: not what is asked here.
    const served = said.includes('"ready":true');
    if (served && this.#net.pids()[handle] === first) {
      this.problems.push(`a second process served on the store of ${handle}`);
    }
    if (code === 0) this.problems.push(`a second process on the store of ${handle} ended without an error: ${said}`);
  }

  /** Every node answers and says that it is ready. */
  async allReady(): Promise<boolean> {
    const answers = await Promise.all([...this.#net.clients.values()].map((client) => client.readiness()));
    return answers.every((answer) => answer?.ready === true);
  }

  /** From here on nothing is started again. */
  end(): void {
    this.#ended = true;
  }

  async #startAfter(handle: string, millis: number): Promise<void> {
    await sleep(millis);
    if (this.#ended || this.#net.pids()[handle] !== undefined) return;
    const node = { ready: false, starts: (this.#nodes.get(handle)?.starts ?? 0) + 1 };
    this.#nodes.set(handle, node);
    const begun = performance.now();
    this.#net.startNode(handle);
    void this.#noteReady(handle, node, begun);
  }

  async #noteReady(handle: string, node: { ready: boolean; starts: number }, begun: number): Promise<void> {
    const client = this.#net.operator(handle);
    while (!this.#ended && this.#nodes.get(handle) === node) {
      if ((await client.readiness())?.ready === true && this.#nodes.get(handle) === node) {
        node.ready = true;
        this.readyMillis.push(performance.now() - begun);
        return;
      }
      await sleep(readyPollMillis);
    }
  }
}
