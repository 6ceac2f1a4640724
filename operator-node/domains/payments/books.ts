/**
 * The books of the ledger as a whole, read from disk: totals by asset, and every rule between them that is broken. For
 * the test of I2, and for staff after an incident; it reads everything, so it is nothing for the way of a message.
 */
import type { Asset } from '../../model/ids.ts';
import type { Store } from '../../store/store.ts';
import {
  accountKey,
  accountTable,
  cashTable,
  dischargeTable,
  internalTable,
  paymentTable,
  positionTable,
  type Account,
  type CashRecord,
  type DischargeRecord,
  type Entry,
  type PaymentRecord,
  type Position,
  type SignedAmount,
} from './records.ts';

/** Minor units. The sum of all six is zero. */
export interface Totals {
  accounts: bigint;
  held: bigint;
  positions: bigint;
  fees: bigint;
  cash: bigint;
  settlement: bigint;
}

export interface Books {
  readonly totals: ReadonlyMap<Asset, Totals>;
  /** One sentence a broken rule; empty is sound. */
  readonly faults: readonly string[];
}

const tables = [accountTable, positionTable, internalTable, paymentTable, cashTable, dischargeTable];

export async function checkBooks(store: Store): Promise<Books> {
  const totals = new Map<Asset, Totals>();
  const at = (asset: Asset): Totals => {
    let found = totals.get(asset);
    if (found === undefined) {
      found = { accounts: 0n, held: 0n, positions: 0n, fees: 0n, cash: 0n, settlement: 0n };
      totals.set(asset, found);
    }
    return found;
  };
  /** What the records say, and what the journal and the open holds say they must be. */
  const said = new Map<string, bigint>();
  const meant = new Map<string, bigint>();
  const add = (sums: Map<string, bigint>, name: string, amount: bigint): void =>
    void sums.set(name, (sums.get(name) ?? 0n) + amount);

  const journal = (asset: Asset, entries: readonly Entry[]): void => {
    for (const { lines } of entries) for (const [name, amount] of lines) add(meant, `${name} ${asset}`, BigInt(amount));
  };
  const payment = ({ state, content, entries }: PaymentRecord): void => {
    const { action, user, asset, amount, fee, counterparty } = content;
    journal(asset, entries);
    if (state !== 'held') return;
    add(meant, `${action}s on hold with ${counterparty}/${asset}`, BigInt(amount));
    if (action === 'debit') add(meant, `on hold of ${accountKey(user, asset)}`, BigInt(amount) + BigInt(fee));
  };
  // At one moment: between two looks money moves from one table to another.
  for await (const [table, key, value] of store.moment(tables)) {
    const { owner, asset } = split(key);
    if (table === accountTable.name) {
      const { balance, held } = value as Account;
      at(asset).accounts += BigInt(balance);
      at(asset).held += BigInt(held);
      add(said, `user:${owner} ${asset}`, BigInt(balance));
      add(said, `held:${owner} ${asset}`, BigInt(held));
      add(said, `on hold of ${key}`, BigInt(held));
    } else if (table === positionTable.name) {
      const { balance, debits, credits } = value as Position;
      at(asset).positions += BigInt(balance);
      add(said, `position:${owner} ${asset}`, BigInt(balance));
      add(said, `debits on hold with ${key}`, BigInt(debits));
      add(said, `credits on hold with ${key}`, BigInt(credits));
    } else if (table === internalTable.name) {
      const balance = BigInt(value as SignedAmount);
      at(asset)[owner === 'fees' || owner === 'settlement' ? owner : 'cash'] += balance;
      add(said, `${owner} ${asset}`, balance);
    } else if (table === paymentTable.name) {
      payment(value as PaymentRecord);
    } else {
      const moved = value as CashRecord | DischargeRecord;
      journal(moved.asset, [moved.entry]);
    }
  }

  const faults: string[] = [];
  for (const [asset, { accounts, held, positions, fees, cash, settlement }] of totals) {
    const sum = accounts + held + positions + fees + cash + settlement;
    if (sum !== 0n) faults.push(`${asset} sums to ${sum}, not to 0`);
  }
  for (const name of new Set([...said.keys(), ...meant.keys()])) {
    const [is, should] = [said.get(name) ?? 0n, meant.get(name) ?? 0n];
    if (is !== should) faults.push(`${name} is ${is}; its operations make ${should}`);
  }
  return { totals, faults };
}

/** Assets hold no `/`; what is before the last one is whose it is. */
function split(key: string): { owner: string; asset: Asset } {
  const cut = key.lastIndexOf('/');
  return { owner: key.slice(0, cut), asset: key.slice(cut + 1) as Asset };
}
