/** Names of ISO 20022 messages, made from the 128 bits of a pairId or of a statement. */
import { hash } from 'node:crypto';
import type { Asset, Hash, OperatorId, PairId, UnixMillis } from '../model/ids.ts';

/** 32 lower-case hex digits: what fits into every `Max35Text` reference, such as EndToEndId. */
export type Reference = string;

export const referenceOf = (pair: PairId): Reference => pair.replaceAll('-', '');

/**
 * The reference of a window's statement in one asset: the first half of its digest, which is salted and so reveals
 * nothing.
 */
export const windowReference = (statement: Hash): Reference => statement.slice(2, 34);

export interface StatementKey {
  /** Decimal. */
  readonly chainId: string;
  /** Address of PairSettlement. */
  readonly contract: string;
  readonly servicer: OperatorId;
  readonly owner: OperatorId;
  readonly asset: Asset;
  readonly from: UnixMillis;
  readonly to: UnixMillis;
}

/** The same account and period have the same reference: a bank that gets the payment twice sees that it is one. */
export function statementReference(key: StatementKey): Reference {
  const { chainId, contract, servicer, owner, asset, from, to } = key;
  const text = JSON.stringify([
    'tandem/statement/1',
    chainId,
    contract.toLowerCase(),
    servicer,
    owner,
    asset,
    from,
    to,
  ]);
  return hash('sha256', text, 'hex').slice(0, 32);
}

/**
 * The unique end-to-end transaction reference: the reference with the version and variant of a UUIDv4 (RFC 9562 §5.4).
 * Two pairIds never have the same one: their version and variant are the same in all of them.
 */
export function uetrOf(reference: Reference): string {
  const variant = ((parseInt(reference.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const groups = [
    reference.slice(0, 8),
    reference.slice(8, 12),
    `4${reference.slice(13, 16)}`,
    `${variant}${reference.slice(17, 20)}`,
    reference.slice(20),
  ];
  return groups.join('-');
}
