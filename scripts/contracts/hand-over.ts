/** The founder gives its power to the consortium. From then on only votes change who is a member. */
import { Contract, NonceManager, Wallet } from 'ethers';

import { consortiumTimelockAbi, operatorRegistryAbi } from '../../operator-node/chain/abi.ts';
import { providerOf } from '../../operator-node/chain/provider.ts';
import type { ByContract } from './deployment.ts';

export interface HandOverRequest {
  readonly rpcUrl: string;
  readonly contracts: ByContract<string>;
  readonly authorityPrivateKey: string;
}

/**
 * Names the governor as guardian, offers the registry to the consortium's timelock and lets it accept. What is done already
 * is not done again. `verifyDeployment` checks that it worked.
 * @throws when there is no operator who could decide anything afterwards, or the registry is somebody else's.
 */
export async function handOver({ rpcUrl, contracts, authorityPrivateKey }: HandOverRequest): Promise<void> {
  const provider = providerOf(rpcUrl, undefined, { staticNetwork: true, pollingInterval: 100 });
  try {
    const wallet = new Wallet(authorityPrivateKey, provider);
    const sender = new NonceManager(wallet);
    const registry = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, sender);
    const timelock = new Contract(contracts.ConsortiumTimelock, consortiumTimelockAbi, sender);
    const owner = String(await registry.getFunction('owner')());
    if (same(owner, contracts.ConsortiumTimelock)) return;
    if (!same(owner, wallet.address)) {
      throw new Error(`The registry is ${owner}’s to hand over, not ${wallet.address}’s`);
    }
    if (Number(await registry.getFunction('operatorCount')()) === 0) {
      throw new Error('No operator is admitted: after handing over nobody could admit the first');
    }
    const offer = [
      registry.interface.encodeFunctionData('setGuardian', [contracts.ConsortiumGovernor]),
      registry.interface.encodeFunctionData('transferOwnership', [contracts.ConsortiumTimelock]),
    ];
    await (await registry.getFunction('multicall')(offer)).wait();
    await (await timelock.getFunction('acceptOwnershipOf')(contracts.OperatorRegistry)).wait();
  } finally {
    provider.destroy();
  }
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
