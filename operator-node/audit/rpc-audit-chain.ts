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

/** `url` is http or https; messages name its host only, since the rest may hold a secret. */
export function rpcAuditChain(url: string, fetchOver: typeof fetch = fetch): RangeChain {
  const address = new RpcAddress(url);
  const options = { address, clock: systemClock, timeoutMillis: requestTimeoutMillis, fetchOver };
  /** Blocks that logs are asked of at once: halved where the endpoint refuses so many, and kept for what is asked next. */
  let blocksAtOnce = Infinity;

  const unavailable = (what: string, cause?: unknown): TandemError =>
    new TandemError('chain-unavailable', `RPC endpoint ${address.name}: ${what}`, { cause });

  /** @throws {EndpointFault} */
  async function ask(method: string, params: readonly unknown[]): Promise<Answer> {
    // Each has a connection's answer of its own: one id does for all.
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await patiently(systemClock, () => exchange(options, body, bounds));
    const reply = readAnswers(address, answer.text, [1]).replies.get(1);
    if (reply === undefined) throw new EndpointFault(address.name, `no answer to ${method} in what came`);
    if (reply.ok) {
      if (!answer.ok) throw refusal(options, answer, answer.text);
      return { result: reply.result };
    }
    if (saysRateLimit(reply)) throw unavailable(`${method} was answered with "${reply.message}"; ask again later`);
    return { error: { code: reply.code ?? 0, message: reply.message } };
  }

  /** What it says, and what helps where that is known. */
  const refused = (method: string, message: string): TandemError =>
    new RefusedCall(
      'chain-unavailable',
      `RPC endpoint ${address.name}: ${method} was answered with "${message}"${isMissingState(message) ? '; old state needs an archive endpoint' : ''}`,
    );

  async function read<T>(method: string, params: readonly unknown[], schema: z.ZodType<T>): Promise<T> {
    const answer = await ask(method, params);
    if ('error' in answer) throw refused(method, answer.error.message);
    const result = schema.safeParse(answer.result);
    if (!result.success) throw unavailable(`the answer to ${method} has another form than expected`);
    return result.data;
  }

  /** In ranges that the endpoint takes: it may refuse many blocks, or many logs, in whatever words. */
  async function readRange(filter: object, from: number, to: number): Promise<readonly z.output<typeof logSchema>[]> {
    const until = Math.min(to, from + blocksAtOnce - 1);
    const range = { ...filter, fromBlock: toQuantity(from), toBlock: toQuantity(until) };
    const first = await readLogs(range).catch((fault: unknown) => {
      if (until === from || !helpsToHalve(fault)) throw fault;
      blocksAtOnce = Math.min(blocksAtOnce, Math.ceil((until - from + 1) / 2));
      return readRange(filter, from, until);
    });
    return until === to ? first : [...first, ...(await readRange(filter, until + 1, to))];
  }

  async function readLogs(filter: object): Promise<readonly z.output<typeof logSchema>[]> {
    const logs = await read('eth_getLogs', [filter], z.array(logSchema));
    return logs
      .filter(({ removed }) => removed !== true)
      .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }

  return {
    chainId: () => read('eth_chainId', [], quantity.transform(BigInt)),

    async block(at): Promise<AuditBlock | undefined> {
      const tag = typeof at === 'number' ? toQuantity(at) : at;
      const block = await read('eth_getBlockByNumber', [tag, false], blockSchema.nullable());
      return block ?? undefined;
    },

    code: (address, blockHash) => read('eth_getCode', [address, { blockHash }], hex),

    async call(to, data, blockHash) {
      const answer = await ask('eth_call', [{ to, data }, { blockHash }]);
      if ('error' in answer) {
        if (isRevert(answer.error)) return undefined;
        throw refused('eth_call', answer.error.message);
      }
      const result = hex.safeParse(answer.result);
      if (!result.success) throw unavailable('the answer to eth_call has another form than expected');
      return result.data;
    },

    async logs(address, blockHash): Promise<readonly AuditLog[]> {
      const logs = await readLogs({ address, blockHash });
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
