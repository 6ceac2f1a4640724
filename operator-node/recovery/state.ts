/**
 * A node whose store may be behind (protocol §3, rule 11), as the store itself says it: a restore writes the mark, and it
 * is taken away only when everything that the rule asks for has been done.
 */
import type { UnixMillis } from '../model/ids.ts';
import { table, type View } from '../store/store.ts';

export interface Recovery {
  /** `restored`: from a backup. `loss-accepted`: the end of the store is gone. `unknown-batch`: the chain knows more. */
  readonly why: 'restored' | 'loss-accepted' | 'unknown-batch';
  readonly at: UnixMillis;
  /** Signer and account as they were: what they signed and nobody remembers must not land any more. Lower case. */
  readonly oldSigner?: string;
  readonly oldAccount?: string;
}

/** Key: `mark`. */
export const recoveryTable = table<Recovery>('recovery');

export const recoveryOf = (view: View): Recovery | undefined => view.get(recoveryTable, 'mark');
