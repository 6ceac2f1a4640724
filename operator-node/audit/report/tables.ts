/** What a scan found as tables: the same ones in the page, in JSON and in CSV. */
import { csvField } from '../../model/quoting.ts';
import { severityOf, type FindingCode } from '../scan/findings.ts';
import type { ScanResult } from '../scan/scan.ts';

export interface Table {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Columns whose values are names, though they look like numbers. */
  readonly names?: readonly string[];
}

/** In the place of what nobody has disclosed. */
const undisclosed = '–';

/** Columns of operators: their ids are names, not numbers. */
const ids = ['operator', 'counterparty', 'initiator', 'acceptor'];

const totalsTable = ({ totals }: ScanResult): Table => ({
  name: 'totals',
  title: 'What was anchored',
  columns: ['batches', 'pairs', 'committed', 'aborted', 'open'],
  rows: [[totals.batches, totals.pairs, totals.committed, totals.aborted, totals.open]],
});

const summaryTable = ({ findings }: ScanResult): Table => ({
  name: 'summary',
  title: 'Findings by code',
  columns: ['code', 'severity', 'count'],
  rows: Object.entries(findings.counts).map(([code, count]) => [code, severityOf(code as FindingCode), count]),
});

const lanesTable = ({ lanes }: ScanResult): Table => ({
  name: 'lanes',
  title: 'Lanes',
  columns: ['initiator', 'acceptor', 'last sequence', 'batches', 'pairs', 'committed'],
  names: ids,
  rows: lanes.map(({ initiator, acceptor, sequence, batches, pairs, committed }) => [
    initiator,
    acceptor,
    sequence,
    batches,
    pairs,
    committed,
  ]),
});

const operatorsTable = ({ operators }: ScanResult): Table => ({
  name: 'operators',
  title: 'Operators: what they disclosed, and how late they were (seconds)',
  columns: [
    'operator',
    'handle',
    'batches',
    'disclosed',
    'attested',
    'postings',
    'posted after, mean',
    'posted after, most',
    'attested after, mean',
    'attested after, most',
  ],
  names: ids,
  rows: operators.map((each) => [
    each.operator,
    each.handle,
    each.batches,
    each.disclosed,
    each.attested,
    ...(each.disclosed === 0
      ? [undisclosed, undisclosed, undisclosed]
      : [each.posted, each.postSecondsMean, each.postSecondsMost]),
    ...(each.attested === 0 ? [undisclosed, undisclosed] : [each.attestSecondsMean, each.attestSecondsMost]),
  ]),
});

const positionsTable = ({ positions }: ScanResult): Table => ({
  name: 'positions',
  title: 'Net positions in minor units: above zero, the operator owes',
  columns: ['operator', 'counterparty', 'asset', 'by signed terms', 'by its postings', 'as it states'],
  names: ids,
  rows: positions.map(({ operator, counterparty, asset, signed, posted, stated }) => [
    operator,
    counterparty,
    asset,
    signed,
    posted ?? undisclosed,
    stated ?? undisclosed,
  ]),
});

const windowsTable = ({ windows }: ScanResult): Table => ({
  name: 'windows',
  title: 'Settlement windows in minor units: above zero, operator A owes B',
  columns: ['A', 'B', 'window', 'asset', 'both signed', 'pairs add up to', 'anchored', 'discharged'],
  names: ids,
  rows: windows.map(({ operatorA, operatorB, number, asset, signed, recomputed, anchoredBlock, dischargedBlock }) => [
    operatorA,
    operatorB,
    number,
    asset,
    signed,
    recomputed ?? undisclosed,
    anchoredBlock ?? undisclosed,
    dischargedBlock ?? undisclosed,
  ]),
});

const servicesTable = ({ services }: ScanResult): Table => ({
  name: 'services',
  title: 'Committed pairs by service',
  columns: ['service', 'pairs'],
  rows: Object.entries(services).sort(([a], [b]) => (a < b ? -1 : 1)),
});

const findingsTable = ({ findings }: ScanResult): Table => ({
  name: 'findings',
  title: 'Findings',
  columns: ['code', 'severity', 'sentence', 'evidence'],
  rows: findings.list.map(({ code, sentence, evidence }) => [
    code,
    severityOf(code),
    sentence,
    JSON.stringify(evidence),
  ]),
});

/** In the order in which they are shown. */
const tables = [
  totalsTable,
  summaryTable,
  lanesTable,
  operatorsTable,
  positionsTable,
  windowsTable,
  servicesTable,
  findingsTable,
];

export const tablesOf = (result: ScanResult): readonly Table[] => tables.map((table) => table(result));

/** What a spreadsheet takes for a formula: not only `=`, and what it strips before it looks. A number is none. */
const formula = /^[\s\p{Cf}]*[=+@\-＝＋＠－]/u;
const plainNumber = /^-?[0-9]+(?:\.[0-9]+)?$/;

/** RFC 4180; a field that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvOf({ columns, rows }: Table): string {
  const field = (value: string | number): string => {
    const text =
      typeof value === 'string' && formula.test(value) && !plainNumber.test(value) ? `'${value}` : `${value}`;
    return csvField(text);
  };
  return [columns, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

/** The result as plain JSON. */
export function jsonOf({ findings, ...rest }: ScanResult): string {
  const list = findings.list.map((finding) => ({ ...finding, severity: severityOf(finding.code) }));
  return `${JSON.stringify({ format: 'tandem/audit-report/1', ...rest, counts: findings.counts, findings: list }, null, 2)}\n`;
}
