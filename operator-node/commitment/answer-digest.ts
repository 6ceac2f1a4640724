/** The salted digest of what was handed over in answer to a request for disclosure (docs/protocol.md §4). */
import { hash } from 'node:crypto';
import type { Hash, OperatorId } from '../model/ids.ts';
import type { SettlementDomain } from '../model/records.ts';

/** A text that an auditor has fetched by itself: bytes of it in UTF-8, and their SHA-256 in hex. */
export interface HandedText {
  readonly bytes: number;
  readonly sha256: string;
}

export interface AnswerContent {
  readonly operator: OperatorId;
  /** The request's number in the AuditLog. */
  readonly request: number;
  /** Hex of 16 bytes. */
  readonly salt: string;
  /** SHA-256 in hex of each file that staff has handed over, sorted. */
  readonly files: readonly string[];
  /** In the order in which they were handed over. */
  readonly texts: readonly HandedText[];
}

/** `SHA-256(UTF-8("tandem/answer/1") || 0x00 || salt (16) || UTF-8(JSON))`. `auditLog`: where it is anchored. */
export function answerDigest(auditLog: SettlementDomain, content: AnswerContent): Hash {
  const { operator, request, salt, files, texts } = content;
  const text = JSON.stringify([
    auditLog.chainId.toString(),
    auditLog.contract.toLowerCase(),
    operator,
    request,
    files,
    texts.map(({ bytes, sha256 }) => [bytes, sha256]),
  ]);
  const salted = Buffer.concat([Buffer.from('tandem/answer/1\0'), Buffer.from(salt, 'hex'), Buffer.from(text)]);
  return `0x${hash('sha256', salted, 'hex')}` as Hash;
}
