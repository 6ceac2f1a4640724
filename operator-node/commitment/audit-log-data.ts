/** What operators sign for the AuditLog, as EIP-712 typed data: the statement of a window, and that it was paid. */
import { TypedDataEncoder, concat, keccak256 } from 'ethers';
import type { Hash, OperatorId } from '../model/ids.ts';
import type { SettlementDomain } from '../model/records.ts';

const statement = TypedDataEncoder.from({
  Statement: [
    { name: 'operatorA', type: 'uint32' },
    { name: 'operatorB', type: 'uint32' },
    { name: 'statementDigest', type: 'bytes32' },
  ],
});

const discharge = TypedDataEncoder.from({
  Discharge: [
    { name: 'payee', type: 'uint32' },
    { name: 'statementDigest', type: 'bytes32' },
    { name: 'referenceDigest', type: 'bytes32' },
  ],
});

/** A node has one domain for good, and its hash costs as much as what is signed. */
const separators = new WeakMap<SettlementDomain, string>();

function separatorOf(domain: SettlementDomain): string {
  const { chainId, contract } = domain;
  const separator =
    separators.get(domain) ??
    TypedDataEncoder.hashDomain({
      name: 'Tandem audit log',
      version: '1',
      chainId,
      verifyingContract: contract.toLowerCase(),
    });
  separators.set(domain, separator);
  return separator;
}

const digest = (domain: SettlementDomain, structHash: string): Hash =>
  keccak256(concat(['0x1901', separatorOf(domain), structHash])) as Hash;

/** `contract` of the domain is the AuditLog. A is the operator with the lower id. */
export const statementToSign = (
  domain: SettlementDomain,
  operatorA: OperatorId,
  operatorB: OperatorId,
  statementDigest: Hash,
): Hash => digest(domain, statement.hash({ operatorA, operatorB, statementDigest }));

export const dischargeToSign = (
  domain: SettlementDomain,
  payee: OperatorId,
  statementDigest: Hash,
  referenceDigest: Hash,
): Hash => digest(domain, discharge.hash({ payee, statementDigest, referenceDigest }));
