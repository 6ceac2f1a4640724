/** `tandem deposit` and `tandem withdraw`: money in and out of a user's account, by staff. */
import { randomUUID } from 'node:crypto';
import { isAsset } from '../model/ids.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { userAt } from './known-users.ts';
import { checkAboveZero, moneyOf } from './money.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodesOf, nodeUsage, withClient } from './which-node.ts';

const usage = (
  command: string,
): string => `usage: tandem ${command} NUMBER AMOUNT ASSET [--reason TEXT] [--id ID] [--json] [which node]
  Repeating the same --id and content has no further effect.
  tandem ${command} anna 250.00 SEK --reason "Counter, receipt 17"
${nodeUsage}`;

const command =
  (name: 'deposit' | 'withdraw') =>
  async (args: readonly string[], out: Output): Promise<number> => {
    const options = { ...nodeOptions, id: { type: 'string' }, reason: { type: 'string' } } as const;
    const { values, positionals } = parseCommand(usage(name), args, options, { min: 3, max: 3 });
    if (values.help) {
      out.stdout.write(`${usage(name)}\n`);
      return 0;
    }
    const [who = '', amountText = '', asset = ''] = positionals;
    if (!isAsset(asset)) throw new UsageError(`"${asset}" is not an asset: write an ISO 4217 code, such as SEK.`);
    checkAboveZero(amountText);
    const { user, node } = await userAt(nodesOf(values), who);
    const id = values.id ?? randomUUID();
    const reason = values.reason ?? `tandem ${name}`;
    await withClient(node, async (client) => {
      const money = await moneyOf(client);
      const amount = money.read(amountText, asset);
      const answer = await client[name]({ id, number: user.number, asset, amount, reason });
      print(
        out,
        values.json,
        { ...answer, id },
        () => `${user.name} has ${money.text(answer.balance, asset)} ${asset} now.`,
      );
    });
    return 0;
  };

export const deposit = command('deposit');
export const withdraw = command('withdraw');
