/** I7 as an auditor would check it: both operators' disclosures and the chain, and nothing of the nodes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseNetwork } from '../../operator-node/audit/network.ts';
import { rpcAuditChain } from '../../operator-node/audit/rpcAuditChain.ts';
import { scan } from '../../operator-node/audit/scan/scan.ts';
import { writeDisclosures } from '../../operator-node/cli/disclose.ts';
import { rpc } from '../devnet/rpc.ts';
import { finalityDepth, type ChaosNet } from './net.ts';

export interface Audited {
  /** One sentence a finding. */
  readonly problems: readonly string[];
  /** Committed pairs on chain that both operators have disclosed. */
  readonly committed: number;
}

/** Everything from the first block to the newest final one. */
export async function audit({ devnet, file }: ChaosNet): Promise<Audited> {
  const { dir, networkFile } = devnet.layout;
  const network = parseNetwork(JSON.parse(readFileSync(networkFile, 'utf8')));
  const to = Number(await rpc<string>(file.rpcUrl, 'eth_blockNumber')) - finalityDepth;
  const job = { from: 0, to, policy: 'regulator-minimum', recipient: 'the run itself', reason: 'I7' };
  const files: string[] = [];
  for (const [handle, client] of devnet.clients) {
    const disclosures = join(dir, `${handle}.ndjson`);
    await writeDisclosures(client, disclosures, job);
    files.push(disclosures);
  }
  const { findings, totals } = await scan({
    network,
    endpoints: [{ name: 'the devnet', chain: rpcAuditChain(file.rpcUrl) }],
    files,
    to,
    threads: 0,
  });
  return {
    problems: [
      ...findings.list.map(({ code, sentence }) => `${code}: ${sentence}`),
      ...(totals.open === 0 ? [] : [`${totals.open} pairs are open`]),
    ],
    committed: totals.committed,
  };
}
