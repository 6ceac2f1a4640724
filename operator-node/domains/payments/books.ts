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
  type Entry,
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

  for await (const [key, account] of store.scan(accountTable)) {
    const { owner, asset } = split(key);
    at(asset).accounts += BigInt(account.balance);
    at(asset).held += BigInt(account.held);
    add(said, `user:${owner} ${asset}`, BigInt(account.balance));
    add(said, `held:${owner} ${asset}`, BigInt(account.held));
    add(said, `on hold of ${key}`, BigInt(account.held));
  }
  for await (const [key, position] of store.scan(positionTable)) {
    const { owner, asset } = split(key);
    at(asset).positions += BigInt(position.balance);
    add(said, `position:${owner} ${asset}`, BigInt(position.balance));
    add(said, `debits on hold with ${key}`, BigInt(position.debits));
    add(said, `credits on hold with ${key}`, BigInt(position.credits));
  }
  for await (const [key, balance] of store.scan(internalTable)) {
    const { owner, asset } = split(key);
    at(asset)[owner === 'fees' || owner === 'settlement' ? owner : 'cash'] += BigInt(balance);
    add(said, `${owner} ${asset}`, BigInt(balance));
  }

  const journal = (asset: Asset, entries: readonly Entry[]): void => {
    for (const { lines } of entries) for (const [name, amount] of lines) add(meant, `${name} ${asset}`, BigInt(amount));
  };
  for await (const [, { state, content, entries }] of store.scan(paymentTable)) {
    const { action, user, asset, amount, fee, counterparty } = content;
    journal(asset, entries);
    if (state !== 'held') continue;
    add(meant, `${action}s on hold with ${counterparty}/${asset}`, BigInt(amount));
    if (action === 'debit') add(meant, `on hold of ${accountKey(user, asset)}`, BigInt(amount) + BigInt(fee));
  }
  for await (const [, { asset, entry }] of store.scan(cashTable)) journal(asset, [entry]);
  for await (const [, { asset, entry }] of store.scan(dischargeTable)) journal(asset, [entry]);

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
