/** Where a devnet's files and ports are. One base moves all ports; one folder holds everything that it writes. */
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..', '..');

export interface OperatorLayout {
  readonly id: number;
  readonly handle: string;
  readonly serviceNumber: string;
  /** Offsets from the port base. */
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
  readonly operators: readonly [OperatorLayout, OperatorLayout];
}

export const chainId = 20261123;
export const defaultPortBase = 7400;
/** Ports base … base+45 belong to the devnet. */
const chainPortOffset = 45;

/** An error of the person who starts a devnet: shown without a stack. */
export class DevnetError extends Error {}

export function environmentPlace(): { readonly dir: string; readonly portBase: number } {
  const base = process.env['TANDEM_DEVNET_PORT_BASE'];
  if (base !== undefined && !/^[0-9]{1,5}$/.test(base)) {
    throw new DevnetError(`TANDEM_DEVNET_PORT_BASE is "${base}": give a port number, such as ${defaultPortBase}.`);
  }
  const portBase = base === undefined ? defaultPortBase : Number(base);
  if (portBase < 1024 || portBase + chainPortOffset > 65535) {
    throw new DevnetError(`TANDEM_DEVNET_PORT_BASE is ${portBase}: give one from 1024 to ${65535 - chainPortOffset}.`);
  }
  return { dir: process.env['TANDEM_DEVNET_DIR'] ?? '.devnet', portBase };
}

export function layout(place: { readonly dir: string; readonly portBase: number }): Layout {
  const dir = resolve(root, place.dir);
  const { portBase } = place;
  const operator = (id: number, handle: string, serviceNumber: string): OperatorLayout => {
    const home = join(dir, handle);
    return {
      id,
      handle,
      serviceNumber,
      apiPort: portBase + (id - 1) * 10,
      channelPort: portBase + (id - 1) * 10 + 1,
      dir: home,
      configFile: join(home, 'config.yaml'),
      keysFile: join(home, 'keys.json'),
      controllerFile: join(home, 'controller.json'),
      tokensFile: join(home, 'tokens.json'),
      dataDir: join(home, 'data'),
      phonesDir: join(home, 'phones'),
      logFile: join(home, 'node.log'),
    };
  };
  const chainPort = portBase + chainPortOffset;
  return {
    dir,
    portBase,
    chainPort,
    rpcUrl: `http://127.0.0.1:${chainPort}`,
    chainDir: join(dir, 'chain'),
    chainStateFile: join(dir, 'chain', 'state.json'),
    deploymentDir: join(dir, 'deployment'),
    networkFile: join(dir, 'network.json'),
    devnetFile: join(dir, 'devnet.json'),
    directoryFile: join(dir, 'directory.yaml'),
    madeFile: join(dir, 'made.json'),
    lockFile: join(dir, 'devnet.pid'),
    auditorTokenFile: join(dir, 'auditor.token'),
    // Numbers of the range that the Swedish regulator keeps free for fiction.
    operators: [operator(1, 'aurora', '+46701740605'), operator(2, 'borealis', '+46701740655')],
  };
}

export const apiUrlOf = (operator: OperatorLayout): string => `http://127.0.0.1:${operator.apiPort}`;
