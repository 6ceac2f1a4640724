/** Calls to the AuditLog as bytes, with gas limits that are upper bounds. */
import { TandemError } from '../errors.ts';
import { isHex, type Hash, type Hex, type OperatorId } from '../model/ids.ts';
import type { ContractCall } from './chain.ts';
import { auditLogInterface } from './decode.ts';

export interface SignedStatement {
  /** A is the operator with the lower id. */
  readonly operatorA: OperatorId;
  readonly operatorB: OperatorId;
  readonly statement: Hash;
  readonly signatureA: Hex;
  readonly signatureB: Hex;
}

export interface SignedDischarge {
  readonly payee: OperatorId;
  readonly statement: Hash;
  readonly reference: Hash;
  readonly signature: Hex;
}

export interface StatementCalls {
  anchorStatement(signed: SignedStatement): ContractCall;
  discharge(signed: SignedDischarge): ContractCall;
}

/** In gas: what any transaction costs, a byte where calldata costs most, a signature checked in a contract, two fresh slots. */
const bound = { transaction: 21_000n, calldataByte: 40n, signature: 320_000n, slots: 90_000n } as const;

/** @param contract address of the AuditLog */
export function statementCalls(contract: string): StatementCalls {
  const call = (name: string, args: readonly unknown[], signatures: bigint): ContractCall => {
    const data = auditLogInterface.encodeFunctionData(name, args);
    if (!isHex(data)) throw new TandemError('internal', `${name} was not encoded as lower-case hex`);
    const size = BigInt((data.length - 2) / 2);
    const gasLimit = bound.transaction + size * bound.calldataByte + signatures * bound.signature + bound.slots;
    return { to: contract, data, gasLimit };
  };
  return {
    anchorStatement: ({ operatorA, operatorB, statement, signatureA, signatureB }) =>
      call('anchorStatement', [operatorA, operatorB, statement, signatureA, signatureB], 2n),
    discharge: ({ payee, statement, reference, signature }) =>
      call('discharge', [payee, statement, reference, signature], 1n),
  };
}
