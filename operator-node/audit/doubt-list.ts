/**
 * The in-doubt list as a file (docs/operations.md): its form, and the digest that its operator signs. No number, name or
 * amount is in it, so it can be handed to the counterparty or the regulator as it is.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { TandemError } from '../errors.ts';
import type { Block } from '../chain/chain.ts';
import type { BatchId, Hash, Hex, Leg, OperatorId, PairId, Role, Timestamp } from '../model/ids.ts';
import type { Batch } from '../model/records.ts';

/** What may come next, and who does it. */
export const nextSteps = {
  'peer-answers': 'The peer has to answer the proposal; without an answer the node gives the pair up by itself.',
  'batch-forms': 'The pair goes into the next batch of its lane; its user can still withdraw it.',
  'batch-comes': 'The initiator has to offer a batch; without one the node lets the pair lapse by itself.',
  'peer-signs':
    'The acceptor has to sign the batch or refuse it; until then, or until a final block is past the deadline, the hold stays.',
  'initiator-signs': 'The initiator has to sign the batch; the hold stays until the chain has ended it.',
  carry: 'The node carries the batch to the chain until it is in a final block.',
  'user-answers': 'The second user has to answer; without a yes in time the deadline ends the pair.',
  decide: 'The node sends its decision to the chain until the bit is in a final block.',
  'peer-decides': 'The acceptor decides on the chain until the deadline; after it the pair is aborted.',
  'deadline-passes': 'No decision can be set any more: the first final block past the deadline ends the pair.',
  apply: 'The chain has ended the pair; the node applies it with the next final block.',
  'chain-comes-back': 'The chain has to be in reach again; nothing is executed or released before.',
  recover: 'The node is in recovery: tandem recover says what is missing.',
} as const;
export type NextStep = keyof typeof nextSteps;

export interface DoubtfulBatch {
  readonly batchId: BatchId;
  readonly role: Role;
  readonly peer: OperatorId;
  readonly batch: Batch & { readonly sequence: number };
  readonly state: string;
  readonly initiatorSignature?: Hex;
  readonly acceptorSignature?: Hex;
  /** In the contract's state at the block that the list names; absent while the chain cannot be read. */
  readonly onChain?: {
    readonly prepared: boolean;
    readonly commitWords: readonly Hex[];
    readonly abortWords: readonly Hex[];
  };
}

export interface DoubtfulPair {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly role: Role;
  readonly peer: OperatorId;
  readonly state: string;
  readonly reason?: string;
  /** Since when this side has been in that state, and since when its operation has been prepared. */
  readonly since: Timestamp;
  readonly heldAt: Timestamp;
  readonly openSeconds: number;
  readonly deadline: Timestamp;
  readonly batchId?: BatchId;
  readonly index?: number;
  readonly signed: { readonly own: boolean; readonly peer: boolean };
  /** What this operator has decided and stored, where that is its to decide. */
  readonly decision?: 'commit' | 'abort';
  readonly chain: 'unknown' | 'not-anchored' | 'undecided' | 'committed' | 'aborted';
  readonly next: NextStep;
}

export interface Doubt {
  readonly format: 'tandem/doubt/1';
  readonly operator: OperatorId;
  /** Decimal. */
  readonly chainId: string;
  readonly settlement: string;
  readonly at: Timestamp;
  /** The final block that the chain was read at; absent while it is out of reach. */
  readonly block?: Pick<Block, 'number' | 'hash' | 'timestamp'>;
  readonly halted: boolean;
  readonly recovering: boolean;
  readonly batches: readonly DoubtfulBatch[];
  /** Oldest first. */
  readonly pairs: readonly DoubtfulPair[];
}

/** SHA-256(UTF-8("tandem/doubt/1") || 0x00 || canonical JSON (RFC 8785) of the list): what the operator's signer signs. */
export function doubtDigest(doubt: Doubt): Hash {
  const text = canonicalize(doubt);
  if (text === undefined) throw new TandemError('internal', 'The list has no canonical form.');
  return `0x${createHash('sha256').update('tandem/doubt/1\0').update(text).digest('hex')}` as Hash;
}

export interface SignedDoubt {
  readonly doubt: Doubt;
  readonly signature: Hex;
}
