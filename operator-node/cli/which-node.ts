/**
 * Which node a command talks to, said in one way by every command: by its address, by its configuration file, or by the
 * handle of an operator of a devnet.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { nodeClient, type NodeAccess, type NodeClient } from '../api/client.ts';
import { devnetDirFromEnvironment, loadConfig, type Config } from '../config.ts';
import { devnetFileName, readDevnet, UsageError, type DevnetFile, type DevnetUser } from './devnet-file.ts';

export const nodeOptions = {
  node: { type: 'string' },
  'token-file': { type: 'string' },
  config: { type: 'string' },
  operator: { type: 'string' },
  devnet: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const nodeUsage = `which node:
  --node URL --token-file FILE   by its address, with a token for it in a file of its own
  --config FILE                  by its configuration file
  --operator HANDLE              an operator of the devnet, which is in --devnet DIR, TANDEM_DEVNET_DIR or .devnet`;

export interface Choice {
  readonly node?: string | undefined;
  readonly 'token-file'?: string | undefined;
  readonly config?: string | undefined;
  readonly operator?: string | undefined;
  readonly devnet?: string | undefined;
}

export interface ChosenNode {
  /** Of its operator; the host of the address where that is all that is known. */
  readonly handle: string;
  readonly id?: number;
  readonly serviceNumber?: string;
  readonly access: NodeAccess;
  /** On this machine; undefined for a node that is known by its address alone. */
  readonly configFile?: string;
  /** Whom devnet.json names as its users. */
  readonly users?: readonly DevnetUser[];
}

export interface ConfiguredNode extends ChosenNode {
  readonly configFile: string;
  readonly config: Config;
}

/** The token in a file of its own. That others can read it is said, and the command goes on: the file is of who calls it. */
export function tokenIn(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
      process.stderr.write(`tandem: others can read the token in ${file}: chmod 600 ${file}\n`);
    }
    return token;
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function byAddress(url: string, tokenFile: string | undefined): ChosenNode {
  if (tokenFile === undefined) throw new UsageError('--node requires --token-file.');
  if (!/^https?:/.test(url) || !URL.canParse(url)) throw new UsageError(`--node ${url} must be an http or https URL.`);
  const token = tokenIn(tokenFile);
  const access = { apiUrl: url.replace(/\/$/, ''), gatewayToken: token, adminToken: token };
  return { handle: new URL(url).host, access };
}

/** @throws {TandemError} for a configuration that is not valid */
function byConfig(configFile: string): ConfiguredNode {
  const config = loadConfig(configFile);
  const { gatewayToken, adminToken } = config.api;
  const access = { apiUrl: urlOf(configFile, config.api), gatewayToken, adminToken };
  return { ...config.operator, access, configFile, config };
}

const ofDevnet = ({ operators, users }: DevnetFile, dir: string): readonly ChosenNode[] =>
  operators.map(({ id, handle, serviceNumber, apiUrl, gatewayToken, adminToken }) => ({
    ...{ id, handle, serviceNumber },
    access: { apiUrl, gatewayToken, adminToken },
    configFile: join(dir, handle, 'config.yaml'),
    users: users.filter(({ operator }) => operator === handle),
  }));

const oneOf = (nodes: readonly ChosenNode[]): UsageError =>
  new UsageError(`--operator must be one of: ${nodes.map(({ handle }) => handle).join(', ')}.`);

/**
 * The node that is named; where none is, all of the devnet.
 * @throws {UsageError} where two are named, or what is named is not there
 */
export function nodesOf({ node, 'token-file': tokenFile, config, operator, devnet }: Choice): readonly ChosenNode[] {
  const named = Object.entries({ node, config, operator }).filter(([, value]) => value !== undefined);
  if (named.length > 1) {
    throw new UsageError(`${named.map(([name]) => `--${name}`).join(' and ')} each name a node: give one of them.`);
  }
  if (tokenFile !== undefined && node === undefined) throw new UsageError('--token-file goes with --node.');
  if (node !== undefined) return [byAddress(node, tokenFile)];
  if (config !== undefined) return [byConfig(config)];
  const dir = devnet ?? devnetDirFromEnvironment();
  // A devnet that was stopped has no devnet.json; its operators' configurations stay.
  const configFile = join(dir, operator ?? '', 'config.yaml');
  if (operator !== undefined && !existsSync(join(dir, devnetFileName)) && existsSync(configFile)) {
    return [byConfig(configFile)];
  }
  const nodes = ofDevnet(readDevnet(dir), dir);
  if (operator === undefined) return nodes;
  const found = nodes.filter(({ handle }) => handle === operator);
  if (found.length === 0) throw oneOf(nodes);
  return found;
}

/**
 * The one node that a command is for.
 * @param other an operator that is surely not meant: of two, the one that is left needs no `--operator`
 * @throws {UsageError} where it is not clear which
 */
export function nodeOf(values: Choice, other?: string): ChosenNode {
  const nodes = nodesOf(values);
  const possible = nodes.length === 1 ? nodes : nodes.filter(({ handle, id }) => handle !== other && `${id}` !== other);
  const [found] = possible;
  if (found === undefined || possible.length > 1) throw oneOf(nodes);
  return found;
}

/** For what is done with a node's own files. @throws {UsageError} for a node that is known by its address alone */
export function configured(node: ChosenNode): ConfiguredNode {
  const { configFile, access } = node;
  if (configFile === undefined) {
    throw new UsageError('This works on the node’s own files: name its configuration, with --config FILE.');
  }
  return { ...byConfig(configFile), access };
}

const timeoutMillis = 120_000;
/** For what reads or writes a whole store. */
export const slowMillis = 3_600_000;

/** Runs `work` with a client of that node, and closes it. */
export async function withClient<T>(
  { access }: Pick<ChosenNode, 'access'>,
  work: (client: NodeClient) => Promise<T>,
  options: { readonly timeoutMillis?: number } = {},
): Promise<T> {
  const client = nodeClient(access, { timeoutMillis, ...options });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** The same for the one node that is named. @throws {UsageError} where it is not clear which */
export const withNode = async <T>(
  values: Choice,
  work: (client: NodeClient) => Promise<T>,
  options: { readonly other?: string; readonly timeoutMillis?: number } = {},
): Promise<T> => withClient(nodeOf(values, options.other), work, options);

/**
 * Where this machine reaches what listens there. A node that listens on every address is asked on the loopback of the same
 * kind. @throws {UsageError} for a port that only the running node knows
 */
export function urlOf(file: string, { host, port }: { readonly host: string; readonly port: number }): string {
  if (port === 0) {
    throw new UsageError(`${file}: api.port is 0, so the node has one of the system's choice: give api.port a number.`);
  }
  const url = `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(url)) {
    throw new UsageError(`${file}: api.host "${host}" has no URL: use an address without a zone, or a name.`);
  }
  const { hostname } = new URL(url);
  const reached = hostname === '0.0.0.0' ? '127.0.0.1' : hostname === '[::]' ? '[::1]' : hostname;
  return `http://${reached}:${port}`;
}
