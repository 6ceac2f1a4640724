/** Transactions into the chain over JSON-RPC: handed to every endpoint, since one that has it may be gone when it counts. */
import { TandemError } from '../errors.ts';
import type { Hash, Hex } from '../model/ids.ts';
import type { Broadcast, ChainWriter, Fees, FeesAsked, NonceUser, Receipt } from './chain.ts';
import type { Endpoint } from './endpoint.ts';
import type { Endpoints, Said } from './endpoints.ts';
import { ceiling } from './fees.ts';
import { describeRevert } from './calls.ts';
import { findUser } from './nonce-user.ts';
import { readTransaction } from './signing.ts';
import { ask, hexNumber, map, rpcBlock, rpcCount, rpcQuantity, rpcReceipt } from './wire.ts';

export class RpcWriter implements ChainWriter {
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  async broadcast(raw: Hex): Promise<Broadcast> {
    const answers = await this.#endpoints.each('sending a transaction', (endpoint) => handOver(endpoint, raw));
    return answers.reduce((best, next) => (rank(next) < rank(best) ? next : best));
  }

  receipt(transactionHash: Hash): Promise<Receipt | undefined> {
    return this.#endpoints.common(async (endpoint) =>
      map(
        await ask(endpoint, 'eth_getTransactionReceipt', [transactionHash], rpcReceipt),
        ({ status, blockNumber, blockHash }): Receipt => ({
          status: status === 1n ? 'included' : 'reverted',
          block: { number: blockNumber, hash: blockHash },
        }),
      ),
    );
  }

  async nonce(address: string, at: 'newest' | Hash): Promise<number> {
    const count = (endpoint: Endpoint, block: unknown): Promise<Said<number>> =>
      ask(endpoint, 'eth_getTransactionCount', [address, block], rpcCount);
    if (at !== 'newest') {
      return this.#endpoints.agreed(`the nonce of ${address} at block ${at}`, (endpoint) =>
        count(endpoint, { blockHash: at, requireCanonical: true }),
      );
    }
    const counts = await this.#endpoints.each(`the nonce of ${address}`, (endpoint) => count(endpoint, 'latest'));
    return this.#saidByMost(counts, (one) => BigInt(one));
  }

  async fees(): Promise<FeesAsked> {
    return this.#saidByMost(await this.#endpoints.each('fees', askFees), ({ offer }) => ceiling(offer));
  }

  async balance(address: string): Promise<bigint> {
    const balances = await this.#endpoints.each(`the balance of ${address}`, (endpoint) =>
      ask(endpoint, 'eth_getBalance', [address, 'latest'], rpcQuantity),
    );
    return this.#saidByMost(balances, (one) => one);
  }

  async userOf(address: string, nonce: number, upTo: number): Promise<NonceUser> {
    const found = await this.#endpoints.common((endpoint) => findUser(endpoint, address, nonce, upTo));
    return found ?? { by: 'unknown' };
  }

  /**
   * The highest that a majority does not fall short of: endpoints may be some blocks apart, and one alone that says too much
   * or too little moves nothing.
   */
  #saidByMost<T>(said: readonly T[], size: (one: T) => bigint): T {
    const highestFirst = [...said].sort((a, b) => (size(a) < size(b) ? 1 : size(a) > size(b) ? -1 : 0));
    const found = highestFirst[Math.min(this.#endpoints.majority, said.length) - 1];
    if (found === undefined) throw new TandemError('internal', 'No endpoint and no error');
    return found;
  }

  async revertReason(raw: Hex, blockNumber: number): Promise<string | undefined> {
    const { from, to, data, gasLimit } = readTransaction(raw);
    const call = { from, to, data, gas: `0x${gasLimit.toString(16)}` };
    const replies = await this.#endpoints.each('the reason of a revert', async (endpoint) => ({
      value: await endpoint.call('eth_call', [call, hexNumber(Math.max(0, blockNumber - 1))]),
    }));
    for (const reply of replies) {
      if (reply.ok) continue;
      const revert = typeof reply.data === 'string' ? describeRevert(reply.data) : undefined;
      return revert ?? reply.message;
    }
    return undefined;
  }
}

/** Best first. */
const order: readonly Broadcast['outcome'][] = ['held', 'nonce-used', 'underpriced', 'refused'];
/** One that has it still counts before one that takes it as new. */
const rank = (broadcast: Broadcast): number =>
  order.indexOf(broadcast.outcome) - (broadcast.outcome === 'held' && broadcast.known === true ? 0.5 : 0);

async function handOver(endpoint: Endpoint, raw: Hex): Promise<Said<Broadcast>> {
  const reply = await endpoint.call('eth_sendRawTransaction', [raw]);
  return { value: reply.ok ? { outcome: 'held' } : readRefusal(reply.message) };
}

/** What geth, Besu, Nethermind, Erigon, anvil and Hardhat say; their codes do not tell the cases apart. */
export function readRefusal(message: string): Broadcast {
  if (/already (known|imported|exists|in)|known transaction|already_?known/i.test(message))
    return { outcome: 'held', known: true };
  if (/nonce (is |has )?(too low|already)|old ?nonce|nonce.*(lower than|below)/i.test(message)) {
    return { outcome: 'nonce-used' };
  }
  if (
    /underpriced|fee ?(too low|cap less)|(gas ?price|fee ?per ?gas).*(below|less than|too low|lower)/i.test(message)
  ) {
    return { outcome: 'underpriced' };
  }
  return { outcome: 'refused', reason: message };
}

/** Room for the base fee to double: it rises by at most an eighth a block. */
const baseFeeRoom = 2n;

async function askFees(endpoint: Endpoint): Promise<Said<FeesAsked>> {
  const [newest, tip, gasPrice] = await Promise.all([
    ask(endpoint, 'eth_getBlockByNumber', ['latest', false], rpcBlock),
    ask(endpoint, 'eth_maxPriorityFeePerGas', [], rpcQuantity),
    ask(endpoint, 'eth_gasPrice', [], rpcQuantity),
  ]);
  if ('unknown' in newest) return newest;
  const { baseFeePerGas } = newest.value;
  if (baseFeePerGas === undefined) {
    return map(gasPrice, (value) => ({ offer: { kind: 'legacy', gasPrice: value }, baseFee: 0n }));
  }
  // Not every client has the method, and some suggest a tip where the chain asks for none: the gas price is base fee and tip.
  const asked = 'value' in gasPrice ? gasPrice.value - baseFeePerGas : undefined;
  const suggested = 'value' in tip ? tip.value : undefined;
  const tips = [asked, suggested].filter((value) => value !== undefined).map((value) => (value > 0n ? value : 0n));
  const maxPriorityFeePerGas = tips.reduce((least, next) => (next < least ? next : least), tips[0] ?? 0n);
  const offer: Fees = {
    kind: 'eip1559',
    maxFeePerGas: baseFeePerGas * baseFeeRoom + maxPriorityFeePerGas,
    maxPriorityFeePerGas,
  };
  return { value: { offer, baseFee: baseFeePerGas } };
}
