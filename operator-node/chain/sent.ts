/** What the sender keeps: the next nonce of each key's address, and each transaction until its block is final. */
import { TandemError } from '../errors.ts';
import type { Hash, Hex } from '../model/ids.ts';
import { table, type Tx, type View } from '../store/store.ts';
import type { ContractCall, Fees, SendingKey } from './chain.ts';
import { ceiling, loadFees, storeFees, type StoredFees } from './fees.ts';
import type { SignedTransaction, TransactionSigner } from './signing.ts';

export interface SendingAccount {
  readonly next: number;
  /** What a new transaction offers: as it was last asked for, within the cap. */
  readonly fees: StoredFees;
  /** The nonce of the last empty transaction that was asked for. */
  readonly lastPoke?: number;
}

/** `fill`: an empty transaction of the sender's own, at a nonce that would hold up those behind it. */
export type SentKind = 'call' | 'poke' | 'fill';

export interface SentTransaction {
  readonly key: SendingKey;
  readonly kind: SentKind;
  readonly tag: string;
  readonly address: string;
  readonly nonce: number;
  /** The form that is sent now. */
  readonly raw: Hex;
  readonly hash: Hash;
  /** Decimal numbers; the price is the most that is offered, in wei. */
  readonly gas: { readonly limit: string; readonly price: string };
  /**
   * Forms with other fees, of this content or a part of it, that were sent before, oldest first: any of them may be the one
   * in a block, and any of them is sent again while the newest is refused.
   */
  readonly earlier: readonly SignedTransaction[];
  /** Where it is, as last seen; absent while it is in no block. */
  readonly found?: {
    readonly hash: Hash;
    readonly status: 'included' | 'reverted';
    readonly block: { readonly number: number; readonly hash: Hash };
  };
}

/** Key: the address, lower case. */
export const sendingAccountTable = table<SendingAccount>('sending-account');
/** Key: `<address>!<nonce, 12 digits>`. */
export const sentTable = table<SentTransaction>('sent');

export const sentKey = (address: string, nonce: number): string => `${address}!${nonce.toString().padStart(12, '0')}`;

export const gasOf = (fees: Fees, gasLimit: bigint): SentTransaction['gas'] => ({
  limit: gasLimit.toString(),
  price: ceiling(fees).toString(),
});

/** What a transaction may cost at most, in wei. */
export const costOfSent = ({ gas: { limit, price } }: Pick<SentTransaction, 'gas'>): bigint =>
  BigInt(limit) * BigInt(price);

/** The newest first. */
export const formsOf = ({ raw, hash, earlier }: SentTransaction): readonly SignedTransaction[] => [
  { raw, hash },
  ...earlier.toReversed(),
];

export interface NewTransaction {
  readonly key: SendingKey;
  readonly kind: SentKind;
  readonly tag: string;
  readonly call: ContractCall;
}

/** Signs `order` for that nonce and stores it. */
export function storeSigned(
  tx: Tx,
  signer: TransactionSigner,
  chainId: bigint,
  nonce: number,
  fees: Fees,
  { call, ...order }: NewTransaction,
): SentTransaction {
  const signed = signer.sign({ chainId, nonce, to: call.to, data: call.data, gasLimit: call.gasLimit, fees });
  const gas = gasOf(fees, call.gasLimit);
  const sent: SentTransaction = { ...order, ...signed, gas, address: signer.address, nonce, earlier: [] };
  tx.put(sentTable, sentKey(sent.address, nonce), sent);
  return sent;
}

/** Takes the next nonce for it. @throws {TandemError} `not-ready` before the chain's nonce of the address is known. */
export function storeNext(tx: Tx, signer: TransactionSigner, chainId: bigint, order: NewTransaction): SentTransaction {
  const account = tx.get(sendingAccountTable, signer.address);
  if (account === undefined) {
    throw new TandemError('not-ready', `The nonce of the ${order.key} key ${signer.address} is not known yet`);
  }
  const sent = storeSigned(tx, signer, chainId, account.next, loadFees(account.fees), order);
  tx.put(sendingAccountTable, signer.address, {
    ...account,
    next: account.next + 1,
    ...(order.kind === 'poke' ? { lastPoke: account.next } : {}),
  });
  return sent;
}

/** The chain's nonce is further than the store's, or this address is new. @returns how many nonces were passed over. */
export function raiseNext(tx: Tx, address: string, chainNonce: number, fees: Fees): number {
  const account = tx.get(sendingAccountTable, address);
  if (account !== undefined && account.next >= chainNonce) return 0;
  tx.put(sendingAccountTable, address, { ...account, next: chainNonce, fees: account?.fees ?? storeFees(fees) });
  return account === undefined ? 0 : chainNonce - account.next;
}

export function storeFeesOf(tx: Tx, address: string, fees: Fees): void {
  const account = tx.get(sendingAccountTable, address);
  if (account !== undefined) tx.put(sendingAccountTable, address, { ...account, fees: storeFees(fees) });
}

/** The last empty transaction that was asked for is in no block yet. */
export function pokeIsOnItsWay(view: View, address: string): boolean {
  const nonce = view.get(sendingAccountTable, address)?.lastPoke;
  const sent = nonce === undefined ? undefined : view.get(sentTable, sentKey(address, nonce));
  return sent?.kind === 'poke' && sent.found === undefined;
}
