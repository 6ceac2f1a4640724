/**
 * PairSettlement and what it needs of OperatorRegistry, as a model: the same guards in the same order, the same events,
 * the same errors with the same arguments. `contract-model.test.ts` holds it against the compiled contracts.
 * State is immutable by batch: a copy of the maps is a snapshot.
 */
import type { Decision, Attestation } from '../../../operator-node/chain/calls.ts';
import type { ChainEvent, Checkpoint, FiledRequest, OperatorStatus } from '../../../operator-node/chain/chain.ts';
import type { BatchId, Hash, Hex, OperatorId, UnixSeconds } from '../../../operator-node/model/ids.ts';
import type { BatchOutcome } from '../../../operator-node/model/outcome.ts';
import type { Batch, SettlementDomain } from '../../../operator-node/model/records.ts';
import { ModelAuditLog, auditLogDomain } from './audit-log.ts';
import { Revert } from './revert.ts';

export { Revert };

export type Call =
  | { readonly name: 'prepare'; readonly batch: Batch; readonly first: Hex; readonly second: Hex }
  | { readonly name: 'decide'; readonly decisions: readonly Decision[] }
  | {
      readonly name: 'settle';
      readonly batch: Batch;
      readonly first: Hex;
      readonly second: Hex;
      readonly decisions: readonly Decision[];
    }
  | { readonly name: 'attest'; readonly operator: OperatorId; readonly attestations: readonly Attestation[] }
  /** Of AuditLog: the model has one contract for all three. */
  | { readonly name: 'checkpoint'; readonly operator: OperatorId; readonly entry: number; readonly head: Hash }
  | { readonly name: 'disownHeads'; readonly operator: OperatorId; readonly entry: number }
  /** By the auditor's account, which is not modelled: any sender, of any number. */
  | {
      readonly name: 'requestDisclosure';
      readonly auditor: number;
      readonly operator: OperatorId;
      readonly digest: Hash;
      readonly due: number;
    }
  | { readonly name: 'answer'; readonly operator: OperatorId; readonly request: number; readonly handedOver: Hash }
  | { readonly name: 'multicall'; readonly calls: readonly Call[] }
  | {
      readonly name: 'anchorStatement';
      readonly operatorA: OperatorId;
      readonly operatorB: OperatorId;
      readonly statement: Hash;
      readonly first: Hex;
      readonly second: Hex;
    }
  | {
      readonly name: 'discharge';
      readonly payee: OperatorId;
      readonly statement: Hash;
      readonly reference: Hash;
      readonly signature: Hex;
    }
  | { readonly name: 'suspend' | 'reinstate'; readonly operator: OperatorId }
  | { readonly name: 'rotateAccount'; readonly operator: OperatorId; readonly account: string; readonly until: number }
  | { readonly name: 'rotateSigner'; readonly operator: OperatorId; readonly signer: Hex; readonly until: number }
  | { readonly name: 'nothing' };

export interface Context {
  readonly sender: string;
  readonly timestamp: number;
}

type Reconciliation = 'none' | 'by-initiator' | 'by-acceptor' | 'reconciled' | 'discrepancy';

interface Header {
  readonly initiator: OperatorId;
  readonly acceptor: OperatorId;
  readonly sequence: number;
  readonly deadline: UnixSeconds;
  readonly count: number;
  readonly committed: readonly bigint[];
  readonly aborted: readonly bigint[];
  readonly reconciliation: Reconciliation;
  readonly byInitiator: Hash;
  readonly byAcceptor: Hash;
}

export interface RegistryEntry {
  readonly status: Exclude<OperatorStatus, 'unreadable'>;
  readonly controller: string;
  readonly account: string;
  readonly previousAccount: string;
  readonly previousAccountUntil: number;
  readonly signer: Hex;
  readonly previousSigner: Hex;
  readonly previousSignerUntil: number;
}

/** Who signed is the world's affair: cheap marks, or real keys. */
export type SignatureCheck = (signer: Hex, digest: BatchId | Hash, signature: Hex) => boolean;

export interface ContractRules {
  readonly batchIdOf: (batch: Batch) => BatchId;
  readonly signed: SignatureCheck;
  readonly authority: string;
  /** Seconds. */
  readonly maxWindow: number;
  /** The simulator's own unless given. */
  readonly auditLog?: SettlementDomain;
}

const noHash = `0x${'0'.repeat(64)}` as Hash;
const maxCount = 4096;
const maxEntriesApart = 65_536;
const statusNumber: Readonly<Record<RegistryEntry['status'], bigint>> = {
  unknown: 0n,
  active: 1n,
  suspended: 2n,
  retired: 3n,
};

const wordsOf = (count: number): number => Math.ceil(count / 256);
const pairsOf = (count: number, word: number): bigint => {
  const first = word * 256;
  return first >= count ? 0n : (1n << BigInt(Math.min(256, count - first))) - 1n;
};

export class Contract {
  readonly #rules: ContractRules;
  readonly #headers: Map<BatchId, Header>;
  readonly #last: Map<string, number>;
  readonly #registry: Map<OperatorId, RegistryEntry>;
  readonly #checkpoints: Map<OperatorId, Checkpoint>;
  readonly #log: ModelAuditLog;

  constructor(rules: ContractRules, registry: ReadonlyMap<OperatorId, RegistryEntry>, from?: Contract) {
    this.#rules = rules;
    this.#headers = new Map(from?.headers);
    this.#last = new Map(from === undefined ? [] : from.#last);
    this.#registry = new Map(registry);
    this.#checkpoints = new Map(from === undefined ? [] : from.#checkpoints);
    this.#log = new ModelAuditLog(rules.auditLog ?? auditLogDomain, from === undefined ? undefined : from.#log);
  }

  get headers(): ReadonlyMap<BatchId, Header> {
    return this.#headers;
  }

  get registry(): ReadonlyMap<OperatorId, RegistryEntry> {
    return this.#registry;
  }

  copy(): Contract {
    return new Contract(this.#rules, this.#registry, this);
  }

  /** Changes this state. @throws {Revert} then this state is to be thrown away. */
  call(context: Context, call: Call): ChainEvent[] {
    switch (call.name) {
      case 'prepare': {
        const events: ChainEvent[] = [];
        this.#prepare(context, call.batch, call.first, call.second, events);
        return events;
      }
      case 'decide':
        return this.#decide(context, call.decisions, 0);
      case 'settle':
        return this.#settle(context, call);
      case 'attest': {
        this.#requireAccount(call.operator, context);
        return call.attestations.flatMap((attestation, index) =>
          this.#attest(context, index, call.operator, attestation),
        );
      }
      case 'checkpoint':
        return this.#checkpoint(context, call.operator, call.entry, call.head);
      case 'disownHeads':
        return this.#disownHeads(context, call.operator, call.entry);
      case 'requestDisclosure':
        if (!this.#registry.has(call.operator)) throw new Revert('AuditLogUnknownOperator', BigInt(call.operator));
        return this.#log.request(call, context.timestamp);
      case 'answer':
        if (!this.#isAccount(call.operator, context)) {
          throw new Revert('AuditLogNotOperatorAccount', BigInt(call.operator), context.sender);
        }
        return this.#log.answer(call, context.timestamp);
      case 'anchorStatement':
      case 'discharge':
        return this.#log.call(call, (operator, digest, signature) =>
          this.#isSignature(context.timestamp, operator, digest, signature),
        );
      case 'multicall':
        return call.calls.flatMap((inner) => this.call(context, inner));
      case 'suspend':
      case 'reinstate':
        return this.#setStatus(context, call.name, call.operator);
      case 'rotateAccount':
        return this.#rotateAccount(context, call);
      case 'rotateSigner':
        return this.#rotateSigner(context, call);
      case 'nothing':
        return [];
    }
  }

  #settle(context: Context, call: Extract<Call, { name: 'settle' }>): ChainEvent[] {
    const events: ChainEvent[] = [];
    this.#requireAccount(call.batch.acceptor, context);
    const batchId = this.#prepare(context, call.batch, call.first, call.second, events);
    call.decisions.forEach((decision, index) => {
      if (decision.batchId !== batchId) {
        throw new Revert('PairSettlementForeignDecision', BigInt(index), batchId, decision.batchId);
      }
    });
    events.push(...this.#decide(context, call.decisions, call.batch.acceptor));
    return events;
  }

  #rotateAccount(context: Context, call: Extract<Call, { name: 'rotateAccount' }>): ChainEvent[] {
    const entry = this.#controlled(context, call.operator);
    if (call.account === entry.account) throw new Revert('OperatorRegistrySameKey', BigInt(call.operator), 0n);
    this.#checkOverlap(context, call.operator, call.until);
    this.#registry.set(call.operator, {
      ...entry,
      account: call.account,
      previousAccount: call.until === 0 ? '' : entry.account,
      previousAccountUntil: call.until,
    });
    return [{ type: 'OperatorChanged', operator: call.operator }];
  }

  #rotateSigner(context: Context, call: Extract<Call, { name: 'rotateSigner' }>): ChainEvent[] {
    const entry = this.#controlled(context, call.operator);
    if (call.signer === entry.signer) throw new Revert('OperatorRegistrySameKey', BigInt(call.operator), 1n);
    this.#checkOverlap(context, call.operator, call.until);
    this.#registry.set(call.operator, {
      ...entry,
      signer: call.signer,
      previousSigner: call.until === 0 ? ('0x' as Hex) : entry.signer,
      previousSignerUntil: call.until,
    });
    return [{ type: 'OperatorChanged', operator: call.operator }];
  }

  // ---- views

  outcome(batchId: BatchId): BatchOutcome {
    const header = this.#headers.get(batchId);
    return {
      prepared: header !== undefined,
      deadline: header?.deadline ?? (0 as UnixSeconds),
      count: header?.count ?? 0,
      commitWords: header?.committed ?? [],
      abortWords: header?.aborted ?? [],
    };
  }

  nextSequence(initiator: OperatorId, acceptor: OperatorId): number {
    return (this.#last.get(`${initiator}!${acceptor}`) ?? 0) + 1;
  }

  lastCheckpoint(operator: OperatorId): Checkpoint | undefined {
    return this.#checkpoints.get(operator);
  }

  disclosureRequest(request: number): FiledRequest | undefined {
    return this.#log.filed(request);
  }

  reconciliation(batchId: BatchId): Reconciliation {
    return this.#headers.get(batchId)?.reconciliation ?? 'none';
  }

  executedDigest(batchId: BatchId, operator: OperatorId): Hash {
    const header = this.#headers.get(batchId);
    if (header === undefined || (operator !== header.initiator && operator !== header.acceptor)) return noHash;
    const { reconciliation, byInitiator, byAcceptor } = header;
    if (reconciliation === 'reconciled') return byInitiator === noHash ? byAcceptor : byInitiator;
    return operator === header.initiator ? byInitiator : byAcceptor;
  }

  // ---- what writes

  #prepare({ timestamp }: Context, batch: Batch, first: Hex, second: Hex, events: ChainEvent[]): BatchId {
    const batchId = this.#rules.batchIdOf(batch);
    if (this.#headers.has(batchId)) return batchId;
    const { initiator, acceptor, deadline, count, root } = batch;
    const sequence = Number(batch.sequence);
    for (const operator of [initiator, acceptor]) {
      const status = this.#registry.get(operator)?.status ?? 'unknown';
      if (status !== 'active') {
        throw new Revert('PairSettlementOperatorNotActive', BigInt(operator), statusNumber[status]);
      }
    }
    this.#requireSignature(timestamp, batchId, initiator, first);
    this.#requireSignature(timestamp, batchId, acceptor, second);
    const expected = this.nextSequence(initiator, acceptor);
    if (sequence !== expected) {
      throw new Revert(
        'PairSettlementWrongSequence',
        BigInt(initiator),
        BigInt(acceptor),
        BigInt(expected),
        BigInt(sequence),
      );
    }
    const latest = timestamp + this.#rules.maxWindow;
    if (deadline > latest) throw new Revert('PairSettlementDeadlineTooFar', batchId, BigInt(latest), BigInt(deadline));
    if (count === 0 || count > maxCount) {
      throw new Revert('PairSettlementInvalidCount', batchId, BigInt(maxCount), BigInt(count));
    }
    this.#last.set(`${initiator}!${acceptor}`, sequence);
    const nothing = Array.from({ length: wordsOf(count) }, () => 0n);
    this.#headers.set(batchId, {
      initiator,
      acceptor,
      sequence,
      deadline,
      count,
      committed: nothing,
      aborted: nothing,
      reconciliation: 'none',
      byInitiator: noHash,
      byAcceptor: noHash,
    });
    events.push({ type: 'BatchPrepared', batchId, initiator, acceptor, sequence, deadline, count, root });
    return batchId;
  }

  #decide(context: Context, decisions: readonly Decision[], authorised: number): ChainEvent[] {
    const events: ChainEvent[] = [];
    let known = authorised;
    decisions.forEach((decision, index) => {
      const { batchId, word } = decision;
      const header = this.#headers.get(batchId);
      if (header === undefined) throw new Revert('PairSettlementUnknownBatch', BigInt(index), batchId);
      if ((index === 0 || decisions[index - 1]?.batchId !== batchId) && header.acceptor !== known) {
        if (!this.#isAccount(header.acceptor, context)) {
          throw new Revert(
            'PairSettlementNotAcceptorAccount',
            BigInt(index),
            batchId,
            BigInt(header.acceptor),
            context.sender,
          );
        }
        known = header.acceptor;
      }
      if (context.timestamp > header.deadline) events.push({ type: 'DecisionTooLate', batchId, word });
      else this.#decideWord(index, header, decision, events);
    });
    return events;
  }

  #decideWord(
    index: number,
    header: Header,
    { batchId, word, commitMask, abortMask }: Decision,
    events: ChainEvent[],
  ): void {
    const all = pairsOf(header.count, word);
    const both = commitMask & abortMask;
    const place = [BigInt(index), batchId, BigInt(word)] as const;
    if (both !== 0n) throw new Revert('PairSettlementContradiction', ...place, both);
    const beyond = (commitMask | abortMask) & ~all;
    if (beyond !== 0n) throw new Revert('PairSettlementBeyondCount', ...place, BigInt(header.count), beyond);
    const committed = header.committed[word] ?? 0n;
    const aborted = header.aborted[word] ?? 0n;
    if ((abortMask & committed) !== 0n || (commitMask & aborted) !== 0n) {
      throw new Revert('PairSettlementAlreadyDecided', ...place, abortMask & committed, commitMask & aborted);
    }
    const newlyCommitted = commitMask & ~committed;
    const newlyAborted = abortMask & ~aborted;
    if ((newlyCommitted | newlyAborted) === 0n) return;
    this.#headers.set(batchId, {
      ...header,
      committed: header.committed.with(word, committed | newlyCommitted),
      aborted: header.aborted.with(word, aborted | newlyAborted),
    });
    events.push({ type: 'PairsDecided', batchId, word, commitMask: newlyCommitted, abortMask: newlyAborted });
  }

  #attest(
    { timestamp }: Context,
    index: number,
    operator: OperatorId,
    { batchId, executedDigest: digest }: Attestation,
  ): ChainEvent[] {
    const header = this.#headers.get(batchId);
    if (header === undefined) throw new Revert('PairSettlementUnknownBatch', BigInt(index), batchId);
    const { initiator, acceptor, deadline, count, reconciliation: before } = header;
    if (operator !== initiator && operator !== acceptor) {
      throw new Revert(
        'PairSettlementNotParty',
        BigInt(index),
        batchId,
        BigInt(initiator),
        BigInt(acceptor),
        BigInt(operator),
      );
    }
    const undecided = header.committed.some(
      (mask, word) => (mask | (header.aborted[word] ?? 0n)) !== pairsOf(count, word),
    );
    if (undecided && timestamp <= deadline) {
      throw new Revert('PairSettlementStillOpen', BigInt(index), batchId, BigInt(deadline), BigInt(timestamp));
    }
    const own = operator === initiator ? 'by-initiator' : 'by-acceptor';
    if (before === own || before === 'reconciled' || before === 'discrepancy') {
      const attested = this.executedDigest(batchId, operator);
      throw new Revert('PairSettlementAlreadyAttested', BigInt(index), batchId, BigInt(operator), attested, digest);
    }
    const onUs = initiator === acceptor;
    const other = own === 'by-initiator' ? header.byAcceptor : header.byInitiator;
    const complete = before !== 'none' || onUs;
    const agreed = complete && (onUs || other === digest);
    const written = before === 'none' || !agreed;
    const next: Header = {
      ...header,
      reconciliation: agreed ? 'reconciled' : complete ? 'discrepancy' : own,
      ...(written ? (own === 'by-initiator' ? { byInitiator: digest } : { byAcceptor: digest }) : {}),
    };
    this.#headers.set(batchId, next);
    const events: ChainEvent[] = [{ type: 'BatchAttested', batchId, operator, executedDigest: digest }];
    if (agreed) events.push({ type: 'BatchReconciled', batchId });
    else if (complete) {
      events.push({
        type: 'BatchDiscrepancy',
        batchId,
        initiatorDigest: next.byInitiator,
        acceptorDigest: next.byAcceptor,
      });
    }
    return events;
  }

  #checkpoint(context: Context, operator: OperatorId, entry: number, head: Hash): ChainEvent[] {
    if (!this.#isAccount(operator, context)) {
      throw new Revert('AuditLogNotOperatorAccount', BigInt(operator), context.sender);
    }
    this.#requireNotRetired(operator);
    const last = this.#checkpoints.get(operator)?.entry ?? 0;
    if (entry <= last) {
      throw new Revert('AuditLogCheckpointNotNewer', BigInt(operator), BigInt(last), BigInt(entry));
    }
    if (entry - last > maxEntriesApart) {
      throw new Revert('AuditLogCheckpointTooFar', BigInt(operator), BigInt(last), BigInt(entry));
    }
    this.#checkpoints.set(operator, { entry, head, timestamp: context.timestamp as UnixSeconds });
    return [{ type: 'JournalCheckpoint', operator, entry, head }];
  }

  #disownHeads({ sender, timestamp }: Context, operator: OperatorId, entry: number): ChainEvent[] {
    if (this.#registry.get(operator)?.controller !== sender) {
      throw new Revert('AuditLogNotController', BigInt(operator), sender);
    }
    this.#requireNotRetired(operator);
    const last = this.#checkpoints.get(operator)?.entry ?? 0;
    if (entry >= last) throw new Revert('AuditLogNothingToDisown', BigInt(operator), BigInt(last), BigInt(entry));
    this.#checkpoints.set(operator, { entry, head: noHash, timestamp: timestamp as UnixSeconds });
    return [{ type: 'JournalHeadsDisowned', operator, last, entry }];
  }

  #setStatus(context: Context, name: 'suspend' | 'reinstate', operator: OperatorId): ChainEvent[] {
    if (context.sender !== this.#rules.authority) throw new Revert('OwnableUnauthorizedAccount', context.sender);
    const entry = this.#registry.get(operator);
    if (entry === undefined) throw new Revert('OperatorRegistryUnknownOperator', BigInt(operator));
    const expected: OperatorStatus = name === 'suspend' ? 'active' : 'suspended';
    if (entry.status !== expected) {
      throw new Revert(
        'OperatorRegistryUnexpectedStatus',
        BigInt(operator),
        statusNumber[expected],
        statusNumber[entry.status],
      );
    }
    this.#registry.set(operator, { ...entry, status: name === 'suspend' ? 'suspended' : 'active' });
    return [{ type: 'OperatorChanged', operator }];
  }

  // ---- guards

  #controlled({ sender }: Context, operator: OperatorId): RegistryEntry {
    const entry = this.#registry.get(operator);
    if (entry === undefined) throw new Revert('OperatorRegistryUnknownOperator', BigInt(operator));
    if (sender !== entry.controller) {
      throw new Revert('OperatorRegistryNotController', BigInt(operator), entry.controller, sender);
    }
    return entry;
  }

  #requireNotRetired(operator: OperatorId): void {
    if (this.#registry.get(operator)?.status === 'retired') {
      throw new Revert('AuditLogOperatorRetired', BigInt(operator));
    }
  }

  #checkOverlap({ timestamp }: Context, operator: OperatorId, until: number): void {
    const latest = timestamp + 30 * 86_400;
    if (until !== 0 && (until < timestamp || until > latest)) {
      throw new Revert(
        'OperatorRegistryOverlapOutOfRange',
        BigInt(operator),
        BigInt(until),
        BigInt(timestamp),
        BigInt(latest),
      );
    }
  }

  #isAccount(operator: OperatorId, { sender, timestamp }: Context): boolean {
    const entry = this.#registry.get(operator);
    if (entry === undefined) return false;
    return sender === entry.account || (timestamp <= entry.previousAccountUntil && sender === entry.previousAccount);
  }

  #requireAccount(operator: OperatorId, context: Context): void {
    if (!this.#isAccount(operator, context)) {
      throw new Revert('PairSettlementNotOperatorAccount', BigInt(operator), context.sender);
    }
  }

  #requireSignature(timestamp: number, batchId: BatchId, operator: OperatorId, signature: Hex): void {
    const valid = this.#isSignature(timestamp, operator, batchId, signature);
    if (!valid) throw new Revert('PairSettlementInvalidSignature', batchId, BigInt(operator), signature);
  }

  #isSignature(timestamp: number, operator: OperatorId, digest: BatchId | Hash, signature: Hex): boolean {
    const entry = this.#registry.get(operator);
    const { signed } = this.#rules;
    return (
      entry !== undefined &&
      (signed(entry.signer, digest, signature) ||
        (timestamp <= entry.previousSignerUntil && signed(entry.previousSigner, digest, signature)))
    );
  }
}
