/**
 * Deploys both contracts to any JSON-RPC endpoint with Hardhat Ignition, and admits operators. The contracts must have
 * been built. Nothing here is interactive.
 */
import { Contract, JsonRpcProvider, NonceManager, Wallet, keccak256 } from 'ethers';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { join } from 'node:path';

import config from '../../hardhat.config.ts';
import tandemModule from '../../ignition/modules/Tandem.ts';
import { operatorRegistryAbi } from '../../operator-node/chain/abi.ts';

export interface DeployRequest {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly deployerPrivateKey: string;
  /** The address through which the consortium decides; it alone can admit operators. */
  readonly authority: string;
  /** How far ahead a deadline may lie, 60 to 2,592,000. */
  readonly maxWindowSeconds: number;
  /** What counts as final in this consortium; at once if not given. */
  readonly finality?: Finality;
  /** Where Ignition keeps its journal: the same folder again goes on where it ended, and deploys nothing twice. */
  readonly deploymentDir: string;
}

export type Finality = { readonly mode: 'depth'; readonly depth: number } | { readonly mode: 'finalized' };

export interface Deployment {
  readonly chainId: number;
  readonly genesisHash: string;
  readonly contracts: ContractNames<string>;
  /** keccak-256 of the deployed code. */
  readonly codeHashes: ContractNames<string>;
  /** The block of the first deployment. */
  readonly firstBlock: number;
}

interface ContractNames<Value> {
  readonly OperatorRegistry: Value;
  readonly PairSettlement: Value;
}

export interface Admission {
  readonly handle: string;
  readonly controller: string;
  readonly account: string;
  /** ERC-7913 bytes: an address, or verifier and key. */
  readonly signer: string;
  /** SHA-256 of the SubjectPublicKeyInfo of the operator's TLS key. */
  readonly pin: string;
  readonly endpoint: string;
}

export interface AdmitRequest {
  readonly rpcUrl: string;
  readonly registry: string;
  readonly authorityPrivateKey: string;
  readonly operators: readonly Admission[];
}

const projectRoot = join(import.meta.dirname, '..', '..');

/** @throws when the endpoint is another chain's, or a transaction fails. */
export async function deployTandem(request: DeployRequest): Promise<Deployment> {
  const hre = await createHardhatRuntimeEnvironment(
    {
      ...config,
      paths: { ...config.paths, ignition: request.deploymentDir },
      networks: {
        target: {
          type: 'http',
          url: request.rpcUrl,
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
    const { OperatorRegistry, PairSettlement } = await connection.ignition.deploy(tandemModule, {
      parameters: {
        Tandem: {
          authority: request.authority,
          maxWindow: request.maxWindowSeconds,
          finality: encodeFinality(request.finality ?? { mode: 'depth', depth: 0 }),
        },
      },
      deploymentId: 'tandem',
      config: { requiredConfirmations: 1, blockPollingInterval: 100 },
    });
    const contracts = {
      OperatorRegistry: await OperatorRegistry.getAddress(),
      PairSettlement: await PairSettlement.getAddress(),
    };
    return await describeDeployment(request, contracts);
  } finally {
    await connection.close();
  }
}

const encodeFinality = (finality: Finality): { mode: number; depth: number } =>
  finality.mode === 'depth' ? { mode: 0, depth: finality.depth } : { mode: 1, depth: 0 };

async function describeDeployment(request: DeployRequest, contracts: ContractNames<string>): Promise<Deployment> {
  const provider = new JsonRpcProvider(request.rpcUrl, request.chainId, { staticNetwork: true });
  try {
    const registry = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, provider);
    const [genesis, registryCode, settlementCode, logs] = await Promise.all([
      provider.getBlock(0),
      provider.getCode(contracts.OperatorRegistry),
      provider.getCode(contracts.PairSettlement),
      registry.queryFilter('MaxWindowChanged', 0, 'latest'),
    ]);
    const first = logs[0];
    if (genesis?.hash == null || first === undefined) {
      throw new Error(`${request.rpcUrl} has no genesis block or no log of the registry ${contracts.OperatorRegistry}`);
    }
    return {
      chainId: request.chainId,
      genesisHash: genesis.hash,
      contracts,
      codeHashes: { OperatorRegistry: keccak256(registryCode), PairSettlement: keccak256(settlementCode) },
      firstBlock: first.blockNumber,
    };
  } finally {
    provider.destroy();
  }
}

/**
 * Admits those of the operators whose handle is not registered yet.
 * @returns the ids by handle, of all that were asked for.
 */
export async function admitOperators(request: AdmitRequest): Promise<ReadonlyMap<string, number>> {
  const provider = new JsonRpcProvider(request.rpcUrl, undefined, { staticNetwork: true, pollingInterval: 100 });
  try {
    const authority = new NonceManager(new Wallet(request.authorityPrivateKey, provider));
    const registry = new Contract(request.registry, operatorRegistryAbi, authority);
    const idOf = async (handle: string): Promise<number> =>
      Number(await registry.getFunction('operatorByHandle')(handle));
    const sent = [];
    for (const { handle, controller, account, signer, pin, endpoint } of request.operators) {
      if ((await idOf(handle)) !== 0) continue;
      sent.push(await registry.getFunction('admit')(handle, controller, account, signer, pin, endpoint));
    }
    for (const transaction of sent) await transaction.wait();
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
