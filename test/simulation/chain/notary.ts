/**
 * Who signs what, and what a signed transaction says. Cheap marks in most runs: keys are what costs most, and every
 * port that signs or checks can be told to use the real ones instead.
 */
import { keccak256 } from 'ethers';
import { hash } from 'node:crypto';
import {
  auditLogCalls,
  joinDecisions,
  settlementCalls,
  type Attestation,
  type AuditLogCalls,
  type SettlementCalls,
} from '../../../operator-node/chain/calls.ts';
import type { ContractCall, Fees, SendingKey } from '../../../operator-node/chain/chain.ts';
import { auditLogInterface, settlementInterface } from '../../../operator-node/chain/decode.ts';
import { statementCalls, type StatementCalls } from '../../../operator-node/chain/audit-log.ts';
import { ceiling } from '../../../operator-node/chain/fees.ts';
import {
  localTransactionSigner,
  readTransaction,
  type TransactionFields,
  type TransactionSigner,
} from '../../../operator-node/chain/signing.ts';
import { recoverSigner, signDigest } from '../../../operator-node/commitment/typed-data.ts';
import type { BatchSigner } from '../../../operator-node/flow/context.ts';
import type { Hash, Hex, OperatorId } from '../../../operator-node/model/ids.ts';
import { auditLogDomain } from './audit-log.ts';
import { Revert, type Call, type SignatureCheck } from './contract.ts';
import type { ModelTransaction } from './model-chain.ts';

export const settlementAddress = `0x${'5e'.repeat(20)}`;

export interface Notary {
  readonly calls: SettlementCalls;
  readonly auditLog: AuditLogCalls;
  readonly statementCalls: StatementCalls;
  readonly signed: SignatureCheck;
  /** `version` counts an operator's rotations. */
  signerOf(operator: OperatorId, version: number): Hex;
  accountOf(operator: OperatorId, version: number): string;
  batchSigner(operator: OperatorId, version: number): BatchSigner;
  transactionSigner(operator: OperatorId, key: SendingKey, version: number): TransactionSigner;
  /** @throws {Error} for bytes that nobody of this world has signed. */
  read(raw: Hex): ModelTransaction;
}

const sha = (text: string): Hex => `0x${hash('sha256', text, 'hex')}` as Hex;
const privateKey = (operator: OperatorId, key: string): Hex => sha(`key ${key} of operator ${operator}`);

const verifying = (signed: SignatureCheck): BatchSigner['verify'] => {
  return async (batchId, signature, signers) => signers.some((signer) => signed(signer, batchId, signature));
};

/** A signature is the signer's address and what it signed. */
export function cheapNotary(chainId: bigint): Notary {
  const made = new Map<string, Call>();
  const transactions = new Map<Hex, ModelTransaction>();
  const fieldsOf = new Map<Hex, TransactionFields>();
  const addresses = new Map<string, Hex>();
  const address = (operator: OperatorId, key: string): Hex => {
    const name = `${operator} ${key}`;
    const known = addresses.get(name) ?? (sha(name).slice(0, 42) as Hex);
    addresses.set(name, known);
    return known;
  };
  const signed: SignatureCheck = (signer, batchId, signature) => signature === `${signer}${batchId.slice(2)}`;
  const callOf = (call: Call): ContractCall => {
    const data = `0xca11${made.size.toString(16).padStart(12, '0')}` as Hex;
    made.set(data, call);
    return { to: settlementAddress, data, gasLimit: 150_000n };
  };
  return {
    signed,
    calls: {
      prepare: ({ batch, initiatorSignature: first, acceptorSignature: second }) =>
        callOf({ name: 'prepare', batch, first, second }),
      decide: (decisions) => [callOf({ name: 'decide', decisions })],
      settle: ({ batch, initiatorSignature: first, acceptorSignature: second }, decisions) =>
        callOf({ name: 'settle', batch, first, second, decisions }),
      attest: (operator, attestations) => [callOf({ name: 'attest', operator, attestations })],
      enlarged: ({ data }, more) => {
        const before = made.get(data);
        if (before?.name !== 'decide' && before?.name !== 'settle') return undefined;
        const mine =
          before.name === 'decide' ? more : more.filter(({ batchId }) => batchId === before.decisions[0]?.batchId);
        const decisions = joinDecisions(before.decisions, mine);
        return decisions === undefined ? undefined : callOf({ ...before, decisions });
      },
      together: (calls) => [
        callOf({ name: 'multicall', calls: calls.map(({ data }) => made.get(data) ?? { name: 'nothing' }) }),
      ],
    },
    auditLog: {
      checkpoint: (operator, heads) => {
        const calls = heads.map(({ entry, head }): Call => ({ name: 'checkpoint', operator, entry, head }));
        return callOf(calls.length === 1 && calls[0] !== undefined ? calls[0] : { name: 'multicall', calls });
      },
      answer: (operator, request, handedOver) => callOf({ name: 'answer', operator, request, handedOver }),
    },
    statementCalls: {
      anchorStatement: ({ operatorA, operatorB, statement, signatureA: first, signatureB: second }) =>
        callOf({ name: 'anchorStatement', operatorA, operatorB, statement, first, second }),
      discharge: ({ payee, statement, reference, signature }) =>
        callOf({ name: 'discharge', payee, statement, reference, signature }),
    },
    signerOf: (operator, version) => address(operator, `signer ${version}`),
    accountOf: (operator, version) => address(operator, `account ${version}`),
    batchSigner: (operator, version) => ({
      sign: (batchId) => `${address(operator, `signer ${version}`)}${batchId.slice(2)}` as Hex,
      verify: verifying(signed),
    }),
    transactionSigner: (operator, key, version) => {
      const from = address(operator, `${key} ${version}`);
      return {
        address: from,
        sign: (fields) => {
          const raw = bytesOf(fields, from);
          const transaction: ModelTransaction = {
            hash: sha(raw) as string as Hash,
            from,
            nonce: fields.nonce,
            fee: ceiling(fields.fees),
            gas: fields.gasLimit,
            call: made.get(fields.data) ?? { name: 'nothing' },
          };
          transactions.set(raw, transaction);
          fieldsOf.set(raw, fields);
          return { raw, hash: transaction.hash };
        },
        read: (raw) => {
          const fields = fieldsOf.get(raw);
          if (fields === undefined) throw new Error(`nobody signed ${raw}`);
          return fields;
        },
      };
    },
    read: (raw) => {
      const transaction = transactions.get(raw);
      if (transaction === undefined) throw new Error(`nobody signed ${raw}, a transaction of chain ${chainId}`);
      return transaction;
    },
  };
}

/** As bytes do: the same for the same fields and sender, and no other's. */
function bytesOf({ chainId, nonce, to, data, gasLimit, fees }: TransactionFields, from: string): Hex {
  return `0x${[chainId, nonce, to, data, gasLimit, ceiling(fees), tip(fees), from].map(part).join('')}` as Hex;
}

const tip = (fees: Fees): bigint => (fees.kind === 'legacy' ? 0n : fees.maxPriorityFeePerGas);

const part = (value: bigint | number | string): string =>
  `ff${typeof value === 'string' ? value.slice(2) : value.toString(16).padStart(12, '0')}`;

export function realNotary(): Notary {
  const signers = new Map<string, string | undefined>();
  const transactions = new Map<Hex, ModelTransaction>();
  // Recovered once each: the same signature is looked at by two nodes and by each form of the chain.
  const signed: SignatureCheck = (signer, batchId, signature) => {
    const asked = `${batchId}${signature}`;
    if (!signers.has(asked)) signers.set(asked, recoverSigner(batchId, signature));
    return signers.get(asked) === signer;
  };
  const keys = new Map<string, TransactionSigner>();
  const senders = new Map<Hex, TransactionSigner>();
  const recovered = new Set<string>();
  const keyOf = (operator: OperatorId, key: string, version: number): TransactionSigner => {
    const name = `${operator} ${key} ${version}`;
    const known = keys.get(name);
    if (known !== undefined) return known;
    const local = localTransactionSigner(privateKey(operator, `${key} ${version}`));
    const signer: TransactionSigner = {
      address: local.address,
      read: (raw) => local.read(raw),
      sign: (fields) => {
        const signedNow = local.sign(fields);
        senders.set(signedNow.raw, local);
        return signedNow;
      },
    };
    keys.set(name, signer);
    return signer;
  };
  // To recover a sender takes a fourth of such a run: of each key once, and then it is the key that has signed these bytes.
  const openRaw = (raw: Hex): TransactionFields & { readonly from: string } => {
    const sender = senders.get(raw);
    if (sender !== undefined && recovered.has(sender.address)) return { ...sender.read(raw), from: sender.address };
    const found = readTransaction(raw);
    recovered.add(found.from);
    return found;
  };
  return {
    signed,
    calls: settlementCalls(settlementAddress),
    auditLog: auditLogCalls(settlementAddress),
    statementCalls: statementCalls(auditLogDomain.contract),
    signerOf: (operator, version) => keyOf(operator, 'signer', version).address as Hex,
    accountOf: (operator, version) => keyOf(operator, 'account', version).address,
    batchSigner: (operator, version) => ({
      sign: (batchId) => signDigest(privateKey(operator, `signer ${version}`), batchId),
      verify: verifying(signed),
    }),
    transactionSigner: keyOf,
    read: (raw) => {
      const known = transactions.get(raw);
      if (known !== undefined) return known;
      const { from, nonce, fees, data, gasLimit } = openRaw(raw);
      const hash = keccak256(raw) as Hash;
      const transaction = { hash, from, nonce, fee: ceiling(fees), gas: gasLimit, call: callOf(data) };
      transactions.set(raw, transaction);
      return transaction;
    },
  };
}

interface DecodedBatch {
  readonly initiator: bigint;
  readonly acceptor: bigint;
  readonly sequence: bigint;
  readonly deadline: bigint;
  readonly count: bigint;
  readonly root: Hash;
}

const batchOf = ({ initiator, acceptor, sequence, deadline, count, root }: DecodedBatch) =>
  ({
    initiator: Number(initiator),
    acceptor: Number(acceptor),
    sequence: Number(sequence),
    deadline: Number(deadline),
    count: Number(count),
    root,
  }) as Extract<Call, { name: 'prepare' }>['batch'];

type Decided = Extract<Call, { name: 'decide' }>['decisions'][number];
type DecodedDecision = Omit<Decided, 'word'> & { readonly word: bigint };
const decisionsOf = (decisions: readonly DecodedDecision[]): readonly Decided[] =>
  decisions.map(({ batchId, word, commitMask, abortMask }) => ({ batchId, word: Number(word), commitMask, abortMask }));

/** What the bytes of a call ask for. */
function callOf(data: Hex): Call {
  if (data === '0x') return { name: 'nothing' };
  const parsed = settlementInterface.parseTransaction({ data }) ?? auditLogInterface.parseTransaction({ data });
  if (parsed === null) throw new Revert('unknown call');
  const args = parsed.args as readonly unknown[];
  const [first, second, third, fourth] = args;
  switch (parsed.name) {
    case 'prepare':
      return { name: 'prepare', batch: batchOf(first as DecodedBatch), first: second as Hex, second: third as Hex };
    case 'decide':
      return { name: 'decide', decisions: decisionsOf(first as readonly DecodedDecision[]) };
    case 'settle':
      return {
        name: 'settle',
        batch: batchOf(first as DecodedBatch),
        first: second as Hex,
        second: third as Hex,
        decisions: decisionsOf(fourth as readonly DecodedDecision[]),
      };
    case 'attest':
      return {
        name: 'attest',
        operator: Number(first) as OperatorId,
        attestations: (second as readonly Attestation[]).map(({ batchId, executedDigest }) => ({
          batchId,
          executedDigest,
        })),
      };
    case 'checkpoint':
      return { name: 'checkpoint', operator: Number(first) as OperatorId, entry: Number(second), head: third as Hash };
    case 'disownHeads':
      return { name: 'disownHeads', operator: Number(first) as OperatorId, entry: Number(second) };
    case 'answer':
      return {
        name: 'answer',
        operator: Number(first) as OperatorId,
        request: Number(second),
        handedOver: third as Hash,
      };
    case 'anchorStatement':
      return {
        name: 'anchorStatement',
        operatorA: Number(first) as OperatorId,
        operatorB: Number(second) as OperatorId,
        statement: third as Hash,
        first: fourth as Hex,
        second: args[4] as Hex,
      };
    case 'discharge':
      return {
        name: 'discharge',
        payee: Number(first) as OperatorId,
        statement: second as Hash,
        reference: third as Hash,
        signature: fourth as Hex,
      };
    case 'multicall':
      return { name: 'multicall', calls: (first as readonly Hex[]).map(callOf) };
    default:
      throw new Revert(`unknown call ${parsed.name}`);
  }
}
