/**
 * An operator's disclosure file, version 1: NDJSON, one canonical JSON text (RFC 8785) a line, ASCII, each ended by a
 * line feed. `header`, then for each batch a `batch` line and a `pair` line for each of its pairs in the order of the
 * leaves, then `end`. `docs/audit-formats.md` describes it; this is the one definition.
 */
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { operationFields, termsFields } from '../../commitment/schema.ts';
import {
  assetPattern,
  hashPattern,
  isAsset,
  isBatchId,
  isHash,
  isMoment,
  isOperatorId,
  isPairId,
  type Leg,
} from '../../model/ids.ts';
import type { LeafParts } from '../../commitment/leaf.ts';
import { quickPairLine } from './quick.ts';

export const disclosureFormat = 'tandem/disclosure/1';
/** The most bytes of a line. A pair with every field disclosed has about 3,000; a note can be long. */
export const maxLineBytes = 262_144;
/** The most bytes of a batch's pair lines. 4,096 of them with every field have about 16 MB. */
const maxSectionBytes = 268_435_456;

const hash = z
  .string()
  .refine(isHash, 'expected 0x and 64 lower-case hex digits')
  .meta({ pattern: hashPattern.source });
const batchId = z
  .string()
  .refine(isBatchId, 'expected 0x and 64 lower-case hex digits')
  .meta({ pattern: hashPattern.source });
const operatorId = z
  .number()
  .refine(isOperatorId, 'expected an operator id')
  .meta({ type: 'integer', minimum: 1, maximum: 0xffffffff });
const block = z.number().int().min(0);
const count = z.number().int().min(0);
const decimal = z.string().regex(/^(?:0|[1-9][0-9]{0,77})$/, 'expected decimal digits');
/** Minor units, below zero with `-`. */
const signedAmountPattern = /^(?:0|-?[1-9][0-9]{0,37})$/;

export const headerSchema = z.strictObject({
  type: z.literal('header'),
  format: z.literal(disclosureFormat),
  chainId: decimal,
  contract: z.string().regex(/^0x[0-9a-f]{40}$/, 'expected 0x and 40 lower-case hex digits'),
  operator: operatorId,
  /** Batches prepared in these blocks, both included. */
  from: block,
  to: block,
  policy: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected a lower-case name'),
});

export const batchLineSchema = z.strictObject({
  type: z.literal('batch'),
  batchId,
  batch: z.strictObject({
    initiator: operatorId,
    acceptor: operatorId,
    sequence: decimal,
    deadline: z.number().int().min(0),
    count: z.number().int().min(1).max(4096),
    root: hash,
  }),
  /** The block that it was prepared in, as the operator has it. */
  prepared: block,
  /** With it the executed digest recomputes (protocol §4). */
  secret: hash,
  /**
   * The operator's last applied final block when the section was written: postings of later decisions may not be in it.
   */
  asOf: z.strictObject({ number: block, hash }),
  /** Bytes of the pair lines that follow, their line feeds included: a reader can step over them. */
  bytes: count.max(maxSectionBytes),
  pairs: z.number().int().min(0).max(4096),
});

export const endSchema = z.strictObject({
  type: z.literal('end'),
  batches: count,
  pairs: count,
  /** What the file's operator owes (above zero) or is owed by each other operator from this file's postings. */
  positions: z.array(
    z.strictObject({
      operator: operatorId,
      asset: z.string().refine(isAsset, 'expected an asset').meta({ pattern: assetPattern.source }),
      amount: z.string().regex(signedAmountPattern),
    }),
  ),
});

export type HeaderLine = z.output<typeof headerSchema>;
export type BatchLine = z.output<typeof batchLineSchema>;
export type EndLine = z.output<typeof endSchema>;

/** One booking of the pair in the operator's ledger; a pair that was executed once has one a leg. */
export interface PostingLine {
  readonly leg: Leg;
  readonly id: string;
  /** RFC 3339 UTC with seconds. */
  readonly booked: string;
  readonly asset: string;
  /** What the customer's account got (above zero) or gave (below zero), in minor units. */
  readonly amount: string;
}

/** A record is as in an evidence bundle: for each field of its schema its disclosure, or its bare digest. */
export interface PairLine {
  readonly type: 'pair';
  readonly index: number;
  readonly leaf: LeafParts;
  readonly terms: readonly string[];
  readonly first?: readonly string[];
  readonly second?: readonly string[];
  readonly postings: readonly PostingLine[];
}

/** Keys in their order, which is all that RFC 8785 asks of what a pair line can hold: there are two for each pair. */
function encodePair({ index, leaf, terms, first, second, postings }: PairLine): string {
  return JSON.stringify({
    ...(first === undefined ? {} : { first }),
    index,
    leaf: { first: leaf.first, pair: leaf.pair, second: leaf.second, terms: leaf.terms },
    postings: postings.map(({ amount, asset, booked, id, leg }) => ({ amount, asset, booked, id, leg })),
    ...(second === undefined ? {} : { second }),
    terms,
    type: 'pair',
  });
}

/** The text of a line, with its line feed. */
export function encodeLine(line: HeaderLine | BatchLine | PairLine | EndLine): string {
  if (line.type === 'pair') return `${encodePair(line)}\n`;
  const text = canonicalize(line);
  if (text === undefined) throw new TypeError('a line has a JSON text');
  return `${text}\n`;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };
const refuse = (reason: string) => ({ ok: false, reason }) as const;

/** A header, batch or end line, without its line feed. */
export function parseLine<T extends HeaderLine | BatchLine | EndLine>(schema: z.ZodType<T>, text: string): Parsed<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`it is not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(issue === undefined ? 'it has another form' : `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  }
  return canonicalize(parsed.data) === text
    ? { ok: true, value: parsed.data }
    : refuse('it is not canonical JSON (RFC 8785)');
}

const keysOf = (value: object): string => Object.keys(value).join();
const pairKeys = new Set(
  ['', 'first', 'second', 'first second'].map((records) => {
    const present = records.split(' ').filter((name) => name !== '');
    return [...present, 'index', 'leaf', 'postings', 'terms', 'type'].sort().join();
  }),
);
const leafKeys = 'first,pair,second,terms';
const postingKeys = 'amount,asset,booked,id,leg';
const entryPattern = /^(?:0x[0-9a-f]{64}|[A-Za-z0-9_-]{43,})$/;
const postingId = /^[\x21-\x7e]{1,128}$/;

const isEntries = (value: unknown, length: number): boolean =>
  Array.isArray(value) &&
  value.length === length &&
  value.every((entry) => typeof entry === 'string' && entryPattern.test(entry));

function isPosting(value: unknown): value is PostingLine {
  if (typeof value !== 'object' || value === null || keysOf(value) !== postingKeys) return false;
  const { leg, id, booked, asset, amount } = value as Record<string, unknown>;
  return (
    (leg === 'first' || leg === 'second') &&
    typeof id === 'string' &&
    postingId.test(id) &&
    typeof booked === 'string' &&
    isMoment(booked) &&
    typeof asset === 'string' &&
    isAsset(asset) &&
    typeof amount === 'string' &&
    signedAmountPattern.test(amount)
  );
}

/** A pair line, without its line feed. By hand instead of by schema: there are two for each pair of the consortium. */
export function parsePairLine(text: string): Parsed<PairLine> {
  const quick = quickPairLine(text);
  return quick === undefined ? parseOddPairLine(text) : { ok: true, value: quick };
}

/** Any pair line: says what is wrong with one. */
export function parseOddPairLine(text: string): Parsed<PairLine> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`it is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || !pairKeys.has(keysOf(value))) return refuse('it is no pair line');
  const line = value as Record<keyof PairLine, unknown>;
  const { leaf, index, postings } = line;
  if (line.type !== 'pair') return refuse('it is no pair line');
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 4095) return refuse('its index');
  if (typeof leaf !== 'object' || leaf === null || keysOf(leaf) !== leafKeys) return refuse('its leaf');
  const { pair, terms, first, second } = leaf as Record<string, unknown>;
  const isText = (part: unknown): part is string => typeof part === 'string';
  if (!isText(pair) || !isPairId(pair)) return refuse('leaf.pair is no pairId');
  if (![terms, first, second].every((part) => isText(part) && isHash(part))) return refuse('its leaf has no hashes');
  if (!isEntries(line.terms, termsFields.length)) return refuse('its terms');
  for (const leg of ['first', 'second'] as const) {
    if (line[leg] !== undefined && !isEntries(line[leg], operationFields.length)) return refuse(`its ${leg} record`);
  }
  if (!Array.isArray(postings) || !postings.every(isPosting)) return refuse('its postings');
  // What was understood, written again: nothing beside it can hide in the text, and keys come in order.
  return JSON.stringify(value) === text
    ? { ok: true, value: value as PairLine }
    : refuse('it is not canonical JSON (RFC 8785)');
}
