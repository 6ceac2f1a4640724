/**
 * Keeps the nodes running, as a service manager would: what is killed or gives up is started again. It knows why a node
 * may end by itself; any other end is a finding.
 */
import { readinessOf } from '../../operator-node/api/client.ts';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Devnet } from '../devnet/devnet.ts';
import { root } from '../devnet/layout.ts';
import { lastWordsOf, type LastWords } from '../devnet/last-words.ts';
import type { Exit } from '../devnet/processes.ts';
import type { Story } from './story.ts';

const restartMillis = 400;
const readyPollMillis = 100;
const secondOwnerMillis = 30_000;
const watchMillis = 25;

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
  /** Nodes whose store a second process tries to open. */
  readonly contested = new Set<string>();
  /** Nodes that are not started again for now: somebody is at their store. */
  readonly #held = new Set<string>();
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
    if (this.contested.has(part) && /in use by another process/.test(words?.fatal ?? '')) return 'store in use';
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

  /** Until there is a process of that node, or `millis` are over. */
  async whenAlive(handle: string, millis: number): Promise<void> {
    const end = performance.now() + millis;
    while (this.#net.pids()[handle] === undefined && performance.now() < end) await sleep(watchMillis);
  }

  /** Until the node is ready, or `millis` are over. */
  async whenReady(handle: string, millis: number): Promise<void> {
    const end = performance.now() + millis;
    while (!this.isReady(handle) && performance.now() < end) await sleep(readyPollMillis);
  }

  /** False while it is down or starting. */
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
    const first = this.#net.pids()[handle];
    if (!this.isReady(handle) || first === undefined) return;
    const wasThere = (): boolean => this.#net.pids()[handle] === first;
    this.contested.add(handle);
    // Where the first one is killed meanwhile, the second may become the owner: not what is asked here.
    const { code, said, stopped } = await this.#tryStart(handle, wasThere);
    this.contested.delete(handle);
    if (stopped) return;
    if (said.includes('"ready":true')) this.problems.push(`a second process served on the store of ${handle}`);
    else if (code === 0)
      this.problems.push(`a second process on the store of ${handle} ended without an error: ${said}`);
  }

  /** Kills a node and keeps it down until `release`, whatever else kills it meanwhile. False where it is held already. */
  async hold(handle: string): Promise<boolean> {
    if (this.#held.has(handle)) return false;
    this.#held.add(handle);
    await this.kill(handle, 0);
    return true;
  }

  async release(handle: string): Promise<void> {
    this.#held.delete(handle);
    await this.#startAfter(handle, 0);
  }

  /** Starts a node that is held, which must refuse to: its last words, or undefined where it served. */
  async refusal(handle: string): Promise<string | undefined> {
    const { code, said } = await this.#tryStart(handle, () => true);
    return code === 0 || said.includes('"ready":true') ? undefined : said;
  }

  /** A process of its own, until it ends by itself, `goOn` is false, it serves, or its time is over. */
  async #tryStart(
    handle: string,
    goOn: () => boolean,
  ): Promise<{ readonly code: number | null; readonly said: string; readonly stopped: boolean }> {
    const place = this.#net.layout.operators.find((each) => each.handle === handle);
    if (place === undefined) throw new Error(`no operator ${handle}`);
    const child = spawn(process.execPath, [join(root, 'operator-node', 'main.ts'), '--config', place.configFile], {
      cwd: place.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let stopped = false;
    child.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
    const end = performance.now() + secondOwnerMillis;
    const watch = setInterval(() => {
      const serves = said.includes('"ready":true');
      if (goOn() && !serves && performance.now() < end) return;
      stopped = !serves;
      child.kill('SIGKILL');
    }, watchMillis);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearInterval(watch);
    return { code, said, stopped };
  }

  /** Every node answers and says that it is ready. */
  async allReady(): Promise<boolean> {
    const answers = await Promise.all([...this.#net.clients.values()].map((client) => readinessOf(client)));
    return answers.every((answer) => answer?.ready === true);
  }

  /** From here on nothing is started again. */
  end(): void {
    this.#ended = true;
  }

  async #startAfter(handle: string, millis: number): Promise<void> {
    await sleep(millis);
    if (this.#ended || this.#held.has(handle) || this.#net.pids()[handle] !== undefined) return;
    const node = { ready: false, starts: (this.#nodes.get(handle)?.starts ?? 0) + 1 };
    this.#nodes.set(handle, node);
    const begun = performance.now();
    this.#net.startNode(handle);
    void this.#noteReady(handle, node, begun);
  }

  async #noteReady(handle: string, node: { ready: boolean; starts: number }, begun: number): Promise<void> {
    const client = this.#net.operator(handle);
    while (!this.#ended && this.#nodes.get(handle) === node) {
      if ((await readinessOf(client))?.ready === true && this.#nodes.get(handle) === node) {
        node.ready = true;
        this.readyMillis.push(performance.now() - begun);
        return;
      }
      await sleep(readyPollMillis);
    }
  }
}
