/**
 * A member of the consortium by its keys alone: whatever an operator of a devnet could do beside its node, or against the
 * others, with its controller, account, carrier, signer and TLS key. Its node knows nothing of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Contract, Interface, JsonRpcProvider, Wallet, type TransactionReceipt } from 'ethers';
import {
  auditLogAbi,
  consortiumGovernorAbi,
  consortiumTimelockAbi,
  operatorRegistryAbi,
  pairSettlementAbi,
} from '../../operator-node/chain/abi.ts';
import { signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { Layout, OperatorLayout } from '../devnet/layout.ts';

/** Keys that an operator has an address by: `signer` signs batches, the others send transactions. */
export type MemberKey = 'controller' | 'account' | 'carrier' | 'signer';

const memberAbis = {
  OperatorRegistry: operatorRegistryAbi,
  PairSettlement: pairSettlementAbi,
  AuditLog: auditLogAbi,
  ConsortiumGovernor: consortiumGovernorAbi,
  ConsortiumTimelock: consortiumTimelockAbi,
} as const;

export type MemberContract = keyof typeof memberAbis;

/** What became of a transaction. `refused`: by the endpoint or in its own simulation, so that it is in no block. */
export type Sent =
  | { readonly outcome: 'mined'; readonly receipt: TransactionReceipt }
  | { readonly outcome: 'reverted'; readonly receipt: TransactionReceipt; readonly reason: string }
  | { readonly outcome: 'refused'; readonly reason: string };

export interface Transaction {
  readonly to: string;
  readonly data?: string;
  readonly value?: bigint;
  /** By default what an estimate says; with it nothing is simulated, so that a transaction that fails is mined too. */
  readonly gasLimit?: bigint;
  /** By default the next one. The account's and the carrier's are those that the node counts on as well. */
  readonly nonce?: number;
}

/** More than any call of a member needs, and less than a block. */
const plentyOfGas = 20_000_000n;

const readJson = (file: string): Readonly<Record<string, string>> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;

export class Member {
  readonly id: number;
  readonly handle: string;
  /** PEM, for a connection to other operators in its name. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly #secrets: Readonly<Record<MemberKey, string>>;
  readonly #provider: JsonRpcProvider;
  readonly #contracts: Readonly<Record<MemberContract, string>>;

  private constructor(place: Layout, operator: OperatorLayout) {
    const keys = readJson(operator.keysFile);
    const secretOf = (name: string, from: Readonly<Record<string, string>>): string => {
      const secret = from[name];
      if (secret === undefined) throw new Error(`${operator.handle} has no key "${name}"`);
      return secret;
    };
    this.id = operator.id;
    this.handle = operator.handle;
    this.#secrets = {
      controller: secretOf('controller', readJson(operator.controllerFile)),
      account: secretOf('account', keys),
      carrier: secretOf('carrier', keys),
      signer: secretOf('signer', keys),
    };
    this.tls = {
      cert: readFileSync(join(operator.dir, 'tls-cert.pem'), 'utf8'),
      key: readFileSync(join(operator.dir, 'tls-key.pem'), 'utf8'),
    };
    const network = JSON.parse(readFileSync(place.networkFile, 'utf8')) as {
      readonly chainId: string;
      readonly contracts: Record<MemberContract, string>;
    };
    this.#contracts = network.contracts;
    this.#provider = new JsonRpcProvider(place.rpcUrl, Number(network.chainId), {
      staticNetwork: true,
      pollingInterval: 100,
    });
  }

  /** By its folder; the devnet must have been deployed. @throws {Error} where there is no such operator */
  static of(place: Layout, handle: string): Member {
    const operator = place.operators.find((each) => each.handle === handle);
    if (operator === undefined) throw new Error(`there is no operator ${handle} on this devnet`);
    return new Member(place, operator);
  }

  addressOf(key: MemberKey): string {
    return new Wallet(this.#secrets[key]).address;
  }

  /** Where a contract of the network is. */
  contractAddress(name: MemberContract): string {
    return this.#contracts[name];
  }

  /** 65 bytes as the contracts take them, by any of its keys. */
  sign(key: MemberKey, digest: Hash): string {
    return signDigest(this.#secrets[key], digest);
  }

  /** Any transaction in its name; resolves when it is in a block, or is certain to be in none. */
  async send(key: MemberKey, transaction: Transaction): Promise<Sent> {
    const wallet = new Wallet(this.#secrets[key], this.#provider);
    let hash: string;
    try {
      const nonce = transaction.nonce ?? (await wallet.getNonce('pending'));
      ({ hash } = await wallet.sendTransaction({ ...transaction, nonce }));
    } catch (error) {
      return { outcome: 'refused', reason: reasonOf(error) };
    }
    const receipt = await this.#provider.waitForTransaction(hash).catch((error: unknown) => {
      throw new Error(`${hash} of ${this.handle} was not followed to a block: ${reasonOf(error)}`, { cause: error });
    });
    if (receipt === null) throw new Error(`${hash} of ${this.handle} has no receipt`);
    if (receipt.status === 1) return { outcome: 'mined', receipt };
    return { outcome: 'reverted', receipt, reason: await this.#revertOf(wallet.address, transaction, receipt) };
  }

  /** A function of one of the network's contracts. `forced`: mined even where it reverts. */
  async call(
    key: MemberKey,
    [contract, method]: readonly [contract: MemberContract, method: string],
    args: readonly unknown[],
    options: { readonly forced?: boolean } & Pick<Transaction, 'value' | 'nonce'> = {},
  ): Promise<Sent> {
    const { forced = false, ...rest } = options;
    const data = new Interface(memberAbis[contract]).encodeFunctionData(method, args);
    const gas = forced ? { gasLimit: plentyOfGas } : {};
    return this.send(key, { to: this.#contracts[contract], data, ...gas, ...rest });
  }

  /** What a view says at the newest block. */
  async ask([contract, view]: readonly [contract: MemberContract, view: string], ...args: unknown[]): Promise<unknown> {
    const found = new Contract(this.#contracts[contract], memberAbis[contract], this.#provider);
    return (await found.getFunction(view)(...args)) as unknown;
  }

  close(): void {
    this.#provider.destroy();
  }

  /** The contract's own error, read from the same call at the block before. */
  async #revertOf(
    from: string,
    { to, data = '0x' }: Transaction,
    { blockNumber }: TransactionReceipt,
  ): Promise<string> {
    try {
      await this.#provider.call({ from, to, data, blockTag: blockNumber - 1 });
      return 'not by itself: it was another block then';
    } catch (error) {
      return reasonOf(error);
    }
  }
}

/** The name and arguments of a contract's error where it is one of ours, else the endpoint's words. */
function reasonOf(error: unknown): string {
  const { data, shortMessage, message } = error as { data?: unknown; shortMessage?: string; message?: string };
  if (typeof data === 'string' && data.length >= 10) {
    for (const abi of Object.values(memberAbis)) {
      const parsed = new Interface(abi).parseError(data);
      if (parsed !== null) return `${parsed.name}(${parsed.args.map(String).join(', ')})`;
    }
  }
  return shortMessage ?? message ?? String(error);
}
