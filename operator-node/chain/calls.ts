/**
 * Calls to the settlement contract as bytes, with gas limits from their size. A limit costs nothing but room in a block:
 * each is an upper bound, and a test on a real chain holds them against what is used.
 */
import type { ErrorDescription, Interface } from 'ethers';
import { TandemError } from '../errors.ts';
import { isHex, type BatchId, type Hash, type Hex, type OperatorId } from '../model/ids.ts';
import type { Batch, SignedBatch } from '../model/records.ts';
import type { ContractCall } from './chain.ts';
import { auditLogInterface, registryInterface, settlementInterface } from './decode.ts';

/** Decisions of the 256 pairs of one word of a batch. */
export interface Decision {
  readonly batchId: BatchId;
  readonly word: number;
  readonly commitMask: bigint;
  readonly abortMask: bigint;
}

export interface Attestation {
  readonly batchId: BatchId;
  readonly executedDigest: Hash;
}

/** EIP-7825 allows 2^24 a transaction; a consortium's blocks must hold that much. */
export const maxTransactionGas = 16_000_000n;

/** In gas, upper bounds. */
const bound = {
  transaction: 21_000n,
  /** A byte that is not zero where calldata costs most (EIP-7623). */
  calldataByte: 40n,
  /** Two fresh slots, three of the registry, the event. */
  prepare: 180_000n,
  /** One signature: P-256 in a contract, where the chain has no precompile for it, and room. */
  signature: 320_000n,
  /** The header, read and written, and the acceptor's account. */
  batch: 25_000n,
  /** Both bitmaps of a word, fresh, and the event. */
  word: 60_000n,
  /** One fresh digest, the header, two events. */
  attestation: 60_000n,
  /** Two fresh slots of AuditLog, the registry's accounts and status, the event. */
  checkpoint: 59_000n,
  /** Another one in the same transaction: its slots are written and the registry is read already. */
  furtherCheckpoint: 7_500n,
  /** Two fresh slots of a request in AuditLog, the registry's account, the event. */
  answer: 110_000n,
  /** One call inside a multicall. */
  inner: 5_000n,
} as const;

/**
 * What a transaction with these bytes costs that does so much work: a zero byte 4 gas and any other 16, and where the
 * chain has a floor for calldata (EIP-7623), at least 10 and 40.
 */
function gasFor(data: Hex, work: bigint): bigint {
  const bytes = Buffer.from(data.slice(2), 'hex');
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  const tokens = BigInt(zeros + 4 * (bytes.length - zeros));
  const [usual, floor] = [4n * tokens + work, 10n * tokens];
  return bound.transaction + (usual > floor ? usual : floor);
}

/** What a key keeps back for one batch, in gas: with both signatures, for decisions of some of its words, to attest. */
export const reserveGas = { carry: 150_000n, decide: 250_000n, attest: 80_000n } as const;

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

const decisionGas = (decisions: readonly Decision[]): bigint => {
  const changes = decisions.filter(({ batchId }, index) => batchId !== decisions[index - 1]?.batchId).length;
  return BigInt(changes) * bound.batch + BigInt(decisions.length) * bound.word;
};

export interface SettlementCalls {
  prepare(signed: SignedBatch): ContractCall;
  /** As many calls as the gas of one transaction asks for; decisions of one batch cost least side by side. */
  decide(decisions: readonly Decision[]): readonly ContractCall[];
  /** `decisions` are of that batch only: 16 at most. */
  settle(signed: SignedBatch, decisions: readonly Decision[]): ContractCall;
  /** As many calls as the gas of one transaction asks for. */
  attest(operator: OperatorId, attestations: readonly Attestation[]): readonly ContractCall[];
  /**
   * A `decide` or `settle` with the same decisions and those of `more` that it can carry beside them, which for a `settle`
   * are those of its own batch; undefined where nothing is added. What it says already is never said differently.
   */
  enlarged(call: ContractCall, more: readonly Decision[]): ContractCall | undefined;
  /** The calls in their order, in as few transactions as their gas allows; each of these happens as a whole or not at all. */
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
  (name: string, args: readonly unknown[], work: bigint): ContractCall => {
    const data = encode(contract, name, args);
    return { to, data, gasLimit: bound.transaction + sizeOf(data) * bound.calldataByte + work };
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
      const work = bound.checkpoint + BigInt(more.length) * bound.furtherCheckpoint;
      return { to: contract, data, gasLimit: gasFor(data, work) };
    },
    answer: (operator, request, handedOver) => call('answer', [operator, request, handedOver], bound.answer),
  };
}

/** @param contract address of PairSettlement */
export function settlementCalls(contract: string): SettlementCalls {
  const call = callOf(contract, settlementInterface);
  const decideOnce = (decisions: readonly Decision[]): ContractCall =>
    call('decide', [decisions.map(decisionTuple)], decisionGas(decisions));
  const attestOnce = (operator: OperatorId, attestations: readonly Attestation[]): ContractCall =>
    call(
      'attest',
      [operator, attestations.map(({ batchId, executedDigest }) => [batchId, executedDigest])],
      BigInt(attestations.length) * bound.attestation,
    );
  const multicall = (calls: readonly ContractCall[]): ContractCall =>
    call(
      'multicall',
      [calls.map(({ data }) => data)],
      calls.reduce((sum, { gasLimit }) => sum + gasLimit + bound.inner, 0n),
    );
  const preparing = bound.prepare + 2n * bound.signature;

  return {
    prepare: ({ batch, initiatorSignature, acceptorSignature }) =>
      call('prepare', [batchTuple(batch), initiatorSignature, acceptorSignature], preparing),
    decide: (decisions) => inGroups(decisions, bound.batch + bound.word + 160n * bound.calldataByte).map(decideOnce),
    settle: ({ batch, initiatorSignature, acceptorSignature }, decisions) =>
      call(
        'settle',
        [batchTuple(batch), initiatorSignature, acceptorSignature, decisions.map(decisionTuple)],
        preparing + decisionGas(decisions),
      ),
    attest: (operator, attestations) =>
      inGroups(attestations, bound.attestation + 64n * bound.calldataByte).map((group) => attestOnce(operator, group)),
    enlarged(before, more) {
      const found = decisionsOf(before.data);
      if (found === undefined) return undefined;
      const { name, decisions: own } = found;
      const batchId = own[0]?.batchId;
      const joined = joinDecisions(own, name === 'decide' ? more : more.filter((one) => one.batchId === batchId));
      if (joined === undefined) return undefined;
      const gas = decisionGas(joined);
      if (name === 'decide') {
        const enlarged = call('decide', [joined.map(decisionTuple)], gas);
        return enlarged.gasLimit <= maxTransactionGas ? enlarged : undefined;
      }
      const [batch, first, second] = settlementInterface.decodeFunctionData('settle', before.data);
      return call('settle', [batch, first, second, joined.map(decisionTuple)], preparing + gas);
    },
    together(calls) {
      const groups: ContractCall[][] = [];
      let gas = maxTransactionGas;
      for (const one of calls) {
        const more = one.gasLimit + bound.inner + (sizeOf(one.data) + 96n) * bound.calldataByte;
        const last = groups.at(-1);
        if (last !== undefined && gas + more <= maxTransactionGas) {
          last.push(one);
          gas += more;
        } else {
          groups.push([one]);
          gas = 2n * bound.transaction + more;
        }
      }
      return groups.flatMap((group) => (group.length === 1 ? group : [multicall(group)]));
    },
  };
}

function inGroups<T>(items: readonly T[], gasOfOne: bigint): readonly (readonly T[])[] {
  const size = Number((maxTransactionGas - 2n * bound.transaction) / gasOfOne);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, group) =>
    items.slice(group * size, (group + 1) * size),
  );
}

/** An empty transaction to oneself: it only makes a chain make a block. */
export const emptyCall = (address: string): ContractCall => ({
  to: address,
  data: '0x' as Hex,
  gasLimit: bound.transaction,
});

/** `Name(field: value, …)` of a contract's error, or of the language's; undefined for data that is none of them. */
export function describeRevert(data: string): string | undefined {
  for (const contract of [settlementInterface, registryInterface, auditLogInterface]) {
    const found = parseError(contract, data);
    if (found === null) continue;
    const fields = found.fragment.inputs.map(({ name }, index) => {
      const value = String(found.args[index]);
      return name === '' ? value : `${name}: ${value}`;
    });
    return `${found.name}(${fields.join(', ')})`;
  }
  return undefined;
}

function parseError(contract: Interface, data: string): ErrorDescription | null {
  try {
    return contract.parseError(data);
  } catch {
    // Too short, or no encoding of the error that it names: an endpoint may say anything.
    return null;
  }
}
