/**
 * Brings a devnet up, each part as its own process, and takes it down again: chain, contracts, operators, their users. A
 * folder that holds a finished devnet is resumed, chain and all; `fresh` wipes it first.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readinessOf, nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile, DevnetOperator, DevnetUser } from '../../operator-node/cli/devnet-file.ts';
import { defaultDescription, type Description } from './description.ts';
import { directoryText } from './directory.ts';
import type { Behaviour } from './behaviour.ts';
import { gapOf } from '../contracts/block-gap.ts';
import {
  blockNumber,
  blockSeconds,
  fund,
  mineAtOnce,
  startBlocks,
  startChain,
  startEndpoints,
  type GasMode,
} from './chain.ts';
import { lastWordsOf } from './last-words.ts';
import { listed, prepareFolder, readMade, writeMade } from './folder.ts';
import { claim, release } from './lock.ts';
import { apiUrlOf, chainId, DevnetError, endpointUrlsOf, layout, root, type Layout } from './layout.ts';
import { prepareOperator, writeConfig, type ConfigOptions, type Operator } from './operators.ts';
import { requireFreePorts } from './ports.ts';
import { Processes, type Exit } from './processes.ts';
import { randomKey, secretsFile } from './secrets.ts';
import type { DevnetPerson } from './users.ts';
import { until } from './wait.ts';

export interface DevnetOptions extends ConfigOptions {
  readonly dir: string;
  readonly portBase: number;
  readonly fresh: boolean;
  /** By default the two operators of `devnet.yaml`. */
  readonly description?: Pick<Description, 'operators' | 'ported'>;
  readonly users: readonly DevnetPerson[];
  /** False for a devnet that is thrown away: the chain's state is not written. */
  readonly keepChain: boolean;
  /** For the nodes' runtime, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
  /** Endpoints of the chain that the nodes have, each a proxy that can misbehave (`behave`); with one, the chain itself. */
  readonly endpointCount?: number;
  /** By default nothing is asked for, and all keys have plenty. */
  readonly gas?: GasMode;
  /** Blocks after which a block is final in this consortium; by default at once. */
  readonly finalityDepth?: number;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** One line a step. */
  readonly say: (text: string) => void;
  /** A part has died by itself; the devnet is of no use any more. */
  readonly onDeath: (part: string, exit: Exit, logFile: string) => void;
}

const lacksGasAlone = (checks: Readonly<Record<string, string>>): boolean =>
  Object.entries(checks).every(([name, detail]) => name === 'gas' || detail.startsWith('ok'));

const nodeReadyMillis = 60_000;
const maxWindowSeconds = 86_400;

export class Devnet {
  readonly layout: Layout;
  readonly resumed: boolean;
  readonly clients: ReadonlyMap<string, NodeClient>;
  readonly #processes: Processes;
  readonly #options: DevnetOptions;
  readonly #operators: readonly Operator[];

  private constructor(
    place: Layout,
    options: DevnetOptions,
    processes: Processes,
    operators: readonly Operator[],
    resumed: boolean,
  ) {
    this.layout = place;
    this.resumed = resumed;
    this.#options = options;
    this.#processes = processes;
    this.#operators = operators;
    this.clients = new Map(
      operators.map((operator) => [
        operator.layout.handle,
        nodeClient({ apiUrl: apiUrlOf(operator.layout), ...operator }),
      ]),
    );
  }

  /** @throws {DevnetError} for what the caller can mend: busy ports, a folder that is in use or not a devnet's */
  static async start(options: DevnetOptions): Promise<Devnet> {
    const { operators: plans, ported } = options.description ?? defaultDescription;
    const place = layout({ ...options, operators: plans, endpoints: options.endpointCount ?? 1 });
    claim(place);
    const logFile = (part: string): string =>
      place.operators.find(({ handle }) => handle === part)?.logFile ?? join(place.chainDir, 'chain.log');
    const processes = new Processes((part, exit) => options.onDeath(part.name, exit, logFile(part.name)));
    try {
      await requireFreePorts({
        chain: place.chainPort,
        ...Object.fromEntries(place.endpointPorts.map((port, index) => [`endpoint ${index + 1}`, port])),
        ...Object.fromEntries(
          place.operators.flatMap((each) => [
            [`${each.handle} API`, each.apiPort],
            [`${each.handle} channel`, each.channelPort],
          ]),
        ),
      });
      const resumed = prepareFolder(place, options);
      const operators = await Promise.all(place.operators.map((operator) => prepareOperator(operator)));
      writeFileSync(place.directoryFile, directoryText({ operators: plans, ported }));
      for (const operator of operators) writeConfig(place, operator, options);
      const devnet = new Devnet(place, options, processes, operators, resumed);
      try {
        await untilAborted(devnet.#bringUp(), options.signal);
      } catch (error) {
        devnet.#closeClients();
        throw error;
      }
      return devnet;
    } catch (error) {
      await stopAll(processes, place);
      throw error;
    }
  }

  get #gas(): GasMode {
    return this.#options.gas ?? 'free';
  }

  operator(handle: string): NodeClient {
    const client = this.clients.get(handle);
    if (client === undefined) throw new Error(`no operator ${handle} on this devnet`);
    return client;
  }

  /** Process ids by part: `chain`, `endpoints` where there are proxies, and the operators by handle. */
  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      ['chain', 'endpoints', ...this.clients.keys()].flatMap((part) => {
        const pid = this.#processes.pid(part);
        return pid === undefined ? [] : [[part, pid]];
      }),
    );
  }

  /** Has an endpoint of the nodes misbehave, or be honest again; `index` from 0. */
  async behave(index: number, behaviour: Behaviour): Promise<void> {
    const url = endpointUrlsOf(this.layout)[index];
    if (url === undefined || this.layout.endpointPorts.length === 0) throw new Error(`there is no endpoint ${index}`);
    const response = await fetch(`${url}/behaviour`, { method: 'PUT', body: JSON.stringify(behaviour) });
    if (!response.ok) throw new Error(await response.text());
  }

  /** SIGKILL to one node. */
  async killNode(handle: string): Promise<void> {
    await this.#processes.kill(handle);
  }

  /** Asks one node to end, and waits. */
  async stopNode(handle: string): Promise<void> {
    await this.#processes.stop(handle);
  }

  startNode(handle: string): void {
    const place = this.#operators.find((each) => each.layout.handle === handle)?.layout;
    if (place === undefined) throw new Error(`no operator ${handle} on this devnet`);
    this.#processes.start(
      handle,
      process.execPath,
      [...(this.#options.nodeArguments ?? []), join(root, 'operator-node', 'main.ts'), '--config', place.configFile],
      { cwd: place.dir, env: { ...process.env, NODE_ENV: 'production' }, logFile: place.logFile },
    );
  }

  async waitForNode(handle: string): Promise<void> {
    const client = this.operator(handle);
    const logFile = join(this.layout.dir, handle, 'node.log');
    let said = 'it does not answer';
    await until(
      async () => {
        if (this.#processes.pid(handle) === undefined) {
          const words = lastWordsOf(logFile)?.fatal ?? tail(logFile);
          throw new DevnetError(
            `${handle} ended while it was starting. Its last words:\n${words}\nIts log is ${logFile}.`,
          );
        }
        const readiness = await readinessOf(client);
        if (readiness?.ready === true) return true;
        if (readiness === undefined) return undefined;
        said = JSON.stringify(readiness.checks);
        // Without money for gas it is up, and says why it takes no orders.
        if (this.#gas === 'fees-empty' && lacksGasAlone(readiness.checks)) return true;
        return undefined;
      },
      {
        timeoutMillis: nodeReadyMillis,
        failure: () => `${handle} is not ready after ${nodeReadyMillis / 1000} s (${said}): see ${logFile}.`,
      },
    );
  }

  /** What devnet.json says, with the balances of this moment. */
  async describe(): Promise<DevnetFile> {
    const made = readMade(this.layout);
    const operators = this.#operators.map<DevnetOperator>((operator) => ({
      id: operator.layout.id,
      handle: operator.layout.handle,
      apiUrl: apiUrlOf(operator.layout),
      serviceNumber: operator.layout.serviceNumber,
      gatewayToken: operator.gatewayToken,
      adminToken: operator.adminToken,
    }));
    const users = (await Promise.all([...this.clients].map(([handle, client]) => usersOf(handle, client)))).flat();
    const places = new Map<string, number>(this.#options.users.map(({ user }, index) => [user.number, index]));
    const place = ({ number }: DevnetUser): number => places.get(number) ?? places.size;
    // Those of the description in its order, then those who came by the API.
    users.sort((a, b) => place(a) - place(b) || (a.number < b.number ? -1 : 1));
    const { rpcUrl, endpointPorts } = this.layout;
    const endpoints = endpointPorts.length === 0 ? {} : { endpoints: endpointUrlsOf(this.layout) };
    return { chainId, rpcUrl, ...endpoints, contracts: made.contracts, operators, users };
  }

  /** Writes devnet.json, which says to others that this devnet is up. */
  async publish(): Promise<DevnetFile> {
    const file = await this.describe();
    writeFileSync(join(this.layout.dir, 'processes.json'), `${JSON.stringify({ pid: this.pids() })}\n`);
    writeFileSync(this.layout.devnetFile, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
    return file;
  }

  /** Nodes first, so that the chain's state at its end holds all that they have seen. */
  async stop(): Promise<void> {
    this.#closeClients();
    await stopAll(this.#processes, this.layout);
  }

  #closeClients(): void {
    for (const client of this.clients.values()) client.close();
  }

  async #bringUp(): Promise<void> {
    const { say, keepChain } = this.#options;
    say(this.resumed ? `Going on with the chain in ${this.layout.chainDir}` : 'Starting the chain');
    await startChain(this.#processes, this.layout, { keepState: keepChain, gas: this.#gas });
    await startEndpoints(this.#processes, this.layout);
    if (this.resumed) {
      await startBlocks(this.layout);
      // State can be read only at blocks that were made since the chain came back.
      const first = await blockNumber(this.layout);
      await until(async () => ((await blockNumber(this.layout)) > first ? true : undefined), {
        timeoutMillis: 10_000,
        failure: () => 'The chain makes no blocks.',
      });
    } else {
      await mineAtOnce(this.layout);
      await this.#deploy();
      await startBlocks(this.layout);
    }
    say(`Starting ${listed([...this.clients.keys()])}`);
    for (const handle of this.clients.keys()) this.startNode(handle);
    for (const handle of this.clients.keys()) await this.waitForNode(handle);
    if (!this.resumed) await this.#settleUsers();
    writeFileSync(
      this.layout.madeFile,
      `${JSON.stringify({ ...readMade(this.layout), finished: true }, undefined, 2)}\n`,
    );
  }

  /** Contracts, then the operators' admission; network.json is what a verifier is given (protocol §7). */
  async #deploy(): Promise<void> {
    this.#options.say('Deploying the contracts, admitting the operators, handing over to them');
    const { Wallet } = await import('ethers');
    const { admitOperators, deployTandem } = await import('../contracts/deploy.ts');
    const { handOver } = await import('../contracts/hand-over.ts');
    const consortium = secretsFile(join(this.layout.dir, 'consortium.json'), ['deployer', 'authority'], randomKey);
    const addressOf = (key: string): string => new Wallet(key).address;
    const funded = [
      ...Object.values(consortium).map(addressOf),
      ...this.#operators.flatMap(({ senders, controller }) => [
        controller,
        ...(this.#gas.endsWith('empty') ? [] : senders),
      ]),
    ];
    for (const address of funded) await fund(this.layout, address);
    const finality = { mode: 'depth', depth: this.#options.finalityDepth ?? 0 } as const;
    const deployment = await deployTandem({
      rpcUrl: this.layout.rpcUrl,
      chainId,
      deployerPrivateKey: consortium.deployer,
      authority: addressOf(consortium.authority),
      maxWindowSeconds,
      finality,
      deploymentDir: this.layout.deploymentDir,
    });
    const ids = await admitOperators({
      rpcUrl: this.layout.rpcUrl,
      registry: deployment.contracts.OperatorRegistry,
      authorityPrivateKey: consortium.authority,
      operators: this.#operators.map(({ admission }) => admission),
    });
    for (const { layout: place } of this.#operators) {
      if (ids.get(place.handle) !== place.id) {
        throw new Error(`${place.handle} was admitted as ${ids.get(place.handle)}, expected ${place.id}`);
      }
    }
    await handOver({
      rpcUrl: this.layout.rpcUrl,
      contracts: deployment.contracts,
      authorityPrivateKey: consortium.authority,
    });
    const { contracts, codeHashes, genesisHash, pinnedBlock, firstBlock } = deployment;
    const network = {
      ...{ chainId: String(chainId), genesisHash, pinnedBlock, contracts, codeHashes, firstBlock, finality },
      maxBlockGapSeconds: gapOf(blockSeconds),
    };
    writeFileSync(this.layout.networkFile, `${JSON.stringify(network, undefined, 2)}\n`);
    writeMade(this.layout, { contracts, codeHashes, gas: this.#gas });
  }

  async #settleUsers(): Promise<void> {
    const { users, say } = this.#options;
    say(`Adding ${users.length} users and their money`);
    const settle = async ({ operator, user, deposits }: DevnetPerson): Promise<void> => {
      const client = this.operator(operator);
      await client.createUser(user);
      for (const { asset, amount } of deposits) {
        const id = `devnet-${user.number}-${asset}`;
        await client.deposit({ id, number: user.number, asset, amount, reason: 'Opening balance' });
      }
    };
    const queue = [...users];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) await settle(next);
      }),
    );
  }
}

/** The users of one operator as its node has them. */
async function usersOf(operator: string, client: NodeClient): Promise<DevnetUser[]> {
  const users: DevnetUser[] = [];
  for (const { number, name, language, kind } of (await client.users()).users) {
    const { accounts } = await client.accounts({ number });
    users.push({
      number,
      operator,
      name,
      language,
      kind: kind === 'machine' ? 'machine' : 'person',
      accounts: accounts.map(({ asset, balance }) => ({ asset, balance })),
    });
  }
  return users;
}

/** What was under way is left to fail by itself: its processes are stopped. */
function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}

async function stopAll(processes: Processes, place: Layout): Promise<void> {
  await Promise.all(place.operators.map(({ handle }) => processes.stop(handle)));
  await processes.stop('endpoints');
  await processes.stop('chain');
  processes.close();
  release(place);
}

const tail = (file: string): string => {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  return lines
    .slice(-15)
    .map((line) => `  ${line}`)
    .join('\n');
};
