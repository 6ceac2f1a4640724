/**
 * The chain as an auditor needs it: read-only, and every read of state at the hash of one block. The adapter over
 * JSON-RPC is `rpc-audit-chain.ts`; tests have one made of recorded answers.
 */
import type { Hash, Hex } from '../model/ids.ts';

export interface AuditBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash;
  readonly timestamp: number;
}

export interface AuditLog {
  readonly address: string;
  readonly topics: readonly Hash[];
  readonly data: Hex;
  readonly transactionHash: Hash;
  readonly blockNumber: number;
}

/** Every method throws TandemError `chain-unavailable` when there is no answer, or one that cannot be understood. */
export interface AuditChain {
  chainId(): Promise<bigint>;
  /** The block of the canonical chain; undefined where there is none of that number. */
  block(at: number | 'latest' | 'finalized'): Promise<AuditBlock | undefined>;
  code(address: string, blockHash: Hash): Promise<Hex>;
  /** Undefined when the call reverts. */
  call(to: string, data: Hex, blockHash: Hash): Promise<Hex | undefined>;
  /** Logs of one address in one block, in their order. */
  logs(address: string, blockHash: Hash): Promise<readonly AuditLog[]>;
  /** Logs of one address with that second topic, in blocks from … to, both included, in their order. */
  history(address: string, secondTopic: Hash, from: number, to: number): Promise<readonly AuditLog[]>;
}

/** What reads a whole range of blocks: a scan. */
export interface RangeChain extends AuditChain {
  /** Logs of one address in blocks from … to, both included, in their order. */
  range(address: string, from: number, to: number): Promise<readonly AuditLog[]>;
}
