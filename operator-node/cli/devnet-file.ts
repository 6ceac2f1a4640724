/** `devnet.json`: what a running devnet says of itself, for the command line and for tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeAccess } from '../api/client.ts';

export interface DevnetOperator extends NodeAccess {
  readonly id: number;
  readonly handle: string;
  readonly serviceNumber: string;
  readonly gatewayToken: string;
  readonly adminToken: string;
}

export interface DevnetUser {
  readonly number: string;
  /** Handle of the user's operator. */
  readonly operator: string;
  readonly name: string;
  readonly language: string;
  readonly kind: 'person' | 'machine';
  /** Balances in minor units when the file was written. */
  readonly accounts: readonly { readonly asset: string; readonly balance: string }[];
}

export interface DevnetFile {
  readonly chainId: number;
  readonly rpcUrl: string;
  /** What the nodes use in its place, where they have several. */
  readonly endpoints?: readonly string[];
  readonly contracts: { readonly OperatorRegistry: string; readonly PairSettlement: string; readonly AuditLog: string };
  readonly operators: readonly DevnetOperator[];
  readonly users: readonly DevnetUser[];
}

/** A command was used wrongly, or what it needs is not there; the message says what to do. Exit code 2. */
export class UsageError extends Error {}

export const devnetFileName = 'devnet.json';

export function readDevnet(dir: string): DevnetFile {
  const file = join(dir, devnetFileName);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as DevnetFile;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new UsageError(
        `${file} does not exist: start a devnet with npm start, or name its folder with --devnet DIR.`,
        {
          cause,
        },
      );
    }
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
