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
  };
}

/** What was signed, out of its bytes. @throws {Error} for anything that no signer of this file has made */
export function readTransaction(raw: Hex): TransactionFields & { readonly from: string } {
  const { chainId, nonce, to, data, gasLimit, from, type, gasPrice, maxFeePerGas, maxPriorityFeePerGas } =
    Transaction.from(raw);
  if (to === null || from === null || !isHex(data)) throw new TandemError('internal', `Not a signed call: ${raw}`);
  const common = { chainId, nonce, to, data, gasLimit, from: from.toLowerCase() };
  if (type === 2 && maxFeePerGas !== null && maxPriorityFeePerGas !== null) {
    return { ...common, fees: { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas } };
  }
  if (gasPrice === null) throw new TandemError('internal', `A transaction without a price: ${raw}`);
  return { ...common, fees: { kind: 'legacy', gasPrice } };
}
