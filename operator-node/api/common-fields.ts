/**
 * Fields that several resources have: each is checked with its pattern, which makes the branded type (model/ids.ts), and
 * openapi.json shows the same. A schema says everything that JSON Schema can say; what it cannot (lone surrogates) stands
 * in its description.
 */
import { z } from 'zod';
import {
  amountPattern,
  assetPattern,
  hashPattern,
  msisdnPattern,
  pairIdPattern,
  timestampPattern,
  type Amount,
  type Asset,
  type BatchId,
  type Msisdn,
  type OperatorId,
  type PairId,
  type Timestamp,
} from '../model/ids.ts';

/** Unicode code points, as JSON Schema counts. */
export const maxTextCharacters = 4_096;

export const say = (what: string) => (issue: { readonly input: unknown }) =>
  issue.input === undefined ? 'is missing' : `must be ${what}`;

const codePoints = (text: string) => (text.length <= maxTextCharacters ? text.length : [...text].length);

/** A field with a format of its own. */
export const format = <T extends string>(pattern: RegExp, what: string, example: string): z.ZodType<T, string> =>
  z
    .string({ error: say('a string') })
    .regex(pattern, `must be ${what}`)
    .meta({ description: what, examples: [example] }) as unknown as z.ZodType<T, string>;

/** Text that people wrote or will read: no lone surrogate, since it could not be hashed as UTF-8 (protocol §4). */
export const prose = (min: number, max: number) =>
  z
    .string({ error: say('a string') })
    .refine((text) => text.isWellFormed(), {
      error: 'has a lone surrogate: send well-formed Unicode',
      abort: true,
    })
    .refine((text) => text.length >= min, `must have at least ${min} character`)
    .refine((text) => text.length <= max || codePoints(text) <= max, {
      error: (issue) => `must have at most ${max} characters, has ${codePoints(String(issue.input))}`,
    })
    .meta({ minLength: min, maxLength: max, description: 'Well-formed Unicode; a lone surrogate is refused.' });

export const msisdn = format<Msisdn>(msisdnPattern, 'a number in E.164 with its plus sign', '+46701234567');
export const pairId = format<PairId>(
  pairIdPattern,
  'a UUIDv7, lower-case with hyphens',
  '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77',
);
export const batchId = format<BatchId>(hashPattern, '0x and 64 lower-case hex digits', `0x${'5f'.repeat(32)}`);
export const asset = format<Asset>(assetPattern, 'an ISO 4217 code or <operatorId>:<CODE>', 'SEK');
export const amount = format<Amount>(amountPattern, 'an amount in minor units as decimal text', '12000');
export const positiveAmount = format<Amount>(
  /^[1-9][0-9]{0,37}$/,
  'an amount above 0 in minor units as decimal text',
  '12000',
);
/** A balance that can be below zero: a position, or an account after an execution without a hold (rule 4). */
export const signed = (what: string) =>
  z
    .string()
    .regex(/^(?:0|-?[1-9][0-9]{0,37})$/)
    .meta({ description: `Minor units; ${what}.` });
export const timestamp = format<Timestamp>(timestampPattern, 'RFC 3339 in UTC with seconds', '2026-11-23T10:00:00Z');
export const id = format<string>(/^[\x20-\x7e]{1,128}$/, '1 to 128 printable ASCII characters', 'sms-000017');
export const operatorId = z.number().int().min(1).max(0xffffffff) as unknown as z.ZodType<OperatorId, number>;
export const counterparty = format<string>(
  /^(?:[1-9][0-9]{0,9}|[a-z][a-z0-9-]{1,31})$/,
  'the id or the handle of an operator',
  'borealis',
);
export const blockNumber = z.number().int().min(0);
export const leafIndex = z.number().int().min(0).max(4095);
export const hash = z.string().meta({ description: '0x and 64 hex digits' });
/** Who of the staff, and why: both go into the journal. */
export const signature = {
  by: z.string().trim().min(1).max(200),
  because: z.string().trim().min(1).max(2000),
};

export const byNumber = z.strictObject({ number: msisdn });
export const byPair = z.strictObject({ id: pairId });
export const errorBody = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) });

const policy = format<string>(/^[a-z][a-z0-9-]{0,31}$/, 'the name of a disclosure policy', 'regulator-minimum');
/** To whom something is disclosed, under which policy of the configuration, and why: journaled with every disclosure. */
export const disclosing = {
  policy,
  recipient: prose(1, 200),
  reason: prose(1, 400),
};
export interface Disclosing {
  readonly policy: string;
  readonly recipient: string;
  readonly reason: string;
}
export const requestPattern = /^[1-9][0-9]{0,14}$/;
/** The request in the AuditLog that an auditor's access is about. */
export const filed = format<string>(requestPattern, 'the number of a request in the AuditLog', '17').optional();
