/** The same statement as CSV (RFC 4180), of any asset: one row an entry, with the balance after it. */
import { decimalOf } from '../model/money.ts';
import { csvField } from '../model/quoting.ts';
import { uetrOf } from './ids.ts';
import { accountOf, instant, lastInstant, type Statement } from './statement.ts';

export const csvColumns = [
  'type',
  'account',
  'asset',
  'booked',
  'amount',
  'balance',
  'pair',
  'leg',
  'entry',
  'service',
  'endToEndId',
  'uetr',
] as const;

/** Amounts are signed decimals: a credit of the owner is above zero. */
export function* csv(statement: Statement): Generator<string> {
  const { asset, exponent, from, opening, entries, closing } = statement;
  const account = accountOf(statement);
  const row = (cells: Readonly<Partial<Record<(typeof csvColumns)[number], string>>>): string =>
    `${csvColumns.map((column) => csvField(cells[column] ?? '')).join(',')}\r\n`;
  const balanceRow = (type: string, booked: string, balance: bigint): string =>
    row({ type, account, asset, booked, balance: decimalOf(balance, exponent) });
  let running = opening;
  yield `${csvColumns.join(',')}\r\n`;
  yield balanceRow('opening', instant(from), opening);
  for (const { reference: endToEndId, pair, leg, number, service, at, amount } of entries) {
    running += amount;
    yield row({
      type: 'entry',
      account,
      asset,
      booked: instant(at),
      amount: decimalOf(amount, exponent),
      balance: decimalOf(running, exponent),
      pair,
      leg,
      entry: `${number}`,
      service,
      endToEndId,
      uetr: uetrOf(endToEndId),
    });
  }
  yield balanceRow('closing', lastInstant(statement), closing);
}
