/**
 * What the contract's state at the final block says of a batch, against the endpoint's events. The state says what counts,
 * events say when it came to be: where the two differ an endpoint is at fault and no operator, and the state is believed.
 */
import { batchIdOf } from '../../commitment/typed-data.ts';
import type { BatchId, OperatorId, UnixSeconds } from '../../model/ids.ts';
import type { BatchOutcome } from '../../model/outcome.ts';
import type { AuditBlock } from '../audit-chain.ts';
import type { Contracts } from '../contracts.ts';
import type { BatchLine } from '../disclosures/lines.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import type { ChainAttestation, ChainBatch, ChainDecision } from './batch.ts';
import type { Findings } from './findings.ts';

/** How the operators' files describe a batch: what its id is made of. */
export type Described = (batchId: BatchId) => readonly BatchLine['batch'][];

export interface StateView {
  readonly contracts: Contracts;
  readonly network: AuditNetwork;
  readonly final: AuditBlock;
  readonly described: Described;
}

type Fields = Pick<ChainBatch, 'initiator' | 'acceptor' | 'sequence' | 'deadline' | 'count' | 'root'>;

const idOf = ({ network }: StateView, fields: Fields): BatchId =>
  batchIdOf(
    { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement },
    { ...fields, deadline: fields.deadline as UnixSeconds },
  );

const named = ({ sequence, initiator, acceptor }: Fields): string => `batch ${sequence} of ${initiator} to ${acceptor}`;

const report = (findings: Findings, batch: ChainBatch, sentence: string): void => {
  const { batchId, initiator, acceptor, sequence } = batch;
  findings.add('chain-inconsistent', `${named(batch)}${sentence}`, { batchId, initiator, acceptor, sequence });
};

/** The fields that the id is made of: those of the event, or where they give another id those of a file that give it. */
function withTrueFields(view: StateView, batch: ChainBatch, findings: Findings): ChainBatch {
  const computed = idOf(view, batch);
  if (computed === batch.batchId) return batch;
  report(findings, batch, ` has the id ${batch.batchId} on chain; its fields give ${computed}`);
  const fields = view
    .described(batch.batchId)
    .map((told) => ({ ...told, sequence: Number(told.sequence) }))
    .find((told) => idOf(view, told) === batch.batchId);
  return fields === undefined ? batch : { ...batch, ...fields };
}

/** Of each event the bits that the state has too, and what the state has beyond them. */
function decisionsOf({ decisions }: ChainBatch, { commitWords, abortWords }: BatchOutcome): ChainDecision[] {
  const found: ChainDecision[] = [];
  for (const [word, commits] of commitWords.entries()) {
    let left = { commitMask: commits, abortMask: abortWords[word] ?? 0n };
    for (const decision of decisions) {
      if (decision.word !== word) continue;
      const commitMask = decision.commitMask & left.commitMask;
      const abortMask = decision.abortMask & left.abortMask;
      left = { commitMask: left.commitMask & ~commitMask, abortMask: left.abortMask & ~abortMask };
      if (commitMask !== 0n || abortMask !== 0n) found.push({ ...decision, commitMask, abortMask });
    }
    if (left.commitMask !== 0n || left.abortMask !== 0n) found.push({ word, ...left });
  }
  return found;
}

const agrees = ({ decisions, count, deadline }: ChainBatch, outcome: BatchOutcome): boolean => {
  const sum = (mask: 'commitMask' | 'abortMask', word: number): bigint =>
    decisions.filter((decision) => decision.word === word).reduce((bits, decision) => bits | decision[mask], 0n);
  return (
    outcome.count === count &&
    outcome.deadline === deadline &&
    outcome.commitWords.every(
      (commits, word) => commits === sum('commitMask', word) && outcome.abortWords[word] === sum('abortMask', word),
    )
  );
};

async function attestationOf(
  { contracts, final }: StateView,
  batch: ChainBatch,
  operator: OperatorId,
  findings: Findings,
): Promise<ChainAttestation[]> {
  const told = batch.attestations.find((each) => each.operator === operator);
  const digest = await contracts.attestedDigest(batch.batchId, operator, final.hash);
  if (digest === (told?.digest ?? 'none')) return told === undefined ? [] : [told];
  const event = told === undefined ? 'no event of it' : `an event of ${told.digest}`;
  const state = digest ?? 'no answer';
  report(
    findings,
    batch,
    `: what operator ${operator} has attested is ${state} by the state at block ${final.number}; there is ${event}`,
  );
  return digest === undefined || digest === 'none' ? [] : [{ operator, digest }];
}

/** The batch as the state has it; undefined where the contract has no such batch. */
export async function settledBatch(
  view: StateView,
  given: ChainBatch,
  findings: Findings,
): Promise<ChainBatch | undefined> {
  const batch = withTrueFields(view, given, findings);
  const outcome = await view.contracts.batchOutcome(batch.batchId, view.final.hash);
  const differs = `: the contract’s state at block ${view.final.number} is not what its events add up to`;
  if (outcome?.prepared !== true) {
    report(findings, batch, differs);
    return undefined;
  }
  const same = agrees(batch, outcome);
  if (!same) report(findings, batch, differs);
  const operators = [...new Set([batch.initiator, batch.acceptor])];
  const attestations = await Promise.all(operators.map((operator) => attestationOf(view, batch, operator, findings)));
  const decisions = same ? batch.decisions : decisionsOf(batch, outcome);
  return { ...batch, decisions, attestations: attestations.flat() };
}
