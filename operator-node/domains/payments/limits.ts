/** What an operator allows, beyond what a user has. Limits are of the amount that crosses, without the fee. */
import type { Asset, OperatorId, UnixMillis } from '../../model/ids.ts';
import type { HoldRefusal, Operation } from '../domain.ts';
import { utcDay, type Account, type Position } from './records.ts';

/** Decimal minor units by asset; an absent bound is no bound. */
export type Bounds = Readonly<Partial<Record<string, string>>>;

export interface Limits {
  /** One operation, debit or credit. */
  readonly perOrder?: Bounds;
  /** All debits of a user held or committed on one UTC day. */
  readonly perUserDay?: Bounds;
  /** One operation of a service; undefined: no bound. */
  readonly perService?: (service: string, asset: Asset) => string | undefined;
  /**
   * How much this operator may owe, and be owed by, one counterparty, when everything on hold in that direction is
   * counted as done; undefined: no bound. Does not apply between users of this operator.
   */
  readonly perCounterparty?: (operator: OperatorId, asset: Asset) => string | undefined;
}

export interface Refusal {
  readonly ok: false;
  readonly code: HoldRefusal;
  readonly facts: Readonly<Record<string, string>>;
}

export const refuse = (code: HoldRefusal, facts: Refusal['facts'] = {}): Refusal => ({ ok: false, code, facts });

function over(code: HoldRefusal, limit: string | undefined, total: bigint): Refusal | undefined {
  return limit !== undefined && total > BigInt(limit) ? refuse(code, { limit, total: total.toString() }) : undefined;
}

export const overOrder = (limits: Limits, { asset, amount }: Operation): Refusal | undefined =>
  over('over-order-limit', limits.perOrder?.[asset], BigInt(amount));

export function overDay(limits: Limits, account: Account, operation: Operation, now: UnixMillis): Refusal | undefined {
  if (operation.action !== 'debit') return undefined;
  const spent = countedDay(account, now) === account.day ? BigInt(account.spent) : 0n;
  return over('over-day-limit', limits.perUserDay?.[operation.asset], spent + BigInt(operation.amount));
}

/** The day that a debit counts for now: a clock that went back does not open an earlier day again. */
export const countedDay = (account: Account, now: UnixMillis): number => Math.max(account.day, utcDay(now));

export const overService = (limits: Limits, { service, asset, amount }: Operation): Refusal | undefined =>
  over('over-service-limit', limits.perService?.(service, asset), BigInt(amount));

export function overCounterparty(
  limits: Limits,
  own: OperatorId,
  position: Position,
  operation: Operation,
): Refusal | undefined {
  if (operation.counterparty === own) return undefined;
  const reach =
    operation.action === 'debit'
      ? BigInt(position.balance) + BigInt(position.debits)
      : BigInt(position.credits) - BigInt(position.balance);
  const limit = limits.perCounterparty?.(operation.counterparty, operation.asset);
  return over('over-counterparty-limit', limit, reach + BigInt(operation.amount));
}
