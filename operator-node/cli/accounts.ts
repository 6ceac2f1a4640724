/** `tandem accounts [NUMBER …]`: what users have, and what the operators owe each other. */
import { parseCommand, print } from './arguments.ts';
import { findUser, knownUsers, nodeFor } from './known-users.ts';
import { table } from './format.ts';
import { moneyOf } from './money.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodesOf, nodeUsage, withClient } from './which-node.ts';

const usage = `usage: tandem accounts [NUMBER…] [--json] [which node]
  Without a number: all users, and the operators' positions (positive: the operator owes the other).
${nodeUsage}
  If none is named, each operator of the devnet is asked.`;

export async function accounts(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, nodeOptions, { min: 0, max: 100 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const nodes = nodesOf(values);
  const known = await knownUsers(nodes);
  const chosen = positionals.length === 0 ? known.users : positionals.map((each) => findUser(known, each));
  const users = await Promise.all(
    chosen.map(async (user) => ({
      number: user.number,
      name: user.name,
      operator: user.operator,
      ...(await withClient(nodeFor(nodes, user), (client) => client.accounts({ number: user.number }))),
    })),
  );
  const moneys = new Map(
    await Promise.all(nodes.map(async (operator) => [operator.handle, await withClient(operator, moneyOf)] as const)),
  );
  const text = (handle: string, minor: string, asset: string): string =>
    moneys.get(handle)?.text(minor, asset) ?? `${minor} minor units`;
  const handleOf = (id: number): string => nodes.find((each) => each.id === id)?.handle ?? String(id);
  const positions =
    positionals.length > 0
      ? []
      : await Promise.all(
          nodes.map(async (operator) => ({
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
