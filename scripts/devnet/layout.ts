/** Where a devnet's files and ports are. One base moves all ports; one folder holds everything that it writes. */
import { join, resolve } from 'node:path';
import type { OperatorPlan } from './description.ts';

export const root = resolve(import.meta.dirname, '..', '..');
/** The services of every operator of a devnet. */
export const catalogueFile = join(root, 'catalogue', 'services.yaml');

export interface OperatorLayout {
  readonly id: number;
  readonly handle: string;
  readonly serviceNumber: string;
  readonly plan: OperatorPlan;
  readonly apiPort: number;
  readonly channelPort: number;
  readonly dir: string;
  readonly configFile: string;
  readonly keysFile: string;
  readonly controllerFile: string;
  readonly tokensFile: string;
  readonly dataDir: string;
  readonly phonesDir: string;
  readonly logFile: string;
}

export interface Layout {
  readonly dir: string;
  readonly portBase: number;
  readonly chainPort: number;
  readonly rpcUrl: string;
  /** Proxies in front of the chain that the nodes use in its place; none where they use the chain itself. */
  readonly endpointPorts: readonly number[];
  readonly endpointsLogFile: string;
  readonly chainDir: string;
  readonly chainStateFile: string;
  readonly deploymentDir: string;
  readonly networkFile: string;
  readonly devnetFile: string;
  readonly directoryFile: string;
  /** What a resumed devnet must have been made with; its presence says that set-up was finished. */
  readonly madeFile: string;
  readonly lockFile: string;
  /** Where an auditor of all the operators has its token. */
  readonly auditorTokenFile: string;
  /** In the order of their ids. */
  readonly operators: readonly [OperatorLayout, OperatorLayout, ...OperatorLayout[]];
}

export const chainId = 20261123;
const defaultPortBase = 7400;
/** Each operator's ports are ten above those of the one before: API, then channel. */
const operatorStep = 10;
/** The fifth operator has base+40 and base+41: the chain's port stands between them and the sixth's. */
const chainPortOffset = 45;
/** The ports after the chain's, up to those of the sixth operator. */
export const maxEndpoints = 4;
/** Of as many operators as a devnet can have. */
const portSpan = 72;

/** A devnet's ports as offsets from its base. */
export const portOffsets = (operators: number, endpoints = 0): readonly number[] => [
  ...Array.from({ length: operators }, (_, index) => [index * operatorStep, index * operatorStep + 1]).flat(),
  chainPortOffset,
  ...Array.from({ length: endpoints }, (_, index) => chainPortOffset + 1 + index),
];

/** An error of the person who starts a devnet: shown without a stack. */
export class DevnetError extends Error {}

export function environmentPlace(): { readonly dir: string; readonly portBase: number } {
  const base = process.env['TANDEM_DEVNET_PORT_BASE'];
  if (base !== undefined && !/^[0-9]{1,5}$/.test(base)) {
    throw new DevnetError(`TANDEM_DEVNET_PORT_BASE is "${base}": give a port number, such as ${defaultPortBase}.`);
  }
  const portBase = base === undefined ? defaultPortBase : Number(base);
  if (portBase < 1024 || portBase + portSpan > 65536) {
    throw new DevnetError(`TANDEM_DEVNET_PORT_BASE is ${portBase}: give one from 1024 to ${65536 - portSpan}.`);
  }
  return { dir: process.env['TANDEM_DEVNET_DIR'] ?? '.devnet', portBase };
}

export function layout(place: {
  readonly dir: string;
  readonly portBase: number;
  readonly operators: readonly OperatorPlan[];
  /** How many endpoints of the chain the nodes have; with one, the chain itself. */
  readonly endpoints?: number;
}): Layout {
  const dir = resolve(root, place.dir);
  const { portBase, endpoints = 1 } = place;
  if (!Number.isInteger(endpoints) || endpoints < 1 || endpoints > maxEndpoints) {
    throw new DevnetError(`${endpoints} endpoints: give a number from 1 to ${maxEndpoints}.`);
  }
  const operators = place.operators.map((plan, index): OperatorLayout => {
    const home = join(dir, plan.handle);
    return {
      id: index + 1,
      handle: plan.handle,
      serviceNumber: plan.serviceNumber,
      plan,
      apiPort: portBase + index * operatorStep,
      channelPort: portBase + index * operatorStep + 1,
      dir: home,
      configFile: join(home, 'config.yaml'),
      keysFile: join(home, 'keys.json'),
      controllerFile: join(home, 'controller.json'),
      tokensFile: join(home, 'tokens.json'),
      dataDir: join(home, 'data'),
      phonesDir: join(home, 'phones'),
      logFile: join(home, 'node.log'),
    };
  });
  const [first, second, ...others] = operators;
  if (first === undefined || second === undefined) throw new DevnetError('A devnet has at least two operators.');
  const chainPort = portBase + chainPortOffset;
  return {
    dir,
    portBase,
    chainPort,
    rpcUrl: `http://127.0.0.1:${chainPort}`,
    endpointPorts: endpoints === 1 ? [] : Array.from({ length: endpoints }, (_, index) => chainPort + 1 + index),
    endpointsLogFile: join(dir, 'chain', 'endpoints.log'),
    chainDir: join(dir, 'chain'),
    chainStateFile: join(dir, 'chain', 'state.json'),
    deploymentDir: join(dir, 'deployment'),
    networkFile: join(dir, 'network.json'),
    devnetFile: join(dir, 'devnet.json'),
    directoryFile: join(dir, 'directory.yaml'),
    madeFile: join(dir, 'made.json'),
    lockFile: join(dir, 'devnet.pid'),
    auditorTokenFile: join(dir, 'auditor.token'),
    operators: [first, second, ...others],
  };
}

/** Where the nodes ask for the chain. */
export const endpointUrlsOf = ({ endpointPorts, rpcUrl }: Layout): readonly string[] =>
  endpointPorts.length === 0 ? [rpcUrl] : endpointPorts.map((port) => `http://127.0.0.1:${port}`);

export const apiUrlOf = (operator: OperatorLayout): string => `http://127.0.0.1:${operator.apiPort}`;
