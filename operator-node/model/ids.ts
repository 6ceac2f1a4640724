/** Names that must not be mixed up, each a branded string or number. Values are made by the parsers below and nowhere else. */

declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** UUIDv7, lower-case and hyphenated (protocol §4). */
export type PairId = Brand<string, 'PairId'>;
/** `0x` and 64 lower-case hex digits: the EIP-712 digest of a batch (protocol §4). */
export type BatchId = Brand<string, 'BatchId'>;
/** `0x` and 64 lower-case hex digits. */
export type Hash = Brand<string, 'Hash'>;
/** `0x` and an even number of lower-case hex digits. */
export type Hex = Brand<string, 'Hex'>;
/** A member of the consortium: 1 … 2^32−1, never an address. */
export type OperatorId = Brand<number, 'OperatorId'>;
/** A phone number in E.164 with its plus sign, `+46701234567`. */
export type Msisdn = Brand<string, 'Msisdn'>;
/** A customer of this operator; a phone number is only an alias of it. */
export type UserId = Brand<string, 'UserId'>;
/** ISO 4217 code, or `<operatorId>:<CODE>`. */
export type Asset = Brand<string, 'Asset'>;
/** An amount in minor units as decimal text, `^(0|[1-9][0-9]*)$`. Compute with `BigInt(amount)`. */
export type Amount = Brand<string, 'Amount'>;
/** Whole seconds since 1970, UTC. */
export type UnixSeconds = Brand<number, 'UnixSeconds'>;
/** Milliseconds since 1970, UTC. */
export type UnixMillis = Brand<number, 'UnixMillis'>;
/** RFC 3339 UTC with seconds: `2026-11-23T10:00:00Z`. */
export type Timestamp = Brand<string, 'Timestamp'>;

export type Leg = 'first' | 'second';
export type Role = 'initiator' | 'acceptor';

/** One fact with two names: the initiator's user is in the first leg, the acceptor's in the second. */
export const legOf = (role: Role): Leg => (role === 'initiator' ? 'first' : 'second');
export const otherLeg = (leg: Leg): Leg => (leg === 'first' ? 'second' : 'first');
export const otherRole = (role: Role): Role => (role === 'initiator' ? 'acceptor' : 'initiator');

export const pairIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const hashPattern = /^0x[0-9a-f]{64}$/;
export const hexPattern = /^0x(?:[0-9a-f]{2})*$/;
export const msisdnPattern = /^\+[1-9][0-9]{5,14}$/;
export const assetPattern = /^(?:[A-Z]{3}|[1-9][0-9]{0,9}:[A-Z0-9]{1,12})$/;
export const amountPattern = /^(?:0|[1-9][0-9]{0,37})$/;
export const timestampPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

export const isPairId = (text: string): text is PairId => pairIdPattern.test(text);
export const isHash = (text: string): text is Hash => hashPattern.test(text);
export const isBatchId = (text: string): text is BatchId => hashPattern.test(text);
export const isHex = (text: string): text is Hex => hexPattern.test(text);
export const isMsisdn = (text: string): text is Msisdn => msisdnPattern.test(text);
export const isAsset = (text: string): text is Asset => assetPattern.test(text);
export const isAmount = (text: string): text is Amount => amountPattern.test(text);
export const isTimestamp = (text: string): text is Timestamp => timestampPattern.test(text);
/** Has the form of a timestamp and is one: 30 February and 25 o’clock have it and are none. */
export const isMoment = (text: string): text is Timestamp => {
  if (!isTimestamp(text)) return false;
  const millis = Date.parse(text);
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(text.slice(0, 19));
};
export const isOperatorId = (value: number): value is OperatorId =>
  Number.isInteger(value) && value >= 1 && value <= 0xffffffff;

/** @throws {RangeError} when `value` is negative or has more than 38 digits. */
export function toAmount(value: bigint): Amount {
  const text = value.toString();
  if (!isAmount(text)) throw new RangeError(`not an amount in minor units: ${text}`);
  return text;
}

/** The second that `millis` lies in. */
export function toTimestamp(millis: UnixMillis | number): Timestamp {
  return `${new Date(millis).toISOString().slice(0, 19)}Z` as Timestamp;
}

export const toUnixSeconds = (millis: UnixMillis | number): UnixSeconds => Math.floor(millis / 1000) as UnixSeconds;
