/** The batch as EIP-712 typed data, and the operators' signatures of it (protocol §4). */
import { SigningKey, TypedDataEncoder, computeAddress, concat, keccak256 } from 'ethers';
import type { BatchId, Hash, Hex } from '../model/ids.ts';
import type { Batch, SettlementDomain } from '../model/records.ts';

const encoder = TypedDataEncoder.from({
  Batch: [
    { name: 'initiator', type: 'uint32' },
    { name: 'acceptor', type: 'uint32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'deadline', type: 'uint40' },
    { name: 'count', type: 'uint16' },
    { name: 'root', type: 'bytes32' },
  ],
});

/** The domain separator. Lower case first: the library refuses a mixed-case address whose checksum is wrong. */
export const domainSeparator = ({ chainId, contract }: SettlementDomain): Hash =>
  TypedDataEncoder.hashDomain({
    name: 'Tandem',
    version: '1',
    chainId,
    verifyingContract: contract.toLowerCase(),
  }) as Hash;

/** A node has one domain for good, and its hash costs as much as the batch's own. */
const separators = new WeakMap<SettlementDomain, Hash>();

function separatorOf(domain: SettlementDomain): Hash {
  const known = separators.get(domain);
  if (known !== undefined) return known;
  const separator = domainSeparator(domain);
  separators.set(domain, separator);
  return separator;
}

/** The EIP-712 digest of the batch: what both operators sign. */
export const batchIdOf = (domain: SettlementDomain, batch: Batch): BatchId =>
  keccak256(concat(['0x1901', separatorOf(domain), encoder.hash(batch)])) as BatchId;

/** 65 bytes `r || s || v`, v 27 or 28, s in the lower half. `privateKey` is 32 bytes. */
export const signDigest = (privateKey: string, digest: BatchId | Hash): Hex =>
  new SigningKey(privateKey).sign(digest).serialized as Hex;

const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/**
 * The address whose key signed `digest`, lower-case, or undefined. Only the one form that the contract takes: 65 bytes,
 * v 27 or 28, s in the lower half (the library also reads shorter ones and other v's, which would be second texts for
 * one signature).
 */
export function recoverSigner(digest: BatchId | Hash, signature: Hex): string | undefined {
  if (!/^0x[0-9a-f]{128}1[bc]$/.test(signature) || BigInt(`0x${signature.slice(66, 130)}`) > halfOrder)
    return undefined;
  try {
    return computeAddress(SigningKey.recoverPublicKey(digest, signature)).toLowerCase();
  } catch {
    return undefined;
  }
}
