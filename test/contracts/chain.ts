/** A simulated chain of its own for a test file; its clock is set by the test. */
import type { HardhatEthersProvider } from '@nomicfoundation/hardhat-ethers/types';
import { Contract, ContractFactory, Wallet, id } from 'ethers';
import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import config from '../../hardhat.config.ts';

/** Unix seconds of the first block, unless said otherwise. */
export const startTime = 1_800_000_000;
export const oneDay = 86_400;

export interface Chain {
  readonly provider: HardhatEthersProvider;
  readonly chainId: number;
  /** Deploys, and is the consortium's authority. */
  readonly authority: Wallet;
  deploy(contract: string, ...args: unknown[]): Promise<Contract>;
  contractAt(contract: string, address: string): Promise<Contract>;
  /** A key that is the same in every run, with an account that can pay. */
  wallet(name: string): Promise<Wallet>;
  send(method: string, ...params: unknown[]): Promise<unknown>;
  /** The block of the next transaction has this timestamp. */
  nextBlockAt(timestamp: number): Promise<void>;
  /** Mines an empty block with this timestamp: what views see from then on. */
  mineAt(timestamp: number): Promise<void>;
  /** @returns what undoes all that follows; to be called once. */
  snapshot(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface ChainOptions {
  readonly chainId?: number;
  readonly hardfork?: 'cancun' | 'prague' | 'osaka';
  /** Unix seconds of the first block. */
  readonly startsAt?: number;
}

/** Where the build that measures coverage goes. */
export const coveragePaths = (folder: string): { artifacts: string; cache: string } => ({
  artifacts: join(folder, 'artifacts'),
  cache: join(folder, 'cache'),
});
/** Under which Hardhat keeps what was covered. */
export const coverageId = 'contracts';

/** The mutation tool names a file with the code to deploy in the place of a contract's own. */
const mutantFile = (): string | undefined => process.env['TANDEM_MUTANT_FILE'];

function mutantOf(contract: string): string | undefined {
  const file = mutantFile();
  if (file === undefined) return undefined;
  const mutant = JSON.parse(readFileSync(file, 'utf8')) as { readonly contract: string; readonly code: string };
  return mutant.contract === contract ? mutant.code : undefined;
}

interface Requests {
  request(args: { readonly method: string; readonly params?: readonly unknown[] | object }): Promise<unknown>;
}

const mining: readonly string[] = ['eth_sendRawTransaction', 'eth_sendTransaction', 'evm_mine'];

/** Each block is a second later than the one before, or when the test says: the machine's clock would add its own time. */
function blocksASecondApart(provider: Requests): void {
  const request = provider.request.bind(provider);
  let said = false;
  provider.request = async (args) => {
    if (args.method === 'evm_setNextBlockTimestamp') said = true;
    if (args.method === 'evm_revert') said = false;
    if (mining.includes(args.method)) {
      if (!said) {
        const latest = (await request({ method: 'eth_getBlockByNumber', params: ['latest', false] })) as {
          readonly timestamp: string;
        };
        await request({ method: 'evm_setNextBlockTimestamp', params: [Number(latest.timestamp) + 1] });
      }
      said = false;
    }
    return request(args);
  };
}

export async function openChain(options: ChainOptions = {}): Promise<Chain> {
  const { chainId = 31337, hardfork = 'cancun', startsAt = startTime } = options;
  const coverage = process.env['TANDEM_COVERAGE_DIR'];
  const paths = { ...config.paths, ...(coverage === undefined ? {} : coveragePaths(coverage)) };
  const root = join(import.meta.dirname, '..', '..');
  const hre = await createHardhatRuntimeEnvironment({ ...config, paths }, { coverage: coverage !== undefined }, root);
  const connection = await hre.network.create({
    network: 'default',
    override: {
      chainId,
      hardfork,
      initialDate: new Date(startsAt * 1000),
      allowBlocksWithSameTimestamp: true,
      // Mutants are compiled without the optimiser, and what measures coverage is longer than what is deployed.
      allowUnlimitedContractSize: mutantFile() !== undefined || coverage !== undefined,
    },
  });
  blocksASecondApart(connection.provider);
  const { provider } = connection.ethers;
  const send = (method: string, ...params: unknown[]): Promise<unknown> => provider.send(method, params);
  const wallet = async (name: string): Promise<Wallet> => {
    const made = new Wallet(id(`tandem test key of ${name}`), provider);
    await send('hardhat_setBalance', made.address, '0x56bc75e2d63100000');
    return made;
  };
  const authority = await wallet('the authority');
  return {
    provider,
    chainId,
    authority,
    wallet,
    send,
    async deploy(contract, ...args) {
      const { abi, bytecode } = await hre.artifacts.readArtifact(contract);
      const deployed = await new ContractFactory([...abi], mutantOf(contract) ?? bytecode, authority).deploy(...args);
      await deployed.waitForDeployment();
      return new Contract(await deployed.getAddress(), [...abi], authority);
    },
    async contractAt(contract, address) {
      const { abi } = await hre.artifacts.readArtifact(contract);
      return new Contract(address, [...abi], authority);
    },
    async nextBlockAt(timestamp) {
      await send('evm_setNextBlockTimestamp', timestamp);
    },
    async mineAt(timestamp) {
      await send('evm_setNextBlockTimestamp', timestamp);
      await send('evm_mine');
    },
    async snapshot() {
      const taken = await send('evm_snapshot');
      return async () => {
        await send('evm_revert', taken);
      };
    },
    async close() {
      await connection.close();
      if (coverage === undefined) return;
      await (hre as unknown as { _coverage: { saveData(id: string): Promise<void> } })._coverage.saveData(coverageId);
    },
  };
}
