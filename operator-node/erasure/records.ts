/**
 * What is left of an operation record when its user is erased (protocol §4): the disclosures of every field but the four
 * personal ones, and of those the bare digests. Counts, sums and proofs need no more; the four stay sealed for good.
 */
import { disclosureDigest } from '../commitment/disclosure.ts';
import { discloseOperation } from '../commitment/record.ts';
import { operationFields, type OperationField } from '../commitment/schema.ts';
import { operationSecret } from '../commitment/secrets.ts';
import { TandemError } from '../errors.ts';
import { sideKey, type Side } from '../flow/pair.ts';
import { table, type View } from '../store/store.ts';
import { hasKeys, userKeyOf } from '../users/keys.ts';

/** Twelve entries in the order of the schema: a disclosure, or `0x` and the hex of its digest. Key: `<pairId>!<leg>`. */
export const writtenOutTable = table<readonly string[]>('written-out');

export const personalFields: ReadonlySet<OperationField> = new Set(['account', 'subject', 'counterparty', 'detail']);

const isDigest = (entry: string): boolean => entry.startsWith('0x');

/** What an operation record can still show: twelve entries, as above. @throws {TandemError} `internal` where there is none */
export function entriesOf(view: View, side: Side): readonly string[] {
  if (hasKeys(view, side.user) && side.record !== undefined) {
    return discloseOperation(operationSecret(userKeyOf(view, side.user), side.pair, side.leg), side.record);
  }
  const kept = view.get(writtenOutTable, sideKey(side.pair, side.leg));
  if (kept === undefined) throw new TandemError('internal', `Pair ${side.pair} has lost its record.`);
  return kept;
}

/** The digest of an entry, whether it is shown or not. */
export const digestOfEntry = (entry: string): string => (isDigest(entry) ? entry : disclosureDigest(entry));

/** What stays when the key goes; undefined for a side whose record was never complete: nothing of it was committed to. */
export function writtenOut(view: View, side: Side): readonly string[] | undefined {
  if (side.record === undefined || side.ownCommitment === undefined) return undefined;
  return entriesOf(view, side).map((entry, at) => {
    const field = operationFields[at];
    return field !== undefined && personalFields.has(field) ? digestOfEntry(entry) : entry;
  });
}
