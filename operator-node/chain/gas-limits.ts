/**
 * What calls of the contracts need, in gas. Some chains bill a part of the limit whatever was used, so a limit is close to
 * what its call can use at most: with an account or a signer that is being rotated out, the first batch of a lane, fresh
 * slots. `test/node/gas-limits.test.ts` holds each against the compiled contracts.
 */
import type { Hex } from '../model/ids.ts';

/** EIP-7825 allows 2^24 a transaction; a consortium's blocks must hold that much. */
export const maxTransactionGas = 16_000_000n;

/** What any transaction costs. */
export const transactionGas = 21_000n;

/** A byte that is not zero where calldata costs most (EIP-7623). */
export const dearestByte = 40n;

export const work = {
  /** The caller is the operator's account, or the one before it; and 2,300 that have to be left at the last write. */
  caller: 10_300n,
  /** Its header, the event, both operators' entries and signatures: of one of them by the signer before. */
  prepare: 86_000n,
  /**
   * Added to `prepare` if both signed with previous signers and both were once suspended in an emergency: when that is
   * known, and after a revert.
   */
  rotating: 12_000n,
  /** Beside what prepare does: the caller, whose operator's entry is read then, and the header once more. */
  settle: 8_200n,
  /** The sequence of a lane that had none. */
  firstOfLane: 17_200n,
  /** A signature that is not by a plain key: P-256 in a contract, where the chain has no precompile for it, and room. */
  contractSignature: 320_000n,
  /** The header of a batch, read and written. */
  batch: 7_700n,
  /** A word that is committed whole at once has no bitmap: the event. */
  wholeWord: 3_700n,
  /** One of its bitmaps, fresh, or both of them. */
  oneBitmap: 26_700n,
  twoBitmaps: 49_000n,
  /** One fresh digest, the header, two events. */
  attestation: 37_500n,
  /** Two fresh slots of AuditLog, the registry's accounts and status, the event. */
  checkpoint: 59_000n,
  /** Another one in the same transaction: its slots are written and the registry is read already. */
  furtherCheckpoint: 7_500n,
  /** A slot of a request in AuditLog, another one fresh, the registry's account, the event. */
  answer: 44_500n,
  /** Two fresh slots of AuditLog, two signatures, one of them by the signer before, the event. */
  statement: 86_500n,
  /** Two fresh slots, one signature, the event. */
  discharge: 77_000n,
  /** One call inside a multicall. */
  inner: 5_000n,
} as const;

/**
 * A signer is being rotated as far as this node knows, or the call has reverted before: room for all that costs more
 * then.
 */
export interface Care {
  readonly careful?: boolean;
}

/** What a key keeps back for one batch: to carry it, to decide some of its words, to attest. */
export const reserveGas = { carry: 150_000n, decide: 250_000n, attest: 80_000n } as const;

/**
 * What a transaction with these bytes costs that does so much work: a zero byte 4 gas and any other 16, and where the
 * chain has a floor for calldata (EIP-7623), at least 10 and 40.
 */
export function gasFor(data: Hex, work: bigint): bigint {
  const bytes = Buffer.from(data.slice(2), 'hex');
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  const tokens = BigInt(zeros + 4 * (bytes.length - zeros));
  const [usual, floor] = [4n * tokens + work, 10n * tokens];
  return transactionGas + (usual > floor ? usual : floor);
}

export const careWork = ({ careful = false }: Care): bigint => (careful ? work.rotating : 0n);

/** A plain key's signature has 65 bytes; whatever else the registry may know goes to a contract. */
export const signatureWork = (...signatures: readonly Hex[]): bigint =>
  BigInt(signatures.filter(({ length }) => length !== 2 + 2 * 65).length) * work.contractSignature;
