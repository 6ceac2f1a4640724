/** The batch as EIP-712 typed data, and the operators' signatures of it (protocol §4). */
import { SigningKey, TypedDataEncoder, computeAddress, id, keccak256 } from 'ethers';
import type { BatchId, Hash, Hex } from '../model/ids.ts';
import type { Batch, SettlementDomain } from '../model/records.ts';

const typeHash = id(
  'Batch(uint32 initiator,uint32 acceptor,uint64 sequence,uint40 deadline,uint16 count,bytes32 root)',
);

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

/** `hashStruct(batch)`: the type's hash and six words of 32 bytes, numbers at their ends. One for the process: all is synchronous. */
const struct = Buffer.alloc(7 * 32);
struct.write(typeHash.slice(2), 'hex');
/** `0x19 0x01 || separator || hashStruct(batch)`. */
const message = Buffer.alloc(2 + 2 * 32);
message.writeUint16BE(0x1901);

function writeNumber(word: number, bytes: number, value: number): void {
  // The buffer's own check lets a fraction pass, and what is no number.
  if (!Number.isInteger(value)) throw new RangeError(`expected a whole number, found ${value}`);
  struct.writeUintBE(value, 32 * (word + 1) - bytes, bytes);
}

/**
 * The EIP-712 digest of the batch: what both operators sign. Written by hand, since the library's encoder takes more than
 * twice as long; `test/node/commitment.test.ts` compares the two.
 * @throws {RangeError} for what the type cannot say
 */
export function batchIdOf(domain: SettlementDomain, batch: Batch): BatchId {
  const { initiator, acceptor, sequence, deadline, count, root } = batch;
  writeNumber(1, 4, initiator);
  writeNumber(2, 4, acceptor);
  struct.writeBigUInt64BE(BigInt(sequence), 32 * 4 - 8);
  writeNumber(4, 5, deadline);
  writeNumber(5, 2, count);
  if (root.length !== 66 || struct.write(root.slice(2), 32 * 6, 'hex') !== 32)
    throw new RangeError(`expected a root of 32 bytes, found ${root}`);
  message.write(separatorOf(domain).slice(2), 2, 'hex');
  message.write(keccak256(struct).slice(2), 2 + 32, 'hex');
  return keccak256(message) as BatchId;
}

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
