/** Does what the plan says to processes, links, gateway, chain and disk, and heals it when its time is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { behaviourText } from '../devnet/behaviour.ts';
import { blockSeconds } from '../devnet/chain.ts';
import type { EndpointProxy } from '../devnet/endpoint-proxy.ts';
import { rpc } from '../devnet/rpc.ts';
import type { SmallDisk } from './disk.ts';
import { tryFlips } from './flips.ts';
import type { Gateway } from './gateway.ts';
import type { FaultProxy, LinkFault } from './proxy.ts';
import type { Fault, LinkName } from './schedule.ts';
import type { Story } from './story.ts';
import type { Supervisor } from './supervisor.ts';

export interface Injected {
  readonly story: Story;
  readonly supervisor: Supervisor;
  readonly gateway: Gateway;
  readonly links: ReadonlyMap<LinkName, FaultProxy>;
  readonly rpcUrl: string;
  /** Where the nodes have more than one. */
  readonly endpoints: readonly EndpointProxy[];
  /** Folders of the stores, by handle. */
  readonly dataDirs: ReadonlyMap<string, string>;
  /** The one node that has a small disk. */
  readonly disk: { readonly node: string; readonly small: SmallDisk } | undefined;
}

/** A kill that meets no process waits so long for one. */
const downMillis = 3000;
const refillMillis = 50;
/** After room was made, a node that is just starting may still meet the full disk. */
const diskGraceMillis = 5000;

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`;

function describe(fault: LinkFault): string {
  switch (fault.kind) {
    case 'drop':
      return 'drops every connection';
    case 'delay':
      return `delays each piece by ${fault.millis} ms`;
    case 'cut':
      return `is cut one way (${fault.way})`;
    case 'drip':
      return `drips ${fault.bytesPerSecond} bytes a second`;
    case 'lost-replies':
      return `loses the answers after ${fault.afterBytes} bytes`;
  }
}

export class Faults {
  readonly #to: Injected;
  readonly #underWay = new Set<Promise<void>>();
  /** The fault of a link that is in force: an older one must not heal a newer one. */
  readonly #tokens = new Map<string, symbol>();
  #healed = false;
  #chainIsPaused = false;
  /** What is being done to the chain itself, one thing at a time: one that was stopped while it replaced blocks lacked two of them afterwards. */
  #atChain: Promise<void> = Promise.resolve();

  constructor(to: Injected) {
    this.#to = to;
  }

  inject(fault: Fault): void {
    const work = this.#do(fault).catch((error: unknown) => {
      this.#to.supervisor.problems.push(`the fault "${fault.kind}" could not be injected: ${String(error)}`);
    });
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** Everything works again when this resolves: links at once, what is paused or down when its time is over. */
  async heal(): Promise<void> {
    this.#healed = true;
    for (const link of this.#to.links.values()) link.set(undefined, true);
    for (const operator of this.#to.dataDirs.keys()) this.#to.gateway.receive(operator, undefined);
    for (const endpoint of this.#to.endpoints) endpoint.behave({ kind: 'honest' });
    this.#to.disk?.small.free();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #do(fault: Fault): Promise<void> {
    const { story, supervisor, gateway } = this.#to;
    switch (fault.kind) {
      case 'kill':
        await supervisor.whenReady(fault.node, this.#healed ? 0 : fault.patience);
        await supervisor.whenAlive(fault.node, this.#healed ? 0 : downMillis);
        story.fault(
          `kill -9 ${fault.node}`,
          `kill -9 ${fault.node}${supervisor.isReady(fault.node) ? '' : ', which was just starting'}`,
        );
        await supervisor.kill(fault.node, fault.downMillis);
        return;
      case 'pause':
        await this.#pause(fault);
        return;
      case 'link':
        await this.#breakLink(fault);
        return;
      case 'gateway':
        story.fault(`gateway ${fault.how}`, `the gateway ${fault.how} for ${fault.operator}, ${seconds(fault.millis)}`);
        gateway.receive(fault.operator, fault.how);
        await sleep(fault.millis);
        gateway.receive(fault.operator, undefined);
        return;
      case 'reorganise':
        await this.#reorganise(fault.depth);
        return;
      case 'drop transactions':
        await this.#dropTransactions(fault.all);
        return;
      case 'disk full':
        await this.#fillDisk(fault.millis);
        return;
      case 'flipped bit':
        await this.#flipBits(fault);
        return;
      case 'second process':
        story.fault('second process', `a second process is started on the store of ${fault.node}`);
        await supervisor.startTwice(fault.node);
        return;
      case 'endpoint':
        await this.#misbehave(fault);
    }
  }

  /** A minority at a time: of what most endpoints say alike, a node can know no better. */
  async #misbehave({ endpoint: index, behaviour, millis }: Extract<Fault, { kind: 'endpoint' }>): Promise<void> {
    const { story, endpoints } = this.#to;
    const endpoint = endpoints[index];
    if (endpoint === undefined) throw new Error(`there is no endpoint ${index + 1}`);
    const wrong = endpoints.filter(({ behaviour: { kind } }) => kind !== 'honest').length;
    if (this.#healed || endpoint.behaviour.kind !== 'honest' || wrong >= (endpoints.length - 1) >> 1) return;
    story.fault(`endpoint: ${behaviour.kind}`, `endpoint ${index + 1} ${behaviourText(behaviour)}, ${seconds(millis)}`);
    endpoint.behave(behaviour);
    await sleep(millis);
    endpoint.behave({ kind: 'honest' });
  }

  async #pause({ part, millis }: Extract<Fault, { kind: 'pause' }>): Promise<void> {
    const { story, supervisor } = this.#to;
    if (part !== 'chain') {
      story.fault(`pause ${part}`, `${part} is stopped for ${seconds(millis)}`);
      await supervisor.pause(part, millis);
      return;
    }
    if (this.#chainIsPaused) return;
    this.#chainIsPaused = true;
    await this.#atChain;
    story.fault('pause chain', `the chain is stopped for ${seconds(millis)}`);
    await supervisor.pause('chain', millis);
    this.#chainIsPaused = false;
  }

  async #breakLink({ link, fault, millis, reset }: Extract<Fault, { kind: 'link' }>): Promise<void> {
    const { story, links } = this.#to;
    const proxy = links.get(link);
    if (proxy === undefined) throw new Error(`there is no link ${link}`);
    const kind = / to (?:chain|endpoint \d+)$/.test(link)
      ? 'chain link'
      : link.startsWith('gateway to ')
        ? 'gateway link'
        : 'peer link';
    story.fault(`${kind}: ${fault.kind}`, `${link} ${describe(fault)}, ${seconds(millis)}`);
    const token = Symbol(link);
    this.#tokens.set(link, token);
    proxy.set(fault);
    await sleep(millis);
    if (this.#tokens.get(link) === token && !this.#healed) proxy.set(undefined, reset);
  }

  /** Anvil drops the transactions of the blocks that it replaces, and its clock falls back with them. */
  async #reorganise(depth: number): Promise<void> {
    if (this.#chainIsPaused) return;
    const work = this.#atChain.then(() => this.#replaceBlocks(depth));
    this.#atChain = work.catch(() => undefined);
    await work;
  }

  async #replaceBlocks(depth: number): Promise<void> {
    const { story, rpcUrl } = this.#to;
    story.fault(
      `reorganisation of ${depth}`,
      `the chain replaces its last ${depth === 1 ? 'block' : `${depth} blocks`}`,
    );
    // No block of the interval's own in between.
    await rpc(rpcUrl, 'evm_setIntervalMining', [0]);
    try {
      await rpc(rpcUrl, 'anvil_reorg', [depth, []]);
      await rpc(rpcUrl, 'evm_setTime', [Math.floor(Date.now() / 1000)]);
    } finally {
      await rpc(rpcUrl, 'evm_setIntervalMining', [blockSeconds]);
    }
  }

  async #dropTransactions(all: boolean): Promise<void> {
    const { story, rpcUrl } = this.#to;
    if (this.#chainIsPaused) return;
    const pool = await rpc<Record<'pending' | 'queued', Record<string, Record<string, { hash: string }>>>>(
      rpcUrl,
      'txpool_content',
    );
    const hashes = [...Object.values(pool.pending), ...Object.values(pool.queued)].flatMap((byNonce) =>
      Object.values(byNonce).map(({ hash }) => hash),
    );
    const dropped = all ? hashes : hashes.slice(0, 1);
    if (dropped.length === 0) return;
    story.fault('transactions dropped', `the chain's pool loses ${dropped.length} of ${hashes.length} transactions`);
    for (const hash of dropped) await rpc(rpcUrl, 'anvil_dropTransaction', [hash]);
  }

  async #fillDisk(millis: number): Promise<void> {
    const { story, supervisor, disk } = this.#to;
    if (disk === undefined || supervisor.diskFull !== undefined) return;
    story.fault('disk full', `the disk of ${disk.node} is full for ${seconds(millis)}`);
    supervisor.diskFull = disk.node;
    const end = performance.now() + millis;
    while (performance.now() < end && !this.#healed) {
      disk.small.fill();
      await sleep(refillMillis);
    }
    disk.small.free();
    await sleep(diskGraceMillis);
    supervisor.diskFull = undefined;
  }

  /** In a store that nobody has open: it must be refused, by the node too, or hold what it held. */
  async #flipBits({ node, draws }: Extract<Fault, { kind: 'flipped bit' }>): Promise<void> {
    const { story, supervisor, dataDirs } = this.#to;
    const dir = dataDirs.get(node);
    if (dir === undefined) throw new Error(`no store of ${node}`);
    if (!(await supervisor.hold(node))) return;
    try {
      const { flips, problems } = await tryFlips(dir, draws);
      supervisor.problems.push(...problems.map((what) => `${node}: ${what}`));
      for (const { file, offset, bit, noticed, withoutLast } of flips) {
        const outcome = noticed !== undefined ? 'refused' : withoutLast ? 'in an untold write' : 'harmless';
        const said = noticed ?? (withoutLast ? 'its last write, that nobody was told of, is gone' : 'reads as before');
        const where = `bit ${bit} of byte ${offset} of ${file} in a copy of ${node}'s store`;
        story.fault(`flipped bit: ${outcome}`, `${where}: ${said}`);
      }
      const refused = flips.find(({ noticed }) => noticed !== undefined);
      if (refused === undefined) return;
      refused.flip();
      const words = await supervisor.refusal(node);
      refused.flip();
      if (words === undefined)
        supervisor.problems.push(`${node} served with bit ${refused.bit} of ${refused.file} flipped`);
    } finally {
      await supervisor.release(node);
    }
  }
}
