/**
 * `tandem disclose`: writes an operator's disclosure file for a range of blocks, for an auditor. It is staff's: it asks
 * the node page by page, and goes on after the last whole page where the file is there already.
 */
import { createReadStream, createWriteStream, existsSync, renameSync, statSync, truncateSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import {
  batchLineSchema,
  encodeLine,
  headerSchema,
  parseLine,
  parsePairLine,
  type BatchLine,
  type HeaderLine,
} from '../audit/disclosures/lines.ts';
import { headerOf } from '../audit/disclosures/read.ts';
import { TandemError } from '../errors.ts';
import type { Asset, OperatorId, PairId } from '../model/ids.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { ApiError, type NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import { excerptRefusal, excerptsText, exitCodeOfExcerpts, writeExcerpts, type Excerpted } from './excerpts.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem disclose --from BLOCK --to BLOCK --policy NAME --out FILE --recipient WHO --reason WHY
         [--no-journal] [which node]

Writes the operator's disclosure file for the batches prepared in these blocks. An interrupted file is continued where it
ended. Where the policy includes journal excerpts (dispute, full), they are written to FILE.journal, one for each pair, for
tandem audit verify. Exit code 3: an excerpt is not anchored yet; repeat the command later. --no-journal leaves the
excerpts out; they are fetched one by one.
${nodeUsage}`;

const options = {
  ...nodeOptions,
  from: { type: 'string' },
  to: { type: 'string' },
  policy: { type: 'string', default: 'regulator-minimum' },
  out: { type: 'string' },
  recipient: { type: 'string' },
  reason: { type: 'string' },
  'no-journal': { type: 'boolean', default: false },
} as const;

const pageSchema = z.strictObject({
  type: z.literal('page'),
  after: z.string().optional(),
  /** What the journal has of the pairs is handed over too. */
  journal: z.literal(true).optional(),
});

export interface DisclosureJob {
  readonly from: number;
  readonly to: number;
  readonly policy: string;
  readonly recipient: string;
  readonly reason: string;
}

/** What a file adds up to, line by line: the numbers of its end line. */
class Sums {
  batches = 0;
  pairs = 0;
  operator = 0;
  /** The page key after the batch that was read last. */
  last = '';
  #batch: BatchLine | undefined;
  readonly #positions = new Map<string, bigint>();

  take(text: string): void {
    if (text.endsWith('"type":"pair"}')) {
      const parsed = parsePairLine(text);
      if (!parsed.ok || this.#batch === undefined)
        throw new TandemError('unprocessable', 'a pair line is in the wrong place');
      const { initiator, acceptor } = this.#batch.batch;
      const other = initiator === this.operator ? acceptor : initiator;
      this.pairs += 1;
      if (initiator === acceptor) return;
      for (const { asset, amount } of parsed.value.postings) {
        const key = `${other}/${asset}`;
        this.#positions.set(key, (this.#positions.get(key) ?? 0n) - BigInt(amount));
      }
      return;
    }
    const batch = parseLine(batchLineSchema, text);
    if (batch.ok) {
      this.batches += 1;
      this.#batch = batch.value;
      const { initiator, acceptor, sequence } = batch.value.batch;
      const [role, peer] = initiator === this.operator ? ['initiator', acceptor] : ['acceptor', initiator];
      this.last = `${role}!${peer}!${sequence.padStart(12, '0')}`;
      return;
    }
    const header = parseLine(headerSchema, text);
    if (!header.ok)
      throw new TandemError('unprocessable', `a line does not belong in a disclosure file: ${batch.reason}`);
    this.operator = header.value.operator;
  }

  /** The end line of the file. */
  end(): string {
    const positions = [...this.#positions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, amount]) => {
        const [operator = '', ...asset] = key.split('/');
        return { operator: Number(operator) as OperatorId, asset: asset.join('/') as Asset, amount: `${amount}` };
      });
    return encodeLine({ type: 'end', batches: this.batches, pairs: this.pairs, positions });
  }
}

const partOf = (file: string): string => `${file}.part`;

/** The header of the file that an interrupted run has left; undefined where there is none. */
export const begunWith = (file: string): HeaderLine | undefined => headerOf(partOf(file));

/** Reads what an interrupted run has left: only whole batches count; the rest is cut off. */
async function takeUp(part: string, job: DisclosureJob, sums: Sums): Promise<boolean> {
  if (!existsSync(part)) return false;
  const { size } = statSync(part);
  let whole = 0;
  let offset = 0;
  let held: string[] = [];
  let missing = 0;
  for await (const line of createInterface({ input: createReadStream(part, 'latin1'), crlfDelay: Infinity })) {
    const first = offset === 0;
    offset += line.length + 1;
    // The last write ended in the middle of a line.
    if (offset > size) break;
    if (first) {
      const header = parseLine(headerSchema, line);
      const same =
        header.ok && header.value.from === job.from && header.value.to === job.to && header.value.policy === job.policy;
      if (!same) throw new UsageError(`${part} was started with other blocks or another policy: remove it first.`);
    } else if (line.endsWith('"type":"batch"}')) {
      const batch = parseLine(batchLineSchema, line);
      if (missing > 0 || !batch.ok) break;
      missing = batch.value.pairs;
    } else if (missing > 0 && parsePairLine(line).ok) missing -= 1;
    else break;
    held.push(line);
    if (missing > 0) continue;
    for (const text of held) sums.take(text);
    held = [];
    whole = offset;
  }
  truncateSync(part, whole);
  return whole > 0;
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** @returns what the file has. Written beside itself and renamed, so that FILE is whole or not there. */
export async function writeDisclosures(
  client: { disclosures(asked: DisclosureJob & { readonly after: string }): Promise<string> },
  file: string,
  job: DisclosureJob,
): Promise<{ readonly batches: number; readonly pairs: number; readonly journal: boolean }> {
  const part = partOf(file);
  const sums = new Sums();
  let journal = false;
  await takeUp(part, job, sums);
  const stream = createWriteStream(part, { flags: 'a' });
  await once(stream, 'open');
  try {
    let after: string | undefined = sums.last;
    const seen = new Set<string>();
    while (after !== undefined) {
      const text = await client.disclosures({ ...job, after });
      const end = text.lastIndexOf('\n', text.length - 2) + 1;
      const page = pageSchema.safeParse(jsonOf(text.slice(end)));
      if (!page.success)
        throw new TandemError('unprocessable', 'The node’s answer is incomplete: it does not end with a page line.');
      if (seen.has(after)) throw new TandemError('unprocessable', `The node keeps sending the page after "${after}".`);
      seen.add(after);
      // A run that was interrupted after its header, before any batch, asks for the first page again.
      const begins = sums.operator !== 0 && after === '' ? text.indexOf('\n') + 1 : 0;
      const body = text.slice(begins, end);
      for (const line of body.split('\n')) if (line !== '') sums.take(line);
      if (!stream.write(body)) await once(stream, 'drain');
      journal = page.data.journal === true;
      after = page.data.after;
    }
    stream.write(sums.end());
  } finally {
    stream.end();
    await once(stream, 'close');
  }
  renameSync(part, file);
  return { batches: sums.batches, pairs: sums.pairs, journal };
}

const blockOf = (name: string, text: string | undefined): number => {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text))
    throw new UsageError(`--${name} must be a block number.\n${usage}`);
  return Number(text);
};

export async function disclose(args: readonly string[], out: Output): Promise<number> {
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { out: file, recipient, reason } = values;
  if (file === undefined || recipient === undefined || reason === undefined) {
    throw new UsageError(`--out, --recipient and --reason are required.\n${usage}`);
  }
  const job = {
    from: blockOf('from', values.from),
    to: blockOf('to', values.to),
    policy: values.policy,
    recipient,
    reason,
  };
  return withNode(values, async (client) => {
    const { journal, ...written } = await writeDisclosures(client, file, job);
    const excerpts =
      journal && !values['no-journal'] ? await writeExcerpts(file, (pair) => excerptOf(client, pair, job)) : undefined;
    print(out, values.json, { file, ...written, ...(excerpts === undefined ? {} : { excerpts }) }, () =>
      [
        `${file}: ${counted(written.batches, 'batch', 'batches')}, ${counted(written.pairs, 'pair')}`,
        ...(excerpts === undefined ? [] : [excerptsText(excerpts)]),
      ].join('\n'),
    );
    return exitCodeOfExcerpts(excerpts);
  });
}

async function excerptOf(
  client: NodeClient,
  pair: PairId,
  { policy, recipient, reason }: DisclosureJob,
): Promise<Excerpted> {
  try {
    return { text: await client.pairJournal({ id: pair, policy, recipient, reason }) };
  } catch (error) {
    const refused = error instanceof ApiError ? excerptRefusal(error.code, error.message) : undefined;
    if (refused === undefined) throw error;
    return refused;
  }
}
