/**
 * The opening of an operator's answer to a request for disclosure: what it handed over, by hashes, with the salt of the
 * digest that the AuditLog has. Canonical JSON (RFC 8785). `docs/audit-formats.md` describes it; this is the one definition.
 */
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { isOperatorId } from '../model/ids.ts';
import { parseBounded } from './bounded.ts';

/** Some hundred thousand files and texts. */
const maxAnswerValues = 1_000_000;

const answerFormat = 'tandem/answer/1';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');

export const answerSchema = z.strictObject({
  format: z.literal(answerFormat),
  chainId: z.string().regex(/^[1-9][0-9]{0,77}$/, 'expected decimal digits'),
  auditLog: z.string().regex(/^0x[0-9a-f]{40}$/, 'expected 0x and 40 lower-case hex digits'),
  operator: z
    .number()
    .refine(isOperatorId, 'expected an operator id')
    .meta({ type: 'integer', minimum: 1, maximum: 0xffffffff }),
  request: z.number().int().min(1),
  salt: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits'),
  files: z.array(sha256),
  texts: z.array(z.strictObject({ bytes: z.number().int().min(0), sha256 })),
});

export type AnswerOpening = z.output<typeof answerSchema>;

export function parseAnswer(
  text: string,
): { readonly ok: true; readonly opening: AnswerOpening } | { readonly ok: false; readonly reason: string } {
  let value: unknown;
  try {
    value = parseBounded(text, maxAnswerValues);
  } catch (error) {
    return { ok: false, reason: `it is not JSON: ${(error as Error).message}` };
  }
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { ok: false, reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it has another form'}` };
  }
  return encodeAnswer(parsed.data) === text
    ? { ok: true, opening: parsed.data }
    : { ok: false, reason: 'it is not canonical JSON (RFC 8785)' };
}

/** @throws {TypeError} for what has no JSON. */
export function encodeAnswer(opening: Omit<AnswerOpening, 'format'>): string {
  const text = canonicalize({ format: answerFormat, ...opening });
  if (text === undefined) throw new TypeError('an opening has a JSON text');
  return text;
}
