/**
 * An excerpt of an operator's journal, version 1: the entries of one pair, and the path of digests from them to a head that
 * AuditLog has. The other entries on the path stand with number, time, kind and digest, so nobody else's words are in it.
 * Canonical JSON (RFC 8785): an excerpt has exactly one text. `docs/audit-formats.md` describes it; this is the one definition.
 */
import canonicalize from 'canonicalize';
import { hash } from 'node:crypto';
import { z } from 'zod';
import { hashPattern, isHash, isOperatorId, isPairId, pairIdPattern } from '../../model/ids.ts';
import { parseBounded } from '../bounded.ts';

export const excerptFormat = 'tandem/journal/1';
/** Some half a million entries on the path. */
export const maxExcerptBytes = 67_108_864;
export const maxPathEntries = 400_000;
const maxEntries = 1_000;
/** Four to an entry on the path, some to each entry of the pair. */
const maxExcerptValues = 5 * maxPathEntries + 8 * maxEntries;

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
const count = z.number().int().min(1);
const millis = z.number().int().min(0);
const kind = z.string().regex(/^[a-z]{1,32}$/, 'expected a kind of entry');

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** `salt` in hex, `payload` as JSON text (protocol §7). */
export const payloadDigestOf = (salt: string, payload: string): string =>
  hash('sha256', Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from(payload)]), 'hex');

const prefix = Buffer.from('tandem/journal/1\0');

/** The hash of an entry from that of the one before (protocol §7). */
function chainHash(before: string, sequence: number, at: number, of: string, payloadDigest: string): string {
  const told = Buffer.from(JSON.stringify([sequence, at, of, payloadDigest]));
  return hash('sha256', Buffer.concat([prefix, Buffer.from(before, 'hex'), told]), 'hex');
}

export const excerptSchema = z.strictObject({
  format: z.literal(excerptFormat),
  chainId: z.string().regex(/^[1-9][0-9]{0,77}$/, 'expected decimal digits'),
  auditLog: z.string().regex(/^0x[0-9a-f]{40}$/, 'expected 0x and 40 lower-case hex digits'),
  operator: z
    .number()
    .refine(isOperatorId, 'expected an operator id')
    .meta({ type: 'integer', minimum: 1, maximum: 0xffffffff }),
  pair: z
    .string()
    .refine(isPairId, 'expected a UUIDv7, lower-case, hyphenated')
    .meta({ pattern: pairIdPattern.source }),
  /** The hash of the entry before the first one here; zeros before the journal's first. */
  before: digest,
  /** The entries of the pair, in their order. */
  entries: z
    .array(
      z.strictObject({
        sequence: count,
        /** Unix milliseconds, by the node's clock. */
        at: millis,
        kind,
        /** The JSON text that the digest is of. */
        payload: z.string().max(65_536).refine(isObject, 'expected the JSON text of an object'),
        salt: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits'),
      }),
    )
    .min(1)
    .max(maxEntries),
  /** The entries between them and up to the anchored head: number, time, kind, digest of the payload. */
  path: z.array(z.tuple([count, millis, kind, digest])).max(maxPathEntries),
  anchor: z.strictObject({
    entry: count,
    head: z.string().refine(isHash, 'expected 0x and 64 lower-case hex digits').meta({ pattern: hashPattern.source }),
    block: z.strictObject({
      number: z.number().int().min(0),
      hash: z.string().refine(isHash, 'expected 0x and 64 lower-case hex digits').meta({ pattern: hashPattern.source }),
      timestamp: z.number().int().min(0),
    }),
  }),
});

export type Excerpt = z.output<typeof excerptSchema>;

/** @throws {TypeError} for what has no JSON. */
export function encodeExcerpt(excerpt: Excerpt): string {
  const text = canonicalize(excerpt);
  if (text === undefined) throw new TypeError('an excerpt has a JSON text');
  return text;
}

/** Whether a text says of itself that it is one. */
export const saysExcerpt = (text: string): boolean => text.includes(`"format":"${excerptFormat}"`);

export function parseExcerpt(
  text: string,
): { readonly ok: true; readonly excerpt: Excerpt } | { readonly ok: false; readonly reason: string } {
  const refuse = (reason: string) => ({ ok: false, reason }) as const;
  if (text.length > maxExcerptBytes) return refuse(`it has more than ${maxExcerptBytes} bytes`);
  let value: unknown;
  try {
    value = parseBounded(text, maxExcerptValues);
  } catch (error) {
    return refuse(`it is not JSON of an excerpt: ${(error as Error).message}`);
  }
  const parsed = excerptSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(issue === undefined ? 'it has another form' : `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  }
  return encodeExcerpt(parsed.data) === text
    ? { ok: true, excerpt: parsed.data }
    : refuse('it is not canonical JSON (RFC 8785)');
}

/** The head that the excerpt leads to, or where it does not go on. */
export function headOf({ before, entries, path, anchor }: Excerpt): { readonly hash: string } | { fault: string } {
  type Step = Excerpt['path'][number];
  const shown = entries.map(({ sequence, at, kind: of, payload, salt }): Step => {
    return [sequence, at, of, payloadDigestOf(salt, payload)];
  });
  const steps = [...shown, ...path].sort(([a], [b]) => a - b);
  let head = before;
  let expected = steps[0]?.[0] ?? 0;
  for (const [sequence, at, of, payloadDigest] of steps) {
    if (sequence !== expected) return { fault: `entry ${expected} is missing: ${sequence} is next` };
    head = chainHash(head, sequence, at, of, payloadDigest);
    expected += 1;
  }
  if (expected !== anchor.entry + 1) return { fault: `it ends at entry ${expected - 1}; anchored is ${anchor.entry}` };
  return { hash: head };
}
