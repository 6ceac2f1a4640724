/** `tandem restore`: the store of a stopped node, made anew out of a backup. */
import { existsSync } from 'node:fs';
import { loadNetwork } from '../chain/network.ts';
import { addressOf, loadKeys } from '../keys.ts';
import type { UnixMillis } from '../model/ids.ts';
import { restore as restoreStore } from '../recovery/restore.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { configured, nodeOf, nodeOptions, nodeUsage } from './which-node.ts';

const usage = `usage: tandem restore [which node] --from PATH [--keys FILE] [--json]
  --from PATH        a backup file, or the folder of a followed copy
  --keys FILE        the users' keys (tandem backup --keys); a followed copy has its own
  The node must be stopped. The present store is moved aside. Make sure that no other machine uses the old store.
${nodeUsage}`;

export async function restore(args: readonly string[], out: Output): Promise<number> {
  const options = { ...nodeOptions, from: { type: 'string' }, keys: { type: 'string' } } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { from, keys } = values;
  if (from === undefined || !existsSync(from))
    throw new UsageError(`--from: ${from ?? 'a backup'} does not exist.\n${usage}`);
  const { config } = configured(nodeOf(values));
  const node = loadKeys(config.chain.keysFile);
  const { chainId, contracts } = loadNetwork(config.chain.networkFile);
  const done = await restoreStore({
    config,
    from,
    ...(keys === undefined ? {} : { keys }),
    now: Date.now() as UnixMillis,
    oldKeys: [node.signer, node.account].map(addressOf),
    network: { chainId, settlement: contracts.PairSettlement.toLowerCase() },
  });
  print(out, values.json, done, () =>
    [
      `Restored as of write ${done.mark.write}. ${done.why}`,
      ...(done.setAside === undefined ? [] : [`The previous store is in ${done.setAside}.`]),
      ...(done.erased === 0
        ? []
        : [`${counted(done.erased, 'user is', 'users are')} erased: their data cannot be opened.`]),
      done.recovery
        ? 'The node will start in recovery: until its keys are rotated it signs nothing, ends no pair, sends no messages and accepts nothing. Start it, then run tandem recover.'
        : 'Start the node: nothing was lost, it continues as before.',
    ].join('\n'),
  );
  return 0;
}
