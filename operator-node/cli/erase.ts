/** `tandem erase`: erases a user, or what was said to and by it, through the running node (docs/erasure.md). */
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import type { AnswerOf, NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, slowMillis, withNode } from './which-node.ts';

const usage = `usage: tandem erase [which node] --user ID [--messages] [--json]
       tandem erase [which node] --list [--json]
  --user ID          the user's id or phone number; an earlier or unfinished erasure is found by id only
  --messages         erase only the messages to and from the user, who stays a customer
  --list             list all erasures
  This cannot be undone. It is refused while pairs are open, balances remain, or the law requires retention (retention in
  the configuration).
${nodeUsage}`;

export async function erase(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    user: { type: 'string' },
    messages: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { user, messages, list, json } = values;
  if (list === (user !== undefined)) throw new UsageError(`Name one user (--user ID), or --list.\n${usage}`);
  const ask = async (client: NodeClient): Promise<void> => {
    if (user === undefined) {
      const { erasures } = await client.erasures();
      print(out, json, erasures, () => erasures.map(lineOf).join('\n') || 'No user has been erased.');
      return;
    }
    const done = await client.erase({ user, what: messages ? 'messages' : 'all' });
    print(out, json, done, () => lineOf(done));
  };
  await withNode(values, ask, { timeoutMillis: slowMillis });
  return 0;
}

function lineOf({ user, what, phase, erased, records = 0, told = [] }: AnswerOf<'erase'>): string {
  const whom = what === 'all' ? user : `messages to and from ${user}`;
  if (phase === 'begun' || erased === undefined) return `${whom}: erasure in progress`;
  const when = new Date(erased).toISOString().slice(0, 19);
  const peers =
    told.length === 0
      ? ''
      : `; ${told.length === 1 ? 'operator' : 'operators'} ${told.join(', ')} ${told.length === 1 ? 'is' : 'are'} told`;
  return `${whom}: erased at ${when}Z, ${counted(records, 'record')} written out${peers}`;
}
