/** The parts of JSON-RPC answers that the node reads, checked. Hashes and addresses come out in lower case. */
import { z } from 'zod';
import { isHash, isHex, type UnixSeconds } from '../model/ids.ts';
import type { Endpoint } from './endpoint.ts';
import type { Said } from './endpoints.ts';

const hash = z.string().toLowerCase().refine(isHash);
const address = z
  .string()
  .toLowerCase()
  .regex(/^0x[0-9a-f]{40}$/);

export const rpcHex = z.string().toLowerCase().refine(isHex);
export const rpcQuantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/)
  .transform(BigInt);
export const rpcCount = rpcQuantity.transform(Number).refine(Number.isSafeInteger);

export const rpcBlock = z.object({
  number: rpcCount,
  hash,
  parentHash: hash,
  timestamp: rpcCount.transform((value) => value as UnixSeconds),
  logsBloom: rpcHex.optional(),
  baseFeePerGas: rpcQuantity.optional(),
});
export type RpcBlock = z.output<typeof rpcBlock>;

/**
 * A list that is read up to the first item of another form: an endpoint may send many, and a finding for each would take
 * longer than the list itself.
 */
const listOf = <S extends z.ZodType>(item: S): z.ZodType<readonly z.output<S>[]> =>
  z.array(z.unknown()).transform((values, context) => {
    const read: z.output<S>[] = [];
    for (const value of values) {
      const parsed = item.safeParse(value);
      if (!parsed.success) {
        context.addIssue({ code: 'custom', message: `item ${read.length} has another form than expected` });
        return z.NEVER;
      }
      read.push(parsed.data);
    }
    return read;
  });

/** Asked for without the bodies of transactions. */
export const rpcBlockTransactions = z.object({ hash, transactions: listOf(hash) });

/** With the bodies of transactions: as much of them as shows whose nonces they use. */
const rpcTransaction = z.object({
  hash,
  from: address,
  nonce: rpcCount,
  authorizationList: z
    .array(
      z.object({
        chainId: rpcQuantity,
        address,
        nonce: rpcQuantity,
        yParity: rpcQuantity,
        r: rpcQuantity,
        s: rpcQuantity,
      }),
    )
    .optional(),
});
export type RpcTransaction = z.output<typeof rpcTransaction>;
export const rpcFullBlock = z.object({ hash, transactions: z.array(rpcTransaction) });

const rpcLog = z.object({
  address,
  topics: listOf(hash),
  data: rpcHex,
  blockHash: hash,
  transactionHash: hash,
  logIndex: rpcCount,
  removed: z.boolean().optional(),
});
export type RpcLog = z.output<typeof rpcLog>;
export const rpcLogs = listOf(rpcLog);

export const rpcReceipt = z.object({
  blockHash: hash,
  blockNumber: rpcCount,
  status: rpcQuantity,
  logs: rpcLogs,
});

export const hexNumber = (value: number): string => `0x${value.toString(16)}`;

/** An error, nothing, or something of another form: the endpoint cannot say. */
export async function ask<S extends z.ZodType>(
  endpoint: Endpoint,
  method: string,
  params: readonly unknown[],
  schema: S,
): Promise<Said<z.output<S>>> {
  const reply = await endpoint.call(method, params);
  if (!reply.ok) return { unknown: `${method}: ${reply.message}${reply.code === undefined ? '' : ` (${reply.code})`}` };
  if (reply.result === null || reply.result === undefined) return { unknown: `${method}: it has none` };
  const parsed = schema.safeParse(reply.result);
  return parsed.success
    ? { value: parsed.data }
    : { unknown: `${method}: the answer has another form than expected`, wrong: true };
}

export const map = <A, B>(said: Said<A>, change: (value: A) => B): Said<B> =>
  'value' in said ? { value: change(said.value) } : said;
