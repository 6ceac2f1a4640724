/** The form of a devnet's description (docs/devnet.md), before anything in it is compared with anything else. */
import { z } from 'zod';
import { isAsset, isMsisdn } from '../../operator-node/model/ids.ts';

/** What is absent is said to be missing; what is there and wrong, as `expected` says. */
const say =
  (expected: string) =>
  ({ input }: { readonly input?: unknown }): string | undefined =>
    input === undefined ? undefined : `expected ${expected}`;

const text = (pattern: RegExp | ((value: string) => boolean), expected: string) =>
  z
    .string({ error: say(expected) })
    .refine((value) => (pattern instanceof RegExp ? pattern.test(value) : pattern(value)), `expected ${expected}`);

const msisdn = text(isMsisdn, "a number in E.164 in quotes, such as '+46701740611'");
const prefix = text(/^\+[1-9][0-9]{0,14}$/, "the leading digits of its numbers in quotes, such as '+4670174'");
const asset = text(isAsset, 'a currency by its ISO 4217 code, or <operatorId>:<CODE>');
const handle = text(/^[a-z][a-z0-9-]{1,31}$/, 'a handle of 2 to 32 lower-case letters, digits and hyphens');
const label = (expected: string) => text(/^.{1,80}$/su, `${expected} of 1 to 80 characters`);
const language = text(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en');
const amountPattern = /^[0-9]{1,24}(?:\.[0-9]{1,18})?$/;
/** So many digits a number of YAML holds exactly. */
const exactDigits = 15;

/** In the currency's own unit, as text. */
const amount = z.unknown().transform((value, context): string => {
  const written = typeof value === 'number' ? String(value) : value;
  if (value === undefined) context.addIssue('is missing');
  else if (typeof written !== 'string' || !amountPattern.test(written)) {
    context.addIssue('expected an amount such as 120 or 12.50');
  } else if (typeof value === 'number' && written.replace('.', '').length > exactDigits) {
    context.addIssue(`has more than ${exactDigits} digits: write it in quotes`);
  } else return written;
  return z.NEVER;
});

const currency = z.union([asset, z.strictObject({ asset, exponent: z.number().int().min(0).max(18) })], {
  error: say('an ISO 4217 code, or { asset, exponent } for anything else'),
});

const operator = z.strictObject({
  handle,
  /** How staff calls it; by default the handle. */
  name: label('a name').optional(),
  serviceNumber: msisdn,
  /** Leading digits of the numbers that are its own; the longest that fits counts. */
  numbers: z.array(prefix, { error: say('a list of leading digits') }).min(1, 'expected at least one range'),
  /** Those of its ranges that are given to machines only. */
  machines: z.array(prefix, { error: say('a list of leading digits') }).default([]),
  currencies: z.array(currency, { error: say('a list of currencies') }).min(1, 'expected at least one currency'),
  /** Of its users who have none of their own. */
  language: language.optional(),
});

const codes = z.union(
  [
    z.array(label('a code')),
    z.strictObject({
      prefix: text(/^[A-Z0-9]{1,16}$/, 'capitals and digits'),
      count: z.number().int().min(0).max(1000),
    }),
  ],
  { error: say('a list of codes, or { prefix, count }') },
);

const user = z.strictObject({
  name: label('a name'),
  number: msisdn,
  operator: handle,
  language: language.optional(),
  kind: z.enum(['person', 'machine'], { error: say('person or machine') }).default('person'),
  /** False: must send JOIN first. */
  joined: z.boolean({ error: say('true or false') }).default(true),
  /** By default a machine does, a person does not. */
  autoAccept: z.boolean({ error: say('true or false') }).optional(),
  /** The number came from another operator: it may lie outside of its operator's ranges. */
  ported: z.boolean({ error: say('true or false') }).default(false),
  /** The first is what an amount without a currency is in. */
  accounts: z.record(asset, amount, { error: say('amounts by currency, such as { SEK: 5000 }') }),
  goods: z
    .array(
      z.strictObject({
        item: label('what is written after BUY, in quotes,'),
        label: label('what it is called'),
        price: amount,
        /** By default that of the first account. */
        currency: asset.optional(),
        codes,
      }),
      { error: say('a list of goods') },
    )
    .default([]),
});

export const descriptionSchema = z.strictObject({
  /** A recorded conversation of these users, relative to this file. */
  recording: z.string({ error: say('the name of a file') }).optional(),
  operators: z.array(operator, { error: say('a list of operators') }),
  users: z.array(user, { error: say('a list of users') }),
});

export type RawDescription = z.output<typeof descriptionSchema>;
export type RawOperator = RawDescription['operators'][number];
export type RawUser = RawDescription['users'][number];
