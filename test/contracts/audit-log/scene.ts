/** A handed-over consortium with one auditor, whose authority releases its confidential requests. */
import { type Contract, TypedDataEncoder, type Wallet, id } from 'ethers';
import { beforeAll } from 'vitest';

import { startTime } from '../chain.ts';
import { type Governance, governanceScene } from '../governance.ts';
import { eventsOf } from '../outcome.ts';

export const types = {
  Request: [
    { name: 'auditorId', type: 'uint32' },
    { name: 'operatorId', type: 'uint32' },
    { name: 'digest', type: 'bytes32' },
    { name: 'madeAt', type: 'uint40' },
    { name: 'due', type: 'uint40' },
  ],
  Statement: [
    { name: 'operatorA', type: 'uint32' },
    { name: 'operatorB', type: 'uint32' },
    { name: 'statementDigest', type: 'bytes32' },
  ],
  Discharge: [
    { name: 'payee', type: 'uint32' },
    { name: 'statementDigest', type: 'bytes32' },
    { name: 'referenceDigest', type: 'bytes32' },
  ],
};

export interface ConfidentialRequest {
  readonly auditorId: number;
  readonly operatorId: number;
  readonly digest: string;
  readonly madeAt: number;
  readonly due: number;
}

/** A time after the set-up: the auditor is admitted by a vote. */
export const now = startTime + 10_000;
export const due = now + 1000;
export const digest = id('batch, index, scope and reason, salted');

export interface AuditScene {
  readonly governance: Governance;
  readonly log: Contract;
  readonly auditor: Wallet;
  readonly authority: Wallet;
  /** The log, called by them. */
  readonly byAuditor: Contract;
  readonly byAuthority: Contract;
  readonly byStranger: Contract;
  byAccountOf(operatorId: number): Contract;
  sign(wallet: Wallet, type: keyof typeof types, value: Record<string, unknown>): Promise<string>;
  hash(type: keyof typeof types, value: Record<string, unknown>): Promise<string>;
  confidential(change?: Partial<ConfidentialRequest>): ConfidentialRequest;
  /** Arguments of `anchorStatement`. */
  statement(operatorA: number, operatorB: number, statementDigest: string): Promise<readonly unknown[]>;
  /** Arguments of `discharge`. */
  discharge(payee: number, statementDigest: string, referenceDigest: string): Promise<readonly unknown[]>;
}

/** To be called where tests are declared; what it returns answers from within the tests. */
export function auditScene(): () => AuditScene {
  const governance = governanceScene();
  let made: AuditScene | undefined;
  beforeAll(async () => {
    const { auditLog: log, decide, chain, as, member, stranger } = governance();
    const auditor = await chain.wallet('the auditor');
    const authority = await chain.wallet('the auditor’s authority');
    await decide([1, 2, 3, 4], {
      target: log,
      method: 'admitAuditor',
      args: [auditor.address, authority.address, 'Audit Office'],
    });
    await chain.mineAt(now);
    const domain = {
      name: 'Tandem audit log',
      version: '1',
      chainId: chain.chainId,
      verifyingContract: await log.getAddress(),
    };
    const fields = (type: keyof typeof types): Record<string, { name: string; type: string }[]> => ({
      [type]: types[type],
    });
    const sign: AuditScene['sign'] = (wallet, type, value) => wallet.signTypedData(domain, fields(type), value);
    made = {
      governance: governance(),
      log,
      auditor,
      authority,
      byAuditor: as(log, auditor),
      byAuthority: as(log, authority),
      byStranger: as(log, stranger),
      byAccountOf: (operatorId) => as(log, member(operatorId).account),
      sign,
      hash: (type, value) => Promise.resolve(TypedDataEncoder.hash(domain, fields(type), value)),
      confidential: (change = {}) => ({ auditorId: 1, operatorId: 2, digest, madeAt: now - 500, due, ...change }),
      async statement(operatorA, operatorB, statementDigest) {
        const value = { operatorA, operatorB, statementDigest };
        const by = (operatorId: number): Promise<string> => sign(member(operatorId).signer, 'Statement', value);
        return [operatorA, operatorB, statementDigest, await by(operatorA), await by(operatorB)];
      },
      async discharge(payee, statementDigest, referenceDigest) {
        const value = { payee, statementDigest, referenceDigest };
        return [payee, statementDigest, referenceDigest, await sign(member(payee).signer, 'Discharge', value)];
      },
    };
  });
  return () => {
    if (made === undefined) throw new Error('the scene is used before its tests run');
    return made;
  };
}

/** The auditor's open request to operator 2, the first of all. */
export const openRequest = ({ byAuditor }: AuditScene): Promise<unknown> =>
  eventsOf(byAuditor, 'requestDisclosure', 1, 2, digest, due);
