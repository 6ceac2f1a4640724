/**
 * A devnet whose every link goes through a proxy that can be broken: operator to operator, operator to chain, gateway to
 * operator; messages to users go to the run's own gateway. A block is final when two more are on top of it, so that the
 * chain may replace its newest blocks.
 */
import { randomInt } from 'node:crypto';
import { NodeClient } from '../../operator-node/cli/client.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { defaultDescription } from '../devnet/description.ts';
import { Devnet } from '../devnet/devnet.ts';
import { layout } from '../devnet/layout.ts';
import { requireFreePorts } from '../devnet/ports.ts';
import type { DevnetPerson } from '../devnet/users.ts';
import { SmallDisk } from './disk.ts';
import type { Gateway } from './gateway.ts';
import type { Party } from './load.ts';
import { FaultProxy } from './proxy.ts';
import { handles, type LinkName } from './schedule.ts';
import type { Story } from './story.ts';
import type { Supervisor } from './supervisor.ts';

/** Journals are anchored that often: several times in the shortest run. */
const anchorSeconds = 10;
export const finalityDepth = 2;

/** Offsets of a devnet's ports from its base. */
const offsets = [0, 1, 10, 11, 45];
/** A gateway that hears nothing for so long sends again. */
const clientTimeoutMillis = 6000;

async function freePortBase(): Promise<number> {
  for (;;) {
    const base = randomInt(20_000, 32_000);
    const ports = Object.fromEntries(offsets.map((offset) => [String(offset), base + offset]));
    const free = await requireFreePorts(ports).then(
      () => true,
      () => false,
    );
    if (free) return base;
  }
}

export interface ChaosNet {
  readonly devnet: Devnet;
  readonly file: DevnetFile;
  readonly links: ReadonlyMap<LinkName, FaultProxy>;
  readonly parties: readonly Party[];
  readonly clients: ReadonlyMap<string, NodeClient>;
  readonly disk: { readonly node: string; readonly small: SmallDisk } | undefined;
  /** Why there is no small disk, where one was asked for. */
  readonly noDisk: string | undefined;
  stop(): Promise<void>;
}

export interface NetOptions {
  readonly dir: string;
  readonly users: readonly DevnetPerson[];
  readonly gateway: Gateway;
  readonly supervisor: Supervisor;
  readonly story: Story;
  /** Sections of the nodes' configuration. */
  readonly timing: Readonly<Record<string, number>>;
  readonly smallDisk: boolean;
  readonly signal: AbortSignal;
}

export async function startNet(options: NetOptions): Promise<ChaosNet> {
  const { dir, users, gateway, supervisor, story, timing, signal } = options;
  const portBase = await freePortBase();
  const { operators, chainPort } = layout({ dir, portBase, operators: defaultDescription.operators });
  const links = new Map<LinkName, FaultProxy>();
  const link = async (name: LinkName, target: number): Promise<FaultProxy> => {
    const proxy = await FaultProxy.start(target);
    links.set(name, proxy);
    return proxy;
  };
  const [aurora, borealis] = operators;
  // Who reaches an operator is the other one, so the link is named by both.
  const toAurora = await link('borealis to aurora', aurora.channelPort);
  const toBorealis = await link('aurora to borealis', borealis.channelPort);
  const chainOf: Readonly<Record<string, FaultProxy>> = {
    aurora: await link('aurora to chain', chainPort),
    borealis: await link('borealis to chain', chainPort),
  };
  const apiOf: Readonly<Record<string, FaultProxy>> = {
    aurora: await link('gateway to aurora', aurora.apiPort),
    borealis: await link('gateway to borealis', borealis.apiPort),
  };
  const closeLinks = async (): Promise<void> => {
    await Promise.all([...links.values()].map((each) => each.close()));
  };
  let devnet: Devnet;
  try {
    devnet = await Devnet.start({
      dir,
      portBase,
      fresh: true,
      users,
      keepChain: false,
      finalityDepth,
      endpoints: {
        aurora: `https://127.0.0.1:${toAurora.port}`,
        borealis: `https://127.0.0.1:${toBorealis.port}`,
      },
      overrides: (handle) => ({
        gateway: { webhook: gateway.webhook(handle) },
        chain: {
          networkFile: '../network.json',
          rpcUrls: [`http://127.0.0.1:${chainOf[handle]?.port}`],
          keysFile: 'keys.json',
        },
        timing,
        journal: { anchorSeconds },
        // The small disk has 384.
        disk: { minFreeMebibytes: 64 },
      }),
      signal,
      say: (text) => story.say(text),
      onDeath: (part, exit, logFile) => supervisor.onDeath(part, exit, logFile),
    });
  } catch (error) {
    await closeLinks();
    throw error;
  }
  supervisor.attach(devnet);
  let disk: ChaosNet['disk'];
  let noDisk: string | undefined;
  if (options.smallDisk) {
    await devnet.stopNode('borealis');
    const small = SmallDisk.mount(borealis.dataDir);
    if (typeof small === 'string') noDisk = small;
    else disk = { node: 'borealis', small };
    devnet.startNode('borealis');
    await devnet.waitForNode('borealis');
  }
  const file = await devnet.describe();
  const clients = new Map(
    file.operators.map((operator) => [
      operator.handle,
      new NodeClient(
        { ...operator, apiUrl: `http://127.0.0.1:${apiOf[operator.handle]?.port}` },
        { maxSockets: 64, timeoutMillis: clientTimeoutMillis },
      ),
    ]),
  );
  const parties = file.users.map((user): Party => {
    const client = clients.get(user.operator);
    const serviceNumber = file.operators.find(({ handle }) => handle === user.operator)?.serviceNumber;
    if (client === undefined || serviceNumber === undefined) throw new Error(`no operator ${user.operator}`);
    return { operator: user.operator, number: user.number, client, serviceNumber, machine: user.kind === 'machine' };
  });
  return {
    devnet,
    file,
    links,
    parties,
    clients,
    disk,
    noDisk,
    async stop() {
      for (const client of clients.values()) client.close();
      for (const handle of handles) await devnet.stopNode(handle);
      await devnet.stop();
      await closeLinks();
      disk?.small.dissolve();
    },
  };
}
