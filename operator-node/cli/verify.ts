/**
 * `tandem verify BUNDLE --network FILE --rpc URL [--json]`: what an auditor runs. It needs the bundle, or the excerpt of a
 * journal, the network file and a chain endpoint, and nothing of a node.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseNetwork } from '../model/network-file.ts';
import { rpcAuditChain } from '../audit/rpc-audit-chain.ts';
import { utc } from '../audit/settled.ts';
import { saysExcerpt, type Excerpt } from '../audit/journal/excerpt.ts';
import { verifyExcerpt, type ExcerptVerification } from '../audit/journal/verify.ts';
import { verifyBundle, type Check, type Verification } from '../audit/verify.ts';
import { isRpcUrl } from '../chain/address.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { counted } from '../model/counted.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem verify BUNDLE --network FILE --rpc URL [--json]

BUNDLE is an evidence bundle, or an excerpt of an operator's journal (tandem pair --journal).
Without --network the verdict is UNPINNED at best: nobody said which chain and contract to trust.
Ends with 0 for PASS, 1 for FAIL, 3 for UNPINNED, 2 when it could not be checked, 4 for a fault of this program.
`;

class UsageError extends Error {}

const exitCodes = { PASS: 0, FAIL: 1, UNPINNED: 3 } as const;
const marks: Record<Check['status'], string> = { passed: '✓', failed: '✗', skipped: '–' };

/** Bytes that are not UTF-8 come out as U+FFFD, which no canonical bundle holds: they fail as another form. */
async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readFile(file));
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function readNetwork(file: string) {
  const text = await readText(file);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  return parseNetwork(value);
}

/** Values are others' text: what could move a terminal's cursor is shown as an escape. */
const quoted = (value: string): string =>
  JSON.stringify(value).replaceAll(/\p{C}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

type Shown = Pick<Check, 'status' | 'found'> & { readonly name: string };

const checkLines = (checks: readonly Shown[]): string[] =>
  checks.map(
    ({ name, status, found }) =>
      `${marks[status]} ${name.padEnd(12)} ${quoted(found).slice(1, -1).replaceAll('\\"', '"')}`,
  );

/** What the journal has of the pair, in the words that are in it. */
function excerptLines({ checks, verdict, excerpt }: ExcerptVerification): string[] {
  const shown = checkLines(checks);
  if (excerpt === undefined) {
    const failed = checks.filter(({ status }) => status === 'failed').map(({ name }) => name);
    return [...shown, `FAIL: ${failed.join(', ')}`];
  }
  const line = ({ sequence, at, kind, payload }: Excerpt['entries'][number]): string =>
    `  ${String(sequence).padEnd(8)} ${utc(Math.floor(at / 1000))} ${kind.padEnd(12)} ${quoted(payload)}`;
  const { operator, pair, anchor, entries } = excerpt;
  const claim = `${counted(entries.length, 'entry', 'entries')} of pair ${pair} in the journal of operator ${operator}, under the head of block ${anchor.block.number}`;
  return [...shown, ...entries.map(line), `${verdict}: ${claim}`];
}

function lines({ checks, verdict, statement }: Verification): string[] {
  const shown = checkLines(checks);
  if (verdict === 'FAIL') {
    const failed = checks.filter(({ status }) => status === 'failed').map(({ name }) => name);
    return [...shown, `FAIL: ${failed.join(', ')}`];
  }
  if (statement === undefined) return [...shown, verdict];
  for (const [record, values] of Object.entries(statement.disclosed)) {
    for (const [field, value] of Object.entries(values))
      shown.push(`  ${`${record}.${field}`.padEnd(20)} ${quoted(value)}`);
  }
  const { pair, status, block } = statement;
  const claim = `pair ${pair} ${status}, block ${block.number}, ${utc(block.timestamp)}`;
  return [
    ...shown,
    verdict === 'PASS'
      ? `PASS: ${claim}`
      : `UNPINNED: the bundle is consistent, but no network file says whether its chain is the right one (it claims: ${claim})`,
  ];
}

interface Arguments {
  readonly bundle: string;
  readonly network: string | undefined;
  readonly rpc: string | undefined;
  readonly json: boolean;
}

function readArguments(args: readonly string[]): Arguments | 'help' {
  const options = {
    network: { type: 'string' },
    rpc: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    const [what = ''] = (cause as Error).message.split('. To specify a positional argument');
    throw new UsageError(`${what}.`, { cause });
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [bundle] = positionals;
  if (bundle === undefined || positionals.length !== 1) throw new UsageError('name one file');
  if (values.network !== undefined && values.rpc === undefined) throw new UsageError('--network requires --rpc');
  if (values.rpc !== undefined && !isRpcUrl(values.rpc)) throw new UsageError('--rpc must be an http or https URL');
  return { bundle, network: values.network, rpc: values.rpc, json: values.json };
}

/**
 * @returns 0 PASS (or help), 1 FAIL, 3 UNPINNED, 2 for wrong usage, files that cannot be read, or a chain that does not
 * answer.
 */
export async function verify(args: readonly string[], out: Output): Promise<number> {
  try {
    const read = readArguments(args);
    if (read === 'help') {
      out.stdout.write(usage);
      return 0;
    }
    const { bundle, network, rpc, json } = read;
    const text = await readText(bundle);
    const pinned =
      network === undefined || rpc === undefined
        ? undefined
        : { network: await readNetwork(network), chain: rpcAuditChain(rpc) };
    if (saysExcerpt(text)) {
      const excerpt = await verifyExcerpt(text, pinned);
      out.stdout.write(json ? `${JSON.stringify(excerpt)}\n` : `${excerptLines(excerpt).join('\n')}\n`);
      return exitCodes[excerpt.verdict];
    }
    const verification = await verifyBundle(text, pinned);
    out.stdout.write(json ? `${JSON.stringify(verification)}\n` : `${lines(verification).join('\n')}\n`);
    return exitCodes[verification.verdict];
  } catch (error) {
    if (error instanceof UsageError) out.stderr.write(`tandem verify: ${error.message}\n\n${usage}`);
    else if (error instanceof TandemError) out.stderr.write(`tandem verify: not checked: ${error.message}\n`);
    else throw error;
    return 2;
  }
}
