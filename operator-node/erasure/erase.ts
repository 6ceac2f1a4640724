/**
 * Erases a user (protocol §4). In order, so that a crash anywhere loses nothing and a start goes on where it was:
 *
 *   1  judge     open pairs, balances, holds, what law requires to be kept: refused with what to do
 *   2  begin     the number means nobody any more, the accounts are closed: nothing new can happen to the user
 *   3  write out what each record can still show, in the store and in a tombstone beside each place that has a copy
 *   4  erase     one write: keys, profile and number are deleted, the journal says so, the counterparties' notices are queued
 *   5  purge     the keys are gone from the disk, from memory and from the key backups that the node keeps
 */
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { TandemError } from '../errors.ts';
import type { Work } from '../engine/engine.ts';
import { outboxTable } from '../engine/engine.ts';
import { recentTable } from '../flow/account.ts';
import type { FlowContext } from '../flow/context.ts';
import { isOpen, loadSide, sideKey, userSideTable } from '../flow/pair.ts';
import { questionTable } from '../flow/question.ts';
import { messageQueue, type MessageItem } from '../flow/tell.ts';
import { counted } from '../model/counted.ts';
import type { Leg, Msisdn, OperatorId, PairId, UnixMillis, UserId } from '../model/ids.ts';
import { userKeyTable } from '../store/personal.ts';
import type { View } from '../store/store.ts';
import { activityTable, keptUntil } from '../store/activity.ts';
import { replaceMessagesKey } from '../users/keys.ts';
import { numberTable, userByNumber, userTable, type User } from '../users/user.ts';
import { erasedQueue, type ErasedItem, type ErasedPair } from './notice.ts';
import { writtenOut, writtenOutTable } from './records.ts';
import { erasureKey, erasureTable, type ErasureScope, type ErasureState } from './state.ts';
import type { Tombstone, TombstoneShelf, WrittenOut } from './tombstones.ts';

export interface EraserParts {
  readonly flow: FlowContext;
  readonly payments: PaymentsDomain;
  readonly shelf: TombstoneShelf;
  /** Takes deleted keys off the disk, out of memory and out of the key backups that the node keeps. */
  readonly purge: () => Promise<void>;
}

/** Records that are written out in one transaction: some 10 ms. */
const recordsAtOnce = 100;
const pairsANotice = 512;

export class Eraser {
  readonly #parts: EraserParts;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(parts: EraserParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the keys are gone here; the counterparties are told from the outbox. The same again is answered with what
   * was done. @param who the user's id or number
   * @throws {TandemError} `not-found`, or `unprocessable` with what stands in the way and until when
   */
  erase(who: string, what: ErasureScope): Promise<ErasureState> {
    return this.#oneByOne(() => this.#erase(who, what));
  }

  /** At a start: goes on with what was begun. */
  resume(): Promise<void> {
    return this.#oneByOne(async () => {
      const left: ErasureState[] = [];
      for await (const [, state] of this.#parts.flow.engine.store.scan(erasureTable)) {
        if (state.phase !== 'purged') left.push(state);
      }
      for (const state of left) await this.#goOn(state);
    });
  }

  /** Every erasure there was, by user id. */
  async list(): Promise<readonly ErasureState[]> {
    const found: ErasureState[] = [];
    for await (const [, state] of this.#parts.flow.engine.store.scan(erasureTable)) found.push(state);
    return found;
  }

  #oneByOne<R>(action: () => Promise<R>): Promise<R> {
    const next = this.#busy.then(action);
    this.#busy = next.catch(() => undefined);
    return next;
  }

  async #erase(who: string, what: ErasureScope): Promise<ErasureState> {
    const { engine } = this.#parts.flow;
    const known = engine.newest.get(erasureTable, who);
    if (known !== undefined) return this.#goOn(known);
    const state = await engine.run((work) => {
      const user = userByNumber(work, who as Msisdn) ?? work.get(userTable, who);
      if (user === undefined)
        throw new TandemError('not-found', `${who} is neither the id nor the phone number of a user here.`);
      this.#judge(work, user, what, work.now);
      return this.#begin(work, user, what);
    });
    return this.#goOn(state);
  }

  /** @throws {TandemError} `unprocessable` */
  #judge(view: View, user: User, what: ErasureScope, now: UnixMillis): void {
    const { flow, payments } = this.#parts;
    const { ledgerDays, messagesDays } = flow.config.retention;
    const last = view.get(activityTable, user.id);
    const until = {
      ledger: keptUntil(last, 'ledger', ledgerDays),
      messages: keptUntil(last, 'messages', messagesDays),
    };
    const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
    const refuse = (why: string): never => {
      throw new TandemError('unprocessable', `User ${user.id} cannot be erased: ${why}`, { facts: { user: user.id } });
    };
    const open = [...flow.open.sidesOf(user.id)];
    if (open.length > 0) {
      refuse(
        `${counted(open.length, 'pair')} not over (${open
          .slice(0, 5)
          .map(({ pair }) => pair)
          .join(', ')}): wait until they are final and told, or cancel them.`,
      );
    }
    if (until.messages > now) {
      refuse(
        `messages must be kept for ${messagesDays} days (retention.messagesDays): not before ${day(until.messages)}.`,
      );
    }
    if (what === 'messages') return;
    for (const { asset, balance, held } of payments.balances(view, user.id)) {
      if (held !== '0') refuse(`${held} minor units of ${asset} are on hold: wait until their pair is final.`);
      if (balance !== '0') {
        refuse(`the account in ${asset} has a balance of ${balance} minor units: settle it first (tandem withdraw).`);
      }
    }
    if (until.ledger > now) {
      refuse(
        `the ledger must be kept for ${ledgerDays} days (retention.ledgerDays): not before ${day(until.ledger)}. What was said can be erased now: --messages.`,
      );
    }
  }

  #begin(work: Work, user: User, what: ErasureScope): ErasureState {
    const keys = work.get(userKeyTable, user.id);
    if (keys === undefined) throw new TandemError('internal', `User ${user.id} has no key.`);
    const generation = what === 'messages' ? { generation: keys.generation } : {};
    const state: ErasureState = { user: user.id, what, phase: 'begun', begun: work.now, ...generation };
    work.put(erasureTable, erasureKey(state), state);
    if (what === 'messages') return state;
    work.del(numberTable, user.number);
    work.put(userTable, user.id, { ...user, joined: false });
    for (const { asset } of this.#parts.payments.balances(work, user.id)) {
      this.#parts.payments.closeAccount(work, user.id, asset);
    }
    return state;
  }

  async #goOn(state: ErasureState): Promise<ErasureState> {
    let at = state;
    if (at.phase === 'begun') {
      await this.#nothingUnderWay(at);
      at = await this.#delete(at);
    }
    if (at.phase === 'erased') {
      await this.#parts.purge();
      at = await this.#set({ ...at, phase: 'purged' });
    }
    return at;
  }

  #set(state: ErasureState): Promise<ErasureState> {
    return this.#parts.flow.engine.run((work) => {
      work.put(erasureTable, erasureKey(state), state);
      return state;
    });
  }

  /** What came in with the same write as the beginning, or still waits to be delivered: it is undone, and refused. */
  async #nothingUnderWay(state: ErasureState): Promise<void> {
    const { flow } = this.#parts;
    const { engine } = flow;
    let waiting = [...flow.open.sidesOf(state.user)].length;
    for await (const [, item] of engine.store.scan(outboxTable, { prefix: `${messageQueue}!` })) {
      if ((item as MessageItem).user === state.user) waiting += 1;
    }
    if (waiting === 0) return;
    await engine.run((work) => {
      work.del(erasureTable, erasureKey(state));
      const user = work.get(userTable, state.user);
      if (state.what !== 'all' || user === undefined) return;
      work.put(numberTable, user.number, user.id);
      for (const { asset } of this.#parts.payments.balances(work, user.id)) {
        this.#parts.payments.openAccount(work, user.id, asset);
      }
    });
    throw new TandemError(
      'unprocessable',
      `User ${state.user} cannot be erased: ${waiting} messages or pairs are in progress. Try again when they have been delivered.`,
    );
  }

  async #delete(state: ErasureState): Promise<ErasureState> {
    const { flow, shelf } = this.#parts;
    const { engine } = flow;
    const sides = state.what === 'all' ? await this.#sidesOf(state.user) : [];
    let records = 0;
    for (let from = 0; from < sides.length; from += recordsAtOnce) {
      const group = sides.slice(from, from + recordsAtOnce);
      await engine.run((work) => {
        for (const { pair, leg } of group) {
          const found = loadSide(work, pair, leg);
          const entries = found === undefined ? undefined : writtenOut(work, found.side);
          if (entries === undefined) continue;
          work.put(writtenOutTable, sideKey(pair, leg), entries);
          records += 1;
        }
      });
    }
    const { user, what, begun: at, generation } = state;
    const tombstone: Tombstone = {
      operator: flow.self,
      user,
      what,
      at,
      ...(generation === undefined ? {} : { generation }),
    };
    await shelf.put(tombstone, () => rowsOf(engine.newest, sides));
    return engine.run((work) => this.#deleteKey(work, state, sides, records));
  }

  async #sidesOf(user: UserId): Promise<readonly ErasedPair[]> {
    const found: ErasedPair[] = [];
    for await (const [key] of this.#parts.flow.engine.store.scan(userSideTable, { prefix: `${user}!` })) {
      const [, pair = '', leg = ''] = key.split('!');
      found.push({ pair: pair as PairId, leg: leg as Leg });
    }
    return found;
  }

  #deleteKey(work: Work, state: ErasureState, sides: readonly ErasedPair[], records: number): ErasureState {
    const { flow } = this.#parts;
    const { user, what } = state;
    const peers = new Map<OperatorId, ErasedPair[]>();
    if (what === 'messages') replaceMessagesKey(work, flow.engine.random, user);
    else {
      for (const { pair, leg } of sides) {
        const found = loadSide(work, pair, leg);
        if (found === undefined) continue;
        if (isOpen(found.state)) throw new TandemError('internal', `Pair ${pair} is open again.`);
        const of = peers.get(found.side.peer);
        if (of === undefined) peers.set(found.side.peer, [{ pair, leg }]);
        else of.push({ pair, leg });
      }
      work.del(userTable, user);
      work.del(recentTable, user);
      work.del(questionTable, user);
      work.del(activityTable, user);
      work.del(userKeyTable, user);
      for (const [peer, pairs] of peers) {
        for (let from = 0; from < pairs.length; from += pairsANotice) {
          const item: ErasedItem = { peer, pairs: pairs.slice(from, from + pairsANotice) };
          work.enqueue(erasedQueue, `${peer}!${item.pairs[0]?.pair}!${item.pairs[0]?.leg}`, item);
        }
      }
    }
    const told = [...peers.keys()];
    const done: ErasureState = { ...state, phase: 'erased', erased: work.now, records, told };
    work.put(erasureTable, erasureKey(done), done);
    work.journal('erasure', { user, what, records, pairs: sides.length, told });
    work.emit({ type: 'erased', what, records, told });
    return done;
  }
}

async function* rowsOf(view: View, sides: readonly ErasedPair[]): AsyncGenerator<WrittenOut> {
  for (const { pair, leg } of sides) {
    const key = sideKey(pair, leg);
    const entries = view.get(writtenOutTable, key);
    if (entries !== undefined) yield [key, entries];
  }
}
