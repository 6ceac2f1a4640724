/**
 * A chain in memory behind JSON-RPC, that says whatever a test wants: logs and answers of the contracts as bytes, and
 * around them what any endpoint says. Nothing is checked here: the contracts of this chain write what no contract would.
 */
import { keccak256, id, type Interface, type Result } from 'ethers';
import { auditLogInterface, registryInterface, settlementInterface } from '../../../operator-node/chain/decode.ts';
import type { Hash, OperatorId, UnixSeconds } from '../../../operator-node/model/ids.ts';
import type { Network } from '../../../operator-node/model/records.ts';
import { encodeStruct, fieldsOf, hexOf, type Field } from './values.ts';

export interface RawLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

interface TestBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash;
  readonly timestamp: UnixSeconds;
  readonly logs: readonly RawLog[];
}

const code = '0x00';
export const contracts = {
  OperatorRegistry: `0x${'0e'.repeat(20)}`,
  PairSettlement: `0x${'5e'.repeat(20)}`,
  AuditLog: `0x${'ad'.repeat(20)}`,
} as const;

const interfaces: ReadonlyMap<string, Interface> = new Map<string, Interface>([
  [contracts.OperatorRegistry, registryInterface],
  [contracts.PairSettlement, settlementInterface],
  [contracts.AuditLog, auditLogInterface],
]);

export const interfaceOf = (contract: keyof typeof contracts): Interface =>
  interfaces.get(contracts[contract]) as Interface;

/** Of the contract's struct that the view returns, or of its single values. */
export function outputsOf(contract: keyof typeof contracts, view: string): readonly Field[] {
  const outputs = interfaceOf(contract).getFunction(view)?.outputs ?? [];
  const [only] = outputs;
  return fieldsOf(outputs.length === 1 && only?.components ? only.components : outputs);
}

const hash = (text: string): Hash => id(text) as Hash;
const quantity = (value: number): string => `0x${value.toString(16)}`;
export const beginning = 1_800_000_000;
const blockSeconds = 2;

/** By operator and field: bytes in place of what the registry has. */
export type Overrides = ReadonlyMap<string, Uint8Array>;

/** The answer to a view, with its arguments; undefined: the plain one. */
export type ViewAnswer = (view: string, args: Result) => string | undefined;

/** What an endpoint says instead; `truth` is the result that an honest one gives. */
export type RpcLie = (method: string, truth: unknown, params: readonly unknown[]) => unknown;

export class TestChain {
  readonly blocks: TestBlock[] = [];
  readonly network: Network;
  /** Of the registry's entries, by operator. */
  readonly entries = new Map<number, Map<string, Uint8Array>>();
  views: ViewAnswer = () => undefined;
  /** By host and port. */
  readonly lies = new Map<string, RpcLie>();

  constructor() {
    this.add();
    const codeHash = keccak256(code) as Hash;
    this.network = {
      chainId: '31337',
      genesisHash: (this.blocks[0] as TestBlock).hash,
      contracts,
      codeHashes: { OperatorRegistry: codeHash, PairSettlement: codeHash, AuditLog: codeHash },
      firstBlock: 1,
      finality: { mode: 'depth', depth: 0 },
    };
  }

  get height(): number {
    return this.blocks.length - 1;
  }

  add(...logs: readonly RawLog[]): number {
    const number = this.blocks.length;
    this.blocks.push({
      number,
      hash: hash(`block ${number}`),
      parentHash: hash(`block ${number - 1}`),
      timestamp: (beginning + number * blockSeconds) as UnixSeconds,
      logs,
    });
    return number;
  }

  /** Other logs in a block that is there already. */
  replace(number: number, ...logs: readonly RawLog[]): void {
    this.blocks[number] = { ...(this.blocks[number] as TestBlock), logs };
  }

  /** An operator with that status, a pin and keys of its own, unless said otherwise by field. */
  admit(operator: number, fields: Readonly<Record<string, Uint8Array>> = {}): void {
    this.entries.set(operator, new Map(Object.entries(fields)));
  }

  /** For `connect`: endpoints differ by host and port. */
  readonly fetchOver: typeof fetch = async (input, init) => {
    const { host } = new URL(input instanceof Request ? input.url : input);
    const body = JSON.parse(String(init?.body)) as Call | readonly Call[];
    const one = (call: Call): object => {
      const lie = this.lies.get(host);
      const truth = this.#answer(call.method, call.params);
      return { jsonrpc: '2.0', id: call.id, result: lie === undefined ? truth : lie(call.method, truth, call.params) };
    };
    const answer = Array.isArray(body) ? body.map(one) : one(body as Call);
    return new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } });
  };

  #answer(method: string, params: readonly unknown[]): unknown {
    const [first, second] = params;
    switch (method) {
      case 'eth_chainId':
        return quantity(31_337);
      case 'eth_blockNumber':
        return quantity(this.height);
      case 'eth_getBlockByNumber':
        return this.#shown(first === 'latest' || first === 'finalized' ? this.height : Number(first));
      case 'eth_getBlockByHash':
        return this.#shown(this.blocks.findIndex((block) => block.hash === first));
      case 'eth_getCode':
        return code;
      case 'eth_getLogs':
        return this.#logs(first as LogFilter);
      case 'eth_getTransactionReceipt':
        return this.#receipt(String(first));
      case 'eth_call':
        return this.#call(first as { to: string; data: string }, second);
      default:
        throw new Error(`the chain of this test does not know ${method}`);
    }
  }

  #shown(number: number): unknown {
    const block = this.blocks[number];
    if (block === undefined) return null;
    const { hash, parentHash, timestamp, logs } = block;
    const transactions = logs.map((_, index) => this.#transaction(number, index));
    return { number: quantity(number), hash, parentHash, timestamp: quantity(timestamp), transactions };
  }

  #transaction(number: number, index: number): Hash {
    return hash(`transaction ${number} ${index}`);
  }

  #shownLog({ number, hash: blockHash }: TestBlock, log: RawLog, index: number): object {
    const transactionHash = this.#transaction(number, index);
    return { ...log, blockHash, blockNumber: quantity(number), transactionHash, logIndex: quantity(index) };
  }

  #logs({ address, blockHash, fromBlock, toBlock, topics }: LogFilter): unknown {
    const wanted = new Set([address].flat());
    const from = fromBlock === undefined ? 0 : Number(fromBlock);
    const to = toBlock === undefined || toBlock === 'latest' ? this.height : Number(toBlock);
    return this.blocks
      .filter(({ hash, number }) => (blockHash === undefined ? number >= from && number <= to : hash === blockHash))
      .flatMap((block) =>
        block.logs.flatMap((log, index) =>
          wanted.has(log.address) && (topics ?? []).every((topic, at) => topic === null || topic === log.topics[at])
            ? [this.#shownLog(block, log, index)]
            : [],
        ),
      );
  }

  #receipt(transaction: string): unknown {
    for (const block of this.blocks) {
      for (const [index, log] of block.logs.entries()) {
        if (this.#transaction(block.number, index) !== transaction) continue;
        const logs = [this.#shownLog(block, log, index)];
        return { blockHash: block.hash, blockNumber: quantity(block.number), status: '0x1', logs };
      }
    }
    return null;
  }

  #call({ to, data }: { readonly to: string; readonly data: string }, _at: unknown): unknown {
    const contract = interfaces.get(to.toLowerCase());
    const parsed = contract?.parseTransaction({ data });
    if (contract === undefined || parsed === null || parsed === undefined) throw new Error(`no view ${data}`);
    const given = this.views(parsed.name, parsed.args);
    if (given !== undefined) return given;
    if (parsed.name === 'operatorCount') {
      return contract.encodeFunctionResult('operatorCount', [Math.max(0, ...this.entries.keys())]);
    }
    if (parsed.name === 'operator') {
      const entry = this.entries.get(Number(parsed.args[0])) ?? new Map<string, Uint8Array>();
      return hexOf(encodeStruct(outputsOf('OperatorRegistry', 'operator'), plainEntry(Number(parsed.args[0]), entry)));
    }
    const outputs = parsed.fragment.outputs;
    const [only] = outputs;
    const fields = fieldsOf(outputs.length === 1 && only?.components ? only.components : outputs);
    const zeros = new Map(
      fields.filter(({ type }) => !/\[\]$|^string$|^bytes$/.test(type)).map(({ name }) => [name, new Uint8Array(32)]),
    );
    return hexOf(encodeStruct(fields, zeros));
  }
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

interface LogFilter {
  readonly address: string | readonly string[];
  readonly blockHash?: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly topics?: readonly (string | null)[];
}

const padded = (byte: number, length: number): Uint8Array =>
  Buffer.concat([new Uint8Array(32 - length), new Uint8Array(length).fill(byte)]);

/** No overlaps; status active; every key of its own. */
const plainEntry = (operator: number, entry: Overrides): Overrides => {
  const zero = new Uint8Array(32);
  const plain: Record<string, Uint8Array> = {
    status: padded(1, 1),
    handle: Buffer.from(`operator-${operator}`),
    controller: padded(0xc0 + operator, 20),
    pendingController: zero,
    account: padded(0xa0 + operator, 20),
    previousAccount: zero,
    previousAccountUntil: zero,
    signer: new Uint8Array(20).fill(0x50 + operator),
    previousSigner: new Uint8Array(),
    previousSignerUntil: zero,
    pin: new Uint8Array(32).fill(0xb0 + operator),
    nextPin: zero,
    previousPin: zero,
    previousPinUntil: zero,
    endpoint: Buffer.from(`https://operator-${operator}.example`),
    emergencyUntil: zero,
  };
  return new Map([...Object.entries(plain), ...entry]);
};

export const asOperator = (id: number): OperatorId => id as OperatorId;
