/**
 * The port of a private domain: what an operator does for its own users. Every call works inside one store transaction
 * and is idempotent by (pair, leg): the same call again changes nothing and returns the same.
 */
import type { Action } from '../model/records.ts';
import type { Amount, Asset, Leg, OperatorId, PairId, UnixMillis, UserId } from '../model/ids.ts';
import type { Tx, View } from '../store/store.ts';

export interface Operation {
  readonly pair: PairId;
  readonly leg: Leg;
  /** The service's one name in the consortium: pay, request, buy, refund. */
  readonly service: string;
  readonly action: Action;
  readonly user: UserId;
  readonly asset: Asset;
  /** What crosses between the operators. */
  readonly amount: Amount;
  /** Charged to the user on top, a posting of its own; in the same asset. */
  readonly fee: Amount;
  /** The operator of the other user; this operator's own id for an on-us pair. */
  readonly counterparty: OperatorId;
  /** What is sold, for `sell`; a refund says the same as a pay. */
  readonly item?: string;
  /** For a hold that is made again after a loss: the code that the buyer's operator was told. */
  readonly delivers?: string;
}

/** Why a domain will not hold. Peers see none of these but `not-available` (protocol §3). */
export type HoldRefusal =
  | 'no-account'
  | 'account-closed'
  | 'insufficient-funds'
  | 'over-order-limit'
  | 'over-day-limit'
  | 'over-service-limit'
  | 'over-counterparty-limit'
  | 'unknown-item'
  | 'sold-out'
  | 'not-supported';

export type HoldOutcome =
  | {
      readonly ok: true;
      /** The account that the operation is of, for the operation record. */
      readonly account: string;
      /** What the other user receives when the pair is committed (an item's code); inert until then. */
      readonly delivers?: string;
    }
  | { readonly ok: false; readonly code: HoldRefusal; readonly facts: Readonly<Record<string, string>> };

/** One committed operation in the domain's books: the source of bitmap and totals of the executed digest. */
export interface Posting {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly asset: Asset;
  readonly amount: Amount;
  readonly bookedAt: UnixMillis;
}

export interface Quote {
  readonly asset: Asset;
  readonly amount: Amount;
  /** The item as a person reads it. */
  readonly label: string;
}

export interface PrivateDomain {
  readonly name: string;
  readonly actions: readonly Action[];
  /** What a hold would say, without reserving anything or telling a balance: account open, asset, item (rule 1). */
  check(view: View, operation: Operation, now: UnixMillis): HoldOutcome;
  /** Sets aside what the operation needs: from here it can always be committed and always be released. */
  hold(tx: Tx, operation: Operation, now: UnixMillis): HoldOutcome;
  /** Executes; also without a hold (stolen key, rule 4), below zero if need be: then `withoutHold` is true. */
  commit(tx: Tx, operation: Operation, now: UnixMillis): { readonly posting: Posting; readonly withoutHold: boolean };
  /** Gives back what the hold set aside. Nothing held: nothing happens. */
  release(tx: Tx, pair: PairId, leg: Leg, now: UnixMillis): void;
  /** The posting of a committed operation, if there is one. */
  posting(view: View, pair: PairId, leg: Leg): Posting | undefined;
  /** The price of an item that `user` sells; undefined where it sells no such thing. */
  quote?(view: View, user: UserId, item: string): Quote | undefined;
}
