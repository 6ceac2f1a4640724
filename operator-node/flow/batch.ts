/**
 * A batch as one operator keeps it: what it is (never changed), where it is (its state), and the lane it belongs to.
 * On us there is one of each a role.
 */
import type { EventAlarm } from '../alarms/catalogue.ts';
import type { BatchRefusal } from '../channel/messages.ts';
import type { Work } from '../engine/engine.ts';
import type { BatchId, Hash, Hex, OperatorId, PairId, Role, UnixMillis } from '../model/ids.ts';
import type { Batch } from '../model/records.ts';
import { table, type Tx, type View } from '../store/store.ts';

export interface BatchRecord {
  readonly batchId: BatchId;
  readonly role: Role;
  readonly peer: OperatorId;
  readonly batch: Batch & { readonly sequence: number };
  /** In the order of the leaves. */
  readonly pairs: readonly PairId[];
}

/**
 * offered        initiator only: stored, sent unsigned, not answered yet.
 * signed         acceptor only: its signature is stored; the initiator's has not come.
 * countersigned  both signatures are stored, or the batch is on chain: whoever has them carries until it is final there.
 * refused        by the acceptor, for good. Nothing of it can reach the chain.
 */
export type BatchStateName = 'offered' | 'signed' | 'countersigned' | 'refused';

export interface BatchState {
  readonly state: BatchStateName;
  readonly refusal?: BatchRefusal;
  readonly initiatorSignature?: Hex;
  readonly acceptorSignature?: Hex;
  /** Pairs without a final outcome here. */
  readonly remaining: number;
  /** The final block that it was prepared in. */
  readonly prepared?: { readonly number: number; readonly hash: Hash };
  /** What this operator attested, seen in a final block. */
  readonly attested?: Hash;
  readonly reconciled?: 'reconciled' | 'discrepancy';
  /** The own signature is by a key that counts no more, and the key that this node has does not count yet: not carried (rule 8). */
  readonly ownVoid?: boolean;
  /** The other operator's signature is by a key that counts no more: not carried, and asked for again (rule 8). */
  readonly othersVoid?: boolean;
  /** Initiator, after a loss: what it may have refused before is signed only when it is dead (rule 11). */
  readonly onlyDead?: boolean;
  readonly since: UnixMillis;
}

/** Keys of these three: `<batchId>!<role>`. */
export const batchTable = table<BatchRecord>('batch');
export const batchStateTable = table<BatchState>('batch-state');
/** Batches that this node still has something to do about. */
export const openBatchTable = table<true>('open-batch');

export const batchKey = (batchId: BatchId, role: Role): string => `${batchId}!${role}`;

export interface KnownBatch {
  readonly record: BatchRecord;
  readonly state: BatchState;
}

export function loadBatch(view: View, batchId: BatchId, role: Role): KnownBatch | undefined {
  const key = batchKey(batchId, role);
  const record = view.get(batchTable, key);
  const state = view.get(batchStateTable, key);
  return record === undefined || state === undefined ? undefined : { record, state };
}

/** Nothing left to do: refused once, or every pair final, on chain and attested. */
export const isOver = (state: BatchState): boolean =>
  state.refusal !== undefined ||
  (state.remaining === 0 && state.prepared !== undefined && state.attested !== undefined);

/** Makes it; from then on its table moves it (`batch-machine.ts`). */
export function createBatch(
  tx: Tx,
  now: UnixMillis,
  record: BatchRecord,
  state: Omit<BatchState, 'remaining' | 'since'>,
  remaining: number = record.pairs.length,
): KnownBatch {
  const key = batchKey(record.batchId, record.role);
  const full: BatchState = { ...state, remaining, since: now };
  tx.put(batchTable, key, record);
  tx.put(batchStateTable, key, full);
  tx.put(openBatchTable, key, true);
  tx.put(laneBatchTable, laneBatchKey(record.role, record.peer, record.batch.sequence), record.batchId);
  return { record, state: full };
}

/** Addresses of the keys that a process signs with; lower case. */
export interface OwnKeys {
  readonly signer: string;
  readonly account: string;
}

/** What the chain had of this operator that its store did not know, by the code of its alarm; and with which key it was made. */
export const haltCauses = {
  'unknown-batch-on-chain': { key: 'signer', text: 'a batch on chain that this node never signed' },
  'foreign-decision': { key: 'account', text: 'a decision on chain that this node never made' },
  'foreign-journal-head': {
    key: 'account',
    text: 'an anchored journal head that this journal does not have',
  },
} as const satisfies Partial<Record<EventAlarm, { readonly key: keyof OwnKeys; readonly text: string }>>;
export type HaltCause = keyof typeof haltCauses;

export interface Halt {
  readonly what: HaltCause;
  readonly batchId?: BatchId;
  readonly at: UnixMillis;
  /** What the process signed with then. */
  readonly keys?: OwnKeys;
}

/** Why this node begins nothing new. Key: `halt`. Ended by staff only (`recovery/release.ts`). */
export const haltTable = table<Halt>('halt');

/** Nothing new is begun until staff has looked; what is open goes on. The first reason is kept. */
export function halt(
  work: Work,
  open: { halted: boolean; readonly keys?: OwnKeys | undefined },
  what: HaltCause,
  batchId?: BatchId,
): void {
  const { keys } = open;
  if (work.get(haltTable, 'halt') === undefined) {
    work.put(haltTable, 'halt', {
      what,
      ...(batchId === undefined ? {} : { batchId }),
      at: work.now,
      ...(keys === undefined ? {} : { keys }),
    });
  }
  work.afterwards(() => {
    open.halted = true;
  });
}

/** One direction between two operators, as one of them sees it. */
export interface Lane {
  /** The sequence of the next batch to be made (initiator) or signed (acceptor). */
  readonly next: number;
  /** The last batch, as long as it is not countersigned: n+1 is signed only when n is (rule 8). */
  readonly waitsFor?: BatchId;
}

/** Key: `<role>!<peer>`. */
export const laneTable = table<Lane>('lane');
export const laneKey = (role: Role, peer: OperatorId): string => `${role}!${peer}`;

export const readLane = (view: View, role: Role, peer: OperatorId): Lane =>
  view.get(laneTable, laneKey(role, peer)) ?? { next: 1 };

/** A lane's batches by number: whoever carries n carries those before it too. Key: `<role>!<peer>!<sequence, 12 digits>`. */
export const laneBatchTable = table<BatchId>('lane-batch');
export const laneBatchKey = (role: Role, peer: OperatorId, sequence: number): string =>
  `${role}!${peer}!${String(sequence).padStart(12, '0')}`;

/** The other operator's commitment as it stands in the leaf, told with the batch. Key: `<pairId>!<role>`. */
export const peerCommitmentTable = table<Hash>('peer-commitment');
