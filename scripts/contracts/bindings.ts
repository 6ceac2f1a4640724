/**
 * Writes the ABIs of the deployed contracts in ethers' human-readable form, so that a node needs no Hardhat to run and a
 * change of a contract can be read in the diff.
 * `node scripts/contracts/bindings.ts` writes; with `--check` it fails when the committed file is not what the
 * contracts' artifacts give. Run `hardhat build` first.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interface, type JsonFragment } from 'ethers';
import { format, resolveConfig } from 'prettier';

const root = join(import.meta.dirname, '..', '..');
const target = join(root, 'operator-node', 'chain', 'abi.ts');

const contracts = [
  { name: 'OperatorRegistry', constant: 'operatorRegistryAbi' },
  { name: 'PairSettlement', constant: 'pairSettlementAbi' },
  { name: 'AuditLog', constant: 'auditLogAbi' },
  { name: 'ConsortiumGovernor', constant: 'consortiumGovernorAbi' },
  { name: 'ConsortiumTimelock', constant: 'consortiumTimelockAbi' },
] as const;

interface Artifact {
  readonly abi: readonly JsonFragment[];
}

async function readAbi(contract: string): Promise<readonly string[]> {
  const path = join(root, 'artifacts', 'contracts', `${contract}.sol`, `${contract}.json`);
  const artifact = JSON.parse(await readFile(path, 'utf8')) as Artifact;
  return new Interface(artifact.abi).format();
}

/** The text that the committed file must have. */
async function renderBindings(): Promise<string> {
  const parts = await Promise.all(
    contracts.map(async ({ name, constant }) => {
      const abi = await readAbi(name);
      return `export const ${constant} = ${JSON.stringify(abi)} as const;`;
    }),
  );
  const header = '/** Generated from the contracts by `scripts/contracts/bindings.ts`; do not edit. */';
  const options = await resolveConfig(target);
  return format([header, ...parts, ''].join('\n'), { ...options, filepath: target });
}

/** @returns whether the committed file is what the artifacts give. */
export async function bindingsAreFresh(): Promise<boolean> {
  const committed = await readFile(target, 'utf8').catch(() => '');
  return committed === (await renderBindings());
}

if (import.meta.main) {
  if (!process.argv.includes('--check')) {
    await writeFile(target, await renderBindings());
  } else if (!(await bindingsAreFresh())) {
    console.error(
      'operator-node/chain/abi.ts is stale: run `node scripts/contracts/bindings.ts` and commit the result.',
    );
    process.exitCode = 1;
  }
}
