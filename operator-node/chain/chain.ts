/**
 * The port to the chain. A node reads what is final, signs for what it stored, and never takes a receipt for a decision
 * (protocol §3, rules 2 and 3). Adapters: `chain/rpc.ts` (JSON-RPC) and, in tests, a model chain.
 */
import type { BatchId, Hash, Hex, OperatorId, UnixSeconds } from '../model/ids.ts';
import type { BatchOutcome } from '../model/outcome.ts';
import type { Tx } from '../store/store.ts';

export interface Block {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash;
  readonly timestamp: UnixSeconds;
}

export type ChainEvent =
  | {
      readonly type: 'BatchPrepared';
      readonly batchId: BatchId;
      readonly initiator: OperatorId;
      readonly acceptor: OperatorId;
      readonly sequence: number;
      readonly deadline: UnixSeconds;
      readonly count: number;
      readonly root: Hash;
    }
  | {
      readonly type: 'PairsDecided';
      readonly batchId: BatchId;
      readonly word: number;
      readonly commitMask: bigint;
      readonly abortMask: bigint;
    }
  | { readonly type: 'DecisionTooLate'; readonly batchId: BatchId; readonly word: number }
  | {
      readonly type: 'BatchAttested';
      readonly batchId: BatchId;
      readonly operator: OperatorId;
      readonly executedDigest: Hash;
    }
  | { readonly type: 'BatchReconciled'; readonly batchId: BatchId }
  | {
      readonly type: 'BatchDiscrepancy';
      readonly batchId: BatchId;
      readonly initiatorDigest: Hash;
      readonly acceptorDigest: Hash;
    }
  /** The head of an operator's journal was anchored (AuditLog). */
  | { readonly type: 'JournalCheckpoint'; readonly operator: OperatorId; readonly entry: number; readonly head: Hash }
  /** The operator's controller says that the heads after that entry, up to that of `last`, are not of its journal. */
  | {
      readonly type: 'JournalHeadsDisowned';
      readonly operator: OperatorId;
      readonly last: number;
      readonly entry: number;
    }
  /** The AuditLog: both operators have signed a window's statement in one asset. A is the one with the lower id. */
  | {
      readonly type: 'StatementAnchored';
      readonly statement: Hash;
      readonly operatorA: OperatorId;
      readonly operatorB: OperatorId;
    }
  /** The AuditLog: the payee has signed that it was paid. */
  | {
      readonly type: 'StatementDischarged';
      readonly statement: Hash;
      readonly payee: OperatorId;
      readonly payer: OperatorId;
      readonly reference: Hash;
    }
  /** The AuditLog: an auditor asks an operator to disclose something; what it is, stands in a salted digest. */
  | ({ readonly type: 'DisclosureRequested' } & RequestTerms)
  /** The AuditLog: that operator's salted digest of what it handed over. */
  | {
      readonly type: 'DisclosureAnswered';
      readonly request: number;
      readonly operator: OperatorId;
      readonly answer: Hash;
      readonly late: boolean;
    }
  /** Any change of a registry entry: read the operator again. */
  | { readonly type: 'OperatorChanged'; readonly operator: OperatorId }
  /** An event that concerns this node, with a field beyond what a node can take: kept as evidence, and passed over. */
  | UnreadableLog;

export interface UnreadableLog {
  readonly type: 'Unreadable';
  /** The event's name. */
  readonly event: string;
  /** Whose fault it is: `operator 2`, `auditor 3`. */
  readonly by: string;
  /** The operators that its topics name. */
  readonly named: readonly OperatorId[];
  /** The field, what it is and what it should be. */
  readonly problem: string;
  readonly raw: { readonly address: string; readonly topics: readonly Hash[]; readonly data: Hex };
}

/** An event with the transaction it came in, in log order within its block. */
export type ChainLog = ChainEvent & { readonly transactionHash: Hash; readonly logIndex: number };

/** The newest anchored head of a journal in the AuditLog; the next head must be of a later entry. */
export interface Checkpoint {
  /** Number of the entry that it is the head after, from 1. */
  readonly entry: number;
  /** 32 zero bytes where nothing was anchored since heads were disowned. */
  readonly head: Hash;
  readonly timestamp: UnixSeconds;
}

/** What an auditor's request for disclosure shows on chain. */
export interface RequestTerms {
  /** From 1. */
  readonly request: number;
  /** The one that is asked. */
  readonly operator: OperatorId;
  /** The auditor's number in the AuditLog, from 1; an auditor that changes its account keeps it. */
  readonly auditor: number;
  /** Salted digest of batch, index, scope and reason. */
  readonly digest: Hash;
  /** When it was filed; of a confidential one, when its auditor says that it was made. */
  readonly madeAt: UnixSeconds;
  readonly due: UnixSeconds;
  readonly confidential: boolean;
}

/**
 * A request as the AuditLog has it at one block: open without an answer, overdue past `due`. There are no other states.
 */
export interface FiledRequest extends RequestTerms {
  /** Timestamp of the block that shows it. */
  readonly filedAt: UnixSeconds;
  readonly answered?: { readonly at: UnixSeconds; readonly answer: Hash };
}

/** `unreadable`: what the registry has of it is no status. Such an operator is taken for none that acts. */
export type OperatorStatus = 'unknown' | 'active' | 'suspended' | 'retired' | 'unreadable';

export interface OperatorEntry {
  readonly id: OperatorId;
  readonly handle: string;
  readonly status: OperatorStatus;
  readonly controller: string;
  /** Accounts and signers valid at that block: one, or two while a rotation overlaps. Newest first. */
  readonly accounts: readonly string[];
  /** ERC-7913 bytes each: 20 bytes of an address, or verifier and key. */
  readonly signers: readonly Hex[];
  /** SHA-256 of the SubjectPublicKeyInfo of the TLS keys that count now: the pin, and the next pin if set. */
  readonly pins: readonly Hash[];
  /** `https://host:port` of the secure channel. */
  readonly endpoint: string;
  /** The entry changes by itself, without an event, when this second is past: the first overlap of keys to end. */
  readonly overlapEnds?: UnixSeconds;
  /** Fields that cannot be read: that operator's fault, and none of its other fields'. */
  readonly unreadable?: readonly string[];
}

export interface ChainReader {
  /** @throws {TandemError} `network-mismatch` unless chain id, genesis hash and code hashes are those of network.json. */
  checkNetwork(): Promise<void>;
  /** Newest block. @throws {TandemError} `chain-unavailable` */
  head(): Promise<Block>;
  /** Newest block that the chain will not replace, by the configured finality. */
  finalHead(): Promise<Block>;
  block(number: number): Promise<Block>;
  /**
   * Events of the contracts in that block, asked for by its hash.
   * @throws {TandemError} `chain-unavailable`; `chain-unreadable` where they are nothing that the contracts write
   */
  logs(blockHash: Hash): Promise<readonly ChainLog[]>;
  /** The contract's state at the hash of one block (rule 3). */
  batchOutcome(batchId: BatchId, blockHash: Hash): Promise<BatchOutcome>;
  nextSequence(initiator: OperatorId, acceptor: OperatorId, blockHash: Hash): Promise<number>;
  /** Undefined where that operator has anchored none or disowned all, or the network has no AuditLog. */
  lastCheckpoint(operator: OperatorId, blockHash: Hash): Promise<Checkpoint | undefined>;
  /** Undefined where no request of that number is filed, or the network has no AuditLog. */
  disclosureRequest(request: number, blockHash: Hash): Promise<FiledRequest | undefined>;
  /** All operators ever admitted, at that block. */
  operators(blockHash: Hash): Promise<readonly OperatorEntry[]>;
  /** Operators whose entry was changed in blocks after that number, up to the newest; final or not. */
  operatorsChangedAfter(number: number): Promise<readonly OperatorId[]>;
}

/** What the watcher hands on: a final block with what happened in it. */
export interface FinalBlock {
  readonly block: Block;
  readonly logs: readonly ChainLog[];
}

/** Where the chain is, as seen now. */
export interface Head {
  /** The newest block. */
  readonly newest: Block;
  /** The newest final block. */
  readonly final: Block;
  /** For how long, by this node's own clock, no newer block has been seen. */
  readonly ageMillis: number;
}

/** What an operator's node knows of the others: the chain is the trust store (protocol §6). */
export interface PeerRegistry {
  /**
   * By the newest final block, refused by the latest one: an entry whose latest status is not active is not active
   * here.
   */
  get(id: OperatorId): OperatorEntry | undefined;
  /**
   * The operators that name this TLS key, if the pin counts at the final and at the latest block. More than one can: a pin
   * belongs to nobody, and whoever names another's only lets that key speak for itself.
   */
  byPin(pin: Hash): readonly OperatorEntry[];
  all(): readonly OperatorEntry[];
  /** Called after a change; live connections of operators that changed are cut. */
  onChange(listener: (changed: readonly OperatorId[]) => void): void;
  /** Reads the registry again now. @throws {TandemError} `chain-unavailable` */
  refresh(): Promise<void>;
}

/** Keys a node sends transactions from: batches are carried from another account than decisions go from (protocol §3). */
export type SendingKey = 'carrier' | 'account';

export interface ContractCall {
  readonly to: string;
  readonly data: Hex;
  readonly gasLimit: bigint;
}

/** A transaction in a block that may still be replaced. Its status is no decision (protocol §3, rule 2). */
export interface Receipt {
  readonly status: 'included' | 'reverted';
  readonly block: { readonly number: number; readonly hash: Hash };
}

/**
 * What came of handing a transaction over. `held`: it is in the pool or in a block already; `known` if it was there before.
 * `nonce-used`: another one, or this one, is in a block with that nonce. `underpriced`: the chain asks for a higher fee.
 * `refused`: not now; the reason is the endpoint's text.
 */
export type Broadcast =
  | { readonly outcome: 'held'; readonly known?: boolean }
  | { readonly outcome: 'nonce-used' | 'underpriced' }
  | { readonly outcome: 'refused'; readonly reason: string };

/** A price, in wei. `legacy`: of a chain without a base fee. */
export type Fees =
  | { readonly kind: 'eip1559'; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }
  | { readonly kind: 'legacy'; readonly gasPrice: bigint };

/** What the chain asks for now. */
export interface FeesAsked {
  /** With this a transaction gets in. */
  readonly offer: Fees;
  /** In wei a unit of gas: no block takes a transaction that offers less. 0 where the chain has none. */
  readonly baseFee: bigint;
}

/**
 * What has used a nonce of an address, as the block shows in which it was used. `authorization`: a transaction of somebody
 * else carries an EIP-7702 authorization by that address. `nothing`: no transaction of that block has; a chain that fails
 * one below the EVM takes its nonce and keeps no trace of it. `unknown`: the endpoints cannot say.
 */
export type NonceUser =
  | { readonly by: 'transaction' | 'authorization'; readonly hash: Hash; readonly block: number }
  | { readonly by: 'nothing'; readonly block: number }
  | { readonly by: 'unknown' };

/** The way of a signed transaction into the chain. @throws {TandemError} `chain-unavailable` from each. */
export interface ChainWriter {
  broadcast(raw: Hex): Promise<Broadcast>;
  receipt(transactionHash: Hash): Promise<Receipt | undefined>;
  /** Transactions of that address in blocks up to the newest one, or up to the one of that hash. */
  nonce(address: string, at: 'newest' | Hash): Promise<number>;
  fees(): Promise<FeesAsked>;
  /** In wei, at the newest block. */
  balance(address: string): Promise<bigint>;
  /** For a nonce that is used at the block of that number. */
  userOf(address: string, nonce: number, upTo: number): Promise<NonceUser>;
  /** The contract's named error, by calling again on the state before that block: a hint for the log, no more. */
  revertReason(raw: Hex, blockNumber: number): Promise<string | undefined>;
}

/**
 * What became of a transaction. Told once when it is first in a block, and once more when that block is final, each time in
 * the store transaction in which the sender notes it. `replaced`: its nonce is used in a final block, and not by it: by a
 * transaction that this sender does not know, or by nothing that can be seen. What it was for has to be sent again.
 */
export interface TransactionOutcome {
  readonly key: SendingKey;
  /** As it was given to `send`. */
  readonly tag: string;
  readonly hash: Hash;
  readonly status: 'included' | 'reverted' | 'replaced';
  readonly final: boolean;
  readonly block?: { readonly number: number; readonly hash: Hash };
}

/** A transaction that pools take, or do not, and that no block takes. */
export interface Stuck {
  readonly nonce: number;
  readonly tag: string;
  /** Since it is the next one of its key. */
  readonly blocks: number;
  /** A unit of gas, at most. */
  readonly offeredWei: string;
  readonly baseFeeWei: string;
}

/** How what a key sends gets into the chain. */
export interface KeyStanding {
  readonly key: SendingKey;
  readonly address: string;
  readonly stuck: Stuck | undefined;
  /** Transactions that the chain does not take, and why; each keeps its nonce and is tried again. */
  readonly troubles: readonly { readonly nonce: number; readonly detail: string }[];
}

/** What a key has and what is asked of it, as last seen. */
export interface KeyMoney {
  readonly key: SendingKey;
  readonly address: string;
  /** In wei. */
  readonly balance: bigint;
  /** In wei: what its transactions that are in no block yet may cost at most. */
  readonly owed: bigint;
  readonly asked: FeesAsked;
}

export interface SendingKeys {
  readonly status: readonly KeyStanding[];
  /** A key's money; undefined before it was read. */
  money(key: SendingKey): KeyMoney | undefined;
  /** The most that a unit of gas may cost, in wei. */
  readonly feeCap: bigint;
}

/** Sends what the flow has decided to send, until it is in a final block (faults.md 8). */
export interface TransactionSender {
  /**
   * Takes the next nonce, signs and stores, all inside `tx`; it leaves when that transaction is on disk, and is sent again,
   * byte for byte, until its block is final. @throws {TandemError} `not-ready` before the chain's nonce of a new key is known.
   */
  send(tx: Tx, key: SendingKey, call: ContractCall, tag: string): Hash;
  /** One empty transaction, so that the chain makes a block (rule 3); undefined while one is still on its way. */
  poke(tx: Tx, key: SendingKey): Hash | undefined;
  /** Stored transactions of that key that are in no block yet. */
  waiting(key: SendingKey): number;
}
