/** A batch and its pairs as the checks see them: what is on chain, and what each side discloses. */
import type { OperationField, TermsField } from '../../commitment/schema.ts';
import type { LeafParts } from '../../commitment/leaf.ts';
import type { Leg, OperatorId } from '../../model/ids.ts';
import type { PairLine, PostingLine } from '../disclosures/lines.ts';
import type { BatchJob } from './batch.ts';
import type { Disclosed } from './disclosed.ts';
import type { BatchCheck } from './findings-of-batch.ts';
import type { Values } from './open.ts';
import type { Outcomes, Status } from './outcome.ts';
import { compareOperation, compareTerms, openedOperation, openedTerms, payingLeg } from './record.ts';

export interface BatchView {
  readonly job: BatchJob;
  readonly outcomes: Outcomes;
  readonly sides: readonly Disclosed[];
  /** By index; undefined where no side discloses the pair. */
  readonly leaves: readonly (LeafParts | undefined)[];
  /** One operator has both users of each pair, and discloses both legs. */
  readonly onUs: boolean;
}

export interface PairView {
  readonly index: number;
  readonly status: Status;
  readonly leaf: LeafParts | undefined;
  readonly terms: Values<TermsField> | undefined;
  readonly records: Partial<Record<Leg, Values<OperationField>>>;
  /** The leg whose user pays; undefined where nothing disclosed tells. */
  readonly pays: Leg | undefined;
}

export const legs: readonly Leg[] = ['first', 'second'];
const firstOnly: readonly Leg[] = ['first'];
const secondOnly: readonly Leg[] = ['second'];

export const otherLeg = (leg: Leg): Leg => (leg === 'first' ? 'second' : 'first');

/** The legs that an operator has in a batch. */
export function legsOf({ job, onUs }: BatchView, operator: OperatorId): readonly Leg[] {
  if (onUs) return legs;
  return operator === job.batch.initiator ? firstOnly : secondOnly;
}

/** What a side discloses as posted for one leg of a pair. */
export function postingsOf(line: PairLine, leg: Leg): readonly PostingLine[] {
  const { postings } = line;
  return postings.length === 1 && postings[0]?.leg === leg
    ? postings
    : postings.filter((posting) => posting.leg === leg);
}

/** A posting that is not there because its section was written before the pair was decided. */
export const isTooOldFor = ({ outcomes }: BatchView, side: Disclosed, { index, status }: PairView): boolean =>
  status === 'committed' && outcomes.block(index) > side.section.until;

const sameTexts = (a: readonly string[], b: readonly string[]): boolean => a.every((text, at) => text === b[at]);

/** Opens what each side discloses of a pair and reports what does not open; terms that both disclose alike are opened once. */
export function openPair(found: BatchCheck, view: BatchView, index: number): PairView {
  const { batch } = view.job;
  const leaf = view.leaves[index];
  for (const side of view.sides) {
    if (side.lines[index] !== undefined) continue;
    found.at(side.operator, index, leaf?.pair).report('pair-missing', 'it is not in the operator’s disclosures');
  }
  let terms: Values<TermsField> | undefined;
  let opened: PairLine | undefined;
  const records: Partial<Record<Leg, Values<OperationField>>> = {};
  for (const side of view.sides) {
    const line = side.lines[index];
    if (line === undefined) continue;
    found.at(side.operator, index, line.leaf.pair);
    if (opened === undefined || line.leaf.terms !== opened.leaf.terms || !sameTexts(line.terms, opened.terms)) {
      const own = openedTerms(line, found.report);
      if (own !== undefined) {
        compareTerms(own, line, batch, found.report);
        // Fields that one side hides the other may show.
        terms = terms === undefined ? own : { ...own, ...terms };
        opened ??= line;
      }
    }
    for (const leg of legsOf(view, side.operator)) {
      const record = openedOperation(line, leg, found.report);
      if (record === undefined) continue;
      records[leg] = record;
      compareOperation(record, leg, terms, line, batch, found.report);
    }
  }
  const pays =
    payingLeg(terms?.service, 'first', records.first?.action) ?? payingLeg(undefined, 'second', records.second?.action);
  return { index, status: view.outcomes.status(index), leaf, terms, records, pays };
}
