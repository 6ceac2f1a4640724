/** `tandem deposit` and `tandem withdraw`: money in and out of a user's account, by staff. */
import { randomUUID } from 'node:crypto';
import { isAsset } from '../model/ids.ts';
import { devnetOf, devnetOptions, parseCommand, print } from './arguments.ts';
import { findUser, operatorOf, UsageError, withClient } from './devnet-file.ts';
import { decimalText, minorUnits } from './format.ts';
import type { Output } from './output.ts';

const usage = (
  command: string,
): string => `usage: tandem ${command} NUMBER AMOUNT ASSET [--reason TEXT] [--id ID] [--devnet DIR] [--json]
  The same --id and content again has no second effect.
  tandem ${command} anna 250.00 SEK --reason "Counter, receipt 17"`;

const command =
  (name: 'deposit' | 'withdraw', way: 'deposits' | 'withdrawals') =>
  async (args: readonly string[], out: Output): Promise<number> => {
    const options = { ...devnetOptions, id: { type: 'string' }, reason: { type: 'string' } } as const;
    const { values, positionals } = parseCommand(usage(name), args, options, { min: 3, max: 3 });
    if (values.help) {
      out.stdout.write(`${usage(name)}\n`);
      return 0;
    }
    const [who = '', amountText = '', asset = ''] = positionals;
    if (!isAsset(asset)) throw new UsageError(`"${asset}" is no asset: write an ISO 4217 code, such as SEK.`);
    const amount = minorUnits(amountText);
    const devnet = devnetOf(values);
    const user = findUser(devnet, who);
    const movement = {
      id: values.id ?? randomUUID(),
      number: user.number,
      asset,
      amount,
      reason: values.reason ?? `tandem ${name}`,
    };
    const answer = await withClient(operatorOf(devnet, user), (client) => client.cash(way, movement));
    print(
      out,
      values.json,
      { ...answer, id: movement.id },
      () => `${user.name} has ${decimalText(answer.balance)} ${asset} now.`,
    );
    return 0;
  };

export const deposit = command('deposit', 'deposits');
export const withdraw = command('withdraw', 'withdrawals');
