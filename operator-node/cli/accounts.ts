/** `tandem accounts [NUMBER …]`: what users have, and what the operators owe each other. */
import { devnetOf, devnetOptions, parseCommand, print } from './arguments.ts';
import { operatorOf, withClient } from './devnet-file.ts';
import { findUser, knownUsers } from './devnet-users.ts';
import { table } from './format.ts';
import { moneyOf } from './money.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem accounts [NUMBER…] [--devnet DIR] [--json]
  Without a number: all users, and the operators' positions (positive: the operator owes the other).`;

export async function accounts(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, devnetOptions, { min: 0, max: 100 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const devnet = devnetOf(values);
  const known = await knownUsers(devnet);
  const chosen = positionals.length === 0 ? known.users : positionals.map((each) => findUser(known, each));
  const users = await Promise.all(
    chosen.map(async (user) => ({
      number: user.number,
      name: user.name,
      operator: user.operator,
      ...(await withClient(operatorOf(devnet, user), (client) => client.accounts({ number: user.number }))),
    })),
  );
  const moneys = new Map(
    await Promise.all(
      devnet.operators.map(async (operator) => [operator.handle, await withClient(operator, moneyOf)] as const),
    ),
  );
  const text = (handle: string, minor: string, asset: string): string =>
    moneys.get(handle)?.text(minor, asset) ?? `${minor} minor units`;
  const handleOf = (id: number): string => devnet.operators.find((each) => each.id === id)?.handle ?? String(id);
  const positions =
    positionals.length > 0
      ? []
      : await Promise.all(
          devnet.operators.map(async (operator) => ({
            operator: operator.handle,
            ...(await withClient(operator, (client) => client.positions())),
          })),
        );
  print(out, values.json, { users, ...(positions.length > 0 ? { positions } : {}) }, () => {
    const rows = users.flatMap((user) =>
      user.accounts.map(({ asset, balance, held }) => [
        user.number,
        user.name,
        user.operator,
        text(user.operator, balance, asset),
        asset,
        held === '0' ? '' : `${text(user.operator, held, asset)} on hold`,
      ]),
    );
    const owed = positions.flatMap((each) =>
      each.positions.map(({ operator, asset, balance }) => [
        `${each.operator} owes ${handleOf(operator)}`,
        text(each.operator, balance, asset),
        asset,
      ]),
    );
    return [table(rows, [3]), ...(owed.length > 0 ? ['', table(owed, [1])] : [])].join('\n');
  });
  return 0;
}
