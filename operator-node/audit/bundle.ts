/**
 * Makes the evidence bundle of one pair from what a node has stored and what the chain says. What is handed over is the
 * discloser's choice, field by field; a field that is not disclosed stands as its digest.
 */
import { disclosureDigest } from '../commitment/disclosure.ts';
import { encodeLeaf, type LeafParts } from '../commitment/leaf.ts';
import { merkleTree } from '../commitment/merkle.ts';
import { toHash } from '../commitment/bytes.ts';
import { discloseOperation, discloseTerms, operationCommitmentOf, termsCommitment } from '../commitment/record.ts';
import { operationFields, termsFields, type OperationField, type TermsField } from '../commitment/schema.ts';
import { TandemError } from '../errors.ts';
import type { Hash, Hex, Leg } from '../model/ids.ts';
import type { OperationRecord, SettlementDomain, SignedBatch, Terms } from '../model/records.ts';
import { bundleFormat, encodeBundle, type Decision, type EvidenceBundle } from './format.ts';
import { alwaysDisclosed } from './records.ts';

/**
 * One operation's record: with its secret its fields can be disclosed; the leaf has the commitment of the other one. Or its
 * twelve entries, a disclosure or a digest each, where its user was erased.
 */
export type OwnOperation =
  { readonly record: OperationRecord; readonly secret: Hash } | { readonly entries: readonly string[] };

const entriesOf = (own: OwnOperation): readonly string[] =>
  'entries' in own ? own.entries : discloseOperation(own.secret, own.record);

const digestOf = (entry: string): Hash => (entry.startsWith('0x') ? (entry as Hash) : disclosureDigest(entry));

/** Which fields are handed over, beside those that always are. */
export interface DisclosurePolicy {
  readonly terms: readonly TermsField[];
  readonly operation: readonly OperationField[];
  /** Whether the journal's entries of a pair are handed over too: the order, the question as sent, the answer. */
  readonly journal?: boolean | undefined;
}

/** A node's own choice: what both operators know, and of its user nothing. */
const defaultPolicy: DisclosurePolicy = { terms: termsFields, operation: alwaysDisclosed.operation };

/** Everything: for a party to the pair, or under a court's order. */
export const fullPolicy: DisclosurePolicy = { terms: termsFields, operation: operationFields };

/** Where in the tree: all leaves of the batch in their order, or a proof made before. */
export type Position =
  | { readonly leaves: readonly LeafParts[]; readonly index: number }
  | { readonly leaf: LeafParts; readonly index: number; readonly proof: readonly Hash[] };

/** What the chain says of the batch and the pair; `audit/facts.ts` reads it. */
export interface ChainFacts {
  readonly prepared: EvidenceBundle['prepared'];
  readonly decision: Decision;
  readonly signers: { readonly initiator: Hex; readonly acceptor: Hex };
}

export interface BundleInput {
  readonly domain: SettlementDomain;
  readonly signed: SignedBatch;
  readonly position: Position;
  readonly terms: Terms;
  readonly termsSecret: Hash;
  /** One's own leg; both of an on-us pair. At least one. */
  readonly operations: Readonly<Partial<Record<Leg, OwnOperation>>>;
  readonly facts: ChainFacts;
  readonly policy?: DisclosurePolicy;
}

function entries<Field extends string>(
  fields: readonly Field[],
  disclosures: readonly string[],
  shown: readonly Field[],
  always: readonly Field[],
): string[] {
  return fields.map((field, position) => {
    const disclosure = disclosures[position] ?? '';
    return shown.includes(field) || always.includes(field) ? disclosure : digestOf(disclosure);
  });
}

function placeInTree(position: Position): { leaf: LeafParts; proof: readonly Hash[] } {
  if ('proof' in position) return position;
  const leaf = position.leaves[position.index];
  if (leaf === undefined) {
    throw new TandemError('internal', `The batch has ${position.leaves.length} leaves, and no leaf ${position.index}`);
  }
  return { leaf, proof: merkleTree(position.leaves.map(encodeLeaf)).proof(position.index).map(toHash) };
}

/**
 * The bundle's one text.
 * @throws {TandemError} `internal` where what is stored does not open what was anchored: no bundle could be verified.
 */
export function buildBundle(input: BundleInput): string {
  const { domain, signed, terms, termsSecret, operations, facts, policy = defaultPolicy } = input;
  const { leaf, proof } = placeInTree(input.position);
  const expect = (what: string, computed: Hash, anchored: Hash): void => {
    if (computed === anchored) return;
    const facts = { pair: leaf.pair, computed, anchored };
    throw new TandemError('internal', `The stored ${what} commit to ${computed}; anchored is ${anchored}`, { facts });
  };
  expect('terms', termsCommitment(termsSecret, terms), leaf.terms);
  const operationEntries = (leg: Leg): { [leg: string]: string[] } => {
    const own = operations[leg];
    if (own === undefined) return {};
    const disclosures = entriesOf(own);
    expect(`${leg} operation’s fields`, operationCommitmentOf(disclosures.map(digestOf)), leaf[leg]);
    return { [leg]: entries(operationFields, disclosures, policy.operation, alwaysDisclosed.operation) };
  };
  const { initiator, acceptor, sequence, deadline, count, root } = signed.batch;
  return encodeBundle({
    format: bundleFormat,
    chainId: `${domain.chainId}`,
    contract: domain.contract.toLowerCase(),
    batchId: signed.batchId,
    batch: { initiator, acceptor, sequence: `${sequence}`, deadline, count, root },
    signatures: { initiator: signed.initiatorSignature, acceptor: signed.acceptorSignature },
    signers: facts.signers,
    index: input.position.index,
    leaf,
    proof: [...proof],
    records: {
      terms: entries(termsFields, discloseTerms(termsSecret, terms), policy.terms, alwaysDisclosed.terms),
      ...operationEntries('first'),
      ...operationEntries('second'),
    },
    prepared: facts.prepared,
    decision: facts.decision,
  });
}
