/**
 * `tandem audit`: what a regulator runs. It needs a network file, chain endpoints and what the operators hand over, and
 * nothing of a node.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAnswer } from '../audit/check-answer.ts';
import { parseBundle } from '../audit/format.ts';
import { parseNetwork, type AuditNetwork } from '../model/network-file.ts';
import { digestsOf } from '../audit/report/digests.ts';
import { pageOf } from '../audit/report/page.ts';
import { csvOf, jsonOf, tablesOf, type ReportInput } from '../audit/report/tables.ts';
import { rpcAuditChain } from '../audit/rpc-audit-chain.ts';
import { defaultTolerance } from '../audit/scan/batch.ts';
import { agreeing } from '../audit/scan/endpoints.ts';
import { EarlierScans } from '../audit/scan/earlier.ts';
import { exitCodeOf, Findings, severityOf } from '../audit/scan/findings.ts';
import { scan, type ScanResult } from '../audit/scan/scan.ts';
import { readState, writeState } from '../audit/scan/state.ts';
import { utc } from '../audit/settled.ts';
import { sdJwtOf } from '../audit/sd-jwt.ts';
import { bundleFiles, verifyMany } from '../audit/verify-many.ts';
import { isRpcUrl } from '../chain/address.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { counted } from '../model/counted.ts';
import { tokenIn } from './which-node.ts';
import { parseCommand } from './arguments.ts';
import {
  blocksOf,
  fetchExcerpts,
  fetchFile,
  fetchFor,
  scopeFor,
  type AuditNode,
  type FetchJob,
} from './audit-fetch.ts';
import { progressBar } from './audit-progress.ts';
import { UsageError } from './devnet-file.ts';
import { excerptsText, exitCodeOfExcerpts } from './excerpts.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';

const defaultPolicyName = 'regulator-minimum';

const usage = `usage: tandem audit scan FILE …      --network FILE --rpc URL … [--from BLOCK] [--to BLOCK] [--state FILE] [--json]
       tandem audit positions FILE … --network FILE --rpc URL … [--from BLOCK] [--to BLOCK] [--json]
       tandem audit report FILE …    --network FILE --rpc URL … --out FOLDER [--from BLOCK] [--to BLOCK]
       tandem audit verify PATH …    --network FILE --rpc URL … [--json]
       tandem audit fetch            --node URL --token-file FILE --reason WHY --out FILE [--from BLOCK] [--to BLOCK]
       tandem audit answer OPENING FILE … --network FILE --rpc URL … [--json]
       tandem audit sd-jwt BUNDLE    --key FILE [--leg first|second]

FILE is a disclosure file; give those of all operators. PATH is an evidence bundle, an SD-JWT of one, or a folder of either.
--rpc can be repeated: endpoints that disagree are a finding. --state FILE is written together with FILE.index; the next
scan checks that the chain still has the last block and continues from there.
For answer, OPENING opens an operator’s answer to a request (tandem request opening), and FILE is what was handed over.
Instead of FILE, the nodes’ endpoints for auditors:
  --node URL           a node’s API; can be repeated
  --token-file FILE    the auditor’s token for it; one for each --node, in the same order
  --reason WHY         recorded in the nodes’ journals
  --filed OPERATOR=N   the number of the request in the AuditLog for that operator; once for each operator
  --policy NAME        which fields are to be disclosed (${defaultPolicyName})
  --keep FOLDER        where to keep the fetched files
  --no-journal         for fetch: without the journal excerpts that the policy includes
Other options:
  --windows FILE       settlement windows to compare (tandem window export); can be repeated
  --threads N          threads that check batches (default: one for each core)
  --post-seconds N     allowed from decision to posting (${defaultTolerance.postSeconds})
  --attest-seconds N   allowed from the end of a batch to its attestation (${defaultTolerance.attestSeconds})
  --clock-seconds N    allowed between a node’s clock and the chain’s (${defaultTolerance.clockSeconds})
Ends with 0 when nothing was found, 1 for a breach, 3 where something was late or could not be checked, 2 when the audit
could not be made, 4 for a fault of this program; 2 and 4 say nothing about anybody. Codes of findings: docs/audit.md.
`;

const options = {
  network: { type: 'string' },
  rpc: { type: 'string', multiple: true },
  from: { type: 'string' },
  to: { type: 'string' },
  state: { type: 'string' },
  out: { type: 'string' },
  key: { type: 'string' },
  leg: { type: 'string', default: 'first' },
  node: { type: 'string', multiple: true },
  'token-file': { type: 'string', multiple: true },
  reason: { type: 'string' },
  filed: { type: 'string', multiple: true },
  policy: { type: 'string', default: defaultPolicyName },
  keep: { type: 'string' },
  'no-journal': { type: 'boolean', default: false },
  windows: { type: 'string', multiple: true },
  threads: { type: 'string' },
  'post-seconds': { type: 'string' },
  'attest-seconds': { type: 'string' },
  'clock-seconds': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Findings that are shown as text; all that are kept are in the JSON. */
const shownFindings = 50;

type Values = ReturnType<typeof parseCommand<typeof options>>['values'];

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(text)) throw new UsageError(`--${name} must be a whole number.`);
  return Number(text);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function networkOf(file: string | undefined): AuditNetwork | undefined {
  if (file === undefined) return undefined;
  let value: unknown;
  try {
    value = parseJson(readText(file));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  return parseNetwork(value);
}

function endpointsOf(urls: readonly string[] | undefined) {
  return (urls ?? []).map((url) => {
    if (!isRpcUrl(url)) throw new UsageError('--rpc must be an http or https URL.');
    return { name: new URL(url).host, chain: rpcAuditChain(url) };
  });
}

function nodesOf(values: Values): AuditNode[] {
  const [urls = [], tokenFiles = []] = [values.node, values['token-file']];
  if (urls.length !== tokenFiles.length) throw new UsageError('each --node needs a --token-file.');
  return urls.map((url, at) => {
    if (!URL.canParse(url) || !/^https?:/.test(url))
      throw new UsageError(`--node ${url} must be an http or https URL.`);
    return { url: url.replace(/\/$/, ''), token: tokenIn(tokenFiles[at] ?? '') };
  });
}

/** `OPERATOR=N` of each. */
function requestsOf(filed: readonly string[] = []): ReadonlyMap<number, string> {
  const requests = new Map<number, string>();
  for (const text of filed) {
    const [, operator = '', request = ''] = /^([1-9][0-9]{0,9})=([1-9][0-9]{0,14})$/.exec(text) ?? [];
    if (request === '')
      throw new UsageError(`--filed ${text} must be OPERATOR=N: the operator’s id and the number of the request.`);
    if (requests.has(Number(operator))) throw new UsageError(`--filed names operator ${operator} twice.`);
    requests.set(Number(operator), request);
  }
  return requests;
}

function jobOf({ policy, reason, filed }: Values): FetchJob {
  if (reason === undefined) throw new UsageError('--node requires --reason.');
  return { policy, reason, filed: requestsOf(filed) };
}

/** Where fetched files go: kept, or in a folder that is removed afterwards. */
function fetchFolder({ keep }: Values): Disposable & { readonly folder: string } {
  if (keep === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-audit-'));
    return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
  }
  mkdirSync(keep, { recursive: true });
  return { folder: keep, [Symbol.dispose]: () => undefined };
}

async function scanned(
  files: readonly string[],
  values: Values,
  out: Output,
  withDigests = false,
): Promise<ReportInput> {
  const network = networkOf(values.network);
  const endpoints = endpointsOf(values.rpc);
  const nodes = nodesOf(values);
  if (network === undefined || endpoints.length === 0 || files.length + nodes.length === 0) {
    throw new UsageError(`--network and --rpc are required, and files or --node.\n${usage}`);
  }
  const job = nodes.length === 0 ? undefined : jobOf(values);
  const [from, to] = [wholeNumber('from', values.from), wholeNumber('to', values.to)];
  const state = values.state === undefined ? undefined : readState(values.state);
  const bar = progressBar(out, 'batches');
  using fetched = job === undefined ? undefined : fetchFolder(values);
  await using earlier = values.state === undefined ? undefined : await EarlierScans.open(values.state, state, network);
  try {
    const result = await scan({
      network,
      endpoints,
      files:
        job === undefined || fetched === undefined
          ? files
          : async (blocks, findings) => [...files, ...(await fetchFor(nodes, fetched.folder, blocks, job, findings))],
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(state === undefined ? {} : { state }),
      ...(values.windows === undefined ? {} : { windows: values.windows }),
      ...(earlier === undefined ? {} : { earlier }),
      tolerance: {
        clockSeconds: wholeNumber('clock-seconds', values['clock-seconds']) ?? defaultTolerance.clockSeconds,
        postSeconds: wholeNumber('post-seconds', values['post-seconds']) ?? defaultTolerance.postSeconds,
        attestSeconds: wholeNumber('attest-seconds', values['attest-seconds']) ?? defaultTolerance.attestSeconds,
      },
      now: Math.floor(Date.now() / 1_000),
      threads: wholeNumber('threads', values.threads) ?? availableParallelism(),
      onProgress: bar.show,
    });
    if (values.state !== undefined && result.state !== undefined) writeState(values.state, result.state);
    // While they are still there.
    return withDigests ? { ...result, digests: await digestsOf(result.inputs) } : result;
  } finally {
    bar.end();
  }
}

function findingLines(findings: Findings): string[] {
  const counts = Object.entries(findings.counts);
  if (counts.length === 0) return ['Nothing was found.'];
  const shown = findings.list
    .slice(0, shownFindings)
    .map(({ code, sentence }) => `${severityOf(code)}  ${code}  ${sentence}`);
  const more = counts.reduce((sum, [, count]) => sum + count, 0) - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [`… and ${more} more`] : []),
    counts.map(([code, count]) => `${code}: ${count}`).join(', '),
  ];
}

const tableText = (result: ScanResult, name: string): string => {
  const found = tablesOf(result).find((each) => each.name === name);
  return found === undefined
    ? ''
    : `${found.title}\n${table([found.columns, ...found.rows.map((row) => row.map(String))])}\n`;
};

/** With its age: an endpoint that is behind shortens the audit. */
const finalText = ({ final: { number, time, age } }: ScanResult): string =>
  `final block ${number} of ${utc(time)}${age === undefined ? '' : `, ${age} s old`}`;

async function runScan(files: readonly string[], values: Values, out: Output): Promise<number> {
  const result = await scanned(files, values, out);
  if (values.json) out.stdout.write(jsonOf(result));
  else {
    const head = `Blocks ${result.from} to ${result.to} of chain ${result.chainId}, ${finalText(result)}`;
    const tables = ['totals', 'lanes', 'operators', 'positions'].map((name) => tableText(result, name));
    out.stdout.write(`${[head, '', ...tables, ...findingLines(result.findings)].join('\n')}\n`);
  }
  return exitCodeOf(result.findings);
}

async function runPositions(files: readonly string[], values: Values, out: Output): Promise<number> {
  const result = await scanned(files, values, out);
  if (values.json)
    out.stdout.write(
      `${JSON.stringify({ positions: result.positions, windows: result.windows, counts: result.findings.counts })}\n`,
    );
  else {
    const tables = ['positions', ...(result.windows.length > 0 ? ['windows'] : [])].map((name) =>
      tableText(result, name),
    );
    out.stdout.write(`${[...tables, ...findingLines(result.findings)].join('\n')}\n`);
  }
  return exitCodeOf(result.findings);
}

async function runReport(files: readonly string[], values: Values, out: Output): Promise<number> {
  const folder = values.out;
  if (folder === undefined) throw new UsageError(`--out is required.\n${usage}`);
  const result = await scanned(files, values, out, true);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.html'), pageOf(result));
  writeFileSync(join(folder, 'report.json'), jsonOf(result));
  for (const each of tablesOf(result)) writeFileSync(join(folder, `${each.name}.csv`), csvOf(each));
  out.stdout.write(`${join(folder, 'report.html')}\n`);
  return exitCodeOf(result.findings);
}

async function runVerify(paths: readonly string[], values: Values, out: Output): Promise<number> {
  if (paths.length === 0) throw new UsageError(`Name bundles, or folders of bundles.\n${usage}`);
  const network = networkOf(values.network);
  const endpoints = endpointsOf(values.rpc);
  if (network !== undefined && endpoints.length === 0) throw new UsageError('--network requires --rpc.');
  const findings = new Findings();
  let all = 0;
  for await (const _ of bundleFiles(paths)) all += 1;
  const bar = progressBar(out, 'bundles');
  const pinned = network === undefined ? undefined : { network, chain: agreeing(endpoints, findings) };
  const result = await verifyMany(bundleFiles(paths), pinned, findings, (done) => bar.show(done, all)).finally(bar.end);
  if (values.json)
    out.stdout.write(`${JSON.stringify({ ...result, counts: findings.counts, findings: findings.list })}\n`);
  else {
    const more = result.unchecked === undefined ? '' : `, ${result.unchecked} not checked`;
    const head = `${result.passed} passed, ${result.failed} failed, ${result.unpinned} unpinned${more}`;
    out.stdout.write(`${[head, ...findingLines(findings)].join('\n')}\n`);
  }
  return exitCodeOf(findings);
}

async function runFetch(paths: readonly string[], values: Values, out: Output): Promise<number> {
  const [node, ...others] = nodesOf(values);
  const file = values.out;
  if (node === undefined || others.length > 0 || file === undefined || paths.length > 0)
    throw new UsageError(`One --node, --token-file and --out are required.\n${usage}`);
  const job = jobOf(values);
  const [from, to] = [wholeNumber('from', values.from), wholeNumber('to', values.to)];
  const asked = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const scope = await scopeFor(node, job);
  const blocks = blocksOf(scope, file, asked);
  const { journal, ...written } = await fetchFile(node, scope.operator, file, blocks, job);
  const excerpts = journal && !values['no-journal'] ? await fetchExcerpts(node, scope.operator, file, job) : undefined;
  if (values.json)
    out.stdout.write(
      `${JSON.stringify({ file, ...blocks, ...written, ...(excerpts === undefined ? {} : { excerpts }) })}\n`,
    );
  else {
    const { batches, pairs } = written;
    const amounts = `${counted(batches, 'batch', 'batches')}, ${counted(pairs, 'pair')}`;
    const lines = [`${file}: blocks ${blocks.from} to ${blocks.to}, ${amounts}`];
    if (excerpts !== undefined) lines.push(excerptsText(excerpts));
    out.stdout.write(`${lines.join('\n')}\n`);
  }
  return exitCodeOfExcerpts(excerpts);
}

/** What was handed over against the operator's answer on chain. */
async function runAnswer(paths: readonly string[], values: Values, out: Output): Promise<number> {
  const [opening, ...files] = paths;
  const network = networkOf(values.network);
  const endpoints = endpointsOf(values.rpc);
  if (opening === undefined || network === undefined || endpoints.length === 0)
    throw new UsageError(`An opening, --network and --rpc are required.\n${usage}`);
  const findings = new Findings();
  const chain = agreeing(endpoints, findings);
  const checked = await checkAnswer(opening, readText(opening), files, { network, chain }, findings);
  if (values.json)
    out.stdout.write(`${JSON.stringify({ ...checked, counts: findings.counts, findings: findings.list })}\n`);
  else out.stdout.write(`${[checked.said, ...findingLines(findings)].join('\n')}\n`);
  return exitCodeOf(findings);
}

/** An evidence bundle as an SD-JWT: made by the operator, with its TLS key. */
async function runSdJwt(paths: readonly string[], values: Values, out: Output): Promise<number> {
  const [file] = paths;
  const { key, leg } = values;
  if (file === undefined || paths.length !== 1 || key === undefined)
    throw new UsageError(`One bundle and --key are required.\n${usage}`);
  if (leg !== 'first' && leg !== 'second') throw new UsageError('--leg must be first or second.');
  const parsed = parseBundle(readText(file));
  if (!parsed.ok) throw new UsageError(`${file} is not an evidence bundle: ${parsed.reason}`);
  if (parsed.bundle.records[leg] === undefined) throw new UsageError(`${file} has no record of the ${leg} operation.`);
  out.stdout.write(`${sdJwtOf(parsed.bundle, readText(key), leg, Math.floor(Date.now() / 1_000))}\n`);
  return 0;
}

const commands = {
  answer: runAnswer,
  'sd-jwt': runSdJwt,
  fetch: runFetch,
  scan: runScan,
  positions: runPositions,
  report: runReport,
  verify: runVerify,
} as const;

/** @returns 0 nothing found, 1 a breach, 3 late or incomplete, 2 when the audit could not be made. A fault is thrown. */
export async function audit(args: readonly string[], out: Output): Promise<number> {
  const [name = '', ...rest] = args;
  try {
    if (['', '-h', '--help'].includes(name)) {
      (name === '' ? out.stderr : out.stdout).write(usage);
      return name === '' ? 2 : 0;
    }
    if (!Object.hasOwn(commands, name)) throw new UsageError(`Unknown command "tandem audit ${name}".\n${usage}`);
    const { values, positionals } = parseCommand(usage, rest, options, { min: 0, max: 100_000 });
    if (values.help) {
      out.stdout.write(usage);
      return 0;
    }
    return await commands[name as keyof typeof commands](positionals, values, out);
  } catch (error) {
    if (error instanceof UsageError) out.stderr.write(`tandem audit: ${error.message}\n`);
    else if (error instanceof TandemError)
      out.stderr.write(`tandem audit: not audited: ${error.message} (${error.code})\n`);
    else throw error;
    return 2;
  }
}
