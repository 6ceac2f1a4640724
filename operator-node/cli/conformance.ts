/**
 * `tandem conformance FILE`: what this node computes for the inputs of a file of the form of
 * `test/vectors/commitments.json`, one JSON line a batch. It compares nothing and ignores every `expect`.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { toHash, toHex } from '../commitment/bytes.ts';
import { executedBitmap, executedDigest, maskWords, totalsText, wordHex } from '../commitment/executed.ts';
import { encodeLeaf } from '../commitment/leaf.ts';
import { merkleTree } from '../commitment/merkle.ts';
import { operationCommitment, termsCommitment } from '../commitment/record.ts';
import { operationFields, termsFields } from '../commitment/schema.ts';
import { batchIdOf } from '../commitment/typed-data.ts';
import type { Hash, OperatorId, UnixSeconds } from '../model/ids.ts';
import type { OperationRecord, Terms } from '../model/records.ts';
import type { Output } from './output.ts';

const maxBatchPairs = 4096;

/** An unsigned integer of at most `bits` bits, from a JSON number read exactly or from decimal text. */
const uint = (bits: number) =>
  z
    .union(
      [
        z.bigint(),
        z
          .string()
          .regex(/^(?:0|[1-9][0-9]*)$/)
          .transform(BigInt),
      ],
      `expected a uint${bits}`,
    )
    .refine((value) => value >= 0n && value < 1n << BigInt(bits), `expected a uint${bits}`);

const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hex digits')
  .transform((value) => value.toLowerCase() as Hash);
const text = z.string().refine((value) => value.isWellFormed(), 'expected text without a lone surrogate');

const record = <Field extends string>(fields: readonly Field[]) =>
  z.strictObject(Object.fromEntries(fields.map((field) => [field, text])) as Record<Field, typeof text>);

// What vectors hold in the fields is arbitrary, so only what is computed with has a format here.
const termsInput = record(termsFields)
  .extend({
    pair: text.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'expected a UUID, lower-case, hyphenated'),
  })
  .transform((value) => value as Readonly<Record<keyof Terms, string>> as Terms);
const operationInput = record(operationFields).transform(
  (value) => value as Readonly<Record<keyof OperationRecord, string>> as OperationRecord,
);

const pairInput = z.object({
  committed: z.boolean(),
  terms: termsInput,
  first: operationInput,
  second: operationInput,
  secrets: z.strictObject({ terms: hash, first: hash, second: hash }),
});

const batchInput = z.object({
  chainId: uint(256),
  contract: z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'expected 0x and 40 hex digits'),
  initiator: uint(32),
  acceptor: uint(32),
  sequence: uint(64),
  deadline: uint(40),
  batchSecret: hash,
  pairs: z.array(pairInput).min(1).max(maxBatchPairs),
});

const vectorsInput = z.object({ protocol: z.literal('tandem/1'), batches: z.array(batchInput) });

type BatchInput = z.output<typeof batchInput>;

const usage = 'usage: tandem conformance FILE\n';

/** The command is used wrongly or its file is malformed: the message says where. */
class UsageError extends Error {}

/** Integers become bigints by their digits as written, so that nothing is rounded. */
function parseExactly(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== 'number') return value;
    if (context?.source !== undefined && /^[0-9]+$/.test(context.source)) return BigInt(context.source);
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  });
}

function amountOf(value: string, where: string): bigint {
  if (!/^(?:0|[1-9][0-9]*)$/.test(value)) {
    throw new UsageError(`${where}: expected an amount in minor units, found ${JSON.stringify(value)}`);
  }
  return BigInt(value);
}

function compute(input: BatchInput, position: number): Record<string, unknown> {
  const count = input.pairs.length;
  const pairs = input.pairs.map(({ terms, first, second, secrets }) => {
    const commitments = {
      termsCommitment: termsCommitment(secrets.terms, terms),
      firstCommitment: operationCommitment(secrets.first, first),
      secondCommitment: operationCommitment(secrets.second, second),
    };
    const leaf = encodeLeaf({
      pair: terms.pair,
      terms: commitments.termsCommitment,
      first: commitments.firstCommitment,
      second: commitments.secondCommitment,
    });
    return { ...commitments, leaf };
  });
  const tree = merkleTree(pairs.map(({ leaf }) => leaf));
  const root = toHash(tree.root);
  const batchId = batchIdOf(
    { chainId: input.chainId, contract: input.contract },
    {
      initiator: Number(input.initiator) as OperatorId,
      acceptor: Number(input.acceptor) as OperatorId,
      sequence: input.sequence,
      deadline: Number(input.deadline) as UnixSeconds,
      count,
      root,
    },
  );
  const committed = (index: number): boolean => input.pairs[index]?.committed ?? false;
  const bitmap = executedBitmap(count, committed);
  const executed = input.pairs.flatMap(({ committed: executedHere, terms }, index) => {
    if (!executedHere) return [];
    const where = `batches[${position}].pairs[${index}].terms`;
    return [
      { leg: 'first', asset: terms.firstAsset, amount: amountOf(terms.firstAmount, `${where}.firstAmount`) },
      { leg: 'second', asset: terms.secondAsset, amount: amountOf(terms.secondAmount, `${where}.secondAmount`) },
    ] as const;
  });
  const totals = totalsText(executed);
  return {
    root,
    batchId,
    bitmap: toHex(bitmap),
    words: maskWords(count, committed).map(wordHex),
    totals,
    executedDigest: executedDigest(input.batchSecret, batchId, bitmap, totals),
    pairs: pairs.map(({ leaf, ...commitments }, index) => ({
      ...commitments,
      leaf: toHex(leaf),
      proof: tree.proof(index).map(toHex),
    })),
  };
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

async function readVectors(file: string): Promise<readonly BatchInput[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  let parsed: unknown;
  try {
    parsed = parseExactly(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new UsageError(`${file} is not JSON in UTF-8: ${(cause as Error).message}`, { cause });
  }
  const result = vectorsInput.safeParse(parsed);
  if (result.success) return result.data.batches;
  const [issue] = result.error.issues;
  throw new UsageError(`${file}: ${issue === undefined ? '' : `${pathText(issue.path) || '(top)'}: ${issue.message}`}`);
}

/** @returns 0, or 2 where the file cannot be read or is malformed: then nothing is written to stdout. */
export async function conformance(args: readonly string[], out: Output): Promise<number> {
  try {
    const [file] = args;
    if (file === '--help' || file === '-h') {
      out.stdout.write(usage);
      return 0;
    }
    if (file === undefined || args.length !== 1) throw new UsageError(usage.trimEnd());
    const lines = (await readVectors(file)).map((batch, index) => `${JSON.stringify(compute(batch, index))}\n`);
    for (const line of lines) out.stdout.write(line);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    out.stderr.write(`tandem conformance: ${error.message}\n`);
    return 2;
  }
}
