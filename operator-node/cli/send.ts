/** `tandem send FROM TO TEXT`: a message from a user's phone, as the user's message gateway would hand it over. */
import { randomUUID } from 'node:crypto';
import { isMsisdn } from '../model/ids.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { findUser, userAt, withoutMarks } from './known-users.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodesOf, nodeUsage, withClient, type ChosenNode } from './which-node.ts';

const usage = `usage: tandem send FROM TO TEXT… [--id ID] [--json] [which node]
  FROM and TO are numbers or names; anna@aurora where there are several. TO can be "service": the service number of
  the sender's operator, for YES, NO, CANCEL, REFUND, BALANCE, HISTORY and HELP. Repeating the same --id has no further
  effect.
  tandem send anna elin "PAY 120 lunch"
${nodeUsage}
  By its address it takes the gateway's token, and users and the service number by their numbers alone.`;

export async function send(args: readonly string[], out: Output): Promise<number> {
  const options = { ...nodeOptions, id: { type: 'string' } } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 3, max: 1000 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const nodes = nodesOf(values);
  const [fromText = '', toText = '', ...words] = positionals;
  const { user: from, node, known } = await userAt(nodes, fromText);
  const to = toText === 'service' ? serviceNumberOf(node) : numberOf(toText, () => findUser(known, toText).number);
  const message = { id: values.id ?? randomUUID(), from: from.number, to, text: words.join(' ') };
  const answer = await withClient(node, (client) => client.receiveMessage(message));
  print(out, values.json, answer, () => `${answer.disposition}  ${from.name} → ${to}: ${message.text}`);
  return 0;
}

function serviceNumberOf({ serviceNumber, handle }: ChosenNode): string {
  if (serviceNumber !== undefined) return serviceNumber;
  throw new UsageError(`The service number of ${handle} is not known here: write it in place of "service".`);
}

/** A number that is not of this devnet is sent to all the same: that it is unknown is the node's to say. */
function numberOf(text: string, otherwise: () => string): string {
  const number = withoutMarks(text);
  if (isMsisdn(number)) return number;
  if (/^[+0-9]+$/.test(number))
    throw new UsageError(`${text} is not a phone number in E.164 form: write it as +46701740611.`);
  return otherwise();
}
