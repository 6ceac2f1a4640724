/** Which node staff means: by its configuration file, or an operator of the devnet by its handle. */
import { join } from 'node:path';
import { devnetDirFromEnvironment, loadConfig, type Config } from '../config.ts';
import type { NodeAccess } from './client.ts';
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
  if (file === undefined && operator === undefined) throw new UsageError(`Which node?\n${staffUsage}`);
  const configFile = file ?? join(devnet ?? devnetDirFromEnvironment(), operator ?? '', 'config.yaml');
  const config = loadConfig(configFile);
  const { host, port, adminToken, gatewayToken } = config.api;
  return { configFile, config, access: { apiUrl: `http://${host}:${port}`, adminToken, gatewayToken } };
}
