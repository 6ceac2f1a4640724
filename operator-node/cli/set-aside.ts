/** `tandem set-aside`: messages to users that the gateway refused for good, and another try for one of them. */
import { parseCommand, print } from './arguments.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem set-aside [which node] [--send ID] [--json]
  --send ID          put that message back into the queue
${nodeUsage}`;

export async function setAside(args: readonly string[], out: Output): Promise<number> {
  const { values } = parseCommand(usage, args, { ...nodeOptions, send: { type: 'string' } } as const, {
    min: 0,
    max: 0,
  });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { send } = values;
  return withNode(values, async (client) => {
    if (send !== undefined) {
      const sent = await client.sendSetAside({ id: send });
      print(out, values.json, sent, () => `Message ${sent.id} is back in the queue.`);
      return 0;
    }
    const { messages } = await client.setAside();
    print(out, values.json, { messages }, () =>
      messages.length === 0
        ? 'No message is set aside.'
        : table([
            ['message', 'to', 'set aside', 'tries', 'text', 'why'],
            ...messages.map(({ id, to, at, tries, text, reason }) => [id, to, at, String(tries), text, reason]),
          ]),
    );
    return 0;
  });
}
