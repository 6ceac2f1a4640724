/** One pair as one operator disclosed it: opened, and compared with itself, with the leaf and with the batch. */
import type { OperationField, TermsField } from '../../commitment/schema.ts';
import type { Leg } from '../../model/ids.ts';
import type { PairLine } from '../disclosures/lines.ts';
import type { FindingCode } from './findings.ts';
import { openOperation, openTerms, type Opened, type Values } from './open.ts';

export type Report = (
  code: FindingCode,
  sentence: string,
  evidence?: Readonly<Record<string, string | number>>,
) => void;

const faultCodes = {
  misplaced: 'disclosure-misplaced',
  malformed: 'disclosure-malformed',
  hidden: 'disclosure-hidden',
} as const satisfies Record<string, FindingCode>;

function checked<Field extends string>(
  opened: Opened<Field>,
  what: string,
  anchored: string,
  report: Report,
): Values<Field> | undefined {
  if (!opened.ok) {
    report(faultCodes[opened.fault], `the field ${opened.field} of the ${what} record is ${opened.found}`, {
      field: opened.field,
    });
    return undefined;
  }
  if (opened.commitment !== anchored) {
    report('commitment-unopenable', `the ${what} record opens ${opened.commitment}; anchored is ${anchored}`, {
      opened: opened.commitment,
      anchored,
    });
    return undefined;
  }
  return opened.values;
}

export const openedTerms = (line: PairLine, report: Report): Values<TermsField> | undefined =>
  checked(openTerms(line.terms), 'terms', line.leaf.terms, report);

export function openedOperation(line: PairLine, leg: Leg, report: Report): Values<OperationField> | undefined {
  const entries = line[leg];
  if (entries === undefined) {
    report('commitment-unopenable', `the ${leg} record is not disclosed at all`, { anchored: line.leaf[leg] });
    return undefined;
  }
  return checked(openOperation(entries), leg, line.leaf[leg], report);
}

interface BatchFacts {
  readonly initiator: number;
  readonly acceptor: number;
  readonly deadline: number;
}

export function compareTerms(terms: Values<TermsField>, line: PairLine, batch: BatchFacts, report: Report): void {
  const expected: readonly [field: TermsField, expected: string][] = [
    ['pair', line.leaf.pair],
    ['initiator', `${batch.initiator}`],
    ['acceptor', `${batch.acceptor}`],
    ['deadline', `${batch.deadline}`],
  ];
  for (const [field, value] of expected) {
    const found = terms[field];
    if (found !== undefined && found !== value) {
      report('terms-contradict', `the terms have ${field} ${found}; leaf and batch have ${value}`, {
        field,
        found,
        expected: value,
      });
    }
  }
  for (const field of ['firstAsset', 'firstAmount', 'secondAsset', 'secondAmount', 'service', 'reverses'] as const) {
    if (terms[field] === undefined) report('field-undisclosed', `the terms hide ${field}`, { field });
  }
}

const payerFirst = new Set(['pay', 'buy', 'refund']);

/** Which leg pays: by the service, which has one meaning in the consortium (protocol §4), else by the action. */
export function payingLeg(service: string | undefined, leg: Leg, action: string | undefined): Leg | undefined {
  if (service !== undefined && payerFirst.has(service)) return 'first';
  if (service === 'request') return 'second';
  if (action === undefined) return undefined;
  return (action === 'debit') === (leg === 'first') ? 'first' : 'second';
}

export function compareOperation(
  record: Values<OperationField>,
  leg: Leg,
  terms: Values<TermsField> | undefined,
  line: PairLine,
  batch: BatchFacts,
  report: Report,
): void {
  const operator = `${leg === 'first' ? batch.initiator : batch.acceptor}`;
  if (record.leg !== leg || record.operator !== operator) {
    report(
      'leg-swapped',
      `in the place of the ${leg} record of operator ${operator} is a ${record.leg ?? '?'} record of operator ${record.operator ?? '?'}`,
      {
        leg,
        found: record.leg ?? '',
      },
    );
  }
  if (record.pair !== line.leaf.pair) {
    report('terms-contradict', `the ${leg} record is of pair ${record.pair ?? '?'}`, { found: record.pair ?? '', leg });
  }
  const agreed = { asset: terms?.[`${leg}Asset`], amount: terms?.[`${leg}Amount`] };
  for (const field of ['asset', 'amount'] as const) {
    const found = record[field];
    if (found === undefined) report('field-undisclosed', `the ${leg} record hides ${field}`, { field });
    else if (agreed[field] !== undefined && found !== agreed[field]) {
      report('amount-differs', `the ${leg} record has ${field} ${found}; the terms have ${agreed[field]}`, {
        leg,
        found,
        expected: agreed[field],
      });
    }
  }
  const paying = payingLeg(terms?.service, leg, undefined);
  if (paying !== undefined && (record.action === 'debit') !== (paying === leg)) {
    report('action-contradicts', `the ${leg} operation of a ${terms?.service ?? ''} is ${record.action ?? '?'}`, {
      leg,
    });
  }
}
