/** `tandem inbox NUMBER`: what a user's phone on the devnet has received. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OutboundMessage } from '../messaging/gateway.ts';
import { devnetOf, devnetOptions, parseCommand } from './arguments.ts';
import { operatorOf, withClient } from './devnet-file.ts';
import { findUser, knownUsers } from './devnet-users.ts';
import type { Output } from './output.ts';
import { visible, visibleIndented } from './visible.ts';

const usage = `usage: tandem inbox NUMBER [--follow] [--after CURSOR] [--devnet DIR] [--json]
  --follow  keep running and print messages as they arrive
  --json    one JSON object for each message`;

const followMillis = 300;
/** As wide as the time before a message. */
const indent = ' '.repeat(22);

export async function inbox(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...devnetOptions,
    follow: { type: 'boolean', short: 'f', default: false },
    after: { type: 'string', default: '' },
  } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const devnet = devnetOf(values);
  const known = await knownUsers(devnet);
  const user = findUser(known, positionals[0] ?? '');
  const nameOf = (number: string): string =>
    known.users.find((each) => each.number === number)?.name ??
    devnet.operators.find(({ serviceNumber }) => serviceNumber === number)?.handle ??
    number;
  const show = (message: OutboundMessage): string =>
    values.json
      ? visible(JSON.stringify(message))
      : `${message.at}  ${nameOf(message.from)}: ${visibleIndented(message.text, indent)}`;
  await withClient(operatorOf(devnet, user), async (client) => {
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
