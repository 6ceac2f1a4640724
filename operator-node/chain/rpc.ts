/** Reading the chain over JSON-RPC, from one endpoint or from several that agree (faults.md 7). */
import type { Interface } from 'ethers';
import { TandemError } from '../errors.ts';
import type { BatchId, Hash, Hex, OperatorId } from '../model/ids.ts';
import type { Network } from '../model/records.ts';
import type { BatchOutcome } from '../model/outcome.ts';
import type { Block, ChainLog, ChainReader, Checkpoint, FiledRequest, OperatorEntry } from './chain.ts';
import { decodeOperator } from './decode-operator.ts';
import {
  auditLogInterface,
  decodeCheckpoint,
  decodeCount,
  decodeLog,
  decodeOutcome,
  decodeRequest,
  registryInterface,
  settlementInterface,
} from './decode.ts';
import type { Endpoints, Said } from './endpoints.ts';
import type { Endpoint } from './endpoint.ts';
import { blockLogs, mayHoldLogsOf } from './logs.ts';
import { ask, hexNumber, map, rpcBlock, rpcCount, rpcHex, rpcLogs, type RpcBlock } from './wire.ts';

export interface RpcReaderOptions {
  readonly endpoints: Endpoints;
  readonly network: Network;
  /** Blocks on top of the consortium's finality: stricter, never laxer. */
  readonly extraDepth: number;
  /** Logs that name other operators alone are passed over undecoded; without it, none. */
  readonly self?: OperatorId;
}

/** More operators than these are no consortium's. */
const maxOperators = 10_000;

/** Blooms of this many blocks are remembered between `block` and `logs`. */
const rememberedBlooms = 512;

/** Where one endpoint sees the newest final block; the block itself where that is what it answered with. */
interface FinalSeen {
  readonly number: number;
  readonly block?: RpcBlock;
}

export class RpcReader implements ChainReader {
  readonly #endpoints: Endpoints;
  readonly #network: Network;
  readonly #extraDepth: number;
  readonly #self: OperatorId | undefined;
  readonly #addresses: readonly string[];
  /** By block hash: whether the header says that our contracts may have logged there. */
  readonly #mayHoldLogs = new Map<Hash, boolean>();
  #highest: Block | undefined;

  constructor(options: RpcReaderOptions) {
    this.#endpoints = options.endpoints;
    this.#network = options.network;
    this.#extraDepth = options.extraDepth;
    this.#self = options.self;
    const { OperatorRegistry, PairSettlement, AuditLog } = options.network.contracts;
    this.#addresses = [OperatorRegistry, PairSettlement, ...(AuditLog === undefined ? [] : [AuditLog])];
  }

  checkNetwork(): Promise<void> {
    return this.#endpoints.checkAll();
  }

  /** The highest that any endpoint has ever shown: an endpoint that falls back does not turn time back. */
  async head(): Promise<Block> {
    const blocks = await this.#endpoints.each('the newest block', (endpoint) => blockByTag(endpoint, 'latest'));
    for (const block of blocks) {
      if (this.#highest === undefined || block.number >= this.#highest.number) this.#highest = plain(block);
    }
    if (this.#highest === undefined) throw new TandemError('internal', 'No endpoint and no error');
    return this.#highest;
  }

  /** The newest block that a majority takes for final, if all that have a block of that number have the same one. */
  async finalHead(): Promise<Block> {
    const seen = new Map<Endpoint, FinalSeen>();
    const numbers = await this.#endpoints.each('the newest final block', async (endpoint) => {
      const said = await this.#finalSeen(endpoint);
      if ('value' in said) seen.set(endpoint, said.value);
      return map(said, ({ number }) => number);
    });
    const { majority } = this.#endpoints;
    const number = [...numbers].sort((a, b) => b - a)[majority - 1];
    if (number === undefined) {
      throw new TandemError('chain-unavailable', `Only ${numbers.length} RPC endpoints answer, ${majority} are needed`);
    }
    return this.#agreedBlock(number, async (endpoint) => {
      const known = seen.get(endpoint)?.block;
      return known?.number === number ? { value: known } : blockByTag(endpoint, hexNumber(number));
    });
  }

  async #finalSeen(endpoint: Endpoint): Promise<Said<FinalSeen>> {
    const { finality } = this.#network;
    const depth = this.#extraDepth + (finality.mode === 'depth' ? finality.depth : 0);
    return map(await blockByTag(endpoint, finality.mode === 'depth' ? 'latest' : 'finalized'), (block) =>
      depth === 0 ? { number: block.number, block } : { number: Math.max(0, block.number - depth) },
    );
  }

  block(number: number): Promise<Block> {
    return this.#agreedBlock(number, (endpoint) => blockByTag(endpoint, hexNumber(number)));
  }

  async #agreedBlock(number: number, from: (endpoint: Endpoint) => Promise<Said<RpcBlock>>): Promise<Block> {
    return this.#endpoints.agreed(`block ${number}`, async (endpoint) =>
      map(await from(endpoint), (block) => {
        this.#rememberBloom(block);
        return plain(block);
      }),
    );
  }

  #rememberBloom({ hash, logsBloom }: RpcBlock): void {
    if (logsBloom === undefined) return;
    // Several endpoints may tell of one block: one that hints at logs is enough to look closer.
    const hinted = this.#addresses.some((address) => mayHoldLogsOf(logsBloom, address));
    this.#mayHoldLogs.set(hash, hinted || this.#mayHoldLogs.get(hash) === true);
    const oldest = this.#mayHoldLogs.keys().next();
    if (this.#mayHoldLogs.size > rememberedBlooms && oldest.done === false) this.#mayHoldLogs.delete(oldest.value);
  }

  async logs(blockHash: Hash): Promise<readonly ChainLog[]> {
    const hinted = this.#mayHoldLogs.get(blockHash) ?? true;
    const logs = await this.#endpoints.agreed(`the logs of block ${blockHash}`, (endpoint) =>
      blockLogs(endpoint, blockHash, this.#addresses, hinted),
    );
    return logs.map((log) => decodeLog(log, this.#network.contracts, this.#self)).filter((log) => log !== undefined);
  }

  batchOutcome(batchId: BatchId, blockHash: Hash): Promise<BatchOutcome> {
    return this.#view(settlementInterface, 'batchOutcome', [batchId], blockHash, decodeOutcome);
  }

  nextSequence(initiator: OperatorId, acceptor: OperatorId, blockHash: Hash): Promise<number> {
    return this.#view(settlementInterface, 'nextSequence', [initiator, acceptor], blockHash, (data) =>
      decodeCount(settlementInterface, 'nextSequence', data),
    );
  }

  async lastCheckpoint(operator: OperatorId, blockHash: Hash): Promise<Checkpoint | undefined> {
    if (this.#network.contracts.AuditLog === undefined) return undefined;
    return this.#view(auditLogInterface, 'lastCheckpoint', [operator], blockHash, decodeCheckpoint);
  }

  async disclosureRequest(request: number, blockHash: Hash): Promise<FiledRequest | undefined> {
    if (this.#network.contracts.AuditLog === undefined) return undefined;
    return this.#view(auditLogInterface, 'disclosureRequest', [request], blockHash, (data) =>
      decodeRequest(request, data),
    );
  }

  async operators(blockHash: Hash): Promise<readonly OperatorEntry[]> {
    const [{ timestamp }, count] = await Promise.all([
      this.#endpoints.agreed(`block ${blockHash}`, async (endpoint) =>
        map(await ask(endpoint, 'eth_getBlockByHash', [blockHash, false], rpcBlock), plain),
      ),
      this.#view(registryInterface, 'operatorCount', [], blockHash, decodeOperatorCount),
    ]);
    const ids = Array.from({ length: count }, (_, index) => (index + 1) as OperatorId);
    return Promise.all(
      ids.map((id) =>
        this.#view(registryInterface, 'operator', [id], blockHash, (data) => decodeOperator(id, data, timestamp)),
      ),
    );
  }

  async operatorsChangedAfter(number: number): Promise<readonly OperatorId[]> {
    const { OperatorRegistry } = this.#network.contracts;
    const filter = { address: OperatorRegistry, fromBlock: hexNumber(number + 1), toBlock: 'latest' };
    const answers = await this.#endpoints.each('changes of the registry', async (endpoint) => {
      const newest = await ask(endpoint, 'eth_blockNumber', [], rpcCount);
      if ('unknown' in newest) return newest;
      // Not asked for: some endpoints refuse a range that begins above their newest block.
      return newest.value <= number ? { value: [] } : ask(endpoint, 'eth_getLogs', [filter], rpcLogs);
    });
    const changed = answers.flat().map((log) => decodeLog(log, this.#network.contracts));
    return [...new Set(changed.flatMap((log) => (log?.type === 'OperatorChanged' ? [log.operator] : [])))];
  }

  /**
   * State at the hash of one block; an endpoint that has replaced that block cannot say, nor can one whose answer is
   * nothing that the contract gives.
   */
  #view<T>(
    contract: Interface,
    name: string,
    args: readonly unknown[],
    blockHash: Hash,
    decode: (data: Hex) => T,
  ): Promise<T> {
    const { OperatorRegistry, PairSettlement, AuditLog } = this.#network.contracts;
    const call = {
      to:
        contract === registryInterface ? OperatorRegistry : contract === auditLogInterface ? AuditLog : PairSettlement,
      data: contract.encodeFunctionData(name, args),
    };
    return this.#endpoints.agreed(`${name}(${args.join(', ')}) at block ${blockHash}`, async (endpoint) =>
      understood(await ask(endpoint, 'eth_call', [call, { blockHash, requireCanonical: true }], rpcHex), decode),
    );
  }
}

const decodeOperatorCount = (data: Hex): number => {
  const count = decodeCount(registryInterface, 'operatorCount', data);
  if (count <= maxOperators) return count;
  throw new TandemError('chain-unreadable', `The registry counts ${count} operators; at most ${maxOperators} are read`);
};

function understood<T>(said: Said<Hex>, decode: (data: Hex) => T): Said<T> {
  if ('unknown' in said) return said;
  try {
    return { value: decode(said.value) };
  } catch (error) {
    if (error instanceof TandemError && error.code === 'chain-unreadable') return { unknown: error.message };
    throw error;
  }
}

const blockByTag = (endpoint: Endpoint, tag: string): Promise<Said<RpcBlock>> =>
  ask(endpoint, 'eth_getBlockByNumber', [tag, false], rpcBlock);

const plain = ({ number, hash, parentHash, timestamp }: RpcBlock): Block => ({ number, hash, parentHash, timestamp });
