/** `tandem find`: pairs of a node by what a caller knows of them. */
import type { SideView } from '../api/care-routes.ts';
import { isBatchId, isMsisdn, isPairId } from '../model/ids.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import { moneyOf, type Money } from './money.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem find [WHAT …] [--asset SEK --amount 120.50] [--from TIME] [--to TIME] [--state STATE]
                   [--peer ID] [--service NAME] [--text WORDS] [--limit N] [--json]
                   [which node]

Pairs of one node, newest first. WHAT is what the caller knows, several in any order:
  ESFM           the reference in a message
  +46701740611   the number of either user; its last digits alone (0611) will do
  01a22e25-…     the id of a pair
  0x5f5f…        the id of a batch
TIME is a day (2026-11-30) or a moment (2026-11-30T09:00:00Z), in UTC; --to is included. Ends with 1 if nothing is found.
${nodeUsage}`;

const options = {
  ...nodeOptions,
  asset: { type: 'string' },
  amount: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  state: { type: 'string' },
  peer: { type: 'string' },
  service: { type: 'string' },
  text: { type: 'string' },
  limit: { type: 'string', default: '20' },
} as const;

/** What kind of thing a word is. @throws {UsageError} */
function filterOf(word: string): Readonly<Record<string, string>> {
  if (isPairId(word)) return { pair: word };
  if (isBatchId(word)) return { batch: word };
  const number = word.replaceAll(/[\s-]/g, '');
  if (isMsisdn(number)) return { number };
  // A number as it is dialled at home begins with a 0 that its international form does not have.
  if (/^[0-9]{3,14}$/.test(number)) return { ending: number.length < 8 ? number : number.replace(/^0/, '') };
  if (/^[a-z][a-z2-9]{3}$/i.test(word)) return { ref: word.toUpperCase() };
  throw new UsageError(
    `"${word}" is not a reference (ESFM), a number or its last digits (at least 3), a pair id or a batch id.\n${usage}`,
  );
}

/** @throws {UsageError} */
function momentOf(text: string | undefined, end: 'first' | 'last'): string | undefined {
  if (text === undefined) return undefined;
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T${end === 'first' ? '00:00:00' : '23:59:59'}Z` : text;
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(whole) || Number.isNaN(Date.parse(whole))) {
    throw new UsageError(`"${text}" is not a time: write it as 2026-11-30 or 2026-11-30T09:00:00Z.`);
  }
  return whole;
}

export async function find(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, options, { min: 0, max: 8 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const words: Record<string, string> = {};
  for (const word of positionals) {
    for (const [name, value] of Object.entries(filterOf(word))) {
      if (words[name] !== undefined) throw new UsageError(`"${words[name]}" and "${value}": give one of them.`);
      words[name] = value;
    }
  }
  const { asset, amount, state, peer, service, text, limit } = values;
  if (amount !== undefined && asset === undefined) throw new UsageError('--amount needs --asset: 120 of what?');
  const [from, to] = [momentOf(values.from, 'first'), momentOf(values.to, 'last')];
  const asked = { ...words, ...{ asset, state, peer, service, text, from, to, limit } };
  return withNode(values, async (client) => {
    const money = await moneyOf(client);
    const minor = amount === undefined || asset === undefined ? undefined : money.read(amount, asset);
    // The node checks each of them, and says what is wrong.
    const page = await client.find({ ...asked, amount: minor });
    print(out, values.json, page, () => listOf(page.found, page.next, money));
    return page.found.length === 0 ? 1 : 0;
  });
}

function listOf(found: readonly SideView[], next: string | undefined, money: Money): string {
  if (found.length === 0) {
    return next === undefined ? 'No pair matches.' : `Nothing so far back; go on with --to ${timeIn(next)}.`;
  }
  const rows = found.map((side) => [
    side.begun,
    side.ref,
    side.reason === undefined ? side.state : `${side.state} (${side.reason})`,
    side.service,
    money.text(side.amount, side.asset),
    side.asset,
    whoOf(side.user),
    side.role === 'initiator' ? '→' : '←',
    whoOf(side.other),
    side.note === '' ? '' : JSON.stringify(side.note),
    side.pair,
  ]);
  const list = table(rows, [4]);
  return next === undefined ? list : `${list}\nThere may be more: narrow the search, or give --to and --limit.`;
}

/** The time in a cursor, which begins with a pair id, which begins with milliseconds. */
const timeIn = (cursor: string): string =>
  `${new Date(Number.parseInt(cursor.slice(0, 8) + cursor.slice(9, 13), 16)).toISOString().slice(0, 19)}Z`;

const whoOf = ({ number, name }: SideView['user']): string =>
  number === '' ? '(erased)' : name === '' || name === number ? number : `${name} ${number}`;
