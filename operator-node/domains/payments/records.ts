/**
 * What the payments ledger keeps. Amounts are decimal minor units; one that can be below zero is signed text. The journal
 * is in the records themselves: each operation and each cash movement carries the entries that it has made.
 */
import type { Amount, Asset, OperatorId, UnixMillis, UserId } from '../../model/ids.ts';
import { table } from '../../store/store.ts';
import type { Operation } from '../domain.ts';

/** Decimal minor units, `-` in front when below zero. */
export type SignedAmount = string;

export interface Account {
  readonly status: 'open' | 'closed';
  /** Free to use. Below zero only after a commit without a hold. */
  readonly balance: SignedAmount;
  /** Set aside for prepared operations. */
  readonly held: Amount;
  /** UTC day, counted from 1970, that `spent` is of; it never goes back. */
  readonly day: number;
  /** Debits held or committed on that day, without fees. */
  readonly spent: Amount;
}

/**
 * Between this operator and another. `balance` above zero: this operator owes it; a debit of a user here raises it, a
 * credit lowers it. `debits` and `credits` are on hold: where the balance can still go, up and down.
 */
export interface Position {
  readonly balance: SignedAmount;
  readonly debits: Amount;
  readonly credits: Amount;
}

/**
 * One change of an account in the journal. Accounts: `user:<userId>` (balance), `held:<userId>`, `position:<operator>`,
 * `fees` (income), `cash` (counter-account of deposits and withdrawals), `settlement` (this operator's money at banks, out of
 * which and into which positions are paid).
 */
export type Line = readonly [account: string, amount: SignedAmount];

/** Lines of one asset; at least two; their sum is zero. */
export interface Entry {
  readonly kind: 'hold' | 'release' | 'commit' | 'fee' | 'deposit' | 'withdrawal' | 'discharge';
  readonly at: UnixMillis;
  readonly lines: readonly Line[];
}

export type Content = Omit<Operation, 'pair' | 'leg'>;

/** One leg of a pair in this ledger. */
export interface PaymentRecord {
  /**
   * `held`: from hold until commit or release. `committed`: for good. `released`: until the chain commits it all the
   * same, if ever.
   */
  readonly state: 'held' | 'committed' | 'released';
  readonly content: Content;
  /** The UTC day that its debit counts for; see Account. */
  readonly day: number;
  readonly withoutHold: boolean;
  readonly bookedAt?: UnixMillis;
  /** In the order in which they were made. */
  readonly entries: readonly Entry[];
}

export interface CashRecord {
  readonly kind: 'deposit' | 'withdrawal';
  readonly user: UserId;
  readonly asset: Asset;
  readonly amount: Amount;
  readonly reason: string;
  /** The account's balance afterwards, with which a repetition of the movement is answered. */
  readonly balance: SignedAmount;
  readonly entry: Entry;
}

/** A position paid outside, as a window's statement says; the statement is its key, so it is booked once. */
export interface DischargeRecord {
  readonly operator: OperatorId;
  readonly asset: Asset;
  /** What came off the position: above zero where this operator paid. */
  readonly amount: SignedAmount;
  /** The window's number. */
  readonly window: number;
  readonly at: UnixMillis;
  readonly entry: Entry;
}

export const accountTable = table<Account>('account');
export const accountListTable = table<readonly Asset[]>('account-list');
export const paymentTable = table<PaymentRecord>('payment');
export const positionTable = table<Position>('position');
export const positionListTable = table<readonly (readonly [OperatorId, Asset])[]>('position-list');
export const internalTable = table<SignedAmount>('internal');
export const cashTable = table<CashRecord>('cash');
/** Key: the digest of the window's statement. */
export const dischargeTable = table<DischargeRecord>('discharge');

/** Also the account's name in operation records. */
export const accountKey = (user: UserId, asset: Asset): string => `${user}/${asset}`;
export const positionKey = (operator: OperatorId, asset: Asset): string => `${operator}/${asset}`;

const dayMillis = 86_400_000;
export const utcDay = (now: UnixMillis): number => Math.floor(now / dayMillis);
