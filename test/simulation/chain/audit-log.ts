/** The part of AuditLog that windows and answers use, as a model: the same guards in the same order, the same events. */
import type { ChainEvent, FiledRequest } from '../../../operator-node/chain/chain.ts';
import { dischargeToSign, statementToSign } from '../../../operator-node/commitment/audit-log-data.ts';
import type { Hash, Hex, OperatorId, UnixSeconds } from '../../../operator-node/model/ids.ts';
import type { SettlementDomain } from '../../../operator-node/model/records.ts';
import { chainId } from '../setting.ts';
import type { Call } from './contract.ts';
import { Revert } from './revert.ts';

export const auditLogDomain: SettlementDomain = { chainId, contract: `0x${'a1'.repeat(20)}` };

type Signed = (operator: OperatorId, digest: Hash, signature: Hex) => boolean;

export class ModelAuditLog {
  readonly #counterparties: Map<string, OperatorId>;
  readonly #discharges: Map<string, Hash>;
  readonly #requests: Map<number, FiledRequest>;

  readonly #domain: SettlementDomain;

  constructor(domain: SettlementDomain, from?: ModelAuditLog) {
    this.#domain = domain;
    this.#counterparties = new Map(from === undefined ? [] : from.#counterparties);
    this.#discharges = new Map(from === undefined ? [] : from.#discharges);
    this.#requests = new Map(from === undefined ? [] : from.#requests);
  }

  filed(request: number): FiledRequest | undefined {
    return this.#requests.get(request);
  }

  request(
    { auditor, operator, digest, due }: Extract<Call, { name: 'requestDisclosure' }>,
    timestamp: number,
  ): ChainEvent[] {
    if (due <= timestamp) throw new Revert('AuditLogDueOutOfRange', BigInt(timestamp + 1), BigInt(due));
    const terms = {
      request: this.#requests.size + 1,
      operator,
      auditor,
      digest,
      madeAt: timestamp as UnixSeconds,
      due: due as UnixSeconds,
      confidential: false,
    };
    this.#requests.set(terms.request, { ...terms, filedAt: timestamp as UnixSeconds });
    return [{ type: 'DisclosureRequested', ...terms }];
  }

  answer({ operator, request, handedOver }: Extract<Call, { name: 'answer' }>, timestamp: number): ChainEvent[] {
    const found = this.#requests.get(request);
    if (found === undefined) throw new Revert('AuditLogUnknownRequest', BigInt(request));
    if (found.operator !== operator) {
      throw new Revert('AuditLogNotRequested', BigInt(request), BigInt(found.operator), BigInt(operator));
    }
    if (found.answered !== undefined) {
      throw new Revert('AuditLogAlreadyAnswered', BigInt(request), found.answered.answer, handedOver);
    }
    this.#requests.set(request, { ...found, answered: { at: timestamp as UnixSeconds, answer: handedOver } });
    return [{ type: 'DisclosureAnswered', request, operator, answer: handedOver, late: timestamp > found.due }];
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
      const digest = statementToSign(this.#domain, operatorA, operatorB, statement);
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
    require(payee, dischargeToSign(this.#domain, payee, statement, reference), signature);
    const before = this.#discharges.get(`${statement}!${payee}`);
    if (before === reference) return [];
    if (before !== undefined) {
      throw new Revert('AuditLogAlreadyDischarged', statement, BigInt(payee), before, reference);
    }
    this.#discharges.set(`${statement}!${payee}`, reference);
    return [{ type: 'StatementDischarged', statement, payee, payer, reference }];
  }
}
