/** Signing of transactions. A port, so that a simulator may sign cheaply and a key may live elsewhere in the process. */
import { SigningKey, Transaction, computeAddress } from 'ethers';
import { TandemError } from '../errors.ts';
import { isHash, isHex, type Hash, type Hex } from '../model/ids.ts';
import type { Fees } from './chain.ts';

export interface TransactionFields {
  readonly chainId: bigint;
  readonly nonce: number;
  readonly to: string;
  readonly data: Hex;
  readonly gasLimit: bigint;
  readonly fees: Fees;
}

export interface SignedTransaction {
  readonly raw: Hex;
  readonly hash: Hash;
}

export interface TransactionSigner {
  /** Lower case. */
  readonly address: string;
  /** The same fields give the same bytes. */
  sign(fields: TransactionFields): SignedTransaction;
  /** What it signed, out of its bytes. @throws {Error} for other bytes */
  read(raw: Hex): TransactionFields;
}

export function localTransactionSigner(privateKey: Hex): TransactionSigner {
  const key = new SigningKey(privateKey);
  return {
    address: computeAddress(key).toLowerCase(),
    sign({ chainId, nonce, to, data, gasLimit, fees }) {
      const fields = { chainId, nonce, to, data, gasLimit };
      const transaction = Transaction.from(
        fees.kind === 'legacy'
          ? { ...fields, type: 0, gasPrice: fees.gasPrice }
          : { ...fields, type: 2, maxFeePerGas: fees.maxFeePerGas, maxPriorityFeePerGas: fees.maxPriorityFeePerGas },
      );
      transaction.signature = key.sign(transaction.unsignedHash);
      const { serialized, hash } = transaction;
      if (!isHex(serialized) || hash === null || !isHash(hash)) {
        throw new TandemError('internal', 'A transaction was signed and has no bytes or hash');
      }
      return { raw: serialized, hash };
    },
    read: (raw) => fieldsOf(Transaction.from(raw)),
  };
}

/** What was signed and by whom, out of its bytes. @throws {Error} for anything that no signer of this file has made */
export function readTransaction(raw: Hex): TransactionFields & { readonly from: string } {
  const transaction = Transaction.from(raw);
  const { from } = transaction;
  if (from === null) throw new TandemError('internal', `Nobody signed ${raw}`);
  return { ...fieldsOf(transaction), from: from.toLowerCase() };
}

/** Without the sender: to recover it from the signature costs a hundred times as much as all the rest. */
function fieldsOf({
  chainId,
  nonce,
  to,
  data,
  gasLimit,
  type,
  gasPrice,
  maxFeePerGas,
  maxPriorityFeePerGas,
}: Transaction): TransactionFields {
  if (to === null || !isHex(data)) throw new TandemError('internal', 'Not a call of a contract');
  const common = { chainId, nonce, to, data, gasLimit };
  if (type === 2 && maxFeePerGas !== null && maxPriorityFeePerGas !== null) {
    return { ...common, fees: { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas } };
  }
  if (gasPrice === null) throw new TandemError('internal', 'A transaction without a price');
  return { ...common, fees: { kind: 'legacy', gasPrice } };
}
