/**
 * The evidence bundle, version 1: the one definition (described in `docs/evidence.md`). Every object is closed, every
 * string has one form only, and the text is canonical JSON (RFC 8785): a bundle has exactly one text.
 */
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { operationFields, termsFields } from '../commitment/schema.ts';
import {
  hashPattern,
  hexPattern,
  isBatchId,
  isHash,
  isHex,
  isOperatorId,
  isPairId,
  pairIdPattern,
  type Hash,
} from '../model/ids.ts';

export const maxBundleBytes = 1_048_576;
export const bundleFormat = 'tandem/evidence/1';

const pairId = z
  .string()
  .refine(isPairId, 'expected a UUIDv7, lower-case, hyphenated')
  .meta({ pattern: pairIdPattern.source });
const batchId = z
  .string()
  .refine(isBatchId, 'expected 0x and 64 lower-case hex digits')
  .meta({ pattern: hashPattern.source });
const hash = z
  .string()
  .refine(isHash, 'expected 0x and 64 lower-case hex digits')
  .meta({ pattern: hashPattern.source });
const hex = z
  .string()
  .max(8194)
  .refine(isHex, 'expected 0x and lower-case hex digits')
  .meta({ pattern: hexPattern.source });
const address = z.string().regex(/^0x[0-9a-f]{40}$/, 'expected 0x and 40 lower-case hex digits');
const operatorId = z
  .number()
  .refine(isOperatorId, 'expected an operator id')
  .meta({ type: 'integer', minimum: 1, maximum: 0xffffffff });
const uint = (below: number) =>
  z
    .number()
    .int()
    .min(0)
    .max(below - 1);
const decimalBelow = (limit: bigint) =>
  z
    .string()
    .refine(
      (text) => /^(?:0|[1-9][0-9]{0,77})$/.test(text) && BigInt(text) < limit,
      `expected an integer below ${limit}`,
    )
    .meta({ pattern: '^(?:0|[1-9][0-9]{0,77})$' });

/** A field of a record: its disclosure, or its bare digest as `0x` and hex (which no disclosure begins with). */
const entry = z.union([hash, z.string().regex(/^[A-Za-z0-9_-]{43,}$/, 'expected a disclosure or a digest')]);

const block = z.strictObject({ hash, number: uint(2 ** 53), timestamp: uint(2 ** 40) });

export const bundleSchema = z.strictObject({
  format: z.literal(bundleFormat),
  chainId: decimalBelow(2n ** 256n),
  /** PairSettlement. */
  contract: address,
  batchId,
  batch: z.strictObject({
    initiator: operatorId,
    acceptor: operatorId,
    /** uint64, as text: a JSON number would lose digits. */
    sequence: decimalBelow(2n ** 64n),
    deadline: uint(2 ** 40),
    count: uint(4097),
    root: hash,
  }),
  signatures: z.strictObject({ initiator: hex, acceptor: hex }),
  /** ERC-7913 bytes, as the registry had them at the block in which the batch was prepared. */
  signers: z.strictObject({ initiator: hex, acceptor: hex }),
  /** The pair's place in its batch, from 0. */
  index: uint(4096),
  leaf: z.strictObject({ pair: pairId, terms: hash, first: hash, second: hash }),
  /** From leaf to root (RFC 9162 §2.1.3). */
  proof: z.array(hash).max(12),
  /** At least one of the two operations is there; in each record an entry a field, in the order of its schema. */
  records: z
    .strictObject({
      terms: z.array(entry).length(termsFields.length),
      first: z.array(entry).length(operationFields.length).optional(),
      second: z.array(entry).length(operationFields.length).optional(),
    })
    .refine(({ first, second }) => first !== undefined || second !== undefined, 'expected the record of an operation'),
  /** Where the batch came on chain. */
  prepared: z.strictObject({ block, transaction: hash }),
  /** `bit`: in the block of the transaction that set the pair's bit. `deadline`: in a block past it without a bit set. */
  decision: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('bit'), status: z.enum(['committed', 'aborted']), block, transaction: hash }),
    z.strictObject({ by: z.literal('deadline'), status: z.literal('aborted'), block }),
  ]),
});

export type EvidenceBundle = z.output<typeof bundleSchema>;
export type BundleBlock = z.output<typeof block>;
export type Decision = EvidenceBundle['decision'];
export type RecordName = 'terms' | 'first' | 'second';

export const isDigest = (text: string): text is Hash => isHash(text);

/** The one text of a bundle. @throws {TypeError} for what has no JSON. */
export function encodeBundle(bundle: EvidenceBundle): string {
  const text = canonicalize(bundle);
  if (text === undefined) throw new TypeError('a bundle has a JSON text');
  return text;
}

/** Reads a bundle's text, or says why it is none. */
export function parseBundle(
  text: string,
): { readonly ok: true; readonly bundle: EvidenceBundle } | { readonly ok: false; readonly reason: string } {
  const refuse = (reason: string) => ({ ok: false, reason }) as const;
  if (Buffer.byteLength(text) > maxBundleBytes) {
    return refuse(`it has ${Buffer.byteLength(text)} bytes; a bundle has at most ${maxBundleBytes}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`it is not JSON: ${(error as Error).message}`);
  }
  const parsed = bundleSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(issue === undefined ? 'it has another form' : `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  }
  // Compared with what was understood, so that nothing beside it can hide in the text.
  if (encodeBundle(parsed.data) !== text) return refuse('it is not canonical JSON (RFC 8785)');
  return { ok: true, bundle: parsed.data };
}
