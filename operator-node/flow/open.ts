/**
 * What is under way, in memory: an index of the store, made of it at start and fed by its committed writes (`Engine.follow`).
 * It decides nothing by itself; losing it loses nothing.
 */
import type { Engine } from '../engine/engine.ts';
import type { BatchId, Leg, OperatorId, PairId, Role, UnixMillis, UnixSeconds, UserId } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import {
  batchKey,
  batchStateTable,
  batchTable,
  haltTable,
  isOver,
  loadBatch,
  openBatchTable,
  type BatchRecord,
  type BatchState,
  type OwnKeys,
} from './batch.ts';
import { loadSide, openSideTable, sideKey, sideStateTable, sideTable, type Side, type SideState } from './pair.ts';

interface HeldSide {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly since: UnixMillis;
}

interface OpenSide {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly role: Role;
  readonly peer: OperatorId;
}

export interface OpenBatch {
  readonly batchId: BatchId;
  readonly role: Role;
  readonly peer: OperatorId;
  readonly sequence: number;
  readonly deadline: UnixSeconds;
}

export class OpenWork {
  readonly #sides = new Map<
    string,
    { readonly user: UserId; readonly peer: string; readonly since: UnixMillis; readonly service: string }
  >();
  readonly #byUser = new Map<UserId, Map<string, OpenSide>>();
  readonly #byPeer = new Map<string, number>();
  readonly #held = new Map<string, HeldSide>();
  /** Agreed pairs of this initiator that are in no batch yet, by acceptor and deadline. */
  readonly #waiting = new Map<OperatorId, Map<UnixSeconds, Set<PairId>>>();
  readonly #batches = new Map<string, OpenBatch>();
  /** The chain has something of this operator that this store does not know: nothing new is begun (faults 20, rule 11). */
  halted = false;
  /** What this process signs with: noted when it halts. */
  keys: OwnKeys | undefined;

  /** From now on it is what the store is. */
  follow(engine: Pick<Engine, 'newest' | 'follow'>): void {
    engine.follow(sideStateTable, (key, state) => {
      const side = engine.newest.get(sideTable, key);
      if (side !== undefined && state !== undefined) this.sideIs(side, state);
    });
    engine.follow(batchStateTable, (key, state) => {
      const record = engine.newest.get(batchTable, key);
      if (record !== undefined && state !== undefined) this.batchIs(record, state);
    });
  }

  /** As the side is on disk now. */
  sideIs(side: Side, state: SideState): void {
    const key = sideKey(side.pair, side.leg);
    if (state.told) this.#forget(key);
    else this.#keep(key, side);
    const { role, peer, deadline, pair, leg, heldAt } = side;
    const waits = role === 'initiator' && state.state === 'held' && state.agreed;
    if (waits) this.#waits(peer, deadline, pair);
    else if (role === 'initiator') this.#waitsNoMore(peer, deadline, pair);
    // In a batch, waiting for one, or over: no timeout of a proposal ends it any more.
    if (state.state !== 'held' || waits) this.#held.delete(key);
    else if (!this.#held.has(key)) this.#held.set(key, { pair, leg, since: heldAt });
  }

  #keep(key: string, { pair, leg, role, user, peer, service, heldAt: since }: Side): void {
    if (this.#sides.has(key)) return;
    const peerKey = `${role}!${peer}`;
    this.#sides.set(key, { user, peer: peerKey, since, service });
    let ofUser = this.#byUser.get(user);
    if (ofUser === undefined) this.#byUser.set(user, (ofUser = new Map<string, OpenSide>()));
    ofUser.set(key, { pair, leg, role, peer });
    this.#byPeer.set(peerKey, (this.#byPeer.get(peerKey) ?? 0) + 1);
  }

  #forget(key: string): void {
    const side = this.#sides.get(key);
    if (side === undefined) return;
    this.#sides.delete(key);
    const ofUser = this.#byUser.get(side.user);
    ofUser?.delete(key);
    if (ofUser?.size === 0) this.#byUser.delete(side.user);
    const left = (this.#byPeer.get(side.peer) ?? 1) - 1;
    if (left === 0) this.#byPeer.delete(side.peer);
    else this.#byPeer.set(side.peer, left);
  }

  get openSides(): number {
    return this.#sides.size;
  }

  /** Sides that have not ended, by the service that they were ordered under. */
  byService(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { service } of this.#sides.values()) counts.set(service, (counts.get(service) ?? 0) + 1);
    return counts;
  }

  get openBatches(): number {
    return this.#batches.size;
  }

  /** All are looked at: a side that was taken up again is behind younger ones. */
  oldestSince(): UnixMillis | undefined {
    let oldest: UnixMillis | undefined;
    for (const { since } of this.#sides.values()) if (oldest === undefined || since < oldest) oldest = since;
    return oldest;
  }

  /** Open pairs that the user has ordered. */
  ordersOf(user: UserId): number {
    return [...this.sidesOf(user)].filter(({ role }) => role === 'initiator').length;
  }

  /** Open pairs that users of one operator want of this user: a bound on them shuts nobody else out. */
  wantedOf(user: UserId, from: OperatorId): number {
    return [...this.sidesOf(user)].filter(({ role, peer }) => role === 'acceptor' && peer === from).length;
  }

  sidesOf(user: UserId): Iterable<OpenSide> {
    return this.#byUser.get(user)?.values() ?? [];
  }

  openOfPeer(role: Role, peer: OperatorId): number {
    return this.#byPeer.get(`${role}!${peer}`) ?? 0;
  }

  /** Sides held since before `time`. All are looked at: a clock that was set back has put later ones behind younger. */
  *heldBefore(time: number): Iterable<HeldSide> {
    for (const side of this.#held.values()) {
      if (side.since <= time) yield side;
    }
  }

  #waits(peer: OperatorId, deadline: UnixSeconds, pair: PairId): void {
    let byDeadline = this.#waiting.get(peer);
    if (byDeadline === undefined) this.#waiting.set(peer, (byDeadline = new Map<UnixSeconds, Set<PairId>>()));
    let pairs = byDeadline.get(deadline);
    if (pairs === undefined) byDeadline.set(deadline, (pairs = new Set<PairId>()));
    pairs.add(pair);
  }

  #waitsNoMore(peer: OperatorId, deadline: UnixSeconds, pair: PairId): void {
    const byDeadline = this.#waiting.get(peer);
    const pairs = byDeadline?.get(deadline);
    if (byDeadline === undefined || pairs === undefined) return;
    pairs.delete(pair);
    if (pairs.size === 0) byDeadline.delete(deadline);
    if (byDeadline.size === 0) this.#waiting.delete(peer);
  }

  /** For each acceptor with agreed pairs: those of the earliest deadline, at most `limit`. */
  *ripe(
    limit: number,
  ): Iterable<{ readonly peer: OperatorId; readonly deadline: UnixSeconds; readonly pairs: readonly PairId[] }> {
    for (const [peer, byDeadline] of [...this.#waiting]) {
      const deadline = Math.min(...byDeadline.keys()) as UnixSeconds;
      const pairs = [...(byDeadline.get(deadline) ?? [])].slice(0, limit);
      if (pairs.length > 0) yield { peer, deadline, pairs };
    }
  }

  /** Acceptors with agreed pairs that are in no batch yet. */
  waitingPeers(): Iterable<OperatorId> {
    return this.#waiting.keys();
  }

  /** When the oldest of these was ordered. */
  oldestWaiting(peer: OperatorId): UnixMillis | undefined {
    let oldest: UnixMillis | undefined;
    for (const pairs of this.#waiting.get(peer)?.values() ?? []) {
      const [pair] = pairs;
      const since = pair === undefined ? undefined : this.#sides.get(sideKey(pair, 'first'))?.since;
      if (since !== undefined && (oldest === undefined || since < oldest)) oldest = since;
    }
    return oldest;
  }

  /** Agreed pairs in no batch yet whose deadline is before `time`. */
  waitingBefore(time: UnixSeconds): number {
    let count = 0;
    for (const byDeadline of this.#waiting.values()) {
      for (const [deadline, pairs] of byDeadline) if (deadline < time) count += pairs.size;
    }
    return count;
  }

  /** As the batch is on disk now. */
  batchIs({ batchId, role, peer, batch: { sequence, deadline } }: BatchRecord, state: BatchState): void {
    const key = batchKey(batchId, role);
    if (isOver(state)) this.#batches.delete(key);
    else if (!this.#batches.has(key)) this.#batches.set(key, { batchId, role, peer, sequence, deadline });
  }

  allBatches(): Iterable<OpenBatch> {
    return this.#batches.values();
  }

  /** Reads the store's indexes; `onSide` sees each open side once. */
  async load(store: Store, onSide: (side: Side, state: SideState) => void): Promise<void> {
    this.halted = store.newest.get(haltTable, 'halt') !== undefined;
    const sides: [Side, SideState][] = [];
    for await (const [key] of store.scan(openSideTable)) {
      const cut = key.indexOf('!');
      const found = loadSide(store.newest, key.slice(0, cut) as PairId, key.slice(cut + 1) as Leg);
      if (found !== undefined) sides.push([found.side, found.state]);
    }
    sides.sort(([a], [b]) => a.heldAt - b.heldAt);
    for (const [side, state] of sides) {
      this.sideIs(side, state);
      onSide(side, state);
    }
    for await (const [key] of store.scan(openBatchTable)) {
      const cut = key.indexOf('!');
      const found = loadBatch(store.newest, key.slice(0, cut) as BatchId, key.slice(cut + 1) as Role);
      if (found !== undefined) this.batchIs(found.record, found.state);
    }
  }
}
