/** Reading the chain over JSON-RPC, from one endpoint or from several that agree (faults.md 7). */
import type { Interface } from 'ethers';
import { hasPassed, systemClock, type Clock } from '../engine/clock.ts';
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
import { ask, hexNumber, map, rpcBlock, rpcCount, rpcHex, rpcLogs, type RpcBlock, type RpcLog } from './wire.ts';

export interface RpcReaderOptions {
  readonly endpoints: Endpoints;
  /** Default: the system's. */
  readonly clock?: Clock;
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

/**
 * Where one endpoint sees the newest block, or the newest final one; the block itself where that is what it answered
 * with.
 */
interface Seen {
  readonly number: number;
  readonly block?: RpcBlock;
}

const rememberedShown = 128;

/** How long a newest block counts that a majority has shown and shows no more. */
const highestMillis = 60_000;
/** How far below the tip to look for a block that the endpoints have in common. */
const maxForkBlocks = 64;

export class RpcReader implements ChainReader {
  readonly #clock: Clock;
  readonly #endpoints: Endpoints;
  readonly #network: Network;
  readonly #extraDepth: number;
  readonly #self: OperatorId | undefined;
  readonly #addresses: readonly string[];
  /** By block hash and endpoint: whether the header that it gave says that our contracts may have logged there. */
  readonly #mayHoldLogs = new Map<Hash, Map<string, boolean>>();
  /** Newest blocks as each endpoint has shown them, by its name and their number, until they are final. */
  readonly #shown = new Map<string, Map<number, Hash>>();
  /** The newest block that a majority has shown, and when it last did. */
  #highest: { readonly block: Block; readonly at: number } | undefined;

  constructor(options: RpcReaderOptions) {
    this.#clock = options.clock ?? systemClock;
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

  /**
   * The newest block that a majority has. One endpoint that falls back does not turn time back; one that runs ahead does
   * not move it. What a majority has shown counts a while longer when an endpoint is lost, and is forgotten then.
   */
  async head(): Promise<Block> {
    const seen = new Map<Endpoint, Seen>();
    const numbers = await this.#endpoints.reached('the newest block', (endpoint) =>
      this.#see(seen, endpoint, 'latest', 0),
    );
    const highest = this.#highest;
    const found = await this.#common(numbers, seen);
    const isOld = highest !== undefined && hasPassed(this.#clock, highest.at, highestMillis);
    if (found !== undefined && (highest === undefined || isOld || found.number >= highest.block.number)) {
      this.#highest = { block: found, at: this.#clock.now() };
      return found;
    }
    if (highest !== undefined && !isOld) return highest.block;
    throw new TandemError('chain-unavailable', `The RPC endpoints have no block in common near ${numbers[0]}`);
  }

  /** The tip may be two blocks for a moment: then the one below it. */
  async #common(
    [highest, ...lower]: readonly [number, ...number[]],
    seen: Map<Endpoint, Seen>,
  ): Promise<Block | undefined> {
    const below: number[] = [];
    for (let less = 1; less <= maxForkBlocks && highest - less >= 0; less *= 2) below.push(highest - less);
    for (const number of [highest, ...lower.filter((one) => highest - one <= maxForkBlocks), ...below]) {
      const block = await this.#endpoints.common('a block at the tip', this.#blockFrom(number, seen));
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** The newest block that a majority takes for final, and has the same of. */
  async finalHead(): Promise<Block> {
    const { finality } = this.#network;
    const depth = this.#extraDepth + (finality.mode === 'depth' ? finality.depth : 0);
    const tag = finality.mode === 'depth' ? 'latest' : 'finalized';
    const seen = new Map<Endpoint, Seen>();
    const about = 'the newest final block';
    const numbers = await this.#endpoints.reached(about, (endpoint) => this.#see(seen, endpoint, tag, depth));
    let trouble: unknown;
    // One that claims to have a block and then gives another keeps the others from it until they are as far.
    for (const number of numbers) {
      try {
        const from = this.#blockFrom(number, seen);
        const block = await this.#endpoints.agreed(`block ${number}`, from, 'eth_getBlockByNumber');
        this.#compareShown(block);
        return block;
      } catch (error) {
        trouble ??= error;
      }
    }
    throw trouble;
  }

  async #see(seen: Map<Endpoint, Seen>, endpoint: Endpoint, tag: string, depth: number): Promise<Said<number>> {
    const said = map(await blockByTag(endpoint, tag), (block): Seen =>
      depth === 0 ? { number: block.number, block } : { number: Math.max(0, block.number - depth) },
    );
    if ('value' in said) {
      seen.set(endpoint, said.value);
      if (tag === 'latest' && said.value.block !== undefined) this.#rememberShown(endpoint, said.value.block);
    }
    return map(said, ({ number }) => number);
  }

  #rememberShown({ name }: Endpoint, { number, hash }: RpcBlock): void {
    const shown = this.#shown.get(name) ?? new Map<number, Hash>();
    this.#shown.set(name, shown.set(number, hash));
    const oldest = shown.keys().next();
    if (shown.size > rememberedShown && oldest.done === false) shown.delete(oldest.value);
  }

  /** One that shows newest blocks which never come lies, however little it is ahead. */
  #compareShown({ number, hash }: Block): void {
    for (const [name, shown] of this.#shown) {
      const before = shown.get(number);
      if (before === undefined) continue;
      shown.delete(number);
      this.#endpoints.keptWord('newest blocks, which do not come', name, before === hash);
    }
  }

  #blockFrom(number: number, seen?: ReadonlyMap<Endpoint, Seen>): (endpoint: Endpoint) => Promise<Said<Block>> {
    return async (endpoint) => {
      const known = seen?.get(endpoint)?.block;
      const said = known?.number === number ? { value: known } : await blockByTag(endpoint, hexNumber(number));
      if ('value' in said && said.value.number !== number) {
        return { unknown: `asked for block ${number}, it gives block ${said.value.number}`, wrong: true };
      }
      return map(said, (block) => {
        this.#rememberBloom(endpoint, block);
        return plain(block);
      });
    };
  }

  async block(number: number): Promise<Block> {
    const block = await this.#endpoints.agreed(`block ${number}`, this.#blockFrom(number), 'eth_getBlockByNumber');
    this.#compareShown(block);
    return block;
  }

  #rememberBloom({ name }: Endpoint, { hash, logsBloom }: RpcBlock): void {
    if (logsBloom === undefined) return;
    const known = this.#mayHoldLogs.get(hash) ?? new Map<string, boolean>();
    known.set(
      name,
      this.#addresses.some((address) => mayHoldLogsOf(logsBloom, address)),
    );
    this.#mayHoldLogs.set(hash, known);
    const oldest = this.#mayHoldLogs.keys().next();
    if (this.#mayHoldLogs.size > rememberedBlooms && oldest.done === false) this.#mayHoldLogs.delete(oldest.value);
  }

  async logs(blockHash: Hash): Promise<readonly ChainLog[]> {
    const hints = this.#mayHoldLogs.get(blockHash);
    const logs = await this.#endpoints.agreed(
      `the logs of block ${blockHash}`,
      (endpoint) => blockLogs(endpoint, blockHash, this.#addresses, hints?.get(endpoint.name) ?? true),
      'eth_getLogs',
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
      this.#endpoints.agreed(
        `block ${blockHash}`,
        async (endpoint) => map(await ask(endpoint, 'eth_getBlockByHash', [blockHash, false], rpcBlock), plain),
        'eth_getBlockByHash',
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
      const logs: Said<readonly RpcLog[]> =
        newest.value <= number ? { value: [] } : await ask(endpoint, 'eth_getLogs', [filter], rpcLogs);
      return map(logs, (found) => this.#operatorsIn(found));
    });
    // One that tells of a change is enough: what it leads to is read again, and a majority must agree on that.
    return [...new Set(answers.flat())];
  }

  #operatorsIn(logs: readonly RpcLog[]): readonly OperatorId[] {
    const decoded = logs.map((log) => decodeLog(log, this.#network.contracts));
    return decoded.flatMap((log) => (log?.type === 'OperatorChanged' ? [log.operator] : []));
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
    return this.#endpoints.agreed(
      `${name}(${args.join(', ')}) at block ${blockHash}`,
      async (endpoint) =>
        understood(await ask(endpoint, 'eth_call', [call, { blockHash, requireCanonical: true }], rpcHex), decode),
      'eth_call',
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
    if (error instanceof TandemError && error.code === 'chain-unreadable')
      return { unknown: error.message, wrong: true };
    throw error;
  }
}

const blockByTag = (endpoint: Endpoint, tag: string): Promise<Said<RpcBlock>> =>
  ask(endpoint, 'eth_getBlockByNumber', [tag, false], rpcBlock);

const plain = ({ number, hash, parentHash, timestamp }: RpcBlock): Block => ({ number, hash, parentHash, timestamp });
