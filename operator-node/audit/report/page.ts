/** The report as one HTML file that needs nothing else: no script, no font, no address outside. */
import { escapeXml } from '../../model/quoting.ts';
import { exitCodeOf, severityOf } from '../scan/findings.ts';
import type { ScanResult } from '../scan/scan.ts';
import { utc } from '../settled.ts';
import { tablesOf, type ReportInput, type Table } from './tables.ts';

const style = `
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid #d7dce1;text-align:left;vertical-align:bottom}
th{font-weight:600;max-width:9rem}
td.n,th.n{text-align:right}td.n{white-space:nowrap}
.finding{border-left:.3rem solid;padding:.2rem 0 .2rem .8rem;margin:.8rem 0;overflow-wrap:anywhere;break-inside:avoid}
.finding.breach{border-color:#c8553d;background:none}.finding.late,.finding.incomplete{border-color:#c99a1d}
.finding p{font-size:.85rem;color:#4b535c;margin:.2rem 0 0}
.key{font-size:.85rem;color:#4b535c}.key i{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 .9rem;vertical-align:-.1rem}
.verdict{padding:.8rem 1rem;border-radius:.4rem;font-weight:600}
.clean{background:#e3f4e6}.breach{background:#fde4e1}.other{background:#fff3d1}
svg text{font:12px system-ui,sans-serif;fill:#1b1f24}
@media print{body{margin:0}h2{break-after:avoid}tr{break-inside:avoid}}
`;

function tableHtml({ title, columns, rows, names = [] }: Table): string {
  if (rows.length === 0) return `<h2>${escapeXml(title)}</h2><p>None.</p>`;
  const numeric = columns.map(
    (column, at) => !names.includes(column) && rows.every((row) => /^-?[0-9.]*$/.test(`${row[at] ?? ''}`)),
  );
  const cell = (tag: string, text: string, at: number): string =>
    `<${tag}${numeric[at] === true ? ' class="n"' : ''}>${escapeXml(text)}</${tag}>`;
  const head = columns.map((column, at) => cell('th', column, at)).join('');
  const body = rows.map((row) => `<tr>${row.map((value, at) => cell('td', `${value}`, at)).join('')}</tr>`).join('\n');
  const table = `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
  return `<h2>${escapeXml(title)}</h2><div class="wide">${table}</div>`;
}

/** Sentences to read, each with where to look. */
function findingsHtml({ findings }: ScanResult): string {
  const counted = Object.values(findings.counts).reduce((sum, count) => sum + count, 0);
  if (counted === 0) return '';
  const items = findings.list.map(({ code, sentence, evidence }) => {
    const places = Object.entries(evidence)
      .map(([name, value]) => `${escapeXml(name)} ${escapeXml(`${value}`)}`)
      .join(' · ');
    const severity = severityOf(code);
    return `<div class="finding ${severity}"><b>${code}</b> (${severity}): ${escapeXml(sentence)}<p>${places}</p></div>`;
  });
  const more = counted - items.length;
  const rest = more > 0 ? `<p>${more} more are counted above and not kept.</p>` : '';
  return `<h2>Findings</h2>\n${items.join('\n')}${rest}`;
}

interface Bar {
  readonly label: string;
  readonly parts: readonly { readonly value: number; readonly colour: string }[];
  readonly told: string;
}

const barWidth = 520;
const rowHeight = 24;
const labelWidth = 180;

/** Horizontal bars, the longest as wide as the chart. `key`: what the colours are. */
function chart(
  title: string,
  bars: readonly Bar[],
  key: readonly (readonly [colour: string, what: string])[] = [],
): string {
  if (bars.length === 0) return '';
  const sums = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const most = Math.max(...sums, 1e-9);
  const rows = bars.map(({ label, parts, told }, at) => {
    let x = labelWidth;
    const rects = parts.map(({ value, colour }) => {
      const width = (value / most) * barWidth;
      const rect = `<rect x="${x.toFixed(1)}" y="${at * rowHeight + 4}" width="${width.toFixed(1)}" height="${rowHeight - 8}" fill="${colour}"/>`;
      x += width;
      return rect;
    });
    const y = at * rowHeight + 16;
    return `<text x="0" y="${y}">${escapeXml(label)}</text>${rects.join('')}<text x="${(x + 6).toFixed(1)}" y="${y}">${escapeXml(told)}</text>`;
  });
  const height = bars.length * rowHeight;
  const width = labelWidth + barWidth + 200;
  const legend = key.map(([colour, what]) => `<i style="background:${colour}"></i>${escapeXml(what)}`).join('');
  return `<h2>${escapeXml(title)}</h2>${legend === '' ? '' : `<p class="key">${legend}</p>`}<svg viewBox="0 0 ${width} ${height}" width="100%" role="img" aria-label="${escapeXml(title)}">${rows.join('')}</svg>`;
}

const colours = { committed: '#2f7d4f', other: '#b9c0c8', seconds: '#4a6fa5' } as const;

function chartsOf({ lanes, operators }: ScanResult): string {
  const handles = new Map(operators.map(({ operator, handle }) => [operator, handle]));
  const called = (operator: number): string => handles.get(operator) || `operator ${operator}`;
  return [
    chart(
      'Pairs by lane',
      lanes.map(({ initiator, acceptor, pairs, committed }) => ({
        label: `${called(initiator)} to ${called(acceptor)}`,
        parts: [
          { value: committed, colour: colours.committed },
          { value: pairs - committed, colour: colours.other },
        ],
        told: `${committed} of ${pairs}`,
      })),
      [
        [colours.committed, 'committed'],
        [colours.other, 'aborted, or open'],
      ],
    ),
    chart(
      'Seconds from decision to posting, mean',
      operators.map(({ operator, postSecondsMean, postSecondsMost }) => ({
        label: called(operator),
        parts: [{ value: postSecondsMean, colour: colours.seconds }],
        told: `${postSecondsMean} s, at most ${postSecondsMost} s`,
      })),
    ),
  ].join('\n');
}

const verdicts = {
  0: ['clean', 'Nothing was found: everything anchored in these blocks is accounted for by both operators.'],
  1: ['breach', 'There are breaches: see the findings.'],
  3: ['other', 'No breach; something was late or could not be checked: see the findings.'],
} as const;

/** Of docs/audit.md, "What is not", in short: a report stands by itself. */
const unproven = `<h2>What this does not prove</h2><ul>
<li>Pairs that were never anchored, and value that was settled outside, are not in any of this.</li>
<li>Two operators that collude over a pair sign and disclose the same.</li>
<li>Both users of a pair on us are of one operator: whether it was real, they know.</li>
<li>Ledgers were shown as postings; that a customer’s own balance changed is shown by the operator’s entry alone.</li>
<li>That money moved for a discharged window, its payee says.</li>
<li>A file counts as that of the operator whom its first line names.</li>
<li>What the endpoints agreed on was believed, as far as it fits together.</li></ul>`;

export function pageOf(result: ReportInput): string {
  const { chainId, contract, from, to, final } = result;
  const [kind, verdict] = verdicts[exitCodeOf(result.findings)];
  const facts = `Blocks ${from} to ${to} of chain ${chainId}, contract ${contract}; read at final block ${final.number} (${final.hash}) of ${utc(final.time)}${final.age === undefined ? '' : `, ${final.age} s old then`}.`;
  const tables = tablesOf(result);
  const shown = (...names: readonly string[]): string =>
    tables
      .filter(({ name, rows }) => names.includes(name) && (rows.length > 0 || name !== 'summary'))
      .map(tableHtml)
      .join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tandem audit, blocks ${from} to ${to}</title><style>${style}</style></head>
<body><h1>Audit of blocks ${from} to ${to}</h1><p>${escapeXml(facts)}</p><p class="verdict ${kind}">${escapeXml(verdict)}</p>
${shown('totals', 'days', 'summary')}
${findingsHtml(result)}
${shown('positions', ...(result.windows.length > 0 ? ['windows'] : []), 'operators', 'lanes', 'services', 'volumes')}
${chartsOf(result)}
${shown('inputs')}
${unproven}
</body></html>
`;
}
