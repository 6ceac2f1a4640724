/**
 * Record commitments (protocol §4): `SHA-256(UTF-8(tag) || 0x00 || d_1 || … || d_n)` over the digests of all fields in
 * the order of the schema. The hot path of the node: two records a pair.
 */
import { hash } from 'node:crypto';
import { discloseUnderKey, disclose } from './disclosure.ts';
import { setKey } from './hmac.ts';
import { operationFields, operationTag, termsFields, termsTag } from './schema.ts';
import type { Hash } from '../model/ids.ts';
import type { OperationRecord, Terms } from '../model/records.ts';

/** Bytes to hash for a schema: tag and zero byte in place, room for the digests. Shared, since all is synchronous. */
const frame = (tag: string, fields: number): Buffer =>
  Buffer.concat([Buffer.from(`${tag}\0`), Buffer.alloc(32 * fields)]);

const termsFrame = frame(termsTag, termsFields.length);
const operationFrame = frame(operationTag, operationFields.length);

function commit<Field extends string>(
  target: Buffer,
  fields: readonly Field[],
  secret: Hash,
  record: Readonly<Record<Field, string>>,
): Hash {
  setKey(secret);
  let offset = target.length - 32 * fields.length;
  for (const field of fields) {
    target.write(hash('sha256', discloseUnderKey(field, record[field]), 'binary'), offset, 'latin1');
    offset += 32;
  }
  return `0x${hash('sha256', target, 'hex')}` as Hash;
}

/** `T`. Assumes that the values have their formats: no value has a lone surrogate. */
export const termsCommitment = (secret: Hash, terms: Terms): Hash => commit(termsFrame, termsFields, secret, terms);

/** `C1` or `C2`. Assumes that the values have their formats: no value has a lone surrogate. */
export const operationCommitment = (secret: Hash, record: OperationRecord): Hash =>
  commit(operationFrame, operationFields, secret, record);

/** The commitment from the digests of all fields in the order of the schema, as a verifier has them. */
function fromDigests(source: Buffer, digests: readonly Hash[]): Hash {
  const target = Buffer.from(source);
  const start = target.length % 32;
  if (start + 32 * digests.length !== target.length) {
    throw new RangeError(`expected ${(target.length - start) / 32} digests, found ${digests.length}`);
  }
  digests.forEach((digest, index) => target.write(digest.slice(2), start + 32 * index, 'hex'));
  return `0x${hash('sha256', target, 'hex')}` as Hash;
}

export const termsCommitmentOf = (digests: readonly Hash[]): Hash => fromDigests(termsFrame, digests);
export const operationCommitmentOf = (digests: readonly Hash[]): Hash => fromDigests(operationFrame, digests);

/** The disclosures of all fields, in the order of the schema. */
export const discloseTerms = (secret: Hash, terms: Terms): string[] =>
  termsFields.map((field) => disclose(secret, field, terms[field]));

export const discloseOperation = (secret: Hash, record: OperationRecord): string[] =>
  operationFields.map((field) => disclose(secret, field, record[field]));

/** The digest of a record's `subject` disclosure in base64url: the other record's `counterparty`. */
export const subjectDigest = (secret: Hash, subject: string): string =>
  hash('sha256', disclose(secret, 'subject', subject), 'base64url');
