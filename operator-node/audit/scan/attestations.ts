/** What each operator attested of a batch, against its disclosed postings, and one against the other. */
import { executedBitmap, executedDigest, totalsText } from '../../commitment/executed.ts';
import type { OperatorId } from '../../model/ids.ts';
import type { ChainAttestation } from './batch.ts';
import type { BatchView } from './batch-view.ts';
import type { BatchCheck } from './findings-of-batch.ts';
import type { Gathered } from './gather.ts';

function checkMissing(found: BatchCheck, { job, outcomes }: BatchView): void {
  const { attestSeconds } = job.tolerance;
  const waits = job.final.time - outcomes.endedAt;
  if (!outcomes.ended || !(waits > attestSeconds)) return;
  const sentence = `it ended ${waits} s ago and is not attested; allowed are ${attestSeconds} s`;
  found.report('attestation-missing', sentence, { seconds: waits });
}

function checkTime(found: BatchCheck, { job, outcomes }: BatchView, { time = NaN }: ChainAttestation): void {
  const { attestSeconds } = job.tolerance;
  const after = time - outcomes.endedAt;
  if (!outcomes.ended || !(after > attestSeconds)) return;
  found.report('attested-late', `it was attested ${after} s after its end; allowed are ${attestSeconds}`, {
    seconds: after,
  });
}

function checkDigest(
  found: BatchCheck,
  { job: { batch }, sides }: BatchView,
  { totals }: Gathered,
  { operator, digest: attested, block }: ChainAttestation,
): void {
  const side = sides.find((each) => each.operator === operator);
  const own = totals.get(operator);
  if (side === undefined || own === undefined || own.unknown || !side.complete) return;
  const bitmap = executedBitmap(batch.count, (index) => own.bits.has(index));
  const recomputed = executedDigest(side.section.line.secret, batch.batchId, bitmap, totalsText(own.executed));
  if (recomputed === attested) return;
  const sentence = `it attested ${attested}; its disclosed postings give ${recomputed}`;
  const where = block === undefined ? {} : { block };
  found.report('attestation-mismatch', sentence, { attested, recomputed, ...where });
}

export function attestedAsPosted(found: BatchCheck, view: BatchView, gathered: Gathered): void {
  const { batch } = view.job;
  for (const operator of new Set<OperatorId>([batch.initiator, batch.acceptor])) {
    found.at(operator);
    const attestation = batch.attestations.find((each) => each.operator === operator);
    if (attestation === undefined) {
      checkMissing(found, view);
    } else {
      checkTime(found, view, attestation);
      checkDigest(found, view, gathered, attestation);
    }
  }
}

export function attestationsAgree(found: BatchCheck, { job: { batch } }: BatchView): void {
  const [one, other] = batch.attestations;
  if (one === undefined || other === undefined || one.digest === other.digest) return;
  const sentence = `operator ${one.operator} attested ${one.digest}, operator ${other.operator} ${other.digest}`;
  found.at(undefined).report('attestations-differ', sentence);
}

export function secretsAgree(found: BatchCheck, { sides: [first, second] }: BatchView): void {
  if (first === undefined || second === undefined || first.section.line.secret === second.section.line.secret) return;
  found.at(undefined).report('secret-differs', 'the operators disclose different batch secrets');
}
