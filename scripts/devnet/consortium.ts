/** What the operators of a devnet are to each other: members with a vote each, and nobody suspended. */
import { Contract, JsonRpcProvider } from 'ethers';
import { consortiumGovernorAbi, operatorRegistryAbi } from '../../operator-node/chain/abi.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import type { Finding } from './checks.ts';

const activeStatus = 1;

interface Said {
  readonly what: string;
  readonly found: number;
  readonly expected: number;
}

/** As registry and governor say at the newest block (docs/governance.md). */
export async function consortium(file: DevnetFile): Promise<Finding> {
  const members = file.operators.length;
  const provider = new JsonRpcProvider(file.rpcUrl, file.chainId, { staticNetwork: true });
  try {
    const registry = new Contract(file.contracts.OperatorRegistry, operatorRegistryAbi, provider);
    const ask = async (contract: Contract, view: string, ...args: readonly unknown[]): Promise<unknown> =>
      (await contract.getFunction(view)(...args)) as unknown;
    const newest = await provider.getBlock('latest');
    if (newest === null) throw new Error('the chain has no newest block');
    // Votes are counted at a second that is over.
    const past = newest.timestamp - 1;
    const governor = new Contract(String(await ask(registry, 'guardian')), consortiumGovernorAbi, provider);
    const [now, most] = (await ask(registry, 'emergencies')) as readonly [bigint, bigint];
    const said: Said[] = [
      { what: 'members', found: Number(await ask(registry, 'membersAt', past)), expected: members },
      { what: 'voters', found: Number(await ask(registry, 'votersAt', past)), expected: members },
      { what: 'votes that decide', found: Number(await ask(governor, 'quorum', past)), expected: (members >> 1) + 1 },
      { what: 'emergencies', found: Number(now), expected: 0 },
      { what: 'emergencies at most', found: Number(most), expected: Math.floor((members - 1) / 3) },
    ];
    for (const { id, handle } of file.operators) {
      said.push({
        what: `status of ${handle}`,
        found: Number(await ask(registry, 'statusOf', id)),
        expected: activeStatus,
      });
    }
    const wrong = said.filter(({ found, expected }) => found !== expected);
    return {
      ok: wrong.length === 0,
      text:
        wrong.length === 0
          ? `${members} members of the consortium with a vote each, ${(members >> 1) + 1} of which decide`
          : wrong.map(({ what, found, expected }) => `${what}: ${found}, expected ${expected}`).join('; '),
    };
  } finally {
    provider.destroy();
  }
}
