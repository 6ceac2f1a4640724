/** Which node a staff command talks to: one of a devnet, or one by its address and a file with the token. */
import { readFileSync, statSync } from 'node:fs';
import { devnetOf, devnetOptions } from './arguments.ts';
import { nodeClient, type NodeAccess, type NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';

export const accessOptions = {
  ...devnetOptions,
  operator: { type: 'string' },
  node: { type: 'string' },
  'token-file': { type: 'string' },
} as const;

export const accessUsage = '[--operator HANDLE] [--devnet DIR] | --node URL --token-file FILE';

interface Chosen {
  readonly operator?: string | undefined;
  readonly devnet?: string | undefined;
  readonly node?: string | undefined;
  readonly 'token-file'?: string | undefined;
}

const timeoutMillis = 120_000;

/**
 * The token in a file of its own. That others can read it is said, and the command goes on: the file is of who calls
 * it.
 */
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

/** @param other an operator that is surely not meant: of two, the one that is left needs no `--operator`. */
function accessOf(values: Chosen, other: string | undefined): NodeAccess {
  if (values.node !== undefined) {
    if (values['token-file'] === undefined) throw new UsageError('--node requires --token-file.');
    return {
      apiUrl: values.node.replace(/\/$/, ''),
      gatewayToken: '',
      adminToken: tokenIn(values['token-file']),
    };
  }
  const { operators } = devnetOf(values);
  const possible = operators.filter(({ handle, id }) =>
    values.operator === undefined ? handle !== other && `${id}` !== other : handle === values.operator,
  );
  const [found] = possible;
  if (found === undefined || possible.length > 1) {
    throw new UsageError(`--operator must be one of: ${operators.map(({ handle }) => handle).join(', ')}.`);
  }
  return found;
}

/** Runs `work` with a client of that node, and closes it. @throws {UsageError} where no node is named */
export async function withNode<T>(
  values: Chosen,
  work: (client: NodeClient) => Promise<T>,
  other?: string,
): Promise<T> {
  const client = nodeClient(accessOf(values, other), { timeoutMillis });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
