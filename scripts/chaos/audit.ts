/** I7 as an auditor would check it: all operators' disclosures and the chain, and nothing of the nodes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseNetwork } from '../../operator-node/model/network-file.ts';
import { rpcAuditChain } from '../../operator-node/audit/rpc-audit-chain.ts';
import { scan } from '../../operator-node/audit/scan/scan.ts';
import { ApiError } from '../../operator-node/api/client.ts';
import { writeDisclosures } from '../../operator-node/cli/disclose.ts';
import { rpc } from '../devnet/rpc.ts';
import { until } from '../devnet/wait.ts';
import { finalityDepth, type ChaosNet } from './net.ts';

export interface Audited {
  /** One sentence a finding. */
  readonly problems: readonly string[];
  /** Committed pairs on chain that both of their operators have disclosed. */
  readonly committed: number;
}

/** Undefined while the node has not applied the newest final block yet: it looks at the chain a few times a second. */
async function disclosed(...args: Parameters<typeof writeDisclosures>): Promise<true | undefined> {
  try {
    await writeDisclosures(...args);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not-ready') return undefined;
    throw error;
  }
}

/** Everything from the first block to the newest final one. */
export async function audit({ devnet, file, handles }: ChaosNet): Promise<Audited> {
  const { dir, networkFile } = devnet.layout;
  const network = parseNetwork(JSON.parse(readFileSync(networkFile, 'utf8')));
  const to = Number(await rpc<string>(file.rpcUrl, 'eth_blockNumber')) - finalityDepth;
  const job = { from: 0, to, policy: 'regulator-minimum', recipient: 'the run itself', reason: 'I7' };
  const files: string[] = [];
  for (const [handle, client] of devnet.clients) {
    if (!handles.includes(handle)) continue;
    const disclosures = join(dir, `${handle}.ndjson`);
    await until(() => disclosed(client, disclosures, job), {
      timeoutMillis: 30_000,
      everyMillis: 250,
      failure: () => `${handle} did not apply block ${to} in 30 s`,
    });
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
