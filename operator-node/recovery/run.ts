/**
 * The way out of recovery (protocol §3, rule 11), in its order: keys first, then the chain, then the sealed copies. Until the
 * end of it nothing is signed, released, given up, told or taken; `compose.ts` begins nothing else before. Each look begins
 * at the first step again, so a crash in between costs a look.
 */
import type { Block, ChainLog, OperatorEntry } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import { countersignQueue } from '../flow/batch-events.ts';
import { advanceBatch } from '../flow/batch-machine.ts';
import {
  haltTable,
  laneBatchKey,
  laneBatchTable,
  loadBatch,
  openBatchTable,
  readLane,
  type OwnKeys,
} from '../flow/batch.ts';
import { cursorTable } from '../chain/cursor.ts';
import type { FlowContext } from '../flow/context.ts';
import type { BatchId, OperatorId, Role } from '../model/ids.ts';
import { askForBatch } from './forgotten.ts';
import { giveUpUnbatched } from './give-up.ts';
import { forgetOldAccounts } from './old-accounts.ts';
import { followBatch, rebuildBatch, withheld } from './rebuild.ts';
import {
  lostTable,
  noteLost,
  pastTable,
  recoveryOf,
  recoveryTable,
  type Lost,
  type Recovery,
  type GivenBatch,
} from '../flow/past.ts';

export type RecoveryStep = 'keys' | 'chain' | 'copies' | 'done';

export interface RecoveryStatus {
  /** Absent on a node that has never been in recovery. */
  readonly why?: Recovery['why'];
  readonly step: RecoveryStep;
  /** What it waits for, in one sentence. */
  readonly says: string;
  readonly lost: readonly Lost[];
}

const lookMillis = 1_000;
const blocksAtOnce = 50;
const roles: readonly Role[] = ['initiator', 'acceptor'];

const goOn = (peer: OperatorId): string => ` To go on without it: tandem recover --without ${peer}.`;

/** A step cannot be passed yet. */
class NotYet extends Error {
  readonly step: RecoveryStep;

  constructor(step: RecoveryStep, says: string) {
    super(says);
    this.step = step;
  }
}

export class RecoveryRun {
  readonly #flow: FlowContext;
  readonly #keys: OwnKeys;
  readonly #onFailure: (where: string, error: unknown) => void;
  #step: RecoveryStep = 'keys';
  #says = 'It has just started.';
  #needed: boolean;
  #stopped = false;
  #cancel: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(flow: FlowContext, keys: OwnKeys, onFailure: (where: string, error: unknown) => void) {
    this.#flow = flow;
    this.#needed = recoveryOf(flow.engine.newest) !== undefined;
    this.#keys = keys;
    this.#onFailure = onFailure;
  }

  /** Asked with each request, so it is not read each time: only a stopped node is put into recovery. */
  get needed(): boolean {
    return this.#needed;
  }

  /** Looks until all is done, then calls `begin`. */
  start(begin: () => Promise<void>): void {
    const { clock } = this.#flow.engine;
    const again = (): void => {
      if (!this.#stopped) {
        this.#cancel = clock.after(lookMillis, () => {
          this.#looking = look();
        });
      }
    };
    const look = async (): Promise<void> => {
      try {
        await this.#look();
        if (!this.#stopped) await begin();
      } catch (error) {
        if (error instanceof NotYet) {
          this.#step = error.step;
          this.#says = error.message;
        } else if (error instanceof TandemError && error.retryable && error.code !== 'store-failed')
          this.#says = error.message;
        else this.#onFailure('recovery', error);
        again();
      }
    };
    this.#looking = look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
  }

  async status(): Promise<RecoveryStatus> {
    const { engine } = this.#flow;
    const lost: Lost[] = [];
    for await (const [, { committed: _, ...one }] of engine.store.scan(lostTable)) lost.push(one);
    const mark = recoveryOf(engine.newest);
    return mark === undefined
      ? { step: 'done', says: 'The node is not in recovery.', lost }
      : { why: mark.why, step: this.#step, says: this.#says, lost };
  }

  /** Staff's decision: what only these peers could give back is lost. */
  async goWithout(peers: readonly OperatorId[]): Promise<void> {
    await this.#flow.engine.run((work) => {
      const mark = recoveryOf(work);
      if (mark === undefined) throw new TandemError('unprocessable', 'The node is not in recovery.');
      const withoutPeers = [...new Set([...(mark.withoutPeers ?? []), ...peers])];
      work.put(recoveryTable, 'mark', { ...mark, withoutPeers });
      work.journal('staff', { did: 'recover-without', peers: withoutPeers });
    });
  }

  /** @throws {NotYet} for what has to happen first */
  async #look(): Promise<void> {
    const { engine } = this.#flow;
    const mark = recoveryOf(engine.newest);
    if (mark === undefined) return;
    const block = await this.#keysAreNew(mark);
    this.#step = 'chain';
    this.#says = 'Reading the lanes on the chain.';
    const entries = await this.#flow.chain.operators(block.hash);
    await this.#knownBatches(block);
    await this.#lanes(mark, block, entries);
    await giveUpUnbatched(this.#flow);
    await forgetOldAccounts(this.#flow, this.#keys.account, []);
    await engine.run((work) => {
      work.del(recoveryTable, 'mark');
      work.put(pastTable, 'past', { at: work.now, block: block.number });
      // What halted the node has been read; what could not be read is named.
      work.del(haltTable, 'halt');
      work.journal('staff', { did: 'recovered', why: mark.why, block: block.number });
      work.emit({ type: 'recovered', block: block.number });
    });
    this.#step = 'done';
    this.#needed = false;
  }

  /** The final block at which nothing that is forgotten can land any more. */
  async #keysAreNew(mark: Recovery): Promise<Block> {
    const { chain, self, config, engine } = this.#flow;
    const block = await chain.finalHead();
    const seenAt = mark.seenAt ?? block.timestamp;
    if (mark.seenAt === undefined) {
      await engine.run((work) => {
        work.put(recoveryTable, 'mark', { ...mark, seenAt });
      });
    }
    const waited = block.timestamp - Math.max(mark.at / 1000, seenAt);
    if (waited > config.timing.maxWindowSeconds) return block;
    const own = (await chain.operators(block.hash)).find(({ id }) => id === self);
    if (own === undefined) throw new NotYet('keys', `The registry has no operator ${self}.`);
    const left = Math.ceil(config.timing.maxWindowSeconds - waited);
    const missing = [
      ...this.#keyFault('signer', own.signers, this.#keys.signer, mark.oldKeys),
      ...this.#keyFault('account', own.accounts, this.#keys.account, mark.oldKeys),
    ];
    if (missing.length > 0) {
      throw new NotYet(
        'keys',
        `${missing.join('; ')}. Rotate both without overlap (tandem recover), or wait ${left} s.`,
      );
    }
    return block;
  }

  /**
   * Batches that the store has. What the chain knows more of one is taken over; what was offered, and may have been signed
   * or seen refused since, is signed only when it is dead.
   */
  async #knownBatches(block: Block): Promise<void> {
    const { engine, chain } = this.#flow;
    for await (const [key] of engine.store.scan(openBatchTable)) {
      const cut = key.indexOf('!');
      const [batchId, role] = [key.slice(0, cut) as BatchId, key.slice(cut + 1) as Role];
      if (loadBatch(engine.newest, batchId, role)?.state.remaining === 0) continue;
      const outcome = await chain.batchOutcome(batchId, block.hash);
      await engine.run((work) => {
        const known = loadBatch(work, batchId, role);
        if (known === undefined) return;
        if (outcome.prepared) {
          followBatch(this.#flow, work, known, outcome);
          if (role === 'initiator') work.done(countersignQueue, batchId);
        } else if (known.state.state === 'offered') {
          advanceBatch(this.#flow, work, known, { type: 'recovered-offered' });
        }
      });
    }
  }

  /** One operator that is silent or lies is waited for; what the others give back is taken meanwhile. */
  async #lanes(mark: Recovery, block: Block, entries: readonly OperatorEntry[]): Promise<void> {
    const waited = new Set<string>();
    for (const { id } of entries) {
      for (const role of roles) {
        try {
          await this.#lane(mark, block, id, role);
        } catch (error) {
          if (!(error instanceof NotYet)) throw error;
          waited.add(error.message);
        }
      }
    }
    if (waited.size > 0) throw new NotYet('copies', [...waited].join('\n'));
  }

  *#keyFault(
    what: string,
    registered: OperatorEntry['accounts'],
    own: string,
    oldKeys: readonly string[],
  ): Iterable<string> {
    const keys = registered.map((key) => key.toLowerCase());
    const old = keys.filter((key) => oldKeys.includes(key));
    if (old.length > 0) yield `the registry still has the ${what} from before, ${old.join(', ')}`;
    else if (keys.length !== 1) yield `the registry has ${keys.length} ${what}s`;
    else if (keys[0] !== own) yield `the registry has the ${what} ${keys[0] ?? ''}, the keys file ${own}`;
  }

  async #lane(mark: Recovery, block: Block, peer: OperatorId, role: Role): Promise<void> {
    const { chain, self, engine } = this.#flow;
    const onChain = await (role === 'initiator'
      ? chain.nextSequence(self, peer, block.hash)
      : chain.nextSequence(peer, self, block.hash));
    const without = peer === self || mark.withoutPeers?.includes(peer) === true;
    this.#step = 'copies';
    let sequence = readLane(engine.newest, role, peer).next;
    for (; peer !== self; sequence += 1) {
      const given = await this.#ask(peer, role, sequence, without);
      if (given === undefined) break;
      const { prepared, ...outcome } = await chain.batchOutcome(given.batchId, block.hash);
      const fault =
        sequence < onChain && !prepared
          ? 'another batch than the one on the chain'
          : this.#contradicts(role, peer, given)
            ? 'another batch than the one that this operator has signed'
            : undefined;
      if (fault !== undefined) {
        if (without) break;
        throw new NotYet('copies', `Operator ${peer} gives ${fault} for number ${sequence}.${goOn(peer)}`);
      }
      const kept = withheld(this.#flow, engine.newest, role, peer, given);
      if (kept.length > 0 && prepared && !without) {
        throw new NotYet(
          'copies',
          `Operator ${peer} gives batch ${sequence} without what this operator had sealed in ${kept.join(', ')}.${goOn(peer)}`,
        );
      }
      // What is on no chain and does not open is nothing of this operator's.
      if (kept.length > 0 && !prepared) break;
      await engine.run((work) => {
        rebuildBatch(this.#flow, work, role, peer, given, prepared ? { prepared, ...outcome } : undefined);
      });
    }
    if (sequence < onChain) await this.#nameLost(block, peer, role, sequence, without);
  }

  /** As initiator, of a number for which this store has its own signature of another content. */
  #contradicts(role: Role, peer: OperatorId, { batchId, sequence }: GivenBatch): boolean {
    const view = this.#flow.engine.newest;
    const known = role === 'acceptor' ? undefined : view.get(laneBatchTable, laneBatchKey(role, peer, sequence));
    return known !== undefined && known !== batchId && loadBatch(view, known, role)?.state.state === 'countersigned';
  }

  /** A batch of the peer's; undefined where it knows none of that number, or is gone on without. */
  async #ask(peer: OperatorId, role: Role, sequence: number, without: boolean): Promise<GivenBatch | undefined> {
    this.#says = `Asking operator ${peer} for batch ${sequence} of the lane in which this operator is ${role}.`;
    try {
      return await askForBatch(this.#flow, peer, role, sequence);
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      if (without) return undefined;
      throw new NotYet('copies', `${error.message}${goOn(peer)}`);
    }
  }

  /** Batches that the chain has and nobody gives back. */
  async #nameLost(block: Block, peer: OperatorId, role: Role, sequence: number, without: boolean): Promise<void> {
    const { engine, chain, self } = this.#flow;
    const [initiator, acceptor] = role === 'initiator' ? [self, peer] : [peer, self];
    const found = new Map<number, Extract<ChainLog, { type: 'BatchPrepared' }>>();
    const begin = (engine.newest.get(cursorTable, 'chain')?.number ?? 0) + 1;
    for (let from = begin; from <= block.number; from += blocksAtOnce) {
      const numbers = Array.from(
        { length: Math.min(blocksAtOnce, block.number - from + 1) },
        (_, index) => from + index,
      );
      const logs = await Promise.all(numbers.map(async (number) => chain.logs((await chain.block(number)).hash)));
      for (const log of logs.flat()) {
        if (log.type !== 'BatchPrepared' || log.initiator !== initiator || log.acceptor !== acceptor) continue;
        if (log.sequence >= sequence) found.set(log.sequence, log);
      }
    }
    if (!without) {
      const named = [...found.values()].map(({ batchId }) => batchId).join(', ');
      throw new NotYet('copies', `Operator ${peer} does not give back ${named}, which the chain has.${goOn(peer)}`);
    }
    const lost: Lost[] = [];
    for (const { batchId, count, deadline, sequence: number } of found.values()) {
      const { commitWords } = await chain.batchOutcome(batchId, block.hash);
      const pairs = commitWords.reduce((sum, word) => sum + bitsOf(word), 0);
      const why = peer === self ? 'both sides were of this store alone' : 'the peer was not waited for';
      const says = `${why}: number ${number} of the lane in which this operator is ${role}, ${count} pairs, ${pairs} of them committed by the chain`;
      const committed = pairs === 0 ? {} : { committed: { role, deadline, pairs } };
      lost.push({ what: 'batch', id: batchId, peer, batchId, says, ...committed });
    }
    await engine.run((work) => {
      for (const one of lost) noteLost(work, one);
    });
  }
}

const bitsOf = (word: bigint): number => word.toString(2).replaceAll('0', '').length;
