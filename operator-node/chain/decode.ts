/**
 * From the contracts' ABI to the words of the port: events, operators, outcomes. Addresses come out in lower case.
 *
 * Whom a log concerns is looked at first: what concerns other operators is passed over undecoded. What concerns this node
 * is read field by field, and a field that cannot be read is the fault of the operator that put it there: the log comes
 * out as `Unreadable`. Relied upon is only what the contracts guarantee; where that is not so, other code than theirs is at
 * that address, or no endpoint tells the truth, and the whole block is `chain-unreadable`.
 */
import { Interface, isError, type EventFragment, type LogDescription, type Result } from 'ethers';
import { TandemError } from '../errors.ts';
import { isOperatorId, type Hash, type Hex, type OperatorId } from '../model/ids.ts';
import type { Network } from '../model/records.ts';
import { auditLogAbi, operatorRegistryAbi, pairSettlementAbi } from './abi.ts';
import type { BatchOutcome } from '../model/outcome.ts';
import type { ChainEvent, ChainLog, Checkpoint, FiledRequest, RequestTerms } from './chain.ts';
import { FieldFault, Fields } from './fields.ts';
import type { RpcLog } from './wire.ts';

export const registryInterface = new Interface(operatorRegistryAbi);
export const settlementInterface = new Interface(pairSettlementAbi);
export const auditLogInterface = new Interface(auditLogAbi);

const unreadable = (what: string, why: string, facts: Record<string, unknown> = {}): TandemError =>
  new TandemError(
    'chain-unreadable',
    `${what} cannot come from the contracts in network.json: ${why}. Compare their addresses and code, and the RPC endpoints`,
    { facts },
  );

/** The long message of ethers repeats all the bytes. */
const reasonOf = (error: unknown): string =>
  isError(error, 'BUFFER_OVERRUN') || isError(error, 'BAD_DATA') || isError(error, 'NUMERIC_FAULT')
    ? error.shortMessage
    : (error as Error).message.slice(0, 200);

type EventType = ChainEvent['type'];
type Decoder = (fields: Fields) => ChainEvent;

interface EventForm {
  /** Topics with the operators that it concerns; a log that names none of them concerns everybody. */
  readonly parties: readonly string[];
  /** Its sender where that is no operator. */
  readonly by?: { readonly field: string; readonly who: string };
  readonly decode: Decoder;
}

type AuditLogEvent =
  | 'JournalCheckpoint'
  | 'JournalHeadsDisowned'
  | 'StatementAnchored'
  | 'StatementDischarged'
  | 'DisclosureRequested'
  | 'DisclosureAnswered';

const settlementEvents: Readonly<
  Record<Exclude<EventType, 'OperatorChanged' | 'Unreadable' | AuditLogEvent>, EventForm>
> = {
  BatchPrepared: {
    parties: ['initiator', 'acceptor'],
    decode: (fields) => ({
      type: 'BatchPrepared',
      batchId: fields.batchId('batchId'),
      initiator: fields.operatorId('initiator'),
      acceptor: fields.operatorId('acceptor'),
      sequence: fields.ordinal('sequence'),
      deadline: fields.seconds('deadline'),
      count: fields.number('count'),
      root: fields.hash('root'),
    }),
  },
  PairsDecided: {
    parties: [],
    decode: (fields) => ({
      type: 'PairsDecided',
      batchId: fields.batchId('batchId'),
      word: fields.number('word'),
      commitMask: fields.big('commitMask'),
      abortMask: fields.big('abortMask'),
    }),
  },
  DecisionTooLate: {
    parties: [],
    decode: (fields) => ({
      type: 'DecisionTooLate',
      batchId: fields.batchId('batchId'),
      word: fields.number('word'),
    }),
  },
  BatchAttested: {
    parties: ['operatorId'],
    decode: (fields) => ({
      type: 'BatchAttested',
      batchId: fields.batchId('batchId'),
      operator: fields.operatorId('operatorId'),
      executedDigest: fields.hash('executedDigest'),
    }),
  },
  BatchReconciled: {
    parties: [],
    decode: (fields) => ({ type: 'BatchReconciled', batchId: fields.batchId('batchId') }),
  },
  BatchDiscrepancy: {
    parties: [],
    decode: (fields) => ({
      type: 'BatchDiscrepancy',
      batchId: fields.batchId('batchId'),
      initiatorDigest: fields.hash('initiatorDigest'),
      acceptorDigest: fields.hash('acceptorDigest'),
    }),
  },
};

const requestTerms = (request: number, fields: Fields): RequestTerms => ({
  request,
  operator: fields.operatorId('operatorId'),
  auditor: fields.ordinal('auditorId'),
  digest: fields.hash('digest'),
  madeAt: fields.seconds('madeAt'),
  due: fields.seconds('due'),
  confidential: fields.flag('confidential'),
});

const auditLogEvents: Readonly<Record<AuditLogEvent, EventForm>> = {
  JournalCheckpoint: {
    parties: ['operatorId'],
    decode: (fields) => ({
      type: 'JournalCheckpoint',
      operator: fields.operatorId('operatorId'),
      entry: fields.number('entry'),
      head: fields.hash('journalHead'),
    }),
  },
  JournalHeadsDisowned: {
    parties: ['operatorId'],
    decode: (fields) => ({
      type: 'JournalHeadsDisowned',
      operator: fields.operatorId('operatorId'),
      last: fields.number('last'),
      entry: fields.number('entry'),
    }),
  },
  StatementAnchored: {
    parties: ['operatorA', 'operatorB'],
    decode: (fields) => ({
      type: 'StatementAnchored',
      statement: fields.hash('statementDigest'),
      operatorA: fields.operatorId('operatorA'),
      operatorB: fields.operatorId('operatorB'),
    }),
  },
  StatementDischarged: {
    parties: ['payee', 'payer'],
    decode: (fields) => ({
      type: 'StatementDischarged',
      statement: fields.hash('statementDigest'),
      payee: fields.operatorId('payee'),
      payer: fields.operatorId('payer'),
      reference: fields.hash('referenceDigest'),
    }),
  },
  DisclosureRequested: {
    parties: ['operatorId'],
    by: { field: 'auditorId', who: 'auditor' },
    decode: (fields) => ({ type: 'DisclosureRequested', ...requestTerms(fields.ordinal('requestId'), fields) }),
  },
  DisclosureAnswered: {
    parties: ['operatorId'],
    decode: (fields) => ({
      type: 'DisclosureAnswered',
      request: fields.ordinal('requestId'),
      operator: fields.operatorId('operatorId'),
      answer: fields.hash('answer'),
      late: fields.flag('late'),
    }),
  },
};

const formOf: ReadonlyMap<string, EventForm> = new Map(Object.entries({ ...settlementEvents, ...auditLogEvents }));

/** What this topic is in the event's ABI; undefined where the log has no such topic. */
function topicOf(event: EventFragment, log: RpcLog, name: string): Hash | undefined {
  const at = event.inputs.filter(({ indexed }) => indexed === true).findIndex((input) => input.name === name);
  return at < 0 ? undefined : log.topics[at + 1];
}

/** The operators that the log names; an id that no operator can have is nobody's. */
function namedIn(event: EventFragment, log: RpcLog, names: readonly string[]): readonly OperatorId[] {
  return names.flatMap((name) => {
    const id = Number(topicOf(event, log, name) ?? 0);
    return isOperatorId(id) ? [id] : [];
  });
}

function parse(contract: Interface, log: RpcLog, event: EventFragment): LogDescription {
  const where = `Log ${log.logIndex} of transaction ${log.transactionHash} in block ${log.blockHash} (${event.name})`;
  const facts = { block: log.blockHash, transaction: log.transactionHash, logIndex: log.logIndex, event: event.name };
  let found: LogDescription | null;
  try {
    found = contract.parseLog({ topics: [...log.topics], data: log.data });
  } catch (error) {
    throw unreadable(where, reasonOf(error), facts);
  }
  if (found === null) throw unreadable(where, 'its topics are of another event', facts);
  return found;
}

function decodeKnown(contract: Interface, log: RpcLog, self: OperatorId | undefined): ChainEvent | undefined {
  const event = contract.getEvent(log.topics[0] ?? '');
  const form = event === null ? undefined : formOf.get(event.name);
  if (event === null || form === undefined) return undefined;
  const named = namedIn(event, log, form.parties);
  if (self !== undefined && form.parties.length > 0 && !named.includes(self)) return undefined;
  const fields = new Fields(parse(contract, log, event).args);
  try {
    return form.decode(fields);
  } catch (error) {
    if (!(error instanceof FieldFault)) throw error;
    const sender = named.find((id) => id !== self) ?? named[0];
    const other = form.by === undefined ? undefined : Number(topicOf(event, log, form.by.field) ?? 0);
    const by =
      form.by !== undefined ? `${form.by.who} ${other}` : sender === undefined ? 'unknown' : `operator ${sender}`;
    const { address, topics, data } = log;
    return { type: 'Unreadable', event: event.name, by, named, problem: error.message, raw: { address, topics, data } };
  }
}

/**
 * The registry promises it: events that begin so have the operator's id as their first topic. Nothing else is read, and
 * one that names nobody is of nobody: the registry is read again at an interval besides.
 */
function decodeRegistry(log: RpcLog): ChainEvent | undefined {
  const event = registryInterface.getEvent(log.topics[0] ?? '');
  if (event?.name.startsWith('Operator') !== true) return undefined;
  const [operator] = namedIn(event, log, ['operatorId']);
  return operator === undefined ? undefined : { type: 'OperatorChanged', operator };
}

function decodeEvent(
  log: RpcLog,
  contracts: Network['contracts'],
  self: OperatorId | undefined,
): ChainEvent | undefined {
  if (log.address === contracts.PairSettlement.toLowerCase()) return decodeKnown(settlementInterface, log, self);
  if (log.address === contracts.AuditLog?.toLowerCase()) return decodeKnown(auditLogInterface, log, self);
  if (log.address === contracts.OperatorRegistry.toLowerCase()) return decodeRegistry(log);
  return undefined;
}

/**
 * Undefined for a log that means nothing to a node: of another contract, a change of the consortium's parameters, or one
 * that names other operators than `self`. @throws {TandemError} `chain-unreadable`
 */
export function decodeLog(log: RpcLog, contracts: Network['contracts'], self?: OperatorId): ChainLog | undefined {
  const event = decodeEvent(log, contracts, self);
  return event === undefined ? undefined : { ...event, transactionHash: log.transactionHash, logIndex: log.logIndex };
}

/** @throws {TandemError} `chain-unreadable` */
export function resultOf(contract: Interface, view: string, data: Hex): Result {
  try {
    return contract.decodeFunctionResult(view, data);
  } catch (error) {
    throw unreadable(`The answer to ${view}, ${shortened(data)},`, reasonOf(error), { view });
  }
}

const shownDigits = 160;
const shortened = (data: Hex): string =>
  data.length <= shownDigits ? data : `${data.slice(0, shownDigits)}… (${data.length / 2 - 1} bytes)`;

/** What was read of a view's answer. @throws {TandemError} `chain-unreadable`, naming view and field */
function read<T>(view: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof FieldFault)) throw error;
    throw unreadable(`The answer to ${view}`, error.message, { view, field: error.field });
  }
}

const structOf = (contract: Interface, view: string, data: Hex): Fields =>
  new Fields(resultOf(contract, view, data)[0] as Result);

export function decodeOutcome(data: Hex): BatchOutcome {
  const view = 'batchOutcome';
  const fields = new Fields(resultOf(settlementInterface, view, data));
  return read(view, () => ({
    prepared: fields.flag('prepared'),
    deadline: fields.seconds('deadline'),
    count: fields.number('count'),
    commitWords: Array.from(fields.raw('commitWords') as Result) as bigint[],
    abortWords: Array.from(fields.raw('abortWords') as Result) as bigint[],
  }));
}

/** What `lastCheckpoint(id)` returned; undefined for an operator without one. */
export function decodeCheckpoint(data: Hex): Checkpoint | undefined {
  const view = 'lastCheckpoint';
  const fields = structOf(auditLogInterface, view, data);
  return read(view, () => {
    const entry = fields.number('entry');
    if (entry === 0) return undefined;
    return { entry, head: fields.hash('head'), timestamp: fields.seconds('timestamp') };
  });
}

/** What `disclosureRequest(id)` returned; undefined for a request that is not filed. */
export function decodeRequest(request: number, data: Hex): FiledRequest | undefined {
  const view = 'disclosureRequest';
  const fields = structOf(auditLogInterface, view, data);
  return read(view, () => {
    const filedAt = fields.seconds('filedAt');
    if (filedAt === 0) return undefined;
    const at = fields.seconds('answeredAt');
    return {
      ...requestTerms(request, fields),
      filedAt,
      ...(at === 0 ? {} : { answered: { at, answer: fields.hash('answer') } }),
    };
  });
}

/** The one number that a view returned. */
export function decodeCount(contract: Interface, view: string, data: Hex): number {
  const [value] = resultOf(contract, view, data) as unknown as readonly [unknown];
  const number = Number(value);
  if (typeof value === 'bigint' && Number.isSafeInteger(number)) return number;
  throw unreadable(`The answer to ${view}`, `it is ${String(value)}`, { view });
}
