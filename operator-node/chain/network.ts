/** `network.json` from a file: what this node takes for its network (protocol §7). */
import { readFileSync } from 'node:fs';
import { parseNetwork } from '../model/network-file.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { Network } from '../model/records.ts';

/** Unlike an auditor, a node must be told what is final before it reads anything. */
function nodeNetwork(value: unknown): Network {
  const { finality, ...rest } = parseNetwork(value);
  if (finality === undefined) {
    throw new TandemError(
      'config-invalid',
      'finality: missing; expected {"mode": "depth", "depth": …} or {"mode": "finalized"}',
    );
  }
  return { ...rest, finality };
}

/** @throws {TandemError} `config-invalid`, naming the file and each field. */
export function loadNetwork(file: string): Network {
  let value: unknown;
  try {
    value = parseJson(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TandemError('config-invalid', `Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return nodeNetwork(value);
  } catch (error) {
    if (error instanceof TandemError) throw new TandemError(error.code, `${file}: ${error.message}`, { cause: error });
    throw error;
  }
}
