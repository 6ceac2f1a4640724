/** `tandem cap`: how much two operators let each other owe, and how much of it is used. */
import type { CapState } from '../api/cap-routes.ts';
import { parseCommand, print } from './arguments.ts';
import type { NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import { moneyOf, type Money } from './money.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem cap [--json] [which node]
       tandem cap set --peer HANDLE|ID --asset CODE --cap AMOUNT|none [which node]

Without "set": how much this operator and each other operator let each other owe, and what would be owed if everything
on hold were booked. The lower of the two operators' caps applies. "set" changes this operator's own cap at once and
tells the other operator.
  tandem cap set --peer borealis --asset SEK --cap 50000.00
${nodeUsage}`;

const options = {
  ...nodeOptions,
  peer: { type: 'string' },
  asset: { type: 'string' },
  cap: { type: 'string' },
} as const;

const share = (used: bigint, cap: string | undefined): string =>
  cap === undefined ? '' : cap === '0' ? 'closed' : `${(used * 100n) / BigInt(cap)} %`;

function tell(caps: readonly CapState[], { text }: Money): string {
  if (caps.length === 0) return 'No cap is set, and nothing is owed.';
  const bound = (minor: string | undefined, asset: string): string =>
    minor === undefined ? 'no bound' : text(minor, asset);
  const rows = caps.map(({ operator, asset, own, peer, agreed, mayOwe, mayBeOwed }) => {
    const used = BigInt(mayOwe) > BigInt(mayBeOwed) ? mayOwe : mayBeOwed;
    return [
      `operator ${operator}`,
      asset,
      bound(own, asset),
      bound(peer, asset),
      bound(agreed, asset),
      text(mayOwe, asset),
      text(mayBeOwed, asset),
      share(BigInt(used), agreed),
    ];
  });
  return table([['', '', 'own', 'theirs', 'agreed', 'may owe', 'may be owed', 'used'], ...rows], [2, 3, 4, 5, 6, 7]);
}

export async function cap(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, options, { min: 0, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const [verb] = positionals;
  if (verb === undefined) {
    await withNode(values, async (client) => {
      const [{ caps }, money] = await Promise.all([client.caps(), moneyOf(client)]);
      print(out, values.json, { caps }, () => tell(caps, money));
    });
    return 0;
  }
  const { peer, asset, cap: bound } = values;
  if (verb !== 'set' || peer === undefined || asset === undefined || bound === undefined) {
    throw new UsageError(`set requires --peer, --asset and --cap.\n${usage}`);
  }
  const setCap = async (client: NodeClient): Promise<void> => {
    const money = await moneyOf(client);
    const set = await client.setCap({
      counterparty: peer,
      asset,
      cap: bound === 'none' ? '' : money.read(bound, asset),
    });
    const agreed = set.agreed === undefined ? 'no bound' : `${money.text(set.agreed, asset)} ${asset}`;
    print(out, values.json, set, () => `The cap with operator ${set.operator} is now ${agreed}.`);
  };
  await withNode(values, setCap, { other: peer });
  return 0;
}
