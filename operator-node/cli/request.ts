/** `tandem request`: what auditors ask of an operator on chain, and its answers (docs/audit-access.md). */
import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { RequestView } from '../api/request-routes.ts';
import { parseCommand, print } from './arguments.ts';
import type { AnswerOf, NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem request list
       tandem request answer --request N [--file FILE …]
       tandem request opening --request N [--out FILE]
       each with [--json] [which node]

list      list auditors' requests to this operator in the AuditLog: open, answered, late
answer    put the salted digest of what was handed over on the chain: each FILE, and what the auditor fetched under the
          request; nothing more is handed over for the request afterwards
opening   write what opens that digest, for the auditor (tandem audit answer)
${nodeUsage}`;

const options = {
  ...nodeOptions,
  request: { type: 'string' },
  file: { type: 'string', multiple: true },
  out: { type: 'string' },
} as const;

type Values = ReturnType<typeof parseCommand<typeof options>>['values'];

function numberOf({ request }: Values): number {
  if (request === undefined || !/^[1-9][0-9]{0,14}$/.test(request)) {
    throw new UsageError(`--request must be the number of a request.\n${usage}`);
  }
  return Number(request);
}

async function sha256Of(file: string): Promise<string> {
  const digest = createHash('sha256');
  try {
    await pipeline(createReadStream(file), digest);
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  return digest.digest('hex');
}

const stateOf = ({ state, late }: RequestView): string =>
  late ? (state === 'answered' ? 'answered late' : `${state}, OVERDUE`) : state;

const tell = (requests: readonly RequestView[]): string =>
  requests.length === 0
    ? 'No auditor has filed a request for this operator.'
    : table([
        ['request', 'auditor', 'state', 'due', 'filed', 'fetched', 'digest'],
        ...requests.map((each) => [
          `${each.request}`,
          `${each.auditor}`,
          stateOf(each),
          each.due,
          each.filedAt,
          `${each.fetched}`,
          each.digest,
        ]),
      ]);

/** All of them, page by page. */
export async function allRequests(client: Pick<NodeClient, 'requests'>): Promise<readonly RequestView[]> {
  const found: RequestView[] = [];
  let from: number | undefined = 0;
  while (from !== undefined) {
    const page: AnswerOf<'requests'> = await client.requests({ after: `${from}` });
    found.push(...page.requests);
    from = page.after;
  }
  return found;
}

const verbs: Readonly<Record<string, (values: Values, client: NodeClient, out: Output) => Promise<number>>> = {
  async list(values, client, out) {
    const requests = await allRequests(client);
    print(out, values.json, { requests }, () => tell(requests));
    return requests.some(({ state, late }) => late && state !== 'answered') ? 3 : 0;
  },
  async answer(values, client, out) {
    const request = numberOf(values);
    const files: string[] = [];
    for (const file of values.file ?? []) files.push(await sha256Of(file));
    const answered = await client.answerRequest({ request, files });
    print(out, values.json, answered, () => tell([answered]));
    return 0;
  },
  async opening(values, client, out) {
    const text = await client.answerOpening({ request: `${numberOf(values)}` });
    if (values.out === undefined) out.stdout.write(text);
    else {
      writeFileSync(values.out, text);
      out.stderr.write(`${values.out}\n`);
    }
    return 0;
  },
};

export async function request(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const [verb = ''] = positionals;
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (run === undefined) throw new UsageError(`Unknown command "tandem request ${verb}".\n${usage}`);
  return withNode(values, (client) => run(values, client, out));
}
