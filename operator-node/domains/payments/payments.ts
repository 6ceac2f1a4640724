/**
 * Payment accounts: a double-entry ledger behind the domain port. An operation is one record a (pair, leg), in one of
 * four states; what each call does in each of them:
 *
 * |         | (none)                 | held                     | committed | released                  |
 * |---------|------------------------|--------------------------|-----------|---------------------------|
 * | hold    | sets aside, or refuses | as before                | as before | refuses (`not-supported`) |
 * | commit  | books from the balance | books from what is held  | as before | books from the balance    |
 * | release | nothing                | gives back               | nothing   | nothing                   |
 *
 * A refusal is not kept: the same hold later is judged afresh. Booking from the balance is `withoutHold`: the chain has
 * decided (rule 4), so it happens, below zero and without an open account if need be. Other content under a known
 * (pair, leg) is a conflict, which is thrown.
 */
import { TandemError } from '../../errors.ts';
import type { Asset, Leg, OperatorId, PairId, UnixMillis, UserId } from '../../model/ids.ts';
import type { Tx, View } from '../../store/store.ts';
import type { HoldOutcome, Operation, PrivateDomain } from '../domain.ts';
import { moveCash, type Movement, type MovementResult } from './cash.ts';
import { bookDischarge, type Discharge } from './discharge.ts';
import { accountOf, changeAccount, openAccount, positionOf } from './ledger.ts';
import { overCounterparty, overDay, overOrder, overService, refuse, type Limits, type Refusal } from './limits.ts';
import { paymentsKind } from '../kinds.ts';
import { execute, giveBack, paymentOf, postingOf, samePaymentOf, setAside } from './operations.ts';
import { accountKey, accountListTable, positionListTable, type PaymentRecord, type SignedAmount } from './records.ts';

export interface PaymentsConfig {
  /** This operator: between its own users there is no counterparty and no limit for one. */
  readonly operator: OperatorId;
  readonly limits: Limits;
}

export interface Balance {
  readonly asset: Asset;
  /** Free to use. */
  readonly balance: SignedAmount;
  readonly held: SignedAmount;
}

export interface PositionView {
  readonly operator: OperatorId;
  readonly asset: Asset;
  /** Above zero: this operator owes the other. */
  readonly balance: SignedAmount;
}

export interface Exposure {
  readonly operator: OperatorId;
  readonly asset: Asset;
  /** What this operator may come to owe, and to be owed. */
  readonly owes: bigint;
  readonly owed: bigint;
}

/** Minor units; above zero: this operator owes more. */
export interface Moved {
  readonly asset: Asset;
  readonly amount: bigint;
}

export interface PaymentsDomain extends PrivateDomain {
  /** Opens an account, or a closed one again; an open one stays as it is. */
  openAccount(tx: Tx, user: UserId, asset: Asset): void;
  /** Holds and cash movements are refused from now on; what is on hold still ends as decided. @throws `not-found` */
  closeAccount(tx: Tx, user: UserId, asset: Asset): void;
  /** See `cash.ts` for what is refused. */
  deposit(tx: Tx, movement: Movement, now: UnixMillis): MovementResult;
  withdraw(tx: Tx, movement: Movement, now: UnixMillis): MovementResult;
  /** All accounts of a user, in the order in which they were opened. */
  balances(view: View, user: UserId): readonly Balance[];
  /** With every other operator that there was ever anything with. */
  positions(view: View): readonly PositionView[];
  /** How far a position can go when everything on hold is booked, in minor units; never below zero. */
  exposures(view: View): readonly Exposure[];
  /** What an operation's bookings have made of the position with that operator: as the journal has them, one a booking. */
  moved(view: View, pair: PairId, leg: Leg, operator: OperatorId): readonly Moved[];
  /** See `discharge.ts`; true if this call booked it. */
  discharge(tx: Tx, discharge: Discharge, now: UnixMillis): boolean;
  /** The operation with its journal entries. */
  payment(view: View, pair: PairId, leg: Leg): PaymentRecord | undefined;
}

/** What the bookings of that leg have made of the position with `operator`, by asset. */
function movedOf(view: View, pair: PairId, leg: Leg, operator: OperatorId): ReturnType<PaymentsDomain['moved']> {
  const record = paymentOf(view, pair, leg);
  if (record === undefined) return [];
  const account = `position:${operator}`;
  return record.entries
    .filter(({ kind }) => kind === 'commit')
    .flatMap(({ lines }) => lines.filter(([name]) => name === account))
    .map(([, amount]) => ({ asset: record.content.asset, amount: BigInt(amount) }));
}

/** Every position with another operator, by its asset. */
const othersOf = (view: View, self: OperatorId): (readonly [operator: OperatorId, asset: Asset])[] =>
  (view.get(positionListTable, 'all') ?? []).filter(([operator]) => operator !== self);

/** What the position becomes at most, either way, when everything on hold is booked. */
function exposureOf(view: View, operator: OperatorId, asset: Asset): ReturnType<PaymentsDomain['exposures']>[number] {
  const { balance, debits, credits } = positionOf(view, operator, asset);
  const atLeastNothing = (amount: bigint): bigint => (amount > 0n ? amount : 0n);
  return {
    operator,
    asset,
    owes: atLeastNothing(BigInt(balance) + BigInt(debits)),
    owed: atLeastNothing(BigInt(credits) - BigInt(balance)),
  };
}

export function createPayments(config: PaymentsConfig): PaymentsDomain {
  return {
    ...paymentsKind,

    check: (view, operation) =>
      recalled(view, operation) ?? judge(view, config, operation, undefined) ?? accepted(operation),

    hold: (tx, operation, now) => {
      const answer = recalled(tx, operation) ?? judge(tx, config, operation, now);
      if (answer !== undefined) return answer;
      setAside(tx, operation, now);
      return accepted(operation);
    },

    commit: (tx, operation, now) => {
      const { pair, leg, asset, amount } = operation;
      const before = samePaymentOf(tx, operation);
      const record = before?.state === 'committed' ? before : execute(tx, operation, before, now);
      return {
        posting: { pair, leg, asset, amount, bookedAt: record.bookedAt ?? now },
        withoutHold: record.withoutHold,
      };
    },

    release: (tx, pair, leg, now) => {
      const record = paymentOf(tx, pair, leg);
      if (record?.state === 'held') giveBack(tx, pair, leg, record, now);
    },

    posting: (view, pair, leg) => postingOf(pair, leg, paymentOf(view, pair, leg)),
    payment: paymentOf,
    moved: movedOf,
    discharge: bookDischarge,
    exposures: (view) => othersOf(view, config.operator).map(([operator, asset]) => exposureOf(view, operator, asset)),

    openAccount: (tx, user, asset) => void openAccount(tx, user, asset),
    closeAccount: (tx, user, asset) => {
      if (accountOf(tx, user, asset) === undefined) {
        throw new TandemError('not-found', `Account ${accountKey(user, asset)} does not exist`);
      }
      changeAccount(tx, user, asset, (account) => ({ ...account, status: 'closed' }));
    },
    deposit: (tx, movement, now) => moveCash(tx, 'deposit', movement, now),
    withdraw: (tx, movement, now) => moveCash(tx, 'withdrawal', movement, now),

    balances: (view, user) =>
      (view.get(accountListTable, user) ?? []).flatMap((asset) => {
        const account = accountOf(view, user, asset);
        return account === undefined ? [] : [{ asset, balance: account.balance, held: account.held }];
      }),
    positions: (view) =>
      othersOf(view, config.operator).map(([operator, asset]) => ({
        operator,
        asset,
        balance: positionOf(view, operator, asset).balance,
      })),
  };
}

const accepted = ({ user, asset }: Operation): HoldOutcome => ({ ok: true, account: accountKey(user, asset) });

/** The answer to a hold that is not the first of its (pair, leg). */
function recalled(view: View, operation: Operation): HoldOutcome | undefined {
  const record = samePaymentOf(view, operation);
  if (record === undefined) return undefined;
  return record.state === 'released' ? refuse('not-supported', { state: 'released' }) : accepted(operation);
}

/**
 * In the order of HoldRefusal. Without `now` it is a check for a stranger's request, which may depend on what is the same
 * for everyone and on what is between the operators, never on the user's balance or spending (rule 1).
 */
function judge(
  view: View,
  { operator, limits }: PaymentsConfig,
  operation: Operation,
  now: UnixMillis | undefined,
): Refusal | undefined {
  const { action, user, asset, amount, fee, counterparty } = operation;
  if (action !== 'debit' && action !== 'credit') return refuse('not-supported', { action });
  if (action === 'credit' && fee !== '0') return refuse('not-supported', { action, fee });
  const account = accountOf(view, user, asset);
  if (account === undefined) return refuse('no-account', { asset });
  if (account.status === 'closed') return refuse('account-closed', { asset });
  const needed = BigInt(amount) + BigInt(fee);
  if (now !== undefined && action === 'debit' && BigInt(account.balance) < needed) {
    return refuse('insufficient-funds', { asset, balance: account.balance, needed: needed.toString() });
  }
  return (
    overOrder(limits, operation) ??
    (now === undefined ? undefined : overDay(limits, account, operation, now)) ??
    overService(limits, operation) ??
    overCounterparty(limits, operator, positionOf(view, counterparty, asset), operation)
  );
}
