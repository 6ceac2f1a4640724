/**
 * What each key spends, hour by hour, out of its balance as it goes down: so it is known for how long the balance lasts.
 * Kept in the store, since a restart is no reason to forget it; money that comes in counts for nothing.
 */
import type { UnixMillis } from '../model/ids.ts';
import { table, type Tx } from '../store/store.ts';

/** All amounts in wei, decimal. */
export interface Spending {
  /** As last seen. */
  readonly balance: string;
  /** When this key's balance was first seen. */
  readonly since: UnixMillis;
  /** Hours since 1970 in which anything was spent, oldest first. */
  readonly hours: readonly { readonly hour: number; readonly spent: string }[];
}

/** Key: the address, lower case. */
export const spendingTable = table<Spending>('gas-spending');

const hourMillis = 3_600_000;
const dayHours = 24;
/** What is measured for less says nothing yet. */
const leastMillis = 60_000;

const hourOf = (now: UnixMillis): number => Math.floor(now / hourMillis);

/** The spending of the last 24 hours. A clock that was ahead may have put some into future hours. */
const counted = (spending: Spending, now: UnixMillis): Spending['hours'] =>
  spending.hours.filter(({ hour }) => hour > hourOf(now) - dayHours && hour <= hourOf(now));

export function spentSince(before: Spending | undefined, balance: bigint, now: UnixMillis): Spending {
  if (before === undefined) return { balance: balance.toString(), since: now, hours: [] };
  const since = before.since > now ? now : before.since;
  const spent = BigInt(before.balance) - balance;
  const hours = [...counted(before, now)];
  if (spent > 0n) {
    const last = hours.at(-1);
    const hour = hourOf(now);
    if (last?.hour === hour) hours[hours.length - 1] = { hour, spent: (BigInt(last.spent) + spent).toString() };
    else hours.push({ hour, spent: spent.toString() });
  }
  return { balance: balance.toString(), since, hours };
}

export function noteBalance(tx: Tx, address: string, balance: bigint, now: UnixMillis): void {
  tx.put(spendingTable, address, spentSince(tx.get(spendingTable, address), balance, now));
}

/** In wei a day, as over the last 24 hours, or since it is measured; undefined while that is too short. */
export function spentPerDay(spending: Spending, now: UnixMillis): bigint | undefined {
  const begins = Math.max(spending.since, (hourOf(now) - dayHours + 1) * hourMillis);
  const elapsed = now - begins;
  if (elapsed < leastMillis) return undefined;
  const spent = counted(spending, now).reduce((sum, one) => sum + BigInt(one.spent), 0n);
  return (spent * BigInt(dayHours * hourMillis)) / BigInt(elapsed);
}

/** How many days a balance lasts; undefined where nothing is spent. */
export const daysOf = (balance: bigint, perDay: bigint | undefined): number | undefined =>
  perDay === undefined || perDay === 0n ? undefined : Number((balance * 100n) / perDay) / 100;
