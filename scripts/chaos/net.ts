/**
 * A devnet whose every link goes through a proxy that can be broken: each operator to each other one, to the chain or each
 * of its endpoints, gateway to operator; messages to users go to the run's own gateway. A block is final when two more are on top of it, so that the
 * chain may replace its newest blocks.
 */
import { randomInt } from 'node:crypto';
import { nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import type { Description } from '../devnet/description.ts';
import { Devnet } from '../devnet/devnet.ts';
import { EndpointProxy } from '../devnet/endpoint-proxy.ts';
import { layout, portOffsets, type Layout } from '../devnet/layout.ts';
import { requireFreePorts } from '../devnet/ports.ts';
import type { DevnetPerson } from '../devnet/users.ts';
import { SmallDisk } from './disk.ts';
import type { Gateway } from './gateway.ts';
import type { Party } from './load.ts';
import { nobodyAt } from './people.ts';
import { FaultProxy } from './proxy.ts';
import { chainLinksOf, type LinkName } from './schedule.ts';
import type { Story } from './story.ts';
import type { Supervisor } from './supervisor.ts';

/** Journals are anchored that often: several times in the shortest run. */
const anchorSeconds = 10;
export const finalityDepth = 2;

/** A gateway that hears nothing for so long sends again. */
const clientTimeoutMillis = 6000;

async function freePortBase(operators: number): Promise<number> {
  for (;;) {
    const base = randomInt(20_000, 32_000);
    const ports = Object.fromEntries(portOffsets(operators).map((offset) => [String(offset), base + offset]));
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
  readonly endpoints: readonly EndpointProxy[];
  readonly parties: readonly Party[];
  /** Those that keep the protocol: all but a hostile one. */
  readonly handles: readonly string[];
  readonly clients: ReadonlyMap<string, NodeClient>;
  readonly disk: { readonly node: string; readonly small: SmallDisk } | undefined;
  /** Why there is no small disk, where one was asked for. */
  readonly noDisk: string | undefined;
  stop(): Promise<void>;
}

export interface NetOptions {
  readonly dir: string;
  readonly description: Description;
  /** Endpoints of the chain that each node has. */
  readonly endpoints: number;
  readonly users: readonly DevnetPerson[];
  readonly gateway: Gateway;
  readonly supervisor: Supervisor;
  readonly story: Story;
  /** Sections of the nodes' configuration. */
  readonly timing: Readonly<Record<string, number>>;
  readonly smallDisk: boolean;
  /** Its keys are somebody's who wants to harm the others; its users do nothing, and nothing is asked of its node. */
  readonly hostile: string | undefined;
  readonly signal: AbortSignal;
}

/** Every link, by name; `endpoints` are in front of the chain, where the nodes have several. */
interface Links {
  readonly proxies: ReadonlyMap<LinkName, FaultProxy>;
  readonly endpoints: readonly EndpointProxy[];
  readonly urlOf: (link: LinkName) => string;
  readonly close: () => Promise<void>;
}

async function startLinks({ operators, chainPort, rpcUrl }: Layout, endpointCount: number): Promise<Links> {
  const proxies = new Map<LinkName, FaultProxy>();
  const endpoints: EndpointProxy[] = [];
  const link = async (name: LinkName, target: number): Promise<void> => {
    proxies.set(name, await FaultProxy.start(target));
  };
  if (endpointCount > 1) {
    for (let index = 0; index < endpointCount; index += 1)
      endpoints.push(await EndpointProxy.start({ target: rpcUrl }));
  }
  for (const from of operators) {
    for (const to of operators) if (to !== from) await link(`${from.handle} to ${to.handle}`, to.channelPort);
    for (const [index, name] of chainLinksOf(from.handle, endpointCount).entries()) {
      await link(name, endpoints[index]?.port ?? chainPort);
    }
    await link(`gateway to ${from.handle}`, from.apiPort);
  }
  return {
    proxies,
    endpoints,
    urlOf: (name) => {
      const port = proxies.get(name)?.port;
      if (port === undefined) throw new Error(`there is no link ${name}`);
      return `http://127.0.0.1:${port}`;
    },
    close: async () => {
      await Promise.all([...proxies.values(), ...endpoints].map((each) => each.close()));
    },
  };
}

/** One node's configuration: every link that it has goes through its proxy. */
function overridesOf(
  { gateway, endpoints, timing }: NetOptions,
  { operators }: Layout,
  { urlOf }: Links,
  handle: string,
): Readonly<Record<string, unknown>> {
  return {
    gateway: { webhook: gateway.webhook(handle) },
    channel: {
      port: operators.find((each) => each.handle === handle)?.channelPort,
      certFile: 'tls-cert.pem',
      keyFile: 'tls-key.pem',
      // A peer has one endpoint in the registry, and here a link of its own with each other one.
      routes: Object.fromEntries(
        operators
          .filter((peer) => peer.handle !== handle)
          .map((peer) => [peer.id, urlOf(`${handle} to ${peer.handle}`).replace('http:', 'https:')]),
      ),
    },
    chain: {
      networkFile: '../network.json',
      rpcUrls: chainLinksOf(handle, endpoints).map(urlOf),
      keysFile: 'keys.json',
    },
    timing,
    journal: { anchorSeconds },
    // The small disk has 384.
    disk: { minFreeMebibytes: 64 },
  };
}

/** Puts the store of the second operator's node on a disk that can be filled. */
async function withSmallDisk(devnet: Devnet, { operators }: Layout): Promise<Pick<ChaosNet, 'disk' | 'noDisk'>> {
  const [, { handle: node, dataDir }] = operators;
  await devnet.stopNode(node);
  const small = SmallDisk.mount(dataDir);
  devnet.startNode(node);
  await devnet.waitForNode(node);
  return typeof small === 'string' ? { disk: undefined, noDisk: small } : { disk: { node, small }, noDisk: undefined };
}

function partiesOf(
  { operators, users }: DevnetFile,
  handles: readonly string[],
  description: Description,
  clients: ChaosNet['clients'],
): readonly Party[] {
  return users.map((user): Party => {
    const client = clients.get(user.operator);
    const serviceNumber = operators.find(({ handle }) => handle === user.operator)?.serviceNumber;
    if (client === undefined || serviceNumber === undefined) throw new Error(`no operator ${user.operator}`);
    const others = description.operators.filter(({ handle }) => handle !== user.operator);
    // The one after it, so that every operator is asked for somebody it does not have.
    const other = others[handles.indexOf(user.operator) % others.length];
    if (other === undefined) throw new Error('there is one operator alone');
    const machine = user.kind === 'machine';
    return { operator: user.operator, number: user.number, client, serviceNumber, machine, nobody: nobodyAt(other) };
  });
}

export async function startNet(options: NetOptions): Promise<ChaosNet> {
  const { dir, description, users, supervisor, story, signal } = options;
  const handles = description.operators.map(({ handle }) => handle);
  const portBase = await freePortBase(handles.length);
  const place = layout({ dir, portBase, operators: description.operators });
  const links = await startLinks(place, options.endpoints);
  let devnet: Devnet;
  try {
    devnet = await Devnet.start({
      dir,
      portBase,
      fresh: true,
      description,
      users,
      keepChain: false,
      finalityDepth,
      overrides: (handle) => overridesOf(options, place, links, handle),
      signal,
      say: (text) => story.say(text),
      onDeath: (part, exit, logFile) => supervisor.onDeath(part, exit, logFile),
    });
  } catch (error) {
    await links.close();
    throw error;
  }
  supervisor.attach(devnet);
  const none = { disk: undefined, noDisk: undefined };
  const { disk, noDisk } = options.smallDisk ? await withSmallDisk(devnet, place) : none;
  const file = await devnet.describe();
  const clients = new Map(
    file.operators.map((operator) => [
      operator.handle,
      nodeClient(
        { ...operator, apiUrl: links.urlOf(`gateway to ${operator.handle}`) },
        { maxSockets: 64, timeoutMillis: clientTimeoutMillis },
      ),
    ]),
  );
  return {
    devnet,
    file,
    links: links.proxies,
    endpoints: links.endpoints,
    parties: partiesOf(file, handles, description, clients),
    handles: handles.filter((handle) => handle !== options.hostile),
    clients,
    disk,
    noDisk,
    async stop() {
      for (const client of clients.values()) client.close();
      for (const handle of handles) await devnet.stopNode(handle);
      await devnet.stop();
      await links.close();
      disk?.small.dissolve();
    },
  };
}
