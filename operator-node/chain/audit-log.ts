/** Calls to the AuditLog as bytes, each with the gas that it needs (`gas-limits.ts`). */
import { TandemError } from '../errors.ts';
import { isHex, type Hash, type Hex, type OperatorId } from '../model/ids.ts';
import type { ContractCall } from './chain.ts';
import { auditLogInterface } from './decode.ts';
import { careWork, gasFor, signatureWork, work, type Care } from './gas-limits.ts';

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
  anchorStatement(signed: SignedStatement, care?: Care): ContractCall;
  discharge(signed: SignedDischarge): ContractCall;
}

/** @param contract address of the AuditLog */
export function statementCalls(contract: string): StatementCalls {
  const call = (name: string, args: readonly unknown[], gas: bigint): ContractCall => {
    const data = auditLogInterface.encodeFunctionData(name, args);
    if (!isHex(data)) throw new TandemError('internal', `${name} was not encoded as lower-case hex`);
    return { to: contract, data, gasLimit: gasFor(data, gas) };
  };
  return {
    anchorStatement: ({ operatorA, operatorB, statement, signatureA, signatureB }, care = {}) =>
      call(
        'anchorStatement',
        [operatorA, operatorB, statement, signatureA, signatureB],
        work.statement + signatureWork(signatureA, signatureB) + careWork(care),
      ),
    discharge: ({ payee, statement, reference, signature }) =>
      call('discharge', [payee, statement, reference, signature], work.discharge + signatureWork(signature)),
  };
}
