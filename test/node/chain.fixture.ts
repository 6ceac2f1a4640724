/** Both contracts on a chain of the test's own, two operators, batches signed by them; and what stands between. */
import { ContractFactory, TypedDataEncoder, Wallet, id, keccak256, sha256, toUtf8Bytes } from 'ethers';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { operatorRegistryAbi, pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { settlementCalls, type SettlementCalls } from '../../operator-node/chain/calls.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import { registryInterface } from '../../operator-node/chain/decode.ts';
import type { Endpoints } from '../../operator-node/chain/endpoints.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { RpcWriter } from '../../operator-node/chain/rpc-writer.ts';
import { systemClock, type Clock } from '../../operator-node/engine/clock.ts';
import type { BatchId, Hash, Hex, OperatorId, UnixMillis, UnixSeconds } from '../../operator-node/model/ids.ts';
import type { Batch, Network, SignedBatch } from '../../operator-node/model/records.ts';
import { chainId, startAnvil, type Anvil } from './anvil.ts';

export interface TestOperator {
  readonly id: OperatorId;
  readonly controller: Wallet;
  readonly account: Wallet;
  readonly signer: Wallet;
  readonly pin: Hash;
}

export interface TestChain {
  readonly anvil: Anvil;
  readonly network: Network;
  readonly calls: SettlementCalls;
  readonly authority: Wallet;
  readonly stranger: Wallet;
  readonly aurora: TestOperator;
  readonly borealis: TestOperator;
  /** Sends, without making a block. @returns its hash */
  send(from: Wallet, to: string, data: string): Promise<Hash>;
  /** Sends and makes a block of it. @throws {Error} when it reverts. */
  act(from: Wallet, to: string, data: string): Promise<ActReceipt>;
  /** The registry's function, called by that wallet, in a block of its own. */
  registry(from: Wallet, name: string, ...args: readonly unknown[]): Promise<ActReceipt>;
  fund(address: string): Promise<void>;
  /** A batch of the lane aurora → borealis: the first, of one pair and an hour, unless said otherwise. */
  sign(change?: Partial<Batch>): Promise<SignedBatch>;
  endpoints(urls?: readonly string[], clock?: Clock): Endpoints;
  reader(options?: {
    readonly urls?: readonly string[];
    readonly extraDepth?: number;
    readonly clock?: Clock;
  }): RpcReader;
  writer(): RpcWriter;
}

export interface ActReceipt {
  readonly status: string;
  readonly gasUsed: string;
  readonly blockHash: Hash;
  readonly blockNumber: string;
  readonly transactionHash: Hash;
}

const wallet = (name: string): Wallet => new Wallet(id(name));

const batchType = {
  Batch: [
    { name: 'initiator', type: 'uint32' },
    { name: 'acceptor', type: 'uint32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'deadline', type: 'uint40' },
    { name: 'count', type: 'uint16' },
    { name: 'root', type: 'bytes32' },
  ],
};

const operatorOf = (operatorId: number, name: string): TestOperator => ({
  id: operatorId as OperatorId,
  controller: wallet(`${name} controller`),
  account: wallet(`${name} account`),
  signer: wallet(`${name} signer`),
  pin: sha256(toUtf8Bytes(`${name} pin`)) as Hash,
});

function creationCode(
  contract: string,
  abi: readonly (object | string)[],
  ...args: readonly unknown[]
): Promise<string> {
  const path = join(import.meta.dirname, `../../artifacts/contracts/${contract}.sol/${contract}.json`);
  const artifact = JSON.parse(readFileSync(path, 'utf8')) as { readonly bytecode: string };
  return new ContractFactory(abi, artifact.bytecode).getDeployTransaction(...args).then(({ data }) => data);
}

/** No fees, and nobody has anything. */
export const freeChain: readonly string[] = ['--accounts', '0', '--gas-price', '0', '--base-fee', '0'];

/** Stopped when the test ends, or as `atEnd` says. `anvilArgs` may ask for fees. */
export async function openChain(
  finality: Network['finality'] = { mode: 'depth', depth: 0 },
  anvilArgs: readonly string[] = freeChain,
  atEnd: (stop: () => Promise<void>) => void = onTestFinished,
): Promise<TestChain> {
  const anvil = await startAnvil(...anvilArgs);
  atEnd(() => anvil.stop());
  const authority = wallet('authority');
  const stranger = wallet('stranger');
  const aurora = operatorOf(1, 'aurora');
  const borealis = operatorOf(2, 'borealis');
  const fund = async (address: string): Promise<void> => {
    await anvil.rpc('anvil_setBalance', address, `0x${(10n ** 21n).toString(16)}`);
  };
  for (const { address } of [
    authority,
    stranger,
    aurora.controller,
    aurora.account,
    borealis.controller,
    borealis.account,
  ]) {
    await fund(address);
  }

  const send = async (from: Wallet, to: string | null, data: string): Promise<Hash> => {
    const raw = await from.signTransaction({
      chainId,
      nonce: Number(await anvil.rpc<string>('eth_getTransactionCount', from.address, 'pending')),
      to,
      data,
      gasLimit: 10_000_000,
      type: 2,
      maxFeePerGas: 10_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
    });
    return anvil.rpc<Hash>('eth_sendRawTransaction', raw);
  };
  const act = async (
    from: Wallet,
    to: string | null,
    data: string,
  ): Promise<ActReceipt & { readonly contractAddress: string }> => {
    const hash = await send(from, to, data);
    await anvil.mine();
    const receipt = await anvil.rpc<ActReceipt & { readonly contractAddress: string }>(
      'eth_getTransactionReceipt',
      hash,
    );
    if (receipt.status !== '0x1') throw new Error(`the transaction ${hash} reverted`);
    return receipt;
  };

  const finalityArg = finality.mode === 'depth' ? { mode: 0, depth: finality.depth } : { mode: 1, depth: 0 };
  const registryCode = await creationCode(
    'OperatorRegistry',
    operatorRegistryAbi,
    authority.address,
    86_400,
    finalityArg,
  );
  const deployed = await act(authority, null, registryCode);
  const OperatorRegistry = deployed.contractAddress.toLowerCase();
  const settlementCode = await creationCode('PairSettlement', pairSettlementAbi, OperatorRegistry);
  const PairSettlement = (await act(authority, null, settlementCode)).contractAddress.toLowerCase();
  for (const [name, { controller, account, signer, pin }] of Object.entries({ aurora, borealis })) {
    const args = [name, controller.address, account.address, signer.address, pin, `https://127.0.0.1/${name}`];
    await act(authority, OperatorRegistry, registryInterface.encodeFunctionData('admit', args));
  }
  const code = async (address: string): Promise<Hash> =>
    keccak256(await anvil.rpc<string>('eth_getCode', address, 'latest')) as Hash;
  const network: Network = {
    chainId: String(chainId),
    genesisHash: (await anvil.rpc<{ readonly hash: Hash }>('eth_getBlockByNumber', '0x0', false)).hash,
    contracts: { OperatorRegistry, PairSettlement },
    codeHashes: { OperatorRegistry: await code(OperatorRegistry), PairSettlement: await code(PairSettlement) },
    firstBlock: Number(deployed.blockNumber),
    finality,
  };

  const sign = async (change: Partial<Batch> = {}): Promise<SignedBatch> => {
    const { timestamp } = await anvil.rpc<{ readonly timestamp: string }>('eth_getBlockByNumber', 'latest', false);
    const batch: Batch = {
      initiator: aurora.id,
      acceptor: borealis.id,
      sequence: 1,
      deadline: (Number(timestamp) + 3600) as UnixSeconds,
      count: 1,
      root: id('root') as Hash,
      ...change,
    };
    const domain = { name: 'Tandem', version: '1', chainId, verifyingContract: PairSettlement };
    const signerOf = (operator: OperatorId): Wallet => (operator === aurora.id ? aurora : borealis).signer;
    return {
      batchId: TypedDataEncoder.hash(domain, batchType, batch) as BatchId,
      batch,
      initiatorSignature: (await signerOf(batch.initiator).signTypedData(domain, batchType, batch)) as Hex,
      acceptorSignature: (await signerOf(batch.acceptor).signTypedData(domain, batchType, batch)) as Hex,
    };
  };

  const endpoints = (urls: readonly string[] = [anvil.url], clock: Clock = systemClock): Endpoints =>
    connect({ network, urls, clock });
  return {
    anvil,
    network,
    calls: settlementCalls(PairSettlement),
    authority,
    stranger,
    aurora,
    borealis,
    send,
    act,
    registry: (from, name, ...args) => act(from, OperatorRegistry, registryInterface.encodeFunctionData(name, args)),
    fund,
    sign,
    endpoints,
    reader: ({ urls, extraDepth = 0, clock = systemClock } = {}) =>
      new RpcReader({ endpoints: endpoints(urls, clock), network, extraDepth, clock }),
    writer: () => new RpcWriter(endpoints()),
  };
}

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What an endpoint says instead of the truth; undefined: the truth. */
export type Lie = (
  call: RpcCall,
  truth: () => Promise<RpcAnswer>,
) => Promise<RpcAnswer | undefined> | RpcAnswer | undefined;

export type RpcAnswer =
  { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };

export interface LyingEndpoint {
  readonly url: string;
  readonly name: string;
  /** What it was asked, also while it did not answer. */
  calls: readonly RpcCall[];
  /** From now on. */
  lie: Lie;
  /** The HTTP status of its answers; 0: it answers nothing. */
  status: number;
}

/** An endpoint of that chain that can be made to lie, to fail and to be silent. Stopped when the test ends. */
export async function startEndpoint(anvil: Anvil, lie: Lie = () => undefined): Promise<LyingEndpoint> {
  const state = { lie, status: 200, calls: [] as readonly RpcCall[] };
  const answer = async (request: RpcCall & { readonly id: number }): Promise<object> => {
    state.calls = [...state.calls, { method: request.method, params: request.params }];
    const truth = async (): Promise<RpcAnswer> => {
      const response = await fetch(anvil.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      return (await response.json()) as RpcAnswer;
    };
    return { ...((await state.lie(request, truth)) ?? (await truth())), jsonrpc: '2.0', id: request.id };
  };
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void (async () => {
        if (state.status === 0) return;
        const body = JSON.parse(Buffer.concat(chunks).toString()) as (RpcCall & { readonly id: number })[];
        const answers = Array.isArray(body) ? await Promise.all(body.map(answer)) : await answer(body);
        response.writeHead(state.status, { 'content-type': 'application/json' }).end(JSON.stringify(answers));
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, { url: `http://${name}`, name });
}

/** Time passes when the test says so. */
export class ManualClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>();

  now(): UnixMillis {
    return this.#now as UnixMillis;
  }

  after(millis: number, action: () => void): () => void {
    const timer = { at: this.#now + millis, action };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Runs what has come due, in order of time. */
  advance(millis: number): void {
    const end = this.#now + millis;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = end;
  }
}
