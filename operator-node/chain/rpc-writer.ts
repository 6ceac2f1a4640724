/** Transactions into the chain over JSON-RPC: handed to every endpoint, since one that has it may be gone when it counts. */
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
    return this.#endpoints.common('a receipt', async (endpoint) =>
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
      return this.#endpoints.agreed(
        `the nonce of ${address} at block ${at}`,
        (endpoint) => count(endpoint, { blockHash: at, requireCanonical: true }),
        'eth_getTransactionCount',
      );
    }
    // One that is behind says less; one that lies may say what is never reached.
    const [nonce] = await this.#endpoints.reached(`the nonce of ${address}`, (endpoint) => count(endpoint, 'latest'));
    return nonce;
  }

  fees(): Promise<FeesAsked> {
    return this.#endpoints.ranked('fees', askFees, ({ offer }) => ceiling(offer));
  }

  balance(address: string): Promise<bigint> {
    return this.#endpoints.ranked(
      `the balance of ${address}`,
      (endpoint) => ask(endpoint, 'eth_getBalance', [address, 'latest'], rpcQuantity),
      (balance) => balance,
    );
  }

  async userOf(address: string, nonce: number, upTo: number): Promise<NonceUser> {
    const found = await this.#endpoints.common('who used a nonce', (endpoint) =>
      findUser(endpoint, address, nonce, upTo),
    );
    return found ?? { by: 'unknown' };
  }

  async revertReason(raw: Hex, blockNumber: number): Promise<string | undefined> {
    const { from, to, data, gasLimit } = readTransaction(raw);
    const call = { from, to, data, gas: `0x${gasLimit.toString(16)}` };
    const replies = await this.#endpoints.each('the reason of a revert', async (endpoint) => ({
      value: await endpoint.call('eth_call', [call, hexNumber(Math.max(0, blockNumber - 1))]),
    }));
    const reasons = replies.flatMap((reply) => {
      if (reply.ok) return [];
      const revert = typeof reply.data === 'string' ? describeRevert(reply.data) : undefined;
      return [revert ?? reply.message];
    });
    // What most say: it is a hint for staff, and one of them may say anything.
    const times = (reason: string): number => reasons.filter((other) => other === reason).length;
    return reasons.toSorted((a, b) => times(b) - times(a))[0];
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
