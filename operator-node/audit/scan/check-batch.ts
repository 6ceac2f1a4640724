/** One batch: what both operators disclosed of it, against the chain and against each other. */
import { hash } from 'node:crypto';
import { operationFields, type OperationField, type TermsField } from '../../commitment/schema.ts';
import type { Leg, OperatorId, PairId } from '../../model/ids.ts';
import type { PairLine } from '../disclosures/lines.ts';
import type {
  BatchJob,
  BatchResult,
  ChainBatch,
  Lateness,
  Moved,
  OriginalFacts,
  PositionPart,
  RefundPart,
} from './batch.ts';
import { checkRoots, readDisclosed, type Disclosed } from './disclosed.ts';
import { BatchCheck } from './findings-of-batch.ts';
import type { Values } from './open.ts';
import { outcomesOf } from './outcome.ts';
import { checkAttestations, checkPostings, magnitude, newTotals, type SideTotals } from './postings.ts';
import { compareOperation, compareTerms, openedOperation, openedTerms, payingLeg, type Report } from './record.ts';

const legs: readonly Leg[] = ['first', 'second'];
const otherLeg = (leg: Leg): Leg => (leg === 'first' ? 'second' : 'first');
const subjectAt = operationFields.indexOf('subject');

interface OpenedPair {
  readonly terms: Values<TermsField> | undefined;
  readonly records: Partial<Record<Leg, Values<OperationField>>>;
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean => a.every((text, at) => text === b[at]);

/** Opens what each side discloses of the pair; terms that both disclose alike are opened once. */
function openPair(check: BatchCheck, sides: readonly Disclosed[], index: number, onUs: boolean): OpenedPair {
  const { batch } = check.job;
  let terms: Values<TermsField> | undefined;
  let opened: PairLine | undefined;
  const records: Partial<Record<Leg, Values<OperationField>>> = {};
  for (const side of sides) {
    const line = side.lines[index];
    if (line === undefined) continue;
    check.at(side.operator, index, line.leaf.pair);
    if (opened === undefined || line.leaf.terms !== opened.leaf.terms || !sameTexts(line.terms, opened.terms)) {
      const own = openedTerms(line, check.report);
      if (own !== undefined) {
        compareTerms(own, line, batch, check.report);
        // Fields that one side hides the other may show.
        terms = terms === undefined ? own : { ...own, ...terms };
        opened ??= line;
      }
    }
    for (const leg of onUs ? legs : [side.operator === batch.initiator ? ('first' as const) : ('second' as const)]) {
      const record = openedOperation(line, leg, check.report);
      if (record === undefined) continue;
      records[leg] = record;
      compareOperation(record, leg, terms, line, batch, check.report);
    }
  }
  return { terms, records };
}

/** Who was asked and who asked, tied together by digests (protocol §4), where both are disclosed. */
function checkCounterparties(
  check: BatchCheck,
  sides: readonly Disclosed[],
  index: number,
  { records }: OpenedPair,
): void {
  for (const leg of legs) {
    const told = records[leg]?.counterparty;
    if (told === undefined) continue;
    const entries = sides.map(({ lines }) => lines[index]?.[otherLeg(leg)]).find((found) => found !== undefined);
    const entry = entries?.[subjectAt];
    if (entry === undefined) continue;
    const digest = entry.startsWith('0x')
      ? Buffer.from(entry.slice(2), 'hex').toString('base64url')
      : hash('sha256', entry, 'base64url');
    if (digest !== told)
      check.report('terms-contradict', `the ${leg} record’s counterparty is not the subject of the other record`, {
        leg,
      });
  }
}

function addPosition(
  positions: Map<string, { -readonly [K in keyof PositionPart]: PositionPart[K] }>,
  operator: OperatorId,
  counterparty: OperatorId,
  asset: string,
  signed: bigint,
  posted: bigint,
): void {
  const key = `${operator}/${counterparty}/${asset}`;
  const found = positions.get(key);
  if (found === undefined) positions.set(key, { operator, counterparty, asset, signed, posted });
  else {
    found.signed += signed;
    found.posted += posted;
  }
}

/**
 * What a committed pair moves between the operators: `secondAmount` of `secondAsset` (protocol §4). `bookedOf` is told
 * what the operator’s own leg must come to, and says what its postings do come to.
 */
function addSigned(
  positions: Map<string, { -readonly [K in keyof PositionPart]: PositionPart[K] }>,
  operator: OperatorId,
  { initiator, acceptor }: ChainBatch,
  pays: Leg,
  terms: Values<TermsField> | undefined,
  bookedOf: (agreed: bigint) => bigint,
): void {
  const leg: Leg = operator === initiator ? 'first' : 'second';
  const own = terms?.[`${leg}Amount`];
  if (terms?.secondAsset === undefined || terms.secondAmount === undefined || own === undefined) return;
  const sign = pays === leg ? 1n : -1n;
  const signed = sign * BigInt(terms.secondAmount);
  const agreed = sign * BigInt(own);
  const counterparty = leg === 'first' ? acceptor : initiator;
  addPosition(positions, operator, counterparty, terms.secondAsset, signed, signed + bookedOf(agreed) - agreed);
}

/** Everything that one batch can show by itself; what needs other batches is done with the keys that are given back. */
export function checkBatch(job: BatchJob): BatchResult {
  const { batch, final, sections } = job;
  const check = new BatchCheck(job);
  const onUs = batch.initiator === batch.acceptor;
  const sides = sections.map((section) => readDisclosed(section, batch, check.at(section.operator).report));
  const outcomes = outcomesOf(batch, final.time);
  for (const { time, block, word } of batch.decisions) {
    if (time > batch.deadline)
      check
        .at(undefined)
        .report(
          'executed-though-expired',
          `word ${word} was decided in block ${block}, ${time - batch.deadline} s after the deadline`,
          { block },
        );
  }
  for (const index of outcomes.contradictions)
    check.at(undefined, index).report('chain-inconsistent', 'it is both committed and aborted on chain');
  const leaves = checkRoots(sides, batch, (operator) => check.at(operator).report);

  const totals = new Map<OperatorId, SideTotals>(sides.map(({ operator }) => [operator, newTotals()]));
  const positions = new Map<string, { -readonly [K in keyof PositionPart]: PositionPart[K] }>();
  const refunds: RefundPart[] = [];
  const services: Record<string, number> = {};
  const pairKeys = Buffer.alloc(16 * batch.count);
  const commitmentKeys = Buffer.alloc(32 * batch.count);
  const postingKeys: Buffer[] = [];
  const postingIndexes: number[] = [];
  const counts = { open: 0, committed: 0, aborted: 0 };
  const moved: (Moved | undefined)[] = [];

  for (let index = 0; index < batch.count; index += 1) {
    const status = outcomes.status(index);
    counts[status === 'expired' ? 'aborted' : status] += 1;
    const leaf = leaves[index];
    if (leaf !== undefined) {
      pairKeys.write(leaf.pair.replaceAll('-', ''), 16 * index, 'hex');
      commitmentKeys.write(leaf.first.slice(2, 34), 32 * index, 'hex');
      commitmentKeys.write(leaf.second.slice(2, 34), 32 * index + 16, 'hex');
    }
    for (const side of sides) {
      if (side.lines[index] === undefined)
        check.at(side.operator, index, leaf?.pair).report('pair-missing', 'it is not in the operator’s disclosures');
    }
    const opened = openPair(check, sides, index, onUs);
    const { terms, records } = opened;
    check.at(undefined, index, leaf?.pair);
    checkCounterparties(check, sides, index, opened);
    const pays =
      payingLeg(terms?.service, 'first', records.first?.action) ??
      payingLeg(undefined, 'second', records.second?.action);
    if (status === 'committed' && terms?.service !== undefined)
      services[terms.service] = (services[terms.service] ?? 0) + 1;

    if (job.moved === true && terms?.secondAsset !== undefined && terms.secondAmount !== undefined) {
      moved[index] = {
        committed: status === 'committed',
        acceptorPays: pays === 'second',
        asset: terms.secondAsset,
        amount: terms.secondAmount,
      };
    }

    for (const side of sides) {
      const line = side.lines[index];
      const own = totals.get(side.operator);
      if (own === undefined) continue;
      if (line === undefined) {
        own.unknown = true;
        if (!onUs && status === 'committed' && pays !== undefined) {
          addSigned(positions, side.operator, batch, pays, terms, () => 0n);
        }
        continue;
      }
      check.at(side.operator, index, line.leaf.pair);
      for (const leg of onUs ? legs : [side.operator === batch.initiator ? ('first' as const) : ('second' as const)]) {
        const record = records[leg];
        const mine =
          line.postings.length === 1 && line.postings[0]?.leg === leg
            ? line.postings
            : line.postings.filter((posting) => posting.leg === leg);
        const action = record?.action;
        const expected = {
          asset: record?.asset ?? terms?.[`${leg}Asset`],
          amount: record?.amount ?? terms?.[`${leg}Amount`],
          debit: action === undefined ? undefined : action === 'debit',
        };
        const judged = checkPostings(check, outcomes, side, leg, mine, expected, own);
        const [posting] = mine;
        if (posting !== undefined) {
          if (leg === 'first' || !onUs) own.bits.add(index);
          own.executed.push({ leg, asset: posting.asset, amount: BigInt(magnitude(posting.amount)) });
          if (!onUs) {
            const other = otherLeg(leg);
            const [asset, amount] = [terms?.[`${other}Asset`], terms?.[`${other}Amount`]];
            if (asset === undefined || amount === undefined) own.unknown = true;
            else own.executed.push({ leg: other, asset, amount: BigInt(amount) });
          }
        }
        for (const { id } of mine) {
          postingKeys.push(hash('sha256', `${side.operator}/${id}`, 'buffer').subarray(0, 16));
          postingIndexes.push(index);
        }
        if (onUs || status !== 'committed' || pays === undefined) continue;
        // A posting that its section is too old for counts as it must come.
        addSigned(positions, side.operator, batch, pays, terms, (agreed) =>
          judged === 'stale' ? agreed : mine.reduce((sum, { amount }) => sum - BigInt(amount), 0n),
        );
      }
      for (const posting of line.postings) {
        if (!onUs && posting.leg !== (side.operator === batch.initiator ? 'first' : 'second')) {
          check.report(
            'posting-differs',
            `the posting ${posting.id} is of the ${posting.leg} leg, which is the other operator’s`,
            { posting: posting.id },
          );
        }
      }
    }
    if (
      terms?.reverses !== undefined &&
      terms.reverses !== '' &&
      status === 'committed' &&
      terms.secondAsset !== undefined
    ) {
      refunds.push({
        index,
        pair: (leaf?.pair ?? terms.pair) as PairId,
        reverses: terms.reverses as PairId,
        asset: terms.secondAsset,
        amount: BigInt(terms.secondAmount ?? '0'),
        payer: pays === 'second' ? batch.acceptor : batch.initiator,
        payee: pays === 'second' ? batch.initiator : batch.acceptor,
      });
    }
  }
  for (const [operator, { stale }] of totals) {
    if (stale)
      check
        .at(operator)
        .report('disclosure-stale', 'it was disclosed before its last decision was final: disclose it again');
  }
  checkAttestations(check, outcomes, sides, totals);
  const lateness = [...totals].map(([operator, { posted, sum, most, late }]): Lateness => {
    const attestation = batch.attestations.find((found) => found.operator === operator);
    return {
      operator,
      posted,
      postSecondsSum: sum,
      postSecondsMost: most,
      late,
      ...(attestation === undefined || !outcomes.ended ? {} : { attestSeconds: attestation.time - outcomes.endedAt }),
    };
  });
  return {
    ordinal: batch.ordinal,
    findings: check.findings,
    more: Object.fromEntries(check.more),
    pairs: batch.count,
    ...counts,
    positions: [...positions.values()],
    refunds,
    stale: [...totals].flatMap(([operator, { stale }]) => (stale ? [operator] : [])),
    lateness,
    services,
    pairKeys: new Uint8Array(pairKeys),
    commitmentKeys: new Uint8Array(commitmentKeys),
    postingKeys: new Uint8Array(Buffer.concat(postingKeys)),
    postingIndexes: Uint16Array.from(postingIndexes),
    ...(job.moved === true ? { moved } : {}),
  };
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
      const pays = payingLeg(terms.service, 'first', undefined) ?? 'first';
      const [payer, payee] = pays === 'first' ? [batch.initiator, batch.acceptor] : [batch.acceptor, batch.initiator];
      const committed = outcomes.status(index) === 'committed';
      return [{ index, committed, asset: terms.secondAsset, amount: BigInt(terms.secondAmount), payer, payee }];
    }
    return [];
  });
}
