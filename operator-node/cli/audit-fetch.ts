/**
 * What an auditor gets of a node by itself: its scope, and the operator's disclosure file within it, page by page. Over
 * HTTP or HTTPS, with the auditor's own token; what may pass later is asked again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scopeSchema } from '../api/auditor-routes.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { headerOf } from '../audit/disclosures/read.ts';
import type { Findings } from '../audit/scan/findings.ts';
import { UsageError } from './devnet-file.ts';
import { excerptRefusal, writeExcerpts, type ExcerptsWritten } from './excerpts.ts';
import { begunWith, writeDisclosures } from './disclose.ts';

export interface AuditNode {
  /** The node's HTTP API, without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

export interface FetchJob {
  readonly policy: string;
  readonly reason: string;
  /** By operator, as each is asked by itself: the number of the request in the AuditLog. */
  readonly filed: ReadonlyMap<number, string>;
}

export interface Blocks {
  readonly from: number;
  readonly to: number;
}

const timeoutMillis = 120_000;
/**
 * How often to repeat a request that may succeed later: rate limit, a block that the node has not applied yet, no
 * answer.
 */
const attempts = 60;
const pauseMillis = 1_000;

type Answer =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly later: number; readonly why: string };

/** An excerpt that is not anchored yet may take an hour: it is not waited for. */
const busyCodes: ReadonlySet<string> = new Set(['too-busy', 'chain-unavailable']);
const waitsFor: ReadonlySet<string> = new Set([...busyCodes, 'not-ready']);

async function once(
  { url, token }: AuditNode,
  path: string,
  body: unknown,
  laterCodes: ReadonlySet<string>,
): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMillis),
    });
    text = await response.text();
  } catch (cause) {
    const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
    return { ok: false, later: pauseMillis, why: `no answer: ${reason}` };
  }
  if (response.status === 200) return { ok: true, text };
  let found = { code: 'unexpected', message: `HTTP ${response.status}` };
  try {
    found = (JSON.parse(text) as { error: typeof found }).error;
  } catch {
    // Something else than a node answered.
  }
  const why = `${found.message} (${found.code})`;
  if (!laterCodes.has(found.code)) throw refused(url, why, found.code);
  const after = Number(response.headers.get('retry-after') ?? 0) * 1_000;
  return { ok: false, later: Math.max(pauseMillis, after), why };
}

const refused = (url: string, why: string, code: string): TandemError =>
  new TandemError('unprocessable', `${url}: ${why}`, { facts: { code } });

/** @throws {TandemError} `unprocessable` where the node refuses, or still has not answered after a minute or more */
async function ask(node: AuditNode, path: string, body?: unknown, laterCodes = waitsFor): Promise<string> {
  let why = '';
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const answer = await once(node, path, body, laterCodes);
    if (answer.ok) return answer.text;
    ({ why } = answer);
    await sleep(answer.later);
  }
  throw new TandemError('unprocessable', `${node.url}: ${why}`);
}

export type Scope = Awaited<ReturnType<typeof scopeOf>>;

async function scopeOf(node: AuditNode) {
  const answer = await ask(node, '/v1/audit/scope');
  let value: unknown;
  try {
    value = parseJson(answer);
  } catch (cause) {
    throw new TandemError('unprocessable', `${node.url} did not answer with JSON: ${(cause as Error).message}`);
  }
  const parsed = scopeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TandemError('unprocessable', `${node.url} answered with a malformed scope: ${parsed.error.message}`);
}

/** @throws {UsageError} where a request is named of an operator that is none of these nodes' */
function checkFiled(scopes: readonly Scope[], { filed }: FetchJob): void {
  for (const operator of filed.keys()) {
    if (scopes.some((scope) => scope.operator === operator)) continue;
    const found = scopes.map((scope) => scope.operator).join(', ');
    throw new UsageError(`--filed ${operator}=…: the given nodes belong to operator ${found}.`);
  }
}

/** What this node allows. @throws {UsageError} where a request is named of an operator that is not its own */
export async function scopeFor(node: AuditNode, job: FetchJob): Promise<Scope> {
  const scope = await scopeOf(node);
  checkFiled([scope], job);
  return scope;
}

/** Writes the operator's file of these blocks; one that was interrupted is taken up where it ended. */
export async function fetchFile(
  node: AuditNode,
  operator: number,
  file: string,
  { from, to }: Blocks,
  { policy, reason, filed: requests }: FetchJob,
): Promise<Awaited<ReturnType<typeof writeDisclosures>>> {
  const filed = requests.get(operator);
  const disclosures = ({ after }: { readonly after: string }): Promise<string> =>
    ask(node, '/v1/audit/disclosures', { from, to, policy, reason, after, ...(filed === undefined ? {} : { filed }) });
  return writeDisclosures({ disclosures }, file, { from, to, policy, reason, recipient: '' });
}

/** What the operator's journal has of the pairs of a file that was fetched. */
export function fetchExcerpts(
  node: AuditNode,
  operator: number,
  file: string,
  { policy, reason, filed: requests }: FetchJob,
): Promise<ExcerptsWritten> {
  const filed = requests.get(operator);
  return writeExcerpts(file, async (pair) => {
    const body = { pair, policy, reason, ...(filed === undefined ? {} : { filed }) };
    try {
      return { text: await ask(node, '/v1/audit/journal', body, busyCodes) };
    } catch (error) {
      const code = error instanceof TandemError ? error.facts['code'] : undefined;
      const found = typeof code === 'string' ? excerptRefusal(code, (error as Error).message) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  });
}

/** The blocks to ask for: as an interrupted file was begun, else what is asked for, within the scope. */
export function blocksOf(scope: Scope, file: string, asked: Partial<Blocks>): Blocks {
  const begun = begunWith(file);
  const final = scope.finalBlock ?? 0;
  const { from = begun?.from ?? scope.fromBlock, to = begun?.to ?? Math.min(scope.toBlock ?? final, final) } = asked;
  return { from, to };
}

/**
 * Fetches the files of all these nodes for a scan of these blocks, as far as each scope goes; gives their names. A node
 * that gives none, or something else, is a finding, and the others are asked all the same.
 */
export async function fetchFor(
  nodes: readonly AuditNode[],
  folder: string,
  { from, to }: Blocks,
  job: FetchJob,
  findings: Pick<Findings, 'add'>,
): Promise<string[]> {
  const files: string[] = [];
  const scopes: Scope[] = [];
  const refused = async (node: AuditNode, body: () => Promise<void>): Promise<void> => {
    try {
      await body();
    } catch (error) {
      if (error instanceof UsageError) throw error;
      const why = (error as Error).message.replace(`${node.url}: `, '');
      findings.add('not-checked', `the node at ${node.url} provided no file: ${why}`, { node: node.url });
    }
  };
  const asked: { readonly node: AuditNode; readonly scope: Scope }[] = [];
  for (const node of nodes) {
    await refused(node, async () => {
      const scope = await scopeOf(node);
      scopes.push(scope);
      asked.push({ node, scope });
    });
  }
  // Whose a request is cannot be told where a node has not said who it is.
  if (scopes.length === nodes.length) checkFiled(scopes, job);
  for (const { node, scope } of asked) {
    const { operator, fromBlock, toBlock } = scope;
    const within = { from: Math.max(from, fromBlock), to: Math.min(to, toBlock ?? to) };
    if (within.from > within.to) continue;
    const file = join(folder, `operator-${operator}-${within.from}-${within.to}.ndjson`);
    await refused(node, async () => {
      if (!existsSync(file)) await fetchFile(node, operator, file, within, job);
      const header = headerOf(file);
      if (header !== undefined && header.operator !== operator) {
        throw new TandemError(
          'unprocessable',
          `it is the node of operator ${operator}, but its file is of operator ${header.operator}`,
        );
      }
      files.push(file);
    });
  }
  return files;
}
