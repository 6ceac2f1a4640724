/** `tandem discrepancies`: batches that the two operators attested differently, and the pairs at fault in these books. */
import type { Discrepancy } from '../api/discrepancy-routes.ts';
import { isBatchId } from '../model/ids.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem discrepancies [--batch ID] [--json] [which node]

Batches whose two attestations on the chain differ, with the pairs that are booked here differently than decided.
--batch shows one batch, whatever its state on the chain. Exit code 3: something needs fixing.
${nodeUsage}`;

const options = { ...nodeOptions, batch: { type: 'string' } } as const;

const faults = {
  missing: 'committed, but not booked',
  doubled: 'booked more than once',
  amount: 'booked with another amount than agreed',
  'against-decision': 'booked, but not committed',
} as const;

const verdicts = {
  'as-decided':
    'This operator’s attestation matches the decisions and terms: the other operator’s books or attestation are wrong.',
  otherwise: 'This operator’s attestation does not match the decisions and terms.',
  none: 'This operator has not attested yet.',
} as const;

function tell({ batchId, sequence, role, peer, count, reconciled, attestation, pairs }: Discrepancy): string {
  const rows = pairs.map(({ pair, leg, index, fault, agreed, booked }) => [
    pair,
    leg,
    `leaf ${index}`,
    faults[fault],
    `agreed ${agreed.amount} ${agreed.asset}`,
    `booked ${booked.map(({ amount, asset, booked: at }) => `${amount} ${asset} at ${at}`).join(', ') || 'nothing'}`,
  ]);
  const found = pairs.length > 0 ? table(rows) : 'All pairs are now booked as decided in this operator’s books.';
  const head = `${batchId} (${role}, with operator ${peer}, sequence ${sequence}, ${counted(count, 'pair')}): ${reconciled}`;
  return `${head}\n${verdicts[attestation]}\n${found}`;
}

export async function discrepancies(args: readonly string[], out: Output): Promise<number> {
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { batch } = values;
  if (batch !== undefined && !isBatchId(batch)) throw new UsageError(`"${batch}" is not a batch id.\n${usage}`);
  const { batches: found } = await withNode(values, (client) => client.discrepancies({ batch }));
  print(out, values.json, { batches: found }, () =>
    found.length === 0 ? 'No batch has a discrepancy.' : found.map(tell).join('\n\n'),
  );
  return found.some(({ reconciled, pairs }) => reconciled === 'discrepancy' || pairs.length > 0) ? 3 : 0;
}
