/** One node's way to the model chain: what its endpoints can do wrong, and what they never do (`chain/chain.ts`). */
import type {
  Block,
  Broadcast,
  ChainLog,
  ChainReader,
  ChainWriter,
  Checkpoint,
  FeesAsked,
  FiledRequest,
  NonceUser,
  OperatorEntry,
  Receipt,
} from '../../../operator-node/chain/chain.ts';
import { TandemError } from '../../../operator-node/errors.ts';
import type { BatchId, Hash, Hex, OperatorId, UnixSeconds } from '../../../operator-node/model/ids.ts';
import type { BatchOutcome } from '../../../operator-node/model/outcome.ts';
import type { Chance } from '../random.ts';
import type { ModelBlock, ModelChain, ModelTransaction } from './model-chain.ts';
import type { Notary } from './notary.ts';
import type { RegistryEntry } from './contract.ts';

/** What is wrong with a node's endpoints now. */
export interface ChainTrouble {
  down: boolean;
  /** Blocks behind. */
  lag: number;
  /** Each answer is another number of blocks behind, up to `lag`. */
  flapping: boolean;
  slowMillis: number;
  /** Probability that a transaction is taken and nobody hears of it. */
  lostReplies: number;
  /** Probability that a transaction is said to be taken and is not. */
  swallowed: number;
  /** Probability that an answer cannot be given: the endpoints disagree, or too few of them have these logs. */
  disagreeing: number;
}

export const noTrouble = (): ChainTrouble => ({
  down: false,
  lag: 0,
  flapping: false,
  slowMillis: 0,
  lostReplies: 0,
  swallowed: 0,
  disagreeing: 0,
});

export interface ChainPortOptions {
  readonly chain: ModelChain;
  readonly notary: Notary;
  /** Whose node it is. */
  readonly self: OperatorId;
  /** What a hostile member has put on the chain besides, where there is one. */
  readonly hostile?: () => HostileView | undefined;
  readonly trouble: ChainTrouble;
  readonly chance: Chance;
  /** Passes when the process that asks can go on, after so many milliseconds; never for one that is gone. */
  readonly pass: (millis: number) => Promise<void>;
  /** A transaction leaves the node; false: the process is gone before it does. */
  readonly leaves: (raw: Hex) => boolean;
  readonly fired: (
    fault: 'reply-lost' | 'transaction-swallowed' | 'endpoint-down' | 'endpoint-behind' | 'endpoints-disagree',
  ) => void;
  /** Whoever sends it keeps it back so long. */
  readonly submit: (transaction: ModelTransaction) => Broadcast;
}

export interface HostileView {
  readonly operator: OperatorId;
  logsOf(block: ModelBlock, self: OperatorId): readonly ChainLog[];
  entryOf(block: ModelBlock, entry: RegistryEntry): OperatorEntry;
}

const noPins: readonly Hash[] = [];

export class ChainPort implements ChainReader, ChainWriter {
  readonly #options: ChainPortOptions;

  constructor(options: ChainPortOptions) {
    this.#options = options;
  }

  checkNetwork(): Promise<void> {
    return Promise.resolve();
  }

  head(): Promise<Block> {
    return this.#ask((newest) => newest);
  }

  finalHead(): Promise<Block> {
    return this.#ask((newest) => this.#block(Math.max(0, newest.number - this.#options.chain.depth)));
  }

  block(number: number): Promise<Block> {
    return this.#ask((newest) => {
      if (number > newest.number) throw unavailable(`no block ${number} yet`);
      return this.#block(number);
    });
  }

  logs(blockHash: Hash): Promise<readonly ChainLog[]> {
    const { hostile, self } = this.#options;
    return this.#ask(() => {
      const block = this.#byHash(blockHash);
      const more = hostile?.()?.logsOf(block, self) ?? [];
      return more.length === 0 ? block.logs : [...block.logs, ...more];
    });
  }

  batchOutcome(batchId: BatchId, blockHash: Hash): Promise<BatchOutcome> {
    return this.#ask(() => this.#byHash(blockHash).state.outcome(batchId));
  }

  nextSequence(initiator: OperatorId, acceptor: OperatorId, blockHash: Hash): Promise<number> {
    return this.#ask(() => this.#byHash(blockHash).state.nextSequence(initiator, acceptor));
  }

  lastCheckpoint(operator: OperatorId, blockHash: Hash): Promise<Checkpoint | undefined> {
    return this.#ask(() => this.#byHash(blockHash).state.lastCheckpoint(operator));
  }

  disclosureRequest(request: number, blockHash: Hash): Promise<FiledRequest | undefined> {
    return this.#ask(() => this.#byHash(blockHash).state.disclosureRequest(request));
  }

  operators(blockHash: Hash): Promise<readonly OperatorEntry[]> {
    return this.#ask(() => {
      const block = this.#byHash(blockHash);
      const { state, timestamp } = block;
      const hostile = this.#options.hostile?.();
      return [...state.registry].map(([id, entry]): OperatorEntry => {
        if (hostile?.operator === id) return hostile.entryOf(block, entry);
        const withPrevious = <T>(current: T, previous: T, until: number): readonly T[] =>
          until >= timestamp ? [current, previous] : [current];
        const ends = [entry.previousAccountUntil, entry.previousSignerUntil].filter((end) => end >= timestamp);
        return {
          id,
          handle: `operator-${id}`,
          status: entry.status,
          controller: entry.controller,
          accounts: withPrevious(entry.account, entry.previousAccount, entry.previousAccountUntil),
          signers: withPrevious(entry.signer, entry.previousSigner, entry.previousSignerUntil),
          pins: noPins,
          endpoint: `https://operator-${id}.example`,
          ...(ends.length === 0 ? {} : { overlapEnds: Math.min(...ends) as UnixSeconds }),
        };
      });
    });
  }

  operatorsChangedAfter(number: number): Promise<readonly OperatorId[]> {
    return this.#ask((newest) => {
      const changed = new Set<OperatorId>();
      for (let at = number + 1; at <= newest.number; at += 1) {
        for (const log of this.#block(at).logs) if (log.type === 'OperatorChanged') changed.add(log.operator);
      }
      const hostile = this.#options.hostile?.();
      if (hostile !== undefined) changed.add(hostile.operator);
      return [...changed];
    });
  }

  async broadcast(raw: Hex): Promise<Broadcast> {
    const { submit, notary, trouble, chance, fired, leaves } = this.#options;
    if (!leaves(raw)) return new Promise(() => undefined);
    return this.#ask(() => {
      if (chance.happens(trouble.swallowed)) {
        fired('transaction-swallowed');
        return { outcome: 'held' };
      }
      const outcome = submit(notary.read(raw));
      if (!chance.happens(trouble.lostReplies)) return outcome;
      fired('reply-lost');
      throw unavailable('no reply');
    });
  }

  receipt(transactionHash: Hash): Promise<Receipt | undefined> {
    return this.#ask((newest) => {
      const found = this.#options.chain.receipt(transactionHash, newest.number);
      if (found === undefined) return undefined;
      return { status: found.status, block: { number: found.block.number, hash: found.block.hash } };
    });
  }

  nonce(address: string, at: Hash): Promise<number> {
    return this.#ask((newest) => (at.length === 66 ? this.#byHash(at) : newest).nonces.get(address) ?? 0);
  }

  fees(): Promise<FeesAsked> {
    return this.#ask(() => {
      const { baseFee, tip } = this.#options.chain.market;
      return {
        offer: { kind: 'eip1559', maxFeePerGas: 2n * baseFee + tip, maxPriorityFeePerGas: tip },
        baseFee,
      };
    });
  }

  balance(address: string): Promise<bigint> {
    return this.#ask(() => this.#options.chain.market.balances.get(address) ?? 10n ** 30n);
  }

  userOf(address: string, nonce: number, upTo: number): Promise<NonceUser> {
    return this.#ask((newest) => {
      for (let number = 0; number <= Math.min(upTo, newest.number); number += 1) {
        const block = this.#block(number);
        if ((block.nonces.get(address) ?? 0) <= nonce) continue;
        const used = block.transactions.find((one) => one.from === address && one.nonce === nonce);
        return used === undefined
          ? { by: 'nothing', block: number }
          : { by: 'transaction', hash: used.hash, block: number };
      }
      return { by: 'unknown' };
    });
  }

  revertReason(): Promise<string | undefined> {
    return this.#ask(() => undefined);
  }

  async #ask<T>(read: (newest: ModelBlock) => T): Promise<T> {
    const { pass, trouble, chain, chance, fired } = this.#options;
    await pass(trouble.slowMillis === 0 ? 0 : chance.between(1, trouble.slowMillis));
    if (trouble.down) {
      fired('endpoint-down');
      throw unavailable('connection refused');
    }
    if (chance.happens(trouble.disagreeing)) {
      fired('endpoints-disagree');
      throw unavailable('the endpoints say different things');
    }
    const lag = trouble.flapping ? chance.between(0, trouble.lag) : trouble.lag;
    if (lag > 0) fired('endpoint-behind');
    return read(this.#block(Math.max(0, chain.newest.number - lag)));
  }

  #block(number: number): ModelBlock {
    const block = this.#options.chain.block(number);
    if (block === undefined) throw unavailable(`no block ${number}`);
    return block;
  }

  #byHash(hash: Hash): ModelBlock {
    const block = this.#options.chain.byHash(hash);
    if (block === undefined) throw unavailable(`no block ${hash}`);
    return block;
  }
}

const unavailable = (why: string): TandemError => new TandemError('chain-unavailable', `The model endpoint: ${why}`);
