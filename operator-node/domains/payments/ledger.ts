/** Where value moves: the only writer of balances. Every entry's lines sum to zero, so the whole ledger does (I2). */
import { TandemError } from '../../errors.ts';
import { toAmount, type Asset, type OperatorId, type UnixMillis, type UserId } from '../../model/ids.ts';
import type { Tx, View } from '../../store/store.ts';
import {
  accountKey,
  accountListTable,
  accountTable,
  internalTable,
  positionKey,
  positionListTable,
  positionTable,
  type Account,
  type Entry,
  type Line,
  type Position,
} from './records.ts';

export type Bucket =
  | { readonly of: 'user' | 'held'; readonly user: UserId }
  | { readonly of: 'position'; readonly operator: OperatorId }
  | { readonly of: 'fees' | 'cash' | 'settlement' };

export type Movement = readonly [bucket: Bucket, amount: bigint];

const noPosition: Position = { balance: '0', debits: toAmount(0n), credits: toAmount(0n) };

export const accountOf = (view: View, user: UserId, asset: Asset): Account | undefined =>
  view.get(accountTable, accountKey(user, asset));

export const positionOf = (view: View, operator: OperatorId, asset: Asset): Position =>
  view.get(positionTable, positionKey(operator, asset)) ?? noPosition;

/** Opens the account where there is none; opens a closed one again. */
export function openAccount(tx: Tx, user: UserId, asset: Asset): Account {
  const existing = accountOf(tx, user, asset);
  if (existing?.status === 'open') return existing;
  const account: Account =
    existing === undefined
      ? { status: 'open', balance: '0', held: toAmount(0n), day: 0, spent: toAmount(0n) }
      : { ...existing, status: 'open' };
  tx.put(accountTable, accountKey(user, asset), account);
  if (existing === undefined) {
    tx.put(accountListTable, user, [...(tx.get(accountListTable, user) ?? []), asset]);
  }
  return account;
}

/** @throws {TandemError} `internal` when there is no account: the caller has looked or opens one. */
export function changeAccount(tx: Tx, user: UserId, asset: Asset, change: (account: Account) => Account): void {
  const account = accountOf(tx, user, asset);
  if (account === undefined) {
    throw new TandemError('internal', `Account ${accountKey(user, asset)} is to be changed but does not exist`);
  }
  tx.put(accountTable, accountKey(user, asset), change(account));
}

export function changePosition(
  tx: Tx,
  operator: OperatorId,
  asset: Asset,
  change: (position: Position) => Position,
): void {
  const key = positionKey(operator, asset);
  const existing = tx.get(positionTable, key);
  if (existing === undefined) {
    tx.put(positionListTable, 'all', [...(tx.get(positionListTable, 'all') ?? []), [operator, asset]]);
  }
  tx.put(positionTable, key, change(existing ?? noPosition));
}

/**
 * Books one entry.
 * @throws {TandemError} `internal` when its lines do not sum to zero or a held bucket would fall below it.
 */
export function book(
  tx: Tx,
  kind: Entry['kind'],
  asset: Asset,
  at: UnixMillis,
  movements: readonly [Movement, Movement, ...Movement[]],
): Entry {
  const sum = movements.reduce((total, [, amount]) => total + amount, 0n);
  if (sum !== 0n) throw new TandemError('internal', `The lines of a ${kind} entry in ${asset} sum to ${sum}, not to 0`);
  for (const [bucket, amount] of movements) move(tx, bucket, asset, amount);
  return { kind, at, lines: movements.map(([bucket, amount]): Line => [nameOf(bucket), amount.toString()]) };
}

function move(tx: Tx, bucket: Bucket, asset: Asset, amount: bigint): void {
  switch (bucket.of) {
    case 'user':
      changeAccount(tx, bucket.user, asset, (account) => ({ ...account, balance: add(account.balance, amount) }));
      break;
    case 'held':
      changeAccount(tx, bucket.user, asset, (account) => {
        const held = BigInt(account.held) + amount;
        if (held < 0n) throw new TandemError('internal', `${nameOf(bucket)} in ${asset} would fall to ${held}`);
        return { ...account, held: toAmount(held) };
      });
      break;
    case 'position':
      changePosition(tx, bucket.operator, asset, (position) => ({
        ...position,
        balance: add(position.balance, amount),
      }));
      break;
    case 'fees':
    case 'cash':
    case 'settlement': {
      const key = `${bucket.of}/${asset}`;
      tx.put(internalTable, key, add(tx.get(internalTable, key) ?? '0', amount));
    }
  }
}

const add = (balance: string, amount: bigint): string => (BigInt(balance) + amount).toString();

function nameOf(bucket: Bucket): string {
  switch (bucket.of) {
    case 'user':
    case 'held':
      return `${bucket.of}:${bucket.user}`;
    case 'position':
      return `position:${bucket.operator}`;
    case 'fees':
    case 'cash':
    case 'settlement':
      return bucket.of;
  }
}
