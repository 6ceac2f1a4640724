/** A statement of a position account: what the three formats are written from. */
import type { Asset, OperatorId, UnixMillis } from '../model/ids.ts';
import type { PositionEntry } from './entries.ts';
import type { Reference } from './ids.ts';

/** An operator as banks know it. */
export interface Institution {
  readonly operator: OperatorId;
  readonly name: string;
  /** ISO 9362. */
  readonly bic?: string | undefined;
  /** ISO 17442. */
  readonly lei?: string | undefined;
}

/**
 * The account that `owner` has with `servicer`: a credit balance is what the servicer owes the owner. Each of two
 * operators keeps one for the other; the same pair is a credit in one and a debit in the other.
 */
export interface Statement {
  readonly reference: Reference;
  readonly servicer: Institution;
  readonly owner: Institution;
  readonly asset: Asset;
  readonly exponent: number;
  /** The first millisecond of the period. */
  readonly from: UnixMillis;
  /** The first millisecond after it. */
  readonly to: UnixMillis;
  readonly created: UnixMillis;
  /** Minor units; above zero is in credit. So are the entries. */
  readonly opening: bigint;
  readonly entries: readonly PositionEntry[];
  readonly closing: bigint;
}

/** Has at most the 34 characters of an account identification. */
export const accountOf = ({ servicer, owner, asset }: Pick<Statement, 'servicer' | 'owner' | 'asset'>): string =>
  `tandem:${servicer.operator}:${owner.operator}:${asset}`;

/** RFC 3339 in UTC with milliseconds: bookings have them. */
export const instant = (at: number): string => new Date(at).toISOString();

/** The last moment of the period: ISO 20022 periods include their end. */
export const lastInstant = ({ to }: Pick<Statement, 'to'>): string => instant(to - 1);
