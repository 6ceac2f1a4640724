/** The part of AuditLog that windows use, as a model: the same guards in the same order, the same events. */
import type { ChainEvent } from '../../../operator-node/chain/chain.ts';
import { dischargeToSign, statementToSign } from '../../../operator-node/commitment/auditLogData.ts';
import type { Hash, Hex, OperatorId } from '../../../operator-node/model/ids.ts';
import type { SettlementDomain } from '../../../operator-node/model/records.ts';
import { chainId } from '../setting.ts';
import type { Call } from './contract.ts';
import { Revert } from './revert.ts';

export const auditLogDomain: SettlementDomain = { chainId, contract: `0x${'a1'.repeat(20)}` };

type Signed = (operator: OperatorId, digest: Hash, signature: Hex) => boolean;

export class ModelAuditLog {
  readonly #counterparties: Map<string, OperatorId>;
  readonly #discharges: Map<string, Hash>;

  constructor(from?: ModelAuditLog) {
    this.#counterparties = new Map(from === undefined ? [] : from.#counterparties);
    this.#discharges = new Map(from === undefined ? [] : from.#discharges);
  }

  call(call: Extract<Call, { name: 'anchorStatement' | 'discharge' }>, signed: Signed): ChainEvent[] {
    const require = (operator: OperatorId, digest: Hash, signature: Hex): void => {
      if (!signed(operator, digest, signature)) {
        throw new Revert('AuditLogInvalidSignature', BigInt(operator), digest, signature);
      }
    };
    const { statement } = call;
    if (call.name === 'anchorStatement') {
      const { operatorA, operatorB, first, second } = call;
      if (operatorA >= operatorB) {
        throw new Revert('AuditLogOperatorsOutOfOrder', BigInt(operatorA), BigInt(operatorB));
      }
      const digest = statementToSign(auditLogDomain, operatorA, operatorB, statement);
      require(operatorA, digest, first);
      require(operatorB, digest, second);
      if (this.#counterparties.get(`${statement}!${operatorA}`) === operatorB) return [];
      for (const [operator, other] of [
        [operatorA, operatorB],
        [operatorB, operatorA],
      ] as const) {
        const taken = this.#counterparties.get(`${statement}!${operator}`);
        if (taken !== undefined) {
          throw new Revert('AuditLogStatementTaken', statement, BigInt(operator), BigInt(taken), BigInt(other));
        }
      }
      this.#counterparties.set(`${statement}!${operatorA}`, operatorB);
      this.#counterparties.set(`${statement}!${operatorB}`, operatorA);
      return [{ type: 'StatementAnchored', statement, operatorA, operatorB }];
    }
    const { payee, reference, signature } = call;
    const payer = this.#counterparties.get(`${statement}!${payee}`);
    if (payer === undefined) throw new Revert('AuditLogUnknownStatement', statement, BigInt(payee));
    require(payee, dischargeToSign(auditLogDomain, payee, statement, reference), signature);
    const before = this.#discharges.get(`${statement}!${payee}`);
    if (before === reference) return [];
    if (before !== undefined) {
      throw new Revert('AuditLogAlreadyDischarged', statement, BigInt(payee), before, reference);
    }
    this.#discharges.set(`${statement}!${payee}`, reference);
    return [{ type: 'StatementDischarged', statement, payee, payer, reference }];
  }
}
