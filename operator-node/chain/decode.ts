/** From the contracts' ABI to the words of the port: events, operators, outcomes. Addresses come out in lower case. */
import { Interface, type LogDescription, type Result } from 'ethers';
import { TandemError } from '../errors.ts';
import {
  isBatchId,
  isHash,
  isHex,
  isOperatorId,
  type BatchId,
  type Hash,
  type Hex,
  type OperatorId,
  type UnixSeconds,
} from '../model/ids.ts';
import type { BatchOutcome } from '../model/outcome.ts';
import type { Network } from '../model/records.ts';
import { auditLogAbi, operatorRegistryAbi, pairSettlementAbi } from './abi.ts';
import type {
  ChainEvent,
  ChainLog,
  Checkpoint,
  FiledRequest,
  OperatorEntry,
  OperatorStatus,
  RequestTerms,
} from './chain.ts';
import type { RpcLog } from './wire.ts';

export const registryInterface = new Interface(operatorRegistryAbi);
export const settlementInterface = new Interface(pairSettlementAbi);
export const auditLogInterface = new Interface(auditLogAbi);

const malformed = (what: string, value: unknown): TandemError =>
  new TandemError('chain-unavailable', `The chain’s answer is not of the expected form: ${what} is ${String(value)}`);

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw malformed('a text', value);
  return value;
};
const big = (value: unknown): bigint => {
  if (typeof value !== 'bigint') throw malformed('a number', value);
  return value;
};
const small = (value: unknown): number => {
  const number = Number(big(value));
  if (!Number.isSafeInteger(number)) throw malformed('a number below 2^53', value);
  return number;
};
const seconds = (value: unknown): UnixSeconds => small(value) as UnixSeconds;
const address = (value: unknown): string => text(value).toLowerCase();
const hex = (value: unknown): Hex => {
  const found = text(value).toLowerCase();
  if (!isHex(found)) throw malformed('bytes', value);
  return found;
};
const hash = (value: unknown): Hash => {
  const found = text(value).toLowerCase();
  if (!isHash(found)) throw malformed('a hash', value);
  return found;
};
const batchId = (value: unknown): BatchId => {
  const found = text(value).toLowerCase();
  if (!isBatchId(found)) throw malformed('a batchId', value);
  return found;
};
const operatorId = (value: unknown): OperatorId => {
  const found = small(value);
  if (!isOperatorId(found)) throw malformed('an operator id', value);
  return found;
};

type EventType = ChainEvent['type'];
type Decoder = (args: Result) => ChainEvent;

type AuditLogEvent =
  | 'JournalCheckpoint'
  | 'JournalHeadsDisowned'
  | 'StatementAnchored'
  | 'StatementDischarged'
  | 'DisclosureRequested'
  | 'DisclosureAnswered';

const settlementEvents: Readonly<Record<Exclude<EventType, 'OperatorChanged' | AuditLogEvent>, Decoder>> = {
  BatchPrepared: (args) => ({
    type: 'BatchPrepared',
    batchId: batchId(args['batchId']),
    initiator: operatorId(args['initiator']),
    acceptor: operatorId(args['acceptor']),
    sequence: small(args['sequence']),
    deadline: seconds(args['deadline']),
    count: small(args['count']),
    root: hash(args['root']),
  }),
  PairsDecided: (args) => ({
    type: 'PairsDecided',
    batchId: batchId(args['batchId']),
    word: small(args['word']),
    commitMask: big(args['commitMask']),
    abortMask: big(args['abortMask']),
  }),
  DecisionTooLate: (args) => ({
    type: 'DecisionTooLate',
    batchId: batchId(args['batchId']),
    word: small(args['word']),
  }),
  BatchAttested: (args) => ({
    type: 'BatchAttested',
    batchId: batchId(args['batchId']),
    operator: operatorId(args['operatorId']),
    executedDigest: hash(args['executedDigest']),
  }),
  BatchReconciled: (args) => ({ type: 'BatchReconciled', batchId: batchId(args['batchId']) }),
  BatchDiscrepancy: (args) => ({
    type: 'BatchDiscrepancy',
    batchId: batchId(args['batchId']),
    initiatorDigest: hash(args['initiatorDigest']),
    acceptorDigest: hash(args['acceptorDigest']),
  }),
};

const requestTerms = (request: unknown, field: (name: string) => unknown): RequestTerms => ({
  request: small(request),
  operator: operatorId(field('operatorId')),
  auditor: small(field('auditorId')),
  digest: hash(field('digest')),
  madeAt: seconds(field('madeAt')),
  due: seconds(field('due')),
  confidential: field('confidential') === true,
});

const auditLogEvents: Readonly<Record<AuditLogEvent, Decoder>> = {
  JournalCheckpoint: (args) => ({
    type: 'JournalCheckpoint',
    operator: operatorId(args['operatorId']),
    entry: small(args['entry']),
    head: hash(args['journalHead']),
  }),
  JournalHeadsDisowned: (args) => ({
    type: 'JournalHeadsDisowned',
    operator: operatorId(args['operatorId']),
    last: small(args['last']),
    entry: small(args['entry']),
  }),
  StatementAnchored: (args) => ({
    type: 'StatementAnchored',
    statement: hash(args['statementDigest']),
    operatorA: operatorId(args['operatorA']),
    operatorB: operatorId(args['operatorB']),
  }),
  StatementDischarged: (args) => ({
    type: 'StatementDischarged',
    statement: hash(args['statementDigest']),
    payee: operatorId(args['payee']),
    payer: operatorId(args['payer']),
    reference: hash(args['referenceDigest']),
  }),
  DisclosureRequested: (args) => ({
    type: 'DisclosureRequested',
    ...requestTerms(args['requestId'], (name) => args[name] as unknown),
  }),
  DisclosureAnswered: (args) => ({
    type: 'DisclosureAnswered',
    request: small(args['requestId']),
    operator: operatorId(args['operatorId']),
    answer: hash(args['answer']),
    late: args['late'] === true,
  }),
};

const decoderOf: ReadonlyMap<string, Decoder> = new Map(Object.entries({ ...settlementEvents, ...auditLogEvents }));

function parse(contract: Interface, log: RpcLog): LogDescription | null {
  try {
    return contract.parseLog({ topics: [...log.topics], data: log.data });
  } catch {
    throw malformed(`log ${log.logIndex} of ${log.transactionHash}`, log.data);
  }
}

function resultOf(contract: Interface, view: string, data: Hex): Result {
  try {
    return contract.decodeFunctionResult(view, data);
  } catch {
    throw malformed(`the result of ${view}`, data);
  }
}

function decodeEvent(log: RpcLog, contracts: Network['contracts']): ChainEvent | undefined {
  if (log.address === contracts.PairSettlement.toLowerCase()) {
    const found = parse(settlementInterface, log);
    return found === null ? undefined : decoderOf.get(found.name)?.(found.args);
  }
  if (log.address === contracts.AuditLog?.toLowerCase()) {
    const found = parse(auditLogInterface, log);
    return found === null ? undefined : decoderOf.get(found.name)?.(found.args);
  }
  if (log.address === contracts.OperatorRegistry.toLowerCase()) {
    const found = parse(registryInterface, log);
    // The registry promises it: events that begin so have the operator's id as their first topic.
    if (found === null || !found.name.startsWith('Operator')) return undefined;
    return { type: 'OperatorChanged', operator: operatorId(found.args['operatorId']) };
  }
  return undefined;
}

/** Undefined for a log that means nothing to a node: of another contract, or a change of the consortium's parameters. */
export function decodeLog(log: RpcLog, contracts: Network['contracts']): ChainLog | undefined {
  const event = decodeEvent(log, contracts);
  return event === undefined ? undefined : { ...event, transactionHash: log.transactionHash, logIndex: log.logIndex };
}

const statuses: readonly OperatorStatus[] = ['unknown', 'active', 'suspended', 'retired'];
const noPin = `0x${'0'.repeat(64)}`;

/** What `operator(id)` returned, as it counts at a block of that time. */
export function decodeOperator(id: OperatorId, data: Hex, at: UnixSeconds): OperatorEntry {
  const entry: unknown = resultOf(registryInterface, 'operator', data)[0];
  const field = (name: string): unknown => (entry as Result)[name];
  const status = statuses[small(field('status'))];
  if (status === undefined) throw malformed('an operator’s status', field('status'));
  const ends = [
    seconds(field('previousAccountUntil')),
    seconds(field('previousSignerUntil')),
    seconds(field('previousPinUntil')),
    // Then the status changes too, and there is no event to say so.
    seconds(field('emergencyUntil')),
  ].filter((end) => end >= at);
  const overlapping = (current: unknown, previous: unknown, until: unknown): readonly unknown[] =>
    seconds(until) >= at ? [current, previous] : [current];
  const pins = [
    field('pin'),
    ...(field('nextPin') === noPin ? [] : [field('nextPin')]),
    ...overlapping(field('pin'), field('previousPin'), field('previousPinUntil')).slice(1),
  ];
  return {
    id,
    handle: text(field('handle')),
    status,
    controller: address(field('controller')),
    accounts: overlapping(field('account'), field('previousAccount'), field('previousAccountUntil')).map(address),
    signers: overlapping(field('signer'), field('previousSigner'), field('previousSignerUntil')).map(hex),
    pins: pins.map(hash),
    endpoint: text(field('endpoint')),
    ...(ends.length === 0 ? {} : { overlapEnds: Math.min(...ends) as UnixSeconds }),
  };
}

export function decodeOutcome(data: Hex): BatchOutcome {
  const [prepared, deadline, count, commitWords, abortWords] = resultOf(settlementInterface, 'batchOutcome', data);
  return {
    prepared: prepared === true,
    deadline: seconds(deadline),
    count: small(count),
    commitWords: Array.from(commitWords as Result, big),
    abortWords: Array.from(abortWords as Result, big),
  };
}

/** What `lastCheckpoint(id)` returned; undefined for an operator without one. */
export function decodeCheckpoint(data: Hex): Checkpoint | undefined {
  const checkpoint: unknown = resultOf(auditLogInterface, 'lastCheckpoint', data)[0];
  const field = (name: string): unknown => (checkpoint as Result)[name];
  const entry = small(field('entry'));
  if (entry === 0) return undefined;
  return { entry, head: hash(field('head')), timestamp: seconds(field('timestamp')) };
}

/** What `disclosureRequest(id)` returned; undefined for a request that is not filed. */
export function decodeRequest(request: number, data: Hex): FiledRequest | undefined {
  const found: unknown = resultOf(auditLogInterface, 'disclosureRequest', data)[0];
  const field = (name: string): unknown => (found as Result)[name];
  const filedAt = seconds(field('filedAt'));
  if (filedAt === 0) return undefined;
  const at = seconds(field('answeredAt'));
  return {
    ...requestTerms(BigInt(request), field),
    filedAt,
    ...(at === 0 ? {} : { answered: { at, answer: hash(field('answer')) } }),
  };
}

/** The one number that a view returned. */
export const decodeCount = (contract: Interface, view: string, data: Hex): number =>
  small(resultOf(contract, view, data)[0]);
