/** `tandem resume`: why a node is halted, and the way out of it. */
import { userInfo } from 'node:os';
import type { AnswerOf } from '../api/client.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem resume [which node] [--json]                 show why the node is halted
       tandem resume … --because TEXT [--by NAME] [--keys-are-safe]   resume accepting new work
  --because TEXT     what was found and done; recorded in the journal
  --by NAME          who says so (default: the name of this account)
  --keys-are-safe    confirm that nobody else has a key that was in use then and is still valid
${nodeUsage}`;

/** Exit code 1 while it is halted. */
export async function resume(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    because: { type: 'string' },
    by: { type: 'string' },
    'keys-are-safe': { type: 'boolean', default: false },
  } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { because, by = userInfo().username } = values;
  if (because === undefined && values['keys-are-safe'])
    throw new UsageError(`--keys-are-safe needs a reason: --because TEXT.\n${usage}`);
  const status = await withNode(values, (client) =>
    because === undefined ? client.halt() : client.release({ because, by, keysAreSafe: values['keys-are-safe'] }),
  );
  print(out, values.json, status, () => text(status));
  return status.halted ? 1 : 0;
}

function text({ halted, says, holds }: AnswerOf<'halt'>): string {
  if (!halted) return says;
  const end = 'Then: tandem resume --because "…".';
  return [
    says,
    ...holds.map((hold) => `First: ${hold}.`),
    holds.length === 0 ? 'Nothing prevents resuming. ' + end : end,
  ].join('\n');
}
