/**
 * Deploys the contracts to any JSON-RPC endpoint with Hardhat Ignition, and admits operators. The contracts must have
 * been built. Nothing here is interactive.
 */
import { Contract, NonceManager, Wallet, keccak256, type JsonRpcProvider } from 'ethers';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { join } from 'node:path';

import config from '../../hardhat.config.ts';
import tandemModule from '../../ignition/modules/tandem.ts';
import { operatorRegistryAbi } from '../../operator-node/chain/abi.ts';
import { RpcAddress } from '../../operator-node/chain/address.ts';
import { providerOf } from '../../operator-node/chain/provider.ts';
import {
  type Admission,
  type ByContract,
  type Deployment,
  type Finality,
  type Governance,
  contractNames,
  defaultGovernance,
} from './deployment.ts';

export type { Admission, Deployment, Finality, Governance } from './deployment.ts';

export interface DeployRequest {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly deployerPrivateKey: string;
  /** Who founds the consortium: it alone can admit operators until it has handed over. */
  readonly authority: string;
  /** How far ahead a deadline may lie, 60 to 2,592,000. */
  readonly maxWindowSeconds: number;
  /** What counts as final in this consortium; at once if not given. */
  readonly finality?: Finality;
  /** `defaultGovernance` if not given. */
  readonly governance?: Governance;
  /** Where Ignition keeps its journal: the same folder again goes on where it ended, and deploys nothing twice. */
  readonly deploymentDir: string;
}

export interface AdmitRequest {
  readonly rpcUrl: string;
  readonly registry: string;
  readonly authorityPrivateKey: string;
  readonly operators: readonly Admission[];
}

/** In one transaction: about 6 million gas. */
const admissionsAtOnce = 20;
/** Three checkpoints, two slots each. */
const gasMargin = 150_000n;

const projectRoot = join(import.meta.dirname, '..', '..');

/** @throws when the endpoint is another chain's, or a transaction fails. */
export async function deployTandem(request: DeployRequest): Promise<Deployment> {
  const address = new RpcAddress(request.rpcUrl);
  const hre = await createHardhatRuntimeEnvironment(
    {
      ...config,
      paths: { ...config.paths, ignition: request.deploymentDir },
      networks: {
        target: {
          type: 'http',
          url: address.url,
          httpHeaders: address.authorization === undefined ? {} : { Authorization: address.authorization },
          chainId: request.chainId,
          accounts: [request.deployerPrivateKey],
        },
      },
    },
    {},
    projectRoot,
  );
  const connection = await hre.network.create('target');
  try {
    const deployed = await connection.ignition.deploy(tandemModule, {
      parameters: {
        Tandem: {
          authority: request.authority,
          maxWindow: request.maxWindowSeconds,
          finality: encodeFinality(request.finality ?? { mode: 'depth', depth: 0 }),
          governance: { ...(request.governance ?? defaultGovernance) },
        },
      },
      deploymentId: 'tandem',
      config: { requiredConfirmations: 1, blockPollingInterval: 100 },
    });
    const addresses: Record<string, string> = {};
    for (const name of contractNames) addresses[name] = await deployed[name].getAddress();
    return await describeDeployment(request, addresses as ByContract<string>);
  } finally {
    await connection.close();
  }
}

export const encodeFinality = (finality: Finality): { mode: number; depth: number } =>
  finality.mode === 'depth' ? { mode: 0, depth: finality.depth } : { mode: 1, depth: 0 };

async function describeDeployment(request: DeployRequest, contracts: ByContract<string>): Promise<Deployment> {
  const provider = providerOf(request.rpcUrl, request.chainId, { staticNetwork: true });
  try {
    const registry = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, provider);
    const [pinnedBlock, codes, logs] = await Promise.all([
      blockToPin(provider),
      Promise.all(contractNames.map(async (name) => [name, keccak256(await provider.getCode(contracts[name]))])),
      registry.queryFilter('MaxWindowChanged', 0, 'latest'),
    ]);
    const first = logs[0];
    if (first === undefined) {
      throw new Error(
        `${new RpcAddress(request.rpcUrl).name} has no log of the registry ${contracts.OperatorRegistry}`,
      );
    }
    return {
      chainId: request.chainId,
      genesisHash: pinnedBlock.hash,
      pinnedBlock,
      contracts,
      codeHashes: Object.fromEntries(codes) as ByContract<string>,
      firstBlock: first.blockNumber,
    };
  } finally {
    provider.destroy();
  }
}

/**
 * The block that tells this chain from others with its id: the first, or the first that the endpoint gives out. It is final,
 * since it is older than a deployment that is.
 */
async function blockToPin(provider: JsonRpcProvider): Promise<Deployment['pinnedBlock']> {
  for (const at of [0, 'earliest', 1]) {
    const block = await provider.getBlock(at).catch(() => null);
    if (block?.hash != null) return { number: block.number, hash: block.hash };
  }
  const finalized = await provider.getBlock('finalized');
  if (finalized?.hash == null) throw new Error('The endpoint gives out neither a first block nor a final one to pin');
  return { number: finalized.number, hash: finalized.hash };
}

/**
 * Admits those of the operators whose handle is not registered yet; possible until the authority has handed over.
 * @returns the ids by handle, of all that were asked for.
 */
export async function admitOperators(request: AdmitRequest): Promise<ReadonlyMap<string, number>> {
  const provider = providerOf(request.rpcUrl, undefined, { staticNetwork: true, pollingInterval: 100 });
  try {
    const authority = new NonceManager(new Wallet(request.authorityPrivateKey, provider));
    const registry = new Contract(request.registry, operatorRegistryAbi, authority);
    const idOf = async (handle: string): Promise<number> =>
      Number(await registry.getFunction('operatorByHandle')(handle));
    const admissions: string[] = [];
    for (const { handle, controller, account, signer, pin, endpoint } of request.operators) {
      if ((await idOf(handle)) !== 0) continue;
      const args = [handle, controller, account, signer, pin, endpoint];
      admissions.push(registry.interface.encodeFunctionData('admit', args));
    }
    for (let i = 0; i < admissions.length; i += admissionsAtOnce) {
      const multicall = registry.getFunction('multicall');
      const calls = admissions.slice(i, i + admissionsAtOnce);
      // An estimate can be of the newest block's second, in which another admission may have paid for the same slots.
      const gasLimit = (await multicall.estimateGas(calls)) + gasMargin;
      await (await multicall(calls, { gasLimit })).wait();
    }
    const ids = new Map<string, number>();
    for (const { handle } of request.operators) ids.set(handle, await idOf(handle));
    return ids;
  } finally {
    provider.destroy();
  }
}

/** @returns the operator's id, also if its handle was admitted before. */
export async function admitOperator(
  request: Omit<AdmitRequest, 'operators'> & { operator: Admission },
): Promise<number> {
  const { operator, ...rest } = request;
  const ids = await admitOperators({ ...rest, operators: [operator] });
  const id = ids.get(operator.handle);
  if (id === undefined || id === 0)
    throw new Error(`operator ${operator.handle} is not in the registry ${rest.registry}`);
  return id;
}
