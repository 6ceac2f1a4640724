/** What hold, commit and release do to the ledger once they are decided on: the moves of the table in `payments.ts`. */
import { TandemError } from '../../errors.ts';
import { toAmount, type Leg, type PairId, type UnixMillis } from '../../model/ids.ts';
import type { Tx, View } from '../../store/store.ts';
import type { Operation, Posting } from '../domain.ts';
import { book, changeAccount, changePosition, openAccount, accountOf, type Bucket } from './ledger.ts';
import { countedDay } from './limits.ts';
import { paymentTable, type Content, type Entry, type PaymentRecord } from './records.ts';

const paymentKey = (pair: PairId, leg: Leg): string => `${pair}/${leg}`;

export const paymentOf = (view: View, pair: PairId, leg: Leg): PaymentRecord | undefined =>
  view.get(paymentTable, paymentKey(pair, leg));

const contentFields = ['service', 'action', 'user', 'asset', 'amount', 'fee', 'counterparty', 'item'] as const;

/** @throws {TandemError} `conflict` when the (pair, leg) is known with other content. */
export function samePaymentOf(view: View, operation: Operation): PaymentRecord | undefined {
  const { pair, leg } = operation;
  const record = paymentOf(view, pair, leg);
  if (record === undefined) return undefined;
  for (const field of contentFields) {
    const [known, given] = [record.content[field], operation[field]];
    if (known === given) continue;
    throw new TandemError(
      'conflict',
      `Operation ${pair}/${leg} is in the ledger with ${field} ${known}, not ${given}`,
      {
        facts: { pair, leg, field, known, given },
      },
    );
  }
  return record;
}

function contentOf(operation: Operation): Content {
  const { service, action, user, asset, amount, fee, counterparty, item } = operation;
  const content = { service, action, user, asset, amount, fee, counterparty };
  return item === undefined ? content : { ...content, item };
}

/** From none to held. */
export function setAside(tx: Tx, operation: Operation, now: UnixMillis): void {
  const { pair, leg, action } = operation;
  const day = countSpent(tx, operation, now);
  changeOnHold(tx, operation, BigInt(operation.amount));
  // A credit reserves its place in the limits and no money: nothing is booked.
  const entries = action === 'debit' ? [bookHold(tx, 'hold', operation, now)] : [];
  tx.put(paymentTable, paymentKey(pair, leg), {
    state: 'held',
    content: contentOf(operation),
    day,
    withoutHold: false,
    entries,
  });
}

/** From held to released. */
export function giveBack(tx: Tx, pair: PairId, leg: Leg, record: PaymentRecord, now: UnixMillis): void {
  const { content } = record;
  changeOnHold(tx, content, -BigInt(content.amount));
  const entries = [...record.entries];
  if (content.action === 'debit') {
    entries.push(bookHold(tx, 'release', content, now));
    uncountSpent(tx, record);
  }
  tx.put(paymentTable, paymentKey(pair, leg), { ...record, state: 'released', entries });
}

/** From held, released or none to committed; without a hold, from the balance. */
export function execute(
  tx: Tx,
  operation: Operation,
  before: PaymentRecord | undefined,
  now: UnixMillis,
): PaymentRecord {
  const { pair, leg, action, user, asset } = operation;
  if (action !== 'debit' && action !== 'credit') {
    throw new TandemError('internal', `The payments ledger cannot commit ${pair}/${leg}: its action is ${action}`);
  }
  const withoutHold = before?.state !== 'held';
  let day: number;
  if (withoutHold) {
    // Decided by the chain: a missing account is opened, a closed one is booked on as it is.
    if (accountOf(tx, user, asset) === undefined) openAccount(tx, user, asset);
    day = countSpent(tx, operation, now);
  } else {
    day = before.day;
    changeOnHold(tx, operation, -BigInt(operation.amount));
  }
  const record: PaymentRecord = {
    state: 'committed',
    content: contentOf(operation),
    day,
    withoutHold,
    bookedAt: now,
    entries: [...(before?.entries ?? []), ...bookCommit(tx, operation, withoutHold, now)],
  };
  tx.put(paymentTable, paymentKey(pair, leg), record);
  return record;
}

export function postingOf(pair: PairId, leg: Leg, record: PaymentRecord | undefined): Posting | undefined {
  if (record?.bookedAt === undefined) return undefined;
  const { asset, amount } = record.content;
  return { pair, leg, asset, amount, bookedAt: record.bookedAt };
}

function bookHold(tx: Tx, kind: 'hold' | 'release', { user, asset, amount, fee }: Content, now: UnixMillis): Entry {
  const total = (BigInt(amount) + BigInt(fee)) * (kind === 'hold' ? 1n : -1n);
  return book(tx, kind, asset, now, [
    [{ of: 'user', user }, -total],
    [{ of: 'held', user }, total],
  ]);
}

function bookCommit(tx: Tx, operation: Content, withoutHold: boolean, now: UnixMillis): Entry[] {
  const { action, user, asset, counterparty } = operation;
  const amount = BigInt(operation.amount);
  const fee = BigInt(operation.fee);
  const payer: Bucket = { of: action === 'debit' && !withoutHold ? 'held' : 'user', user };
  // The operator of a debited user owes its counterparty what was debited; that of a credited one is owed it.
  const owed = action === 'debit' ? amount : -amount;
  const entries = [
    book(tx, 'commit', asset, now, [
      [payer, -owed],
      [{ of: 'position', operator: counterparty }, owed],
    ]),
  ];
  if (fee > 0n) {
    entries.push(
      book(tx, 'fee', asset, now, [
        [payer, -fee],
        [{ of: 'fees' }, fee],
      ]),
    );
  }
  return entries;
}

/** Adds a debit to its day's total; the day that the operation counts for. */
function countSpent(tx: Tx, { action, user, asset, amount }: Content, now: UnixMillis): number {
  let day = 0;
  changeAccount(tx, user, asset, (account) => {
    day = countedDay(account, now);
    if (action !== 'debit') return account;
    const spent = day === account.day ? BigInt(account.spent) : 0n;
    return { ...account, day, spent: toAmount(spent + BigInt(amount)) };
  });
  return day;
}

/** Nothing to give back to a day that is over: its total is not kept, nothing can be spent on it any more. */
function uncountSpent(tx: Tx, { content: { user, asset, amount }, day }: PaymentRecord): void {
  changeAccount(tx, user, asset, (account) =>
    account.day === day ? { ...account, spent: toAmount(BigInt(account.spent) - BigInt(amount)) } : account,
  );
}

function changeOnHold(tx: Tx, { action, counterparty, asset }: Content, amount: bigint): void {
  const side = action === 'debit' ? 'debits' : 'credits';
  changePosition(tx, counterparty, asset, (position) => ({
    ...position,
    [side]: toAmount(BigInt(position[side]) + amount),
  }));
}
