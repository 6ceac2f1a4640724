/** The auditor's chain over Ethereum JSON-RPC: plain requests, nothing kept, nothing sent but reads. */
import { z } from 'zod';
import { TandemError } from '../errors.ts';
import { isHash, isHex } from '../model/ids.ts';
import type { AuditBlock, AuditLog, RangeChain } from './auditChain.ts';

const requestTimeoutMillis = 30_000;

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
const answerSchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});

type Answer = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };

const toQuantity = (value: number): string => `0x${value.toString(16)}`;

/** Geth, Besu, anvil and Hardhat name it differently; the code 3 is Geth's. */
const isRevert = ({ code, message }: { code: number; message: string }): boolean =>
  code === 3 || /revert|invalid opcode|stack underflow|out of gas/i.test(message);

/** `url` is http or https; messages name its host only, since the rest may hold a secret. */
export function rpcAuditChain(url: string, fetchOver: typeof fetch = fetch): RangeChain {
  let id = 0;

  const unavailable = (what: string, cause?: unknown): TandemError =>
    new TandemError('chain-unavailable', `RPC endpoint ${new URL(url).host}: ${what}`, { cause });

  async function ask(method: string, params: readonly unknown[]): Promise<Answer> {
    let body: unknown;
    try {
      const response = await fetchOver(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params }),
        signal: AbortSignal.timeout(requestTimeoutMillis),
      });
      body = await response.json();
    } catch (cause) {
      throw unavailable(`no answer to ${method}: ${(cause as Error).message}`, cause);
    }
    const answer = answerSchema.safeParse(body);
    if (!answer.success) throw unavailable(`the answer to ${method} is no JSON-RPC answer`);
    return answer.data.error === undefined ? { result: answer.data.result } : { error: answer.data.error };
  }

  async function read<T>(method: string, params: readonly unknown[], schema: z.ZodType<T>): Promise<T> {
    const answer = await ask(method, params);
    if ('error' in answer) {
      throw unavailable(`${method} was answered with "${answer.error.message}"; old state needs an archive endpoint`);
    }
    const result = schema.safeParse(answer.result);
    if (!result.success) throw unavailable(`the answer to ${method} has another form than expected`);
    return result.data;
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
        throw unavailable(`eth_call was answered with "${answer.error.message}"; old state needs an archive endpoint`);
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
      const range = { fromBlock: toQuantity(from), toBlock: toQuantity(to) };
      const logs = await readLogs({ address, topics: [null, secondTopic], ...range });
      return logs.filter((log) => log.topics[1] === secondTopic && log.address === address);
    },

    async range(address, from, to): Promise<readonly AuditLog[]> {
      const logs = await readLogs({ address, fromBlock: toQuantity(from), toBlock: toQuantity(to) });
      return logs.filter((log) => log.address === address);
    },
  };
}
