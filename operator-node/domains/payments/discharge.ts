/**
 * A position that was paid outside, against the operator's own money at banks. Once a statement: what has been booked is
 * not booked again, whoever says so.
 */
import { TandemError } from '../../errors.ts';
import type { Asset, Hash, OperatorId, UnixMillis } from '../../model/ids.ts';
import type { Tx } from '../../store/store.ts';
import { book } from './ledger.ts';
import { dischargeTable, type DischargeRecord } from './records.ts';

export interface Discharge {
  /** Digest of the window's statement in this asset: the key of idempotency. */
  readonly statement: Hash;
  readonly operator: OperatorId;
  readonly asset: Asset;
  /** What comes off the position, in minor units: above zero where this operator has paid. */
  readonly amount: bigint;
  readonly window: number;
}

/** @returns whether this call booked it. @throws {TandemError} `conflict` for a known statement with other content */
export function bookDischarge(
  tx: Tx,
  { statement, operator, asset, amount, window }: Discharge,
  now: UnixMillis,
): boolean {
  const known = tx.get(dischargeTable, statement);
  if (known !== undefined) {
    if (known.operator === operator && known.asset === asset && known.amount === `${amount}`) return false;
    throw new TandemError(
      'conflict',
      `Statement ${statement} was discharged with ${known.amount} ${known.asset} of operator ${known.operator}, not ${amount} ${asset} of ${operator}`,
    );
  }
  const entry = book(tx, 'discharge', asset, now, [
    [{ of: 'position', operator }, -amount],
    [{ of: 'settlement' }, amount],
  ]);
  const record: DischargeRecord = { operator, asset, amount: `${amount}`, window, at: now, entry };
  tx.put(dischargeTable, statement, record);
  return true;
}
