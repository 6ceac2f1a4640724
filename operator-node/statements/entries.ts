/**
 * What moved the position with a counterparty: one entry a booking of the payments ledger. Read from the journal inside
 * the payment records, by a scan of all of them: bookings cost nothing more, statements are staff's and can wait.
 */
import { dischargeTable, paymentTable, type PaymentRecord } from '../domains/payments/records.ts';
import { TandemError } from '../errors.ts';
import type { Asset, Hash, Leg, OperatorId, PairId, UnixMillis } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import { referenceOf, windowReference, type Reference } from './ids.ts';

export interface PositionEntry {
  /** The reference of the pair, or of the discharged statement. */
  readonly reference: Reference;
  /** `""` for a discharge. */
  readonly pair: PairId | '';
  readonly leg: Leg | '';
  /** Its place in the journal of what it belongs to: with the reference, the name of the booking. */
  readonly number: number;
  /** The service of the pair; `settlement` for a discharge. */
  readonly service: string;
  readonly text: string;
  readonly at: UnixMillis;
  /** Minor units. Above zero: this operator owes the counterparty more. */
  readonly amount: bigint;
}

function* entriesOf(key: string, record: PaymentRecord, account: string): Generator<PositionEntry> {
  const [pair, leg] = key.split('/') as [PairId, Leg];
  for (const [number, { kind, at, lines }] of record.entries.entries()) {
    if (kind !== 'commit') continue;
    const line = lines.find(([name]) => name === account);
    if (line === undefined) continue;
    const { service } = record.content;
    const text = `${service}, ${leg} operation`;
    yield { reference: referenceOf(pair), pair, leg, number, service, text, at, amount: BigInt(line[1]) };
  }
}

export interface AccountPeriod {
  readonly opening: bigint;
  /** In booking order; of one millisecond in the order of their names. */
  readonly entries: readonly PositionEntry[];
  readonly closing: bigint;
  /** All bookings there are, those after the period too. */
  readonly total: bigint;
}

/** More do not fit into one document that programs can still open. */
const maxStatementEntries = 100_000;

/** Reads the bookings from `from` until before `to`. @throws {TandemError} `unprocessable` for too many of them */
export async function readPeriod(
  store: Store,
  operator: OperatorId,
  asset: Asset,
  from: UnixMillis,
  to: UnixMillis,
): Promise<AccountPeriod> {
  const account = `position:${operator}`;
  const entries: PositionEntry[] = [];
  let opening = 0n;
  let later = 0n;
  const take = (entry: PositionEntry): void => {
    if (entry.at < from) opening += entry.amount;
    else if (entry.at >= to) later += entry.amount;
    else if (entries.length < maxStatementEntries) entries.push(entry);
    else {
      throw new TandemError(
        'unprocessable',
        `The period has more than ${maxStatementEntries} entries: ask for a shorter one.`,
      );
    }
  };
  for await (const [key, record] of store.scan(paymentTable)) {
    const { content } = record;
    if (content.counterparty !== operator || content.asset !== asset) continue;
    for (const entry of entriesOf(key, record, account)) take(entry);
  }
  for await (const [statement, discharge] of store.scan(dischargeTable)) {
    if (discharge.operator !== operator || discharge.asset !== asset) continue;
    take({
      reference: windowReference(statement as Hash),
      pair: '',
      leg: '',
      number: 0,
      service: 'settlement',
      text: `window ${discharge.window}, discharged`,
      at: discharge.at,
      amount: -BigInt(discharge.amount),
    });
  }
  // The scan is in the order of the keys, and a stable sort keeps it.
  entries.sort((a, b) => a.at - b.at);
  const closing = entries.reduce((sum, { amount }) => sum + amount, opening);
  return { opening, entries, closing, total: closing + later };
}
