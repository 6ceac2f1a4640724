/** What a scan knows of a batch from the chain, and what the check of it gives back. Plain data: it crosses threads. */
import type { BatchId, Hash, OperatorId, PairId } from '../../model/ids.ts';
import type { Section } from '../disclosures/read.ts';
import type { AuditFinding } from './findings.ts';

export interface ChainDecision {
  readonly word: number;
  readonly commitMask: bigint;
  readonly abortMask: bigint;
  /** Absent, as `time` is, where the contract’s state has the decision and the endpoint no event of it. */
  readonly block?: number;
  /** Unix seconds. */
  readonly time?: number;
}

export interface ChainAttestation {
  readonly operator: OperatorId;
  readonly digest: Hash;
  /** Absent, as `time` is, where the contract’s state has the attestation and the endpoint no event of it. */
  readonly block?: number;
  readonly time?: number;
}

export interface ChainBatch {
  /** The batch's number in this scan, from 0, in the order of preparation. */
  readonly ordinal: number;
  readonly batchId: BatchId;
  readonly initiator: OperatorId;
  readonly acceptor: OperatorId;
  readonly sequence: number;
  readonly deadline: number;
  readonly count: number;
  readonly root: Hash;
  readonly preparedBlock: number;
  readonly preparedTime: number;
  readonly decisions: readonly ChainDecision[];
  readonly attestations: readonly ChainAttestation[];
}

/** Seconds that an operator has for what it does. */
export interface Tolerance {
  /** Between the clock of a node and that of the chain. */
  readonly clockSeconds: number;
  readonly postSeconds: number;
  readonly attestSeconds: number;
}

export const defaultTolerance: Tolerance = { clockSeconds: 60, postSeconds: 300, attestSeconds: 900 };

export interface BatchJob {
  readonly batch: ChainBatch;
  /** The newest final block that the chain was read to. */
  readonly final: { readonly number: number; readonly time: number };
  readonly sections: readonly Section[];
  readonly tolerance: Tolerance;
  /** Whether the result is to say what each pair moved: for later scans. */
  readonly moved?: boolean;
}

/** What one operator owes another in one asset; all three in minor units, signed. */
export interface PositionPart {
  readonly operator: OperatorId;
  readonly counterparty: OperatorId;
  readonly asset: string;
  /** By the signed terms of committed pairs. */
  readonly signed: bigint;
  /** By the operator's own disclosed postings; absent where it discloses nothing of the batch. */
  readonly posted?: bigint;
}

export interface RefundPart {
  readonly index: number;
  readonly pair: PairId;
  readonly reverses: PairId;
  readonly asset: string;
  readonly amount: bigint;
  /** Who gives back. */
  readonly payer: OperatorId;
  readonly payee: OperatorId;
}

/** What a pair moves, for refunds of it that come later. */
export interface Moved {
  readonly committed: boolean;
  readonly acceptorPays: boolean;
  readonly asset: string;
  /** In minor units. */
  readonly amount: string;
}

export interface Lateness {
  readonly operator: OperatorId;
  readonly posted: number;
  readonly postSecondsSum: number;
  readonly postSecondsMost: number;
  readonly late: number;
  /** From the batch's end to the attestation; absent without one, and where a time is not known. */
  readonly attestSeconds?: number;
}

export interface BatchResult {
  readonly ordinal: number;
  readonly findings: readonly AuditFinding[];
  /** By code, how many findings there are beyond those in `findings`. */
  readonly more: Readonly<Record<string, number>>;
  readonly pairs: number;
  readonly committed: number;
  readonly aborted: number;
  /** Of the aborted: by the deadline, without a bit. */
  readonly expired: number;
  readonly open: number;
  readonly positions: readonly PositionPart[];
  readonly refunds: readonly RefundPart[];
  /** Operators whose section is too old to have every posting. */
  readonly stale: readonly OperatorId[];
  readonly lateness: readonly Lateness[];
  /** By service: pairs committed. */
  readonly services: Readonly<Record<string, number>>;
  /** By `<service>/<asset>`: what committed pairs moved, in minor units. */
  readonly volumes: Readonly<Record<string, bigint>>;
  /** Committed pairs between two operators whose terms nobody discloses: the positions lack them. */
  readonly unpriced: number;
  /** The id of pair i is the 16 bytes at 16·i; zeros where no operator disclosed the pair. */
  readonly pairKeys: Uint8Array;
  /** For pair i, the first 16 bytes of C1 and of C2, at 32·i. */
  readonly commitmentKeys: Uint8Array;
  /** 16 bytes a posting, of operator and id, and the index of its pair. */
  readonly postingKeys: Uint8Array;
  readonly postingIndexes: Uint16Array;
  /** By index of the pair, where it was asked for; undefined where its terms did not open. */
  readonly moved?: readonly (Moved | undefined)[];
}

/** What a refund has to be compared with. */
export interface OriginalFacts {
  readonly index: number;
  readonly committed: boolean;
  readonly asset: string;
  readonly amount: bigint;
  readonly payer: OperatorId;
  readonly payee: OperatorId;
}
