/**
 * A chain as a node can meet it: a pool, blocks, depth until final, and on order reorganisations up to that depth, dropped
 * transactions, stalls. What is final never changes. The contract is `contract.ts`.
 */
import type { Block, Broadcast, ChainLog } from '../../../operator-node/chain/chain.ts';
import type { Hash, UnixSeconds } from '../../../operator-node/model/ids.ts';
import type { Chance } from '../random.ts';
import { Revert, type Call, type Contract } from './contract.ts';

export interface ModelTransaction {
  readonly hash: Hash;
  readonly from: string;
  readonly nonce: number;
  /** What a unit of gas is paid. */
  readonly fee: bigint;
  readonly gas: bigint;
  readonly call: Call;
}

export interface ModelBlock extends Block {
  readonly logs: readonly ChainLog[];
  /** After this block. */
  readonly state: Contract;
  readonly nonces: ReadonlyMap<string, number>;
  readonly receipts: ReadonlyMap<Hash, 'included' | 'reverted'>;
  readonly transactions: readonly ModelTransaction[];
}

/** What gas costs, and who has what. */
export interface Market {
  /** In wei a unit of gas; no block takes a transaction that offers less. */
  baseFee: bigint;
  tip: bigint;
  /** Pools refuse any price but 0. */
  onlyFree: boolean;
  /** In wei. Whoever is not in it has enough of everything, and is asked for nothing. */
  readonly balances: Map<string, bigint>;
}

/** What any transaction uses. */
const gasUsed = 100_000n;

export interface ModelChainOptions {
  readonly chance: Chance;
  readonly contract: Contract;
  /** Unix seconds. */
  readonly genesisTime: number;
  /** Blocks on top of one until it is final. */
  readonly depth: number;
  readonly market: Market;
  /** Called once for each block, in order, when it is final. */
  readonly onFinal: (block: ModelBlock) => void;
}

export class ModelChain {
  readonly depth: number;
  readonly market: Market;
  /** Probability that a transaction fails before it runs: its nonce is used, and there is no other trace of it. */
  usedUp = 0;
  readonly #chance: Chance;
  readonly #blocks: ModelBlock[];
  readonly #byHash = new Map<Hash, ModelBlock>();
  readonly #pool = new Map<string, Map<number, ModelTransaction>>();
  readonly #onFinal: (block: ModelBlock) => void;
  #made = 0;
  #finalised = 0;

  constructor({ chance, contract, genesisTime, depth, market, onFinal }: ModelChainOptions) {
    this.#chance = chance;
    this.market = market;
    this.depth = depth;
    this.#onFinal = onFinal;
    const genesis: ModelBlock = {
      number: 0,
      hash: this.#newHash(),
      parentHash: `0x${'0'.repeat(64)}` as Hash,
      timestamp: genesisTime as UnixSeconds,
      logs: [],
      state: contract,
      nonces: new Map(),
      receipts: new Map(),
      transactions: [],
    };
    this.#blocks = [genesis];
    this.#byHash.set(genesis.hash, genesis);
  }

  get newest(): ModelBlock {
    return this.#at(this.#blocks.length - 1);
  }

  get final(): ModelBlock {
    return this.#at(Math.max(0, this.newest.number - this.depth));
  }

  get pooled(): number {
    let count = 0;
    for (const ofSender of this.#pool.values()) count += ofSender.size;
    return count;
  }

  block(number: number): ModelBlock | undefined {
    return this.#blocks[number];
  }

  /** Also a block that the chain has replaced: a machine that kept it can still answer for it. */
  byHash(hash: Hash): ModelBlock | undefined {
    return this.#byHash.get(hash);
  }

  receipt(
    hash: Hash,
    upTo: number,
  ): { readonly status: 'included' | 'reverted'; readonly block: ModelBlock } | undefined {
    for (let number = Math.min(upTo, this.newest.number); number > 0; number -= 1) {
      const block = this.#at(number);
      const status = block.receipts.get(hash);
      if (status !== undefined) return { status, block };
    }
    return undefined;
  }

  submit(transaction: ModelTransaction): Broadcast {
    const { from, nonce, hash, fee, gas } = transaction;
    if (nonce < (this.newest.nonces.get(from) ?? 0)) return { outcome: 'nonce-used' };
    const balance = this.market.balances.get(from);
    if (balance !== undefined && this.market.onlyFree && fee > 0n) {
      return { outcome: 'refused', reason: 'Gas price not 0' };
    }
    if (balance !== undefined && balance < fee * gas) {
      return { outcome: 'refused', reason: 'Insufficient funds for gas * price + value' };
    }
    let ofSender = this.#pool.get(from);
    if (ofSender === undefined) this.#pool.set(from, (ofSender = new Map<number, ModelTransaction>()));
    const there = ofSender.get(nonce);
    if (there !== undefined && there.hash !== hash && fee * 10n < there.fee * 11n) return { outcome: 'underpriced' };
    ofSender.set(nonce, transaction);
    return { outcome: 'held', known: there?.hash === hash };
  }

  /** Takes transactions out of the pool: a machine was started again, or found them too old. */
  drop(probability: number): number {
    let dropped = 0;
    for (const ofSender of this.#pool.values()) {
      for (const nonce of ofSender.keys()) {
        if (!this.#chance.happens(probability)) continue;
        ofSender.delete(nonce);
        dropped += 1;
      }
    }
    return dropped;
  }

  /** The next block. `leftOut`: the probability that a sender's next transaction, and what follows it, waits. */
  produce(timestamp: number, leftOut: number): ModelBlock {
    const parent = this.newest;
    const nonces = new Map(parent.nonces);
    const receipts = new Map<Hash, 'included' | 'reverted'>();
    const transactions: ModelTransaction[] = [];
    const logs: ChainLog[] = [];
    const time = Math.max(timestamp, parent.timestamp + 1);
    let { state } = parent;
    const senders = [...this.#pool.keys()];
    while (senders.length > 0) {
      const [sender = ''] = senders.splice(this.#chance.below(senders.length), 1);
      const ofSender = this.#pool.get(sender);
      for (;;) {
        const nonce = nonces.get(sender) ?? 0;
        const transaction = ofSender?.get(nonce);
        if (transaction === undefined || this.#chance.happens(leftOut) || !this.#pays(transaction)) break;
        ofSender?.delete(nonce);
        nonces.set(sender, nonce + 1);
        if (this.usedUp > 0 && this.market.balances.has(sender) && this.#chance.happens(this.usedUp)) continue;
        transactions.push(transaction);
        const after = execute(state, transaction, time, logs);
        receipts.set(transaction.hash, after === undefined ? 'reverted' : 'included');
        if (after !== undefined) state = after;
      }
      for (const nonce of ofSender?.keys() ?? []) if (nonce < (nonces.get(sender) ?? 0)) ofSender?.delete(nonce);
    }
    const block: ModelBlock = {
      number: parent.number + 1,
      hash: this.#newHash(),
      parentHash: parent.hash,
      timestamp: time as UnixSeconds,
      logs,
      state,
      nonces,
      receipts,
      transactions,
    };
    this.#blocks.push(block);
    this.#byHash.set(block.hash, block);
    while (this.#finalised < this.final.number) {
      this.#finalised += 1;
      this.#onFinal(this.#at(this.#finalised));
    }
    return block;
  }

  /** Takes what it costs from its sender; false: it stays in the pool. What a block costs that is replaced is not given back. */
  #pays({ from, fee, gas }: ModelTransaction): boolean {
    const { balances, baseFee, tip } = this.market;
    const balance = balances.get(from);
    if (balance === undefined) return true;
    if (fee < baseFee || balance < fee * gas) return false;
    const price = fee < baseFee + tip ? fee : baseFee + tip;
    balances.set(from, balance - price * gasUsed);
    return true;
  }

  /**
   * The newest blocks that are not final are replaced by as many others and one more. Their transactions are in the pool
   * again, or lost.
   */
  reorganise(lost: number): number {
    const replaced = this.newest.number - Math.max(this.#finalised, this.newest.number - this.depth);
    if (replaced === 0) return 0;
    const gone = this.#blocks.splice(this.#blocks.length - replaced);
    for (const block of gone) {
      for (const transaction of block.transactions) if (!this.#chance.happens(lost)) this.#putBack(transaction);
    }
    for (const block of gone) this.produce(block.timestamp, 0.5);
    this.produce((gone.at(-1)?.timestamp ?? 0) + 1, 0.5);
    return replaced;
  }

  #putBack(transaction: ModelTransaction): void {
    let ofSender = this.#pool.get(transaction.from);
    if (ofSender === undefined) this.#pool.set(transaction.from, (ofSender = new Map<number, ModelTransaction>()));
    if (!ofSender.has(transaction.nonce)) ofSender.set(transaction.nonce, transaction);
  }

  #at(number: number): ModelBlock {
    const block = this.#blocks[number];
    if (block === undefined) throw new RangeError(`the model chain has no block ${number}`);
    return block;
  }

  #newHash(): Hash {
    this.#made += 1;
    return `0x${'b'.repeat(48)}${this.#made.toString(16).padStart(16, '0')}` as Hash;
  }
}

/** The state after it; undefined when the contract took it back. */
function execute(
  state: Contract,
  { call, from, hash }: ModelTransaction,
  timestamp: number,
  logs: ChainLog[],
): Contract | undefined {
  const draft = state.copy();
  try {
    for (const event of draft.call({ sender: from, timestamp }, call)) {
      logs.push({ ...event, transactionHash: hash, logIndex: logs.length });
    }
    return draft;
  } catch (error) {
    if (error instanceof Revert) return undefined;
    throw error;
  }
}
