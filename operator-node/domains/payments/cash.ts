/** Money in and out of a user's account by staff. Once an id: the same movement again is answered as the first time. */
import { TandemError } from '../../errors.ts';
import { isAmount, type Amount, type Asset, type UnixMillis, type UserId } from '../../model/ids.ts';
import type { Tx } from '../../store/store.ts';
import { accountOf, book } from './ledger.ts';
import { accountKey, cashTable, type CashRecord, type SignedAmount } from './records.ts';

export interface Movement {
  /** Given by staff: the key of idempotency, shared by deposits and withdrawals. */
  readonly id: string;
  readonly user: UserId;
  readonly asset: Asset;
  readonly amount: Amount;
  readonly reason: string;
}

export interface MovementResult {
  readonly asset: Asset;
  /** Right after the movement. */
  readonly balance: SignedAmount;
}

/**
 * @throws {TandemError} `conflict` for a known id with other content, `bad-request` for an amount that is none or zero,
 *   `not-found` without an account, `unprocessable` when it is closed or a withdrawal is more than the balance.
 */
export function moveCash(tx: Tx, kind: CashRecord['kind'], movement: Movement, now: UnixMillis): MovementResult {
  const { id, user, asset, amount, reason } = movement;
  const known = tx.get(cashTable, id);
  if (known !== undefined) {
    assertSame(id, known, { kind, user, asset, amount, reason });
    return { asset, balance: known.balance };
  }
  if (!isAmount(amount) || amount === '0') {
    throw new TandemError(
      'bad-request',
      `The amount of a ${kind} is "${amount}"; it must be above zero, in minor units`,
    );
  }
  const account = accountOf(tx, user, asset);
  if (account === undefined) throw new TandemError('not-found', `Account ${accountKey(user, asset)} does not exist`);
  if (account.status === 'closed') {
    throw new TandemError('unprocessable', `Account ${accountKey(user, asset)} is closed; open it again first`);
  }
  const change = kind === 'deposit' ? BigInt(amount) : -BigInt(amount);
  const balance = BigInt(account.balance) + change;
  if (kind === 'withdrawal' && balance < 0n) {
    throw new TandemError(
      'unprocessable',
      `A withdrawal of ${amount} exceeds the available balance ${account.balance} of ${accountKey(user, asset)}`,
      { facts: { amount, balance: account.balance } },
    );
  }
  const entry = book(tx, kind, asset, now, [
    [{ of: 'user', user }, change],
    [{ of: 'cash' }, -change],
  ]);
  tx.put(cashTable, id, { kind, user, asset, amount, reason, balance: balance.toString(), entry });
  return { asset, balance: balance.toString() };
}

function assertSame(id: string, known: CashRecord, given: Omit<CashRecord, 'balance' | 'entry'>): void {
  for (const field of ['kind', 'user', 'asset', 'amount', 'reason'] as const) {
    if (known[field] === given[field]) continue;
    throw new TandemError(
      'conflict',
      `Cash movement ${id} already exists with ${field} "${known[field]}", not "${given[field]}"; use a new id`,
      { facts: { id, field } },
    );
  }
}
