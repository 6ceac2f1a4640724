/** `tandem inbox NUMBER`: what a user's phone on the devnet has received. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OutboundMessage } from '../messaging/gateway.ts';
import { parseCommand } from './arguments.ts';
import { userAt } from './known-users.ts';
import type { Output } from './output.ts';
import { visible, visibleIndented } from './visible.ts';
import { nodeOptions, nodesOf, nodeUsage, withClient } from './which-node.ts';

const usage = `usage: tandem inbox NUMBER [--follow] [--after CURSOR] [--json] [which node]
  --follow  keep running and print messages as they arrive
  --json    one JSON object for each message
${nodeUsage}
  Phones belong to a devnet. By its address it takes the gateway's token, and the user by phone number alone.`;

const followMillis = 300;
/** As wide as the time before a message. */
const indent = ' '.repeat(22);

export async function inbox(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    follow: { type: 'boolean', short: 'f', default: false },
    after: { type: 'string', default: '' },
  } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const nodes = nodesOf(values);
  const { user, node, known } = await userAt(nodes, positionals[0] ?? '');
  const nameOf = (number: string): string =>
    known.users.find((each) => each.number === number)?.name ??
    nodes.find(({ serviceNumber }) => serviceNumber === number)?.handle ??
    number;
  const show = (message: OutboundMessage): string =>
    values.json
      ? visible(JSON.stringify(message))
      : `${message.at}  ${nameOf(message.from)}: ${visibleIndented(message.text, indent)}`;
  await withClient(node, async (client) => {
    let after = values.after;
    for (;;) {
      const { messages, cursor } = await client.phoneMessages({ number: user.number, after });
      after = cursor;
      for (const message of messages) out.stdout.write(`${show(message)}\n`);
      if (messages.length > 0) continue;
      if (!values.follow) return;
      await sleep(followMillis);
    }
  });
  return 0;
}
