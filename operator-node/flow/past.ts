/**
 * A node whose store may be behind (protocol §3, rule 11), as the store itself says it: a restore writes the mark, and it
 * is taken away only when everything that the rule asks for has been done.
 */
import type { Answer } from '../channel/messages.ts';
import { fromHex } from '../commitment/bytes.ts';
import type { BatchId, Hash, Hex, OperatorId, PairId, Role, UnixMillis, UnixSeconds } from '../model/ids.ts';
import { table, type Tx, type View } from '../store/store.ts';

export interface Recovery {
  /** `restored`: from a backup. `loss-accepted`: the end of the store is gone. `unknown-batch`: the chain knows more. */
  readonly why: 'restored' | 'loss-accepted' | 'unknown-batch';
  readonly at: UnixMillis;
  /**
   * Addresses, lower case, of signers and accounts that must not count any more: what they signed may be forgotten
   * here.
   */
  readonly oldKeys: readonly string[];
  /**
   * Time of the final block at the first look in recovery, in unix seconds: the own clock may have been wrong at the
   * restore.
   */
  readonly seenAt?: number;
  /** Peers that staff has given up on: what only they could give back is lost. */
  readonly withoutPeers?: readonly OperatorId[];
}

/** Key: `mark`. */
export const recoveryTable = table<Recovery>('recovery');

/** Key: `past`. This store has been behind once: what comes from before is looked for at the peers. */
export const pastTable = table<{ readonly at: UnixMillis; readonly block: number }>('recovered');

/** Whether the recovery had read that block: the store may have forgotten what this operator put there. */
export const isForgottenPast = (view: View, block: number): boolean =>
  block <= (view.get(pastTable, 'past')?.block ?? -1);

export const wasBehind = (view: View): boolean => view.get(pastTable, 'past') !== undefined;

export const recoveryOf = (view: View): Recovery | undefined => view.get(recoveryTable, 'mark');

/** Something that only the lost store knew, as far as it can be named. */
export interface Lost {
  readonly what: 'batch' | 'pair';
  readonly id: string;
  readonly peer: OperatorId;
  readonly batchId?: BatchId;
  readonly says: string;
  /** For a batch with commits on the chain of which nothing came back: what may have been in it. */
  readonly committed?: { readonly role: Role; readonly deadline: UnixSeconds; readonly pairs: number };
}

/**
 * A pair of a batch of which only the leaf and the terms' secret came back: enough to sign and to attest the batch, not to
 * execute it. Key: `<pairId>!<role>`.
 */
export const lostPairTable = table<{ readonly leaf: Hex; readonly termsSecret: Hash }>('lost-pair');

/** The leaf of a pair of which nothing else came back. */
export function lostLeafOf(view: View, pair: PairId, role: Role): Uint8Array | undefined {
  const lost = view.get(lostPairTable, `${pair}!${role}`);
  return lost === undefined ? undefined : fromHex(lost.leaf);
}

/** A batch as its other operator gives it back. */
export type GivenBatch = Extract<Answer<'sealed'>, { answer: 'batch' }>;

/** Key: `<what>!<id>`. Kept: it is what staff has to settle with people. */
export const lostTable = table<Lost>('lost');

export function noteLost(tx: Tx, lost: Lost): void {
  tx.put(lostTable, `${lost.what}!${lost.id}`, lost);
}
