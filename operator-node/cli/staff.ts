/** Which node staff means: by its configuration file, or an operator of the devnet by its handle. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { devnetDirFromEnvironment, loadConfig, type Config } from '../config.ts';
import type { NodeAccess } from '../api/client.ts';
import { devnetOptions } from './arguments.ts';
import { UsageError } from './devnet-file.ts';

export const staffOptions = {
  ...devnetOptions,
  config: { type: 'string' },
  operator: { type: 'string' },
} as const;

export const staffUsage = `  --config FILE      the node's configuration file; or, on a devnet:
  --operator HANDLE  its operator (--devnet DIR unless it is in .devnet)`;

export interface StaffChoice {
  readonly config?: string | undefined;
  readonly operator?: string | undefined;
  readonly devnet?: string | undefined;
}

export interface StaffNode {
  readonly configFile: string;
  readonly config: Config;
  readonly access: NodeAccess;
}

/** @throws {UsageError} where no node is named; {TandemError} for a configuration that is not valid. */
export function staffNode({ config: file, operator, devnet }: StaffChoice): StaffNode {
  if (file === undefined && operator === undefined) throw new UsageError(`Name the node.\n${staffUsage}`);
  const configFile = file ?? join(devnet ?? devnetDirFromEnvironment(), operator ?? '', 'config.yaml');
  const config = loadConfig(configFile);
  const { adminToken, gatewayToken } = config.api;
  return { configFile, config, access: { apiUrl: urlOf(configFile, config.api), adminToken, gatewayToken } };
}

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
