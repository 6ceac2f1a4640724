/** The two records of protocol §4: tags, fields in their order, and the format of each value. */
import { isAsset, isMoment, isMsisdn, isPairId } from '../model/ids.ts';
import type { OperationRecord, Terms } from '../model/records.ts';

export const termsTag = 'tandem/terms/1';
export const operationTag = 'tandem/operation/1';

export const termsFields = [
  'pair',
  'service',
  'firstAsset',
  'firstAmount',
  'secondAsset',
  'secondAmount',
  'initiator',
  'acceptor',
  'created',
  'deadline',
  'reverses',
] as const satisfies readonly (keyof Terms)[];

export const operationFields = [
  'pair',
  'leg',
  'operator',
  'domain',
  'action',
  'account',
  'subject',
  'asset',
  'amount',
  'counterparty',
  'detail',
  'heldAt',
] as const satisfies readonly (keyof OperationRecord)[];

export type TermsField = (typeof termsFields)[number];
export type OperationField = (typeof operationFields)[number];

export interface Format {
  readonly what: string;
  readonly test: (value: string) => boolean;
}

const oneOf = (...values: string[]): Format => ({
  what: `one of ${values.join(', ')}`,
  test: (value) => values.includes(value),
});
const decimalBelow = (limit: bigint, least: bigint, what: string): Format => ({
  what,
  test: (value) => /^(?:0|[1-9][0-9]{0,19})$/.test(value) && BigInt(value) >= least && BigInt(value) < limit,
});

const pairId: Format = { what: 'a UUIDv7, lower-case, hyphenated', test: isPairId };
const name: Format = { what: 'a lower-case name', test: (value) => /^[a-z][a-z0-9-]{0,31}$/.test(value) };
const asset: Format = { what: 'an ISO 4217 code or <operatorId>:<CODE>', test: isAsset };
// Without the bound of 38 digits that messages have: §4 has none.
const amount: Format = { what: 'an amount in minor units', test: (value) => /^(?:0|[1-9][0-9]*)$/.test(value) };
const operatorId = decimalBelow(2n ** 32n, 1n, 'an operator id');
const unixSeconds = decimalBelow(2n ** 40n, 0n, 'unix seconds');
const timestamp: Format = {
  what: 'RFC 3339 UTC with seconds',
  test: isMoment,
};
const msisdn: Format = { what: 'a number in E.164 with its plus sign', test: isMsisdn };
const text: Format = { what: 'well-formed text', test: (value) => value.isWellFormed() };
const digest: Format = {
  what: 'the base64url of 32 bytes',
  test: (value) => /^[A-Za-z0-9_-]{43}$/.test(value) && Buffer.from(value, 'base64url').toString('base64url') === value,
};

export const termsFormats: Readonly<Record<TermsField, Format>> = {
  pair: pairId,
  service: name,
  firstAsset: asset,
  firstAmount: amount,
  secondAsset: asset,
  secondAmount: amount,
  initiator: operatorId,
  acceptor: operatorId,
  created: timestamp,
  deadline: unixSeconds,
  reverses: { what: 'a UUIDv7 or nothing', test: (value) => value === '' || isPairId(value) },
};

export const operationFormats: Readonly<Record<OperationField, Format>> = {
  pair: pairId,
  leg: oneOf('first', 'second'),
  operator: operatorId,
  domain: name,
  action: oneOf('debit', 'credit', 'sell', 'issue', 'redeem'),
  account: text,
  subject: msisdn,
  asset,
  amount,
  counterparty: digest,
  detail: text,
  heldAt: timestamp,
};
