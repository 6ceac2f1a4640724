/** What a scan found as tables: the same ones in the page, in JSON and in CSV. */
import { decimalOf } from '../../model/money.ts';
import { csvField } from '../../model/quoting.ts';
import { severityOf, type FindingCode } from '../scan/findings.ts';
import type { ScanResult } from '../scan/scan.ts';
import type { PairTotals } from '../scan/scan-totals.ts';

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

/** ISO 4217 says how many decimals a currency has. What an operator issues itself has none that an auditor could know. */
const exponentOf = (asset: string): number =>
  /^[A-Z]{3}$/.test(asset)
    ? (new Intl.NumberFormat('en', { style: 'currency', currency: asset }).resolvedOptions().maximumFractionDigits ?? 0)
    : 0;
const money = (minor: string | undefined, asset: string): string =>
  minor === undefined ? undisclosed : decimalOf(minor, exponentOf(asset));

const handleOf = ({ operators }: ScanResult, operator: number): string =>
  operators.find((each) => each.operator === operator)?.handle ?? '';

const ended = ['batches', 'pairs', 'committed', 'declined', 'expired', 'open'];
const endedOf = ({ batches, pairs, committed, aborted, expired, open }: PairTotals): number[] => [
  batches,
  pairs,
  committed,
  aborted - expired,
  expired,
  open,
];

const totalsTable = ({ totals }: ScanResult): Table => ({
  name: 'totals',
  title: 'What was anchored; declined and expired pairs were aborted',
  columns: ended,
  rows: [endedOf(totals)],
});

const daysTable = ({ days }: ScanResult): Table => ({
  name: 'days',
  title: 'By day of preparation (UTC)',
  columns: ['day', ...ended],
  rows: days.map((each) => [each.day, ...endedOf(each)]),
});

const volumesTable = ({ volumes }: ScanResult): Table => ({
  name: 'volumes',
  title: 'What committed pairs moved, by service',
  columns: ['service', 'asset', 'amount'],
  rows: volumes.map(({ service, asset, amount }) => [service, asset, money(amount, asset)]),
});

const inputsTable = (result: ReportInput): Table => ({
  name: 'inputs',
  title: 'What was handed in, and by whom',
  columns: ['kind', 'file', 'operator', 'handle', 'policy', 'from block', 'to block', 'SHA-256'],
  names: ids,
  rows: result.inputs.map(({ kind, file, operator, policy, from, to }) => [
    kind,
    file,
    operator ?? '',
    operator === undefined ? '' : handleOf(result, operator),
    policy ?? '',
    from ?? '',
    to ?? '',
    result.digests?.get(file) ?? '',
  ]),
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

const positionsTable = (result: ScanResult): Table => ({
  name: 'positions',
  title: 'Net positions: above zero, the operator owes',
  columns: [
    'operator',
    'handle',
    'counterparty',
    'its handle',
    'asset',
    'by signed terms',
    'by its postings',
    'as it states',
  ],
  names: ids,
  rows: result.positions.map(({ operator, counterparty, asset, signed, posted, stated }) => [
    operator,
    handleOf(result, operator),
    counterparty,
    handleOf(result, counterparty),
    asset,
    money(signed, asset),
    money(posted, asset),
    money(stated, asset),
  ]),
});

const windowsTable = ({ windows }: ScanResult): Table => ({
  name: 'windows',
  title: 'Settlement windows: above zero, operator A owes B',
  columns: ['A', 'B', 'window', 'asset', 'both signed', 'pairs add up to', 'anchored', 'discharged'],
  names: ids,
  rows: windows.map(({ operatorA, operatorB, number, asset, signed, recomputed, anchoredBlock, dischargedBlock }) => [
    operatorA,
    operatorB,
    number,
    asset,
    money(signed, asset),
    money(recomputed, asset),
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

/** A scan with the SHA-256 of its input files, where they were taken. */
export type ReportInput = ScanResult & { readonly digests?: ReadonlyMap<string, string> };

/** In the order in which they are shown. */
const tables = [
  totalsTable,
  daysTable,
  volumesTable,
  inputsTable,
  summaryTable,
  lanesTable,
  operatorsTable,
  positionsTable,
  windowsTable,
  servicesTable,
  findingsTable,
];

export const tablesOf = (result: ReportInput): readonly Table[] => tables.map((table) => table(result));

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

const digestOf = (digests: ReportInput['digests'], file: string): { sha256?: string } => {
  const sha256 = digests?.get(file);
  return sha256 === undefined ? {} : { sha256 };
};

/** The result as plain JSON. */
export function jsonOf({ findings, digests, inputs, ...others }: ReportInput): string {
  const rest = { ...others, inputs: inputs.map((each) => ({ ...each, ...digestOf(digests, each.file) })) };
  const list = findings.list.map((finding) => ({ ...finding, severity: severityOf(finding.code) }));
  return `${JSON.stringify({ format: 'tandem/audit-report/1', ...rest, counts: findings.counts, findings: list }, null, 2)}\n`;
}
