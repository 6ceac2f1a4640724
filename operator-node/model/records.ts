/**
 * What is agreed and what is anchored: the two records of protocol §4 and the batch, as plain text fields in the
 * order of their schemas. These are formats, shared by node, verifier and vectors; how a node keeps a pair is
 * `flow/pair.ts`.
 */
import type {
  Amount,
  Asset,
  BatchId,
  Hash,
  Hex,
  Leg,
  Msisdn,
  OperatorId,
  PairId,
  Timestamp,
  UnixSeconds,
} from './ids.ts';

/** `tandem/terms/1`, known to both operators. `""` where a field does not apply. */
export interface Terms {
  readonly pair: PairId;
  readonly service: string;
  readonly firstAsset: Asset;
  readonly firstAmount: Amount;
  readonly secondAsset: Asset;
  readonly secondAmount: Amount;
  /** Decimal operator id. */
  readonly initiator: string;
  /** Decimal operator id. */
  readonly acceptor: string;
  readonly created: Timestamp;
  /** Decimal unix seconds. */
  readonly deadline: string;
  /** The pairId that a refund undoes, or `""`. */
  readonly reverses: PairId | '';
}

/** What moves in one leg. */
export const moneyOfLeg = (terms: Terms, leg: Leg): { readonly asset: Asset; readonly amount: Amount } =>
  leg === 'first'
    ? { asset: terms.firstAsset, amount: terms.firstAmount }
    : { asset: terms.secondAsset, amount: terms.secondAmount };

export type Action = 'debit' | 'credit' | 'sell' | 'issue' | 'redeem';

/** `tandem/operation/1`, known to its own operator only; the other sees the commitment. */
export interface OperationRecord {
  readonly pair: PairId;
  readonly leg: Leg;
  /** Decimal operator id. */
  readonly operator: string;
  /** Name of the private domain: `payments`, `goods`. */
  readonly domain: string;
  readonly action: Action;
  readonly account: string;
  /** The user's number. */
  readonly subject: Msisdn;
  readonly asset: Asset;
  readonly amount: Amount;
  /** base64url digest of the other record's `subject` disclosure. */
  readonly counterparty: string;
  readonly detail: string;
  readonly heldAt: Timestamp;
}

/** The EIP-712 struct `Batch` (protocol §4, §5). */
export interface Batch {
  readonly initiator: OperatorId;
  readonly acceptor: OperatorId;
  /** 1, 2, 3 … in each lane. uint64 on chain; a node counts to 2^53−1. */
  readonly sequence: number | bigint;
  readonly deadline: UnixSeconds;
  readonly count: number;
  readonly root: Hash;
}

/** Where the settlement contract lives: the EIP-712 domain of every batch. */
export interface SettlementDomain {
  readonly chainId: bigint;
  /** `0x` and 40 hex digits. */
  readonly contract: string;
}

/** Batches of one lane, from sequence to sequence; none where `to` is one less than `from`. */
export interface LaneRange {
  readonly from: number;
  readonly to: number;
}

/** What two operators settle at once, as both sign it (protocol §3). */
export interface WindowContent {
  /** 1, 2, 3 … between the two. */
  readonly number: number;
  /** The one with the lower id. */
  readonly operatorA: OperatorId;
  readonly operatorB: OperatorId;
  /** Batches that A has initiated. */
  readonly aToB: LaneRange;
  readonly bToA: LaneRange;
  /** By code unit of the asset; each asset that moved. Signed minor units; above zero: A owes B. */
  readonly nets: readonly { readonly asset: Asset; readonly net: string }[];
  /** 32 bytes: salts hang on it. */
  readonly secret: Hash;
}

export interface SignedBatch {
  readonly batchId: BatchId;
  readonly batch: Batch;
  readonly initiatorSignature: Hex;
  readonly acceptorSignature: Hex;
}

export interface PinnedBlock {
  readonly number: number;
  readonly hash: Hash;
}

/** `network.json`: published by the consortium, given to a verifier by the auditor, never by a bundle (protocol §7). */
export interface Network {
  /** Decimal. */
  readonly chainId: string;
  /** Hash of the pinned block: of block 0, unless `pinnedBlock` says which. */
  readonly genesisHash: Hash;
  /** The block that tells this chain from others with its id: not every chain has, or gives out, a block 0. */
  readonly pinnedBlock?: PinnedBlock;
  readonly contracts: {
    readonly OperatorRegistry: string;
    readonly PairSettlement: string;
    /** Absent in a consortium without one: then journals are not anchored, and no window is settled. */
    readonly AuditLog?: string;
  };
  /** keccak-256 of the deployed code at each address. */
  readonly codeHashes: { readonly OperatorRegistry: Hash; readonly PairSettlement: Hash; readonly AuditLog?: Hash };
  /** The block of the first deployment: nothing of this network is older. */
  readonly firstBlock: number;
  /** For so long the chain may make no block; absent in files of before it was agreed. A node may be stricter, never laxer. */
  readonly maxBlockGapSeconds?: number;
  /** What counts as final in this consortium (protocol §2). */
  readonly finality: { readonly mode: 'depth'; readonly depth: number } | { readonly mode: 'finalized' };
}

export const pinnedBlockOf = ({
  genesisHash,
  pinnedBlock,
}: Pick<Network, 'genesisHash' | 'pinnedBlock'>): PinnedBlock => pinnedBlock ?? { number: 0, hash: genesisHash };

export const pinnedName = ({ number }: PinnedBlock): string => (number === 0 ? 'genesis block' : `block ${number}`);
