/** `tandem pair ID`: a pair as each operator has it, and its evidence bundle. */
import { writeFileSync } from 'node:fs';
import type { PairView } from '../api/pair-routes.ts';
import { isPairId } from '../model/ids.ts';
import { parseCommand, print } from './arguments.ts';
import { ApiError } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import { moneyOf, type Money } from './money.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodesOf, nodeUsage, withClient, type ChosenNode } from './which-node.ts';

const usage = `usage: tandem pair ID [--evidence FILE] [--journal FILE] [--json] [which node]
  --evidence FILE    write the evidence bundle, for tandem verify
  --journal FILE     write an excerpt of the operator's journal about the pair, with the proof that leads to the chain, for
                     tandem verify; requires --recipient WHO and --reason WHY, which are recorded; --policy NAME is optional
${nodeUsage}
  If none is named, each operator of the devnet is asked.`;

export async function pair(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    evidence: { type: 'string' },
    journal: { type: 'string' },
    policy: { type: 'string' },
    recipient: { type: 'string' },
    reason: { type: 'string' },
  } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const id = positionals[0] ?? '';
  if (!isPairId(id)) throw new UsageError(`"${id}" is not a pair id: write a UUID, as tandem inbox --json shows it.`);
  const operators = nodesOf(values);
  const views: Record<string, PairView> = {};
  for (const operator of operators) {
    const view = await viewOf(operator, id);
    if (view !== undefined) views[operator.handle] = view;
  }
  if (Object.keys(views).length === 0) throw new ApiError(404, 'not-found', `No operator knows pair ${id}.`);
  const holder = operators.find(({ handle }) => views[handle] !== undefined);
  if (values.evidence !== undefined) {
    if (holder !== undefined) {
      const bundle = await withClient(holder, (client) => client.pairEvidence({ id }));
      // No line end: a verifier refuses any byte that is not the bundle's.
      writeFileSync(values.evidence, bundle);
    }
  }
  const { journal, recipient, reason, policy = 'dispute' } = values;
  if (journal !== undefined && holder !== undefined) {
    if (recipient === undefined || reason === undefined)
      throw new UsageError('--journal requires --recipient and --reason.');
    const excerpt = await withClient(holder, (client) => client.pairJournal({ id, policy, recipient, reason }));
    writeFileSync(journal, excerpt, { mode: 0o600 });
  }
  const money = holder === undefined ? undefined : await withClient(holder, moneyOf);
  print(out, values.json, views, () => text(views, money));
  return 0;
}

async function viewOf(operator: ChosenNode, id: string): Promise<PairView | undefined> {
  try {
    return await withClient(operator, (client) => client.pair({ id }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function text(views: Readonly<Record<string, PairView>>, money: Money | undefined): string {
  const rows = Object.entries(views).flatMap(([handle, view]) =>
    view.legs.map((leg) => [
      handle,
      leg.leg,
      leg.role,
      leg.reason === undefined ? leg.state : `${leg.state} (${leg.reason})`,
      leg.service,
      `${money?.text(leg.amount, leg.asset) ?? leg.amount} ${leg.asset}`,
      leg.user,
      leg.batchId === undefined ? 'not anchored' : `${leg.batchId.slice(0, 10)}… #${leg.index ?? 0}`,
      leg.told ? 'told' : 'not told yet',
    ]),
  );
  return table([['operator', 'leg', 'role', 'state', 'service', 'amount', 'user', 'batch', ''], ...rows], [5]);
}
