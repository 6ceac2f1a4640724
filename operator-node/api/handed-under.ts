/** What is handed over under an auditor's request, as the journal names it. */
import { hash } from 'node:crypto';
import type { FiledRequest } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import { handOver } from '../flow/requests/request.ts';
import type { Hash } from '../model/ids.ts';
import type { Tx } from '../store/store.ts';

/**
 * What the journal says of a text that is handed over under a request: the answer to the request names it.
 * @throws {TandemError} `forbidden` once the answer is ordered
 */
export function handedUnder(
  tx: Tx,
  filed: FiledRequest | undefined,
  text: string,
): { readonly filedDigest?: Hash; readonly bytes?: number; readonly sha256?: string } {
  if (filed === undefined) return {};
  const handed = { bytes: Buffer.byteLength(text), sha256: hash('sha256', text) };
  if (!handOver(tx, filed, handed)) {
    throw new TandemError(
      'forbidden',
      `Request ${filed.request} has already been answered: nothing more is disclosed for it.`,
    );
  }
  return { filedDigest: filed.digest, ...handed };
}
