/** Calls to the settlement contract as bytes, each with the gas that it needs (`gas-limits.ts`). */
import type { Interface } from 'ethers';
import { TandemError } from '../errors.ts';
import { isHex, type BatchId, type Hash, type Hex, type OperatorId } from '../model/ids.ts';
import type { Batch, SignedBatch } from '../model/records.ts';
import type { ContractCall } from './chain.ts';
import { auditLogInterface, registryInterface, settlementInterface } from './decode.ts';
import {
  careWork,
  dearestByte,
  gasFor,
  maxTransactionGas,
  signatureWork,
  transactionGas,
  work,
  type Care,
} from './gas-limits.ts';

/** Decisions of the 256 pairs of one word of a batch. */
export interface Decision {
  readonly batchId: BatchId;
  readonly word: number;
  readonly commitMask: bigint;
  readonly abortMask: bigint;
  /** How many pairs the word has, where none of them can have been decided before. */
  readonly pairs?: number;
}

export interface Attestation {
  readonly batchId: BatchId;
  readonly executedDigest: Hash;
}

const sizeOf = (data: Hex): bigint => BigInt((data.length - 2) / 2);

function encode(contract: Interface, name: string, args: readonly unknown[]): Hex {
  const data = contract.encodeFunctionData(name, args);
  if (!isHex(data)) throw new TandemError('internal', `${name} was not encoded as lower-case hex`);
  return data;
}

const batchTuple = ({ initiator, acceptor, sequence, deadline, count, root }: Batch): readonly unknown[] => [
  initiator,
  acceptor,
  sequence,
  deadline,
  count,
  root,
];

const decisionTuple = ({ batchId, word, commitMask, abortMask }: Decision): readonly unknown[] => [
  batchId,
  word,
  commitMask,
  abortMask,
];

function wordGas({ commitMask, abortMask, pairs }: Decision): bigint {
  if (pairs !== undefined && commitMask === (1n << BigInt(pairs)) - 1n) return work.wholeWord;
  return commitMask === 0n || abortMask === 0n ? work.oneBitmap : work.twoBitmaps;
}

const decisionGas = (decisions: readonly Decision[]): bigint => {
  const changes = decisions.filter(({ batchId }, index) => batchId !== decisions[index - 1]?.batchId).length;
  return decisions.reduce<bigint>((sum, decision) => sum + wordGas(decision), BigInt(changes) * work.batch);
};

const prepareGas = ({ sequence }: Pick<Batch, 'sequence'>, signatures: readonly Hex[], care: Care = {}): bigint =>
  work.prepare + careWork(care) + (sequence === 1 ? work.firstOfLane : 0n) + signatureWork(...signatures);

/** Gas for the decisions of a batch that the same call prepares: its header has been read already. */
const settleGas = (decisions: readonly Decision[]): bigint =>
  decisions.reduce<bigint>((sum, decision) => sum + wordGas(decision), work.settle);

export interface SettlementCalls {
  prepare(signed: SignedBatch, care?: Care): ContractCall;
  /** As many calls as the gas of one transaction asks for; decisions of one batch cost least side by side. */
  decide(decisions: readonly Decision[]): readonly ContractCall[];
  /** `decisions` are of that batch only: 16 at most. */
  settle(signed: SignedBatch, decisions: readonly Decision[], care?: Care): ContractCall;
  /** As many calls as the gas of one transaction asks for. */
  attest(operator: OperatorId, attestations: readonly Attestation[]): readonly ContractCall[];
  /**
   * A `decide` or `settle` with the same decisions and those of `more` that it can carry beside them, which for a `settle`
   * are those of its own batch; undefined where nothing is added. What it says already is never said differently.
   */
  enlarged(call: ContractCall, more: readonly Decision[]): ContractCall | undefined;
  /**
   * The calls in their order, in as few transactions as their gas allows; each of these happens as a whole or not at
   * all.
   */
  together(calls: readonly ContractCall[]): readonly ContractCall[];
}

/** Entries that one transaction takes: words that are decided, or attestations. */
export const maxEntriesACall = 128;

const maskOf = ({ commitMask, abortMask }: Decision): bigint => commitMask | abortMask;

/**
 * `own` and what `more` adds to it, side by side by batch; undefined where it adds nothing. A word of `more` that decides
 * anything the other way than `own` is left out whole.
 */
export function joinDecisions(own: readonly Decision[], more: readonly Decision[]): readonly Decision[] | undefined {
  const byBatch = new Map<BatchId, Map<number, Decision>>();
  const wordsOf = (batchId: BatchId): Map<number, Decision> => {
    let words = byBatch.get(batchId);
    if (words === undefined) byBatch.set(batchId, (words = new Map<number, Decision>()));
    return words;
  };
  let count = 0;
  for (const decision of own) {
    wordsOf(decision.batchId).set(decision.word, decision);
    count += 1;
  }
  let added = false;
  for (const decision of more) {
    const words = wordsOf(decision.batchId);
    const known = words.get(decision.word) ?? { ...decision, commitMask: 0n, abortMask: 0n };
    const commitMask = known.commitMask | decision.commitMask;
    const abortMask = known.abortMask | decision.abortMask;
    const joined = { ...known, commitMask, abortMask };
    const isNew = !words.has(decision.word);
    if ((commitMask & abortMask) !== 0n || maskOf(joined) === maskOf(known)) continue;
    if (isNew && count === maxEntriesACall) continue;
    if (isNew) count += 1;
    words.set(decision.word, joined);
    added = true;
  }
  return added ? [...byBatch.values()].flatMap((words) => [...words.values()]) : undefined;
}

/** What a call decides, out of its own bytes; undefined for a call that decides nothing. */
function decisionsOf(data: Hex): { readonly name: 'decide' | 'settle'; readonly decisions: Decision[] } | undefined {
  const parsed = settlementInterface.parseTransaction({ data });
  if (parsed?.name !== 'decide' && parsed?.name !== 'settle') return undefined;
  const decisions = parsed.args[parsed.name === 'decide' ? 0 : 3] as Iterable<
    Omit<Decision, 'word'> & { readonly word: bigint }
  >;
  return {
    name: parsed.name,
    decisions: [...decisions].map(({ batchId, word, commitMask, abortMask }) => ({
      batchId,
      word: Number(word),
      commitMask,
      abortMask,
    })),
  };
}

const callOf =
  (to: string, contract: Interface) =>
  (name: string, args: readonly unknown[], gas: bigint): ContractCall => {
    const data = encode(contract, name, args);
    return { to, data, gasLimit: gasFor(data, gas) };
  };

/** A head of a journal, and the entry that it is the head after. */
export interface JournalCheckpoint {
  readonly entry: number;
  readonly head: Hash;
}

export interface AuditLogCalls {
  /** One or more heads, each of a later entry than the one before: all are anchored, or none. */
  checkpoint(operator: OperatorId, heads: readonly JournalCheckpoint[]): ContractCall;
  /** To an auditor's request: the salted digest of what was handed over. */
  answer(operator: OperatorId, request: number, handedOver: Hash): ContractCall;
}

/** @param contract address of AuditLog */
export function auditLogCalls(contract: string): AuditLogCalls {
  const call = callOf(contract, auditLogInterface);
  return {
    checkpoint: (operator, heads) => {
      const calls = heads.map(({ entry, head }) => encode(auditLogInterface, 'checkpoint', [operator, entry, head]));
      const [first, ...more] = calls;
      if (first === undefined) throw new TandemError('internal', 'No head to anchor');
      const data = more.length === 0 ? first : encode(auditLogInterface, 'multicall', [calls]);
      const gas = work.checkpoint + BigInt(more.length) * work.furtherCheckpoint;
      return { to: contract, data, gasLimit: gasFor(data, gas) };
    },
    answer: (operator, request, handedOver) => call('answer', [operator, request, handedOver], work.answer),
  };
}

/** @param contract address of PairSettlement */
export function settlementCalls(contract: string): SettlementCalls {
  const call = callOf(contract, settlementInterface);
  const decideOnce = (decisions: readonly Decision[]): ContractCall =>
    call('decide', [decisions.map(decisionTuple)], work.caller + decisionGas(decisions));
  const attestOnce = (operator: OperatorId, attestations: readonly Attestation[]): ContractCall =>
    call(
      'attest',
      [operator, attestations.map(({ batchId, executedDigest }) => [batchId, executedDigest])],
      work.caller + BigInt(attestations.length) * work.attestation,
    );
  const multicall = (calls: readonly ContractCall[]): ContractCall =>
    call(
      'multicall',
      [calls.map(({ data }) => data)],
      calls.reduce((sum, { gasLimit }) => sum + gasLimit + work.inner, 0n),
    );

  return {
    prepare: ({ batch, initiatorSignature: first, acceptorSignature: second }, care) =>
      call('prepare', [batchTuple(batch), first, second], prepareGas(batch, [first, second], care)),
    decide: (decisions) => inGroups(decisions, work.batch + work.twoBitmaps + 160n * dearestByte).map(decideOnce),
    settle: ({ batch, initiatorSignature: first, acceptorSignature: second }, decisions, care) =>
      call(
        'settle',
        [batchTuple(batch), first, second, decisions.map(decisionTuple)],
        prepareGas(batch, [first, second], care) + settleGas(decisions),
      ),
    attest: (operator, attestations) =>
      inGroups(attestations, work.attestation + 64n * dearestByte).map((group) => attestOnce(operator, group)),
    enlarged(before, more) {
      const found = decisionsOf(before.data);
      if (found === undefined) return undefined;
      const { name, decisions: own } = found;
      const batchId = own[0]?.batchId;
      const joined = joinDecisions(own, name === 'decide' ? more : more.filter((one) => one.batchId === batchId));
      if (joined === undefined) return undefined;
      if (name === 'decide') {
        const enlarged = call('decide', [joined.map(decisionTuple)], work.caller + decisionGas(joined));
        return enlarged.gasLimit <= maxTransactionGas ? enlarged : undefined;
      }
      const [batch, first, second] = settlementInterface.decodeFunctionData('settle', before.data) as unknown as [
        { readonly sequence: bigint },
        Hex,
        Hex,
      ];
      const preparing = prepareGas({ sequence: Number(batch.sequence) }, [first, second], { careful: true });
      return call('settle', [batch, first, second, joined.map(decisionTuple)], preparing + settleGas(joined));
    },
    together(calls) {
      const groups: ContractCall[][] = [];
      let gas = maxTransactionGas;
      for (const one of calls) {
        const more = one.gasLimit + work.inner + (sizeOf(one.data) + 96n) * dearestByte;
        const last = groups.at(-1);
        if (last !== undefined && gas + more <= maxTransactionGas) {
          last.push(one);
          gas += more;
        } else {
          groups.push([one]);
          gas = 2n * transactionGas + more;
        }
      }
      return groups.flatMap((group) => (group.length === 1 ? group : [multicall(group)]));
    },
  };
}

function inGroups<T>(items: readonly T[], gasOfOne: bigint): readonly (readonly T[])[] {
  const size = Number((maxTransactionGas - 2n * transactionGas) / gasOfOne);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, group) =>
    items.slice(group * size, (group + 1) * size),
  );
}

/** An empty transaction to oneself: it only makes a chain make a block. */
export const emptyCall = (address: string): ContractCall => ({
  to: address,
  data: '0x' as Hex,
  gasLimit: transactionGas,
});

/** `Name(field: value, …)` of a contract's error, or of the language's; undefined for data that is none of them. */
export function describeRevert(data: string): string | undefined {
  for (const contract of [settlementInterface, registryInterface, auditLogInterface]) {
    const described = errorOf(contract, data);
    if (described !== undefined) return described;
  }
  return undefined;
}

function errorOf(contract: Interface, data: string): string | undefined {
  try {
    const found = contract.parseError(data);
    if (found === null) return undefined;
    // Reading an argument decodes it, and throws where its bytes are no encoding of its type.
    const fields = found.fragment.inputs.map(({ name }, index) => {
      const value = String(found.args[index]);
      return name === '' ? value : `${name}: ${value}`;
    });
    return `${found.name}(${fields.join(', ')})`;
  } catch {
    // Too short, or not an encoding of the error that it names: an endpoint may say anything.
    return undefined;
  }
}
