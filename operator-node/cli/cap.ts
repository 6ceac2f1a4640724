/** `tandem cap`: how much two operators let each other owe, and how much of it is used. */
import type { CapState } from '../api/services.ts';
import { accessOptions, accessUsage, withNode } from './access.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { decimalText, table } from './format.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem cap [--json] [${accessUsage}]
       tandem cap set --peer HANDLE|ID --asset CODE --cap MINOR|none [${accessUsage}]

Without "set": what this operator and each other let each other owe, by both, and what would be owed if everything on
hold were done. The lower of two ideas counts. "set" changes this operator's own, in minor units, at once; the other
operator is told.`;

const options = {
  ...accessOptions,
  peer: { type: 'string' },
  asset: { type: 'string' },
  cap: { type: 'string' },
} as const;

const share = (used: bigint, cap: string | undefined): string =>
  cap === undefined ? '' : cap === '0' ? 'closed' : `${(used * 100n) / BigInt(cap)} %`;

function tell(caps: readonly CapState[]): string {
  if (caps.length === 0) return 'No cap is set, and nothing is owed.';
  const money = (minor: string | undefined): string => (minor === undefined ? 'no bound' : decimalText(minor));
  const rows = caps.map(({ operator, asset, own, peer, agreed, mayOwe, mayBeOwed }) => {
    const used = BigInt(mayOwe) > BigInt(mayBeOwed) ? mayOwe : mayBeOwed;
    return [
      `operator ${operator}`,
      asset,
      money(own),
      money(peer),
      money(agreed),
      decimalText(mayOwe),
      decimalText(mayBeOwed),
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
    const caps = await withNode(values, (client) => client.caps());
    print(out, values.json, { caps }, () => tell(caps));
    return 0;
  }
  const { peer, asset, cap: bound } = values;
  if (verb !== 'set' || peer === undefined || asset === undefined || bound === undefined) {
    throw new UsageError(`"set" needs --peer, --asset and --cap.\n${usage}`);
  }
  if (bound !== 'none' && !/^(?:0|[1-9][0-9]{0,37})$/.test(bound)) {
    throw new UsageError(`"${bound}" is no amount in minor units, nor "none".\n${usage}`);
  }
  const set = await withNode(
    values,
    (client) => client.setCap({ counterparty: peer, asset, cap: bound === 'none' ? '' : bound }),
    peer,
  );
  print(
    out,
    values.json,
    set,
    () => `In ${asset} with operator ${set.operator} ${set.agreed ?? 'no bound'} is agreed now.`,
  );
  return 0;
}
