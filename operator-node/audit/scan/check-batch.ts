/** One batch: what both operators disclosed of it, against the chain and against each other. */
import type { Leg } from '../../model/ids.ts';
import { attestationsAgree, attestedAsPosted, secretsAgree } from './attestations.ts';
import type { BatchJob, BatchResult, OriginalFacts } from './batch.ts';
import { openPair, type BatchView } from './batch-view.ts';
import { checkRoots, readDisclosed } from './disclosed.ts';
import { BatchCheck } from './findings-of-batch.ts';
import { Gathered } from './gather.ts';
import { outcomesOf } from './outcome.ts';
import { pairChecks } from './pair-checks.ts';
import { openedOperation, openedTerms, payingLeg, type Report } from './record.ts';

type BatchRule = (found: BatchCheck, batch: BatchView) => void;
/** Knows what the pairs of the batch add up to. */
type SumRule = (found: BatchCheck, batch: BatchView, gathered: Gathered) => void;

const decidedInTime: BatchRule = (found, { job: { batch } }) => {
  for (const { time = NaN, block = 0, word } of batch.decisions) {
    if (!(time > batch.deadline)) continue;
    const sentence = `word ${word} was decided in block ${block}, ${time - batch.deadline} s after the deadline`;
    found.at(undefined).report('executed-though-expired', sentence, { block });
  }
};

const decidedOnce: BatchRule = (found, { outcomes }) => {
  for (const index of outcomes.contradictions) {
    found.at(undefined, index).report('chain-inconsistent', 'it is both committed and aborted on chain');
  }
};

const disclosedAfterDecision: SumRule = (found, _, { totals }) => {
  for (const [operator, { stale }] of totals) {
    if (!stale) continue;
    const sentence = 'it was disclosed before its last decision was final: disclose it again';
    found.at(operator).report('disclosure-stale', sentence);
  }
};

const beforePairs: readonly BatchRule[] = [decidedInTime, decidedOnce];
const afterPairs: readonly SumRule[] = [disclosedAfterDecision, attestedAsPosted, attestationsAgree, secretsAgree];

/** Everything that one batch can show by itself; what needs other batches is done with the keys that are given back. */
export function checkBatch(job: BatchJob): BatchResult {
  const { batch, final, sections } = job;
  const found = new BatchCheck(job);
  const sides = sections.map((section) => readDisclosed(section, batch, found.at(section.operator).report));
  const view: BatchView = {
    job,
    outcomes: outcomesOf(batch, final.time),
    sides,
    leaves: checkRoots(sides, batch, (operator) => found.at(operator).report),
    onUs: batch.initiator === batch.acceptor,
  };
  for (const rule of beforePairs) rule(found, view);
  const gathered = new Gathered(view);
  for (let index = 0; index < batch.count; index += 1) {
    const pair = openPair(found, view, index);
    for (const check of pairChecks) check(found, view, pair);
    gathered.add(pair);
  }
  for (const rule of afterPairs) rule(found, view, gathered);
  return { ...gathered.result(), findings: found.findings, more: Object.fromEntries(found.more) };
}

/** What refunds of these pairs are compared with; a pair whose terms do not open is left out. */
export function readOriginals({ batch, final, sections }: BatchJob, indexes: readonly number[]): OriginalFacts[] {
  const silent: Report = () => undefined;
  const outcomes = outcomesOf(batch, final.time);
  const sides = sections.map((section) => readDisclosed(section, batch, silent));
  return indexes.flatMap((index) => {
    for (const side of sides) {
      const line = side.lines[index];
      const terms = line === undefined ? undefined : openedTerms(line, silent);
      if (terms?.secondAsset === undefined || terms.secondAmount === undefined) continue;
      const actionOf = (leg: Leg): string | undefined =>
        line?.[leg] === undefined ? undefined : openedOperation(line, leg, silent)?.action;
      const pays =
        payingLeg(terms.service, 'first', actionOf('first')) ??
        payingLeg(undefined, 'second', actionOf('second')) ??
        'first';
      const [payer, payee] = pays === 'first' ? [batch.initiator, batch.acceptor] : [batch.acceptor, batch.initiator];
      const committed = outcomes.status(index) === 'committed';
      return [{ index, committed, asset: terms.secondAsset, amount: BigInt(terms.secondAmount), payer, payee }];
    }
    return [];
  });
}
