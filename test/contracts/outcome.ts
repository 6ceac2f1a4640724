/** What a transaction did: its events by name and arguments, or the error that refused it. */
import {
  Interface,
  type Contract,
  type ContractTransactionResponse,
  type Log,
  type Result,
  type TransactionReceipt,
  isError,
} from 'ethers';

import {
  auditLogAbi,
  consortiumGovernorAbi,
  consortiumTimelockAbi,
  operatorRegistryAbi,
  pairSettlementAbi,
} from '../../operator-node/chain/abi.ts';

const known = [pairSettlementAbi, operatorRegistryAbi, auditLogAbi, consortiumGovernorAbi, consortiumTimelockAbi].map(
  (abi) => new Interface(abi),
);

/** Enough for any call of the tests; given, so that a refused call is sent and not only estimated. */
const gasLimit = 16_000_000;

/** The name of the event or error, then its arguments: numbers as bigint, bytes as hex, enums as bigint. */
export type Line = readonly unknown[];

const toLine = (name: string, args: Result): Line => [name, ...args.toArray(true)];

/** Sends the call and waits. @throws what the chain answers when it reverts. */
export async function receiptOf(contract: Contract, method: string, ...args: unknown[]): Promise<TransactionReceipt> {
  const response = (await contract.getFunction(method)(...args, { gasLimit })) as ContractTransactionResponse;
  const receipt = await response.wait();
  if (receipt === null) throw new Error(`${method} was not mined`);
  return receipt;
}

/** @returns the events of the call, in order. */
export async function eventsOf(contract: Contract, method: string, ...args: unknown[]): Promise<readonly Line[]> {
  return linesOf((await receiptOf(contract, method, ...args)).logs);
}

export function linesOf(logs: readonly Log[]): readonly Line[] {
  return logs.map((log) => {
    for (const abi of known) {
      const parsed = abi.parseLog(log);
      if (parsed !== null) return toLine(parsed.name, parsed.args);
    }
    throw new Error(`a log of none of the contracts: ${log.topics[0]}`);
  });
}

/** @returns the error that refused the call. @throws when it was not refused. */
export async function refusalOf(contract: Contract, method: string, ...args: unknown[]): Promise<Line> {
  try {
    await receiptOf(contract, method, ...args);
  } catch (error) {
    return parseRefusal(error);
  }
  throw new Error(`${method} was expected to be refused, and was not`);
}

/** @returns the error that refused a deployment. @throws when it was not refused. */
export async function deployRefusalOf(deployment: Promise<unknown>): Promise<Line> {
  try {
    await deployment;
  } catch (error) {
    return parseRefusal(error);
  }
  throw new Error('the deployment was expected to be refused, and was not');
}

function parseRefusal(error: unknown): Line {
  const data = revertData(error);
  for (const abi of known) {
    const parsed = data === undefined ? null : abi.parseError(data);
    if (parsed !== null) return toLine(parsed.name, parsed.args);
  }
  throw new Error(`refused without an error of these contracts: ${data ?? String(error)}`, { cause: error });
}

function revertData(error: unknown): string | undefined {
  if (isError(error, 'CALL_EXCEPTION') && error.data != null) return error.data;
  if (typeof error !== 'object' || error === null) return undefined;
  if ('data' in error && typeof error.data === 'string') return error.data;
  return 'cause' in error ? revertData(error.cause) : undefined;
}
