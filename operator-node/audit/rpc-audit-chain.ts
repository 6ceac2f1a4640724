/** The auditor's chain over Ethereum JSON-RPC: plain requests, nothing kept, nothing sent but reads. */
import { z } from 'zod';
import { RpcAddress } from '../chain/address.ts';
import { EndpointFault, exchange, patiently, refusal } from '../chain/exchange.ts';
import { readAnswers, saysRateLimit } from '../chain/replies.ts';
import { systemClock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import { isHash, isHex } from '../model/ids.ts';
import type { AuditBlock, AuditLog, RangeChain } from './audit-chain.ts';

const requestTimeoutMillis = 30_000;
const mebibyte = 1024 * 1024;
/** Logs of many blocks come in one answer. */
const bounds = { bytes: 64 * mebibyte, marks: 65_536 } as const;

const hash = z.string().toLowerCase().refine(isHash);
const hex = z.string().toLowerCase().refine(isHex);
const quantity = z.string().regex(/^0x[0-9a-fA-F]{1,64}$/);
const number = quantity.transform(Number).refine(Number.isSafeInteger);

const blockSchema = z.object({ number, hash, parentHash: hash, timestamp: number });
const logSchema = z.object({
  address: hex,
  topics: z.array(hash),
  data: hex,
  transactionHash: hash,
  blockHash: hash,
  blockNumber: number,
  logIndex: number,
  removed: z.boolean().optional(),
});
type Answer = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };

const toQuantity = (value: number): string => `0x${value.toString(16)}`;

/** Geth, Besu, anvil and Hardhat name it differently; the code 3 is Geth's. */
const isRevert = ({ code, message }: { code: number; message: string }): boolean =>
  code === 3 || /revert|invalid opcode|stack underflow|out of gas/i.test(message);

/** As Geth, Besu, Nethermind, Erigon, Reth and hosted endpoints say that they have the state of an old block no more. */
const isMissingState = (message: string): boolean =>
  /missing trie node|prun|archive|historical state|world state|state (is )?(not |un)available|no state available|state .*(not available|not found|missing)|exceeds maximum proof window/i.test(
    message,
  );

/** The endpoint answered, with an error. */
class RefusedCall extends TandemError {}

type Logs = readonly z.output<typeof logSchema>[];

/** Calls of one endpoint; what it refuses and what it does not answer is thrown in its name. */
class Caller {
  readonly #address: RpcAddress;
  readonly #options: Parameters<typeof exchange>[0];

  constructor(address: RpcAddress, fetchOver: typeof fetch) {
    this.#address = address;
    this.#options = { address, clock: systemClock, timeoutMillis: requestTimeoutMillis, fetchOver };
  }

  unavailable(what: string, cause?: unknown): TandemError {
    return new TandemError('chain-unavailable', `RPC endpoint ${this.#address.name}: ${what}`, { cause });
  }

  /** With what helps, where that is known. */
  refused(method: string, message: string): TandemError {
    const help = isMissingState(message) ? '; old state needs an archive endpoint' : '';
    const text = `RPC endpoint ${this.#address.name}: ${method} was answered with "${message}"${help}`;
    return new RefusedCall('chain-unavailable', text);
  }

  /** @throws {EndpointFault} */
  async ask(method: string, params: readonly unknown[]): Promise<Answer> {
    // Each request has an answer of its own: one id does for all.
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await patiently(systemClock, () => exchange(this.#options, body, bounds));
    const reply = readAnswers(this.#address, answer.text, [1]).replies.get(1);
    if (reply === undefined) throw new EndpointFault(this.#address.name, `the response has no answer to ${method}`);
    if (reply.ok) {
      if (!answer.ok) throw refusal(this.#options, answer, answer.text);
      return { result: reply.result };
    }
    if (saysRateLimit(reply)) throw this.unavailable(`${method} was answered with "${reply.message}"; ask again later`);
    return { error: { code: reply.code ?? 0, message: reply.message } };
  }

  async read<T>(method: string, params: readonly unknown[], schema: z.ZodType<T>): Promise<T> {
    const answer = await this.ask(method, params);
    if ('error' in answer) throw this.refused(method, answer.error.message);
    const result = schema.safeParse(answer.result);
    if (!result.success) throw this.unavailable(`the answer to ${method} is malformed`);
    return result.data;
  }

  async logs(filter: object): Promise<Logs> {
    const logs = await this.read('eth_getLogs', [filter], z.array(logSchema));
    return logs
      .filter(({ removed }) => removed !== true)
      .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }
}

/** Logs of many blocks, in ranges that the endpoint takes: it may refuse many blocks, or many logs, in whatever words. */
function rangeReader(caller: Caller): (filter: object, from: number, to: number) => Promise<Logs> {
  /** Halved where the endpoint refuses so many, and kept for what is asked next. */
  let blocksAtOnce = Infinity;
  return async function readRange(filter, from, to): Promise<Logs> {
    const until = Math.min(to, from + blocksAtOnce - 1);
    const range = { ...filter, fromBlock: toQuantity(from), toBlock: toQuantity(until) };
    const first: Logs = await caller.logs(range).catch((fault: unknown) => {
      if (until === from || !helpsToHalve(fault)) throw fault;
      blocksAtOnce = Math.min(blocksAtOnce, Math.ceil((until - from + 1) / 2));
      return readRange(filter, from, until);
    });
    return until === to ? first : [...first, ...(await readRange(filter, until + 1, to))];
  };
}

/** `url` is http or https; messages name its host only, since the rest may hold a secret. */
export function rpcAuditChain(url: string, fetchOver: typeof fetch = fetch): RangeChain {
  const caller = new Caller(new RpcAddress(url), fetchOver);
  const readRange = rangeReader(caller);
  return {
    chainId: () => caller.read('eth_chainId', [], quantity.transform(BigInt)),

    async block(at): Promise<AuditBlock | undefined> {
      const tag = typeof at === 'number' ? toQuantity(at) : at;
      const block = await caller.read('eth_getBlockByNumber', [tag, false], blockSchema.nullable());
      return block ?? undefined;
    },

    code: (address, blockHash) => caller.read('eth_getCode', [address, { blockHash }], hex),

    async call(to, data, blockHash) {
      const answer = await caller.ask('eth_call', [{ to, data }, { blockHash }]);
      if ('error' in answer) {
        if (isRevert(answer.error)) return undefined;
        throw caller.refused('eth_call', answer.error.message);
      }
      const result = hex.safeParse(answer.result);
      if (!result.success) throw caller.unavailable('the answer to eth_call is malformed');
      return result.data;
    },

    async logs(address, blockHash): Promise<readonly AuditLog[]> {
      const logs = await caller.logs({ address, blockHash });
      return logs.filter((log) => log.blockHash === blockHash && log.address === address);
    },

    async history(address, secondTopic, from, to): Promise<readonly AuditLog[]> {
      const logs = await readRange({ address, topics: [null, secondTopic] }, from, to);
      return logs.filter((log) => log.topics[1] === secondTopic && log.address === address);
    },

    async range(address, from, to): Promise<readonly AuditLog[]> {
      const logs = await readRange({ address }, from, to);
      return logs.filter((log) => log.address === address);
    },
  };
}

/** Neither silence nor a limit of requests is about the size of what was asked. */
const helpsToHalve = (fault: unknown): boolean =>
  fault instanceof EndpointFault ? fault.smaller !== 'no' : fault instanceof RefusedCall;
