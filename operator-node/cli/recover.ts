/**
 * `tandem recover`: brings a node whose store may be behind back (protocol §3, rule 11). With the controller's key it makes
 * new keys and rotates; the node does the rest, and this shows how far it is.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Contract, Wallet, hexlify, randomBytes, type JsonRpcProvider } from 'ethers';
import { operatorRegistryAbi } from '../chain/abi.ts';
import { loadNetwork } from '../chain/network.ts';
import { providerOf } from '../chain/provider.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { addressOf, loadKeys, type Keys } from '../keys.ts';
import type { Hex, UnixMillis } from '../model/ids.ts';
import { isInUse } from '../recovery/lock.ts';
import { recoveryOf, recoveryTable, type Recovery } from '../flow/past.ts';
import { readSecretFile } from '../secret-file.ts';
import { openLevelStore } from '../store/level.ts';
import { syncFolderNow, writeWholeText } from '../store/whole-file.ts';
import type { AnswerOf } from '../api/client.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { configured, nodeOf, nodeOptions, nodeUsage, withClient, type ConfiguredNode } from './which-node.ts';

const usage = `usage: tandem recover [which node] [--json]                 show how far recovery is
       tandem recover … --controller FILE      with the node stopped: make new keys and rotate to them without overlap
       tandem recover … --without ID           continue without what that operator could give back
       tandem recover … --accept-loss | --begin   with the node stopped: its store is known (or suspected) to be behind
  --controller FILE  JSON {"controller": "0x…"}; the old key file is kept beside the new one
${nodeUsage}`;

export async function recover(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    controller: { type: 'string' },
    without: { type: 'string', multiple: true },
    'accept-loss': { type: 'boolean', default: false },
    begin: { type: 'boolean', default: false },
  } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const node = nodeOf(values);
  if (values['accept-loss'] || values.begin) {
    await markBehind(configured(node), values['accept-loss'] ? 'loss-accepted' : 'unknown-batch');
    out.stdout.write('The store is marked as behind. Rotate the keys next (--controller FILE), then start the node.\n');
    return 0;
  }
  if (values.controller !== undefined) {
    const rotated = await rotate(configured(node), values.controller);
    print(out, values.json, rotated, () =>
      [
        `Signer ${rotated.signer} and account ${rotated.account} are valid from block ${rotated.block}; the old keys are no longer valid.`,
        `The old keys are in ${rotated.kept}. Start the node: it continues by itself when that block is final.`,
      ].join('\n'),
    );
    return 0;
  }
  const without = values.without?.map(Number);
  if (without?.some((id) => !Number.isInteger(id)) === true)
    throw new UsageError(`--without must be an operator's id.\n${usage}`);
  const status = await withClient(node, (client) =>
    without === undefined ? client.recovery() : client.recoverWithout({ without }),
  );
  print(out, values.json, status, () => text(status));
  return status.step === 'done' ? 0 : 1;
}

/** Opens the store of a stopped node as far as it goes, and marks it. */
async function markBehind({ config }: ConfiguredNode, why: Recovery['why']): Promise<void> {
  const { signer, account } = loadKeys(config.chain.keysFile);
  await using store = await openLevelStore(config.dataDir, { acceptLoss: why === 'loss-accepted' });
  const oldKeys = [signer, account].map(addressOf);
  await store.transact((tx) => {
    const mark = recoveryOf(tx);
    const recovery = {
      why,
      at: Date.now() as UnixMillis,
      oldKeys: [...new Set([...(mark?.oldKeys ?? []), ...oldKeys])],
    };
    tx.put(recoveryTable, 'mark', recovery);
  });
}

interface Rotated {
  readonly signer: string;
  readonly account: string;
  readonly block: number;
  readonly kept: string;
}

interface RegisteredKeys {
  readonly signer: string;
  readonly account: string;
}

/**
 * Those of a rotation that broke off, which the registry may have already; else new ones, on disk before anybody has
 * them.
 */
function nextKeys(keysFile: string, keys: Keys): Keys {
  const file = `${keysFile}.next`;
  if (existsSync(file)) {
    const found = loadKeys(file);
    if (found.operatorKey === keys.operatorKey && found.carrier === keys.carrier) return found;
    throw new TandemError(
      'config-invalid',
      `${file} and ${keysFile} belong to different operators: move one of them away.`,
    );
  }
  const drawn = (): Hex => hexlify(randomBytes(32)) as Hex;
  const next: Keys = { ...keys, signer: drawn(), account: drawn() };
  writeWholeText(file, `${JSON.stringify(next, null, 2)}\n`);
  return next;
}

/** @throws {TandemError} `config-invalid` */
function controllerIn(file: string): string {
  let found: unknown;
  try {
    found = parseJson(readSecretFile(file));
  } catch (cause) {
    throw new TandemError('config-invalid', `Cannot use the controller file ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const parsed = z.object({ controller: z.string().regex(/^0x[0-9a-fA-F]{64}$/) }).safeParse(found);
  if (parsed.success) return parsed.data.controller;
  throw new TandemError('config-invalid', `${file} needs a "controller" of 0x and 64 hex digits.`);
}

/** New keys first on disk, then in the registry: a crash in between leaves both files, and the same again goes on. */
async function rotate({ config }: ConfiguredNode, controllerFile: string): Promise<Rotated> {
  if (await isInUse(config.dataDir)) {
    throw new TandemError(
      'store-failed',
      'The node is running: stop it first, because it still signs with the old keys.',
    );
  }
  const { keysFile, networkFile, rpcUrls } = config.chain;
  const keys = loadKeys(keysFile);
  const next = nextKeys(keysFile, keys);
  const kept = `${keysFile}.${addressOf(keys.signer).slice(2, 10)}`;
  const controller = controllerIn(controllerFile);
  const provider = providerOf(rpcUrls[0] ?? '', undefined, {
    staticNetwork: true,
    polling: true,
    pollingInterval: 250,
  });
  try {
    const wallet = new Wallet(controller, provider);
    const registry = new Contract(loadNetwork(networkFile).contracts.OperatorRegistry, operatorRegistryAbi, wallet);
    const signer = addressOf(next.signer);
    const account = addressOf(next.account);
    const now = (await registry.getFunction('operator').staticCall(config.operator.id)) as unknown as RegisteredKeys;
    // Without overlap: from this block on the old keys count nowhere. What a rotation that broke off has done is done.
    const fees = await feesOf(provider, wallet.address);
    // Counted here: what a provider says of an account just after a block may be of before it.
    let nonce = BigInt(await provider.getTransactionCount(wallet.address, 'latest'));
    let block = await provider.getBlockNumber();
    for (const [name, registered, key] of [
      ['rotateSigner', now.signer, signer],
      ['rotateAccount', now.account, account],
    ] as const) {
      if (registered.toLowerCase() === key) continue;
      block = await sent(registry, name, [config.operator.id, key, 0], { ...fees, nonce });
      nonce += 1n;
    }
    await moveFunds(provider, keys.account, account);
    // A copy first: at no moment is there no keys file.
    writeWholeText(kept, readFileSync(keysFile, 'utf8'));
    renameSync(`${keysFile}.next`, keysFile);
    syncFolderNow(dirname(keysFile));
    return { signer, account, block, kept };
  } finally {
    provider.destroy();
  }
}

type OfferedFees = Readonly<Record<string, bigint>>;

/** As the node itself would offer. Who has nothing offers no tip: a consortium's chain may take that. */
async function feesOf(provider: JsonRpcProvider, from: string): Promise<OfferedFees> {
  const [block, balance] = await Promise.all([provider.getBlock('latest'), provider.getBalance(from)]);
  const baseFee = block?.baseFeePerGas;
  if (baseFee == null) return { gasPrice: balance === 0n ? 0n : ((await provider.getFeeData()).gasPrice ?? 0n) };
  const tip = balance === 0n ? 0n : ((await provider.getFeeData()).maxPriorityFeePerGas ?? 0n);
  return { maxFeePerGas: 2n * baseFee + tip, maxPriorityFeePerGas: tip };
}

const transferGas = 21_000n;

/** What the old account has to pay for gas with, the new one needs now. */
async function moveFunds(provider: JsonRpcProvider, oldKey: string, to: string): Promise<void> {
  const wallet = new Wallet(oldKey, provider);
  const fees = await feesOf(provider, wallet.address);
  const cost = transferGas * (fees['maxFeePerGas'] ?? fees['gasPrice'] ?? 0n);
  const value = (await provider.getBalance(wallet.address)) - cost;
  if (value <= 0n) return;
  // Over whatever is stuck in the pool: it was signed by a key that counts no more.
  const nonce = await provider.getTransactionCount(wallet.address, 'latest');
  const transaction = await wallet.sendTransaction({ to, value, nonce, gasLimit: transferGas, ...fees });
  await transaction.wait();
}

async function sent(registry: Contract, name: string, args: readonly unknown[], fees: OfferedFees): Promise<number> {
  const method = registry.getFunction(name);
  // Asked without fees: an account without money may send all the same where a chain takes none.
  const gasLimit = ((await method.estimateGas(...args)) * 3n) / 2n;
  const transaction = (await method.send(...args, { ...fees, gasLimit })) as unknown as {
    wait(): Promise<{ blockNumber: number } | null>;
  };
  const receipt = await transaction.wait();
  if (receipt === null) throw new TandemError('chain-unavailable', `${name} was sent but not included in a block.`);
  return receipt.blockNumber;
}

function text({ why, step, says, lost }: AnswerOf<'recovery'>): string {
  const order = ['keys', 'chain', 'copies', 'done'];
  const steps = order.map((name) => (name === step ? `[${name}]` : name)).join(' → ');
  return [
    why === undefined ? says : `In recovery (${why}): ${steps}\n${says}`,
    ...lost.map(({ what, id, peer, says: reason }) => `lost: ${what} ${id} with operator ${peer}: ${reason}`),
  ].join('\n');
}
