/**
 * What is under way, in memory: an index of the store, rebuilt from it at start and kept up after each durable write. It
 * decides nothing by itself; losing it loses nothing.
 */
import type { BatchId, Leg, OperatorId, PairId, Role, UnixMillis, UnixSeconds, UserId } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import { batchKey, haltTable, loadBatch, openBatchTable, type BatchRecord, type OwnKeys } from './batch.ts';
import { loadSide, openSideTable, sideKey, type Side, type SideState } from './pair.ts';

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
  private readonly sides = new Map<
    string,
    { readonly user: UserId; readonly peer: string; readonly since: UnixMillis; readonly service: string }
  >();
  private readonly byUser = new Map<UserId, Map<string, OpenSide>>();
  private readonly byPeer = new Map<string, number>();
  private readonly held = new Map<string, HeldSide>();
  /** Agreed pairs of this initiator that are in no batch yet, by acceptor and deadline. */
  private readonly waiting = new Map<OperatorId, Map<UnixSeconds, Set<PairId>>>();
  private readonly batches = new Map<string, OpenBatch>();
  /** The chain has something of this operator that this store does not know: nothing new is begun (faults 20, rule 11). */
  halted = false;
  /** What this process signs with: noted when it halts. */
  keys: OwnKeys | undefined;

  sideCreated({ pair, leg, role, user, peer, service }: Side, since: UnixMillis): void {
    const key = sideKey(pair, leg);
    if (this.sides.has(key)) return;
    const peerKey = `${role}!${peer}`;
    this.sides.set(key, { user, peer: peerKey, since, service });
    this.held.set(key, { pair, leg, since });
    let ofUser = this.byUser.get(user);
    if (ofUser === undefined) this.byUser.set(user, (ofUser = new Map<string, OpenSide>()));
    ofUser.set(key, { pair, leg, role, peer });
    this.byPeer.set(peerKey, (this.byPeer.get(peerKey) ?? 0) + 1);
  }

  /** The side is in a batch or over: no timeout of a proposal ends it any more. */
  sideLeftHeld(pair: PairId, leg: Leg): void {
    this.held.delete(sideKey(pair, leg));
  }

  sideEnded({ pair, leg }: Pick<Side, 'pair' | 'leg'>): void {
    const key = sideKey(pair, leg);
    const side = this.sides.get(key);
    if (side === undefined) return;
    this.sides.delete(key);
    this.held.delete(key);
    const ofUser = this.byUser.get(side.user);
    ofUser?.delete(key);
    if (ofUser?.size === 0) this.byUser.delete(side.user);
    const left = (this.byPeer.get(side.peer) ?? 1) - 1;
    if (left === 0) this.byPeer.delete(side.peer);
    else this.byPeer.set(side.peer, left);
  }

  get openSides(): number {
    return this.sides.size;
  }

  /** Sides that have not ended, by the service that they were ordered under. */
  byService(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { service } of this.sides.values()) counts.set(service, (counts.get(service) ?? 0) + 1);
    return counts;
  }

  get openBatches(): number {
    return this.batches.size;
  }

  oldestSince(): UnixMillis | undefined {
    // Insertion order is age: a side is put in when it is made, and again in order of time at start.
    return this.sides.values().next().value?.since;
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
    return this.byUser.get(user)?.values() ?? [];
  }

  openOfPeer(role: Role, peer: OperatorId): number {
    return this.byPeer.get(`${role}!${peer}`) ?? 0;
  }

  /** Sides held since before `time`. All are looked at: a clock that was set back has put later ones behind younger. */
  *heldBefore(time: number): Iterable<HeldSide> {
    for (const side of this.held.values()) {
      if (side.since <= time) yield side;
    }
  }

  waits(peer: OperatorId, deadline: UnixSeconds, pair: PairId): void {
    let byDeadline = this.waiting.get(peer);
    if (byDeadline === undefined) this.waiting.set(peer, (byDeadline = new Map<UnixSeconds, Set<PairId>>()));
    let pairs = byDeadline.get(deadline);
    if (pairs === undefined) byDeadline.set(deadline, (pairs = new Set<PairId>()));
    pairs.add(pair);
  }

  waitsNoMore(peer: OperatorId, deadline: UnixSeconds, pair: PairId): void {
    const byDeadline = this.waiting.get(peer);
    const pairs = byDeadline?.get(deadline);
    if (byDeadline === undefined || pairs === undefined) return;
    pairs.delete(pair);
    if (pairs.size === 0) byDeadline.delete(deadline);
    if (byDeadline.size === 0) this.waiting.delete(peer);
  }

  /** For each acceptor with agreed pairs: those of the earliest deadline, at most `limit`. */
  *ripe(
    limit: number,
  ): Iterable<{ readonly peer: OperatorId; readonly deadline: UnixSeconds; readonly pairs: readonly PairId[] }> {
    for (const [peer, byDeadline] of [...this.waiting]) {
      const deadline = Math.min(...byDeadline.keys()) as UnixSeconds;
      const pairs = [...(byDeadline.get(deadline) ?? [])].slice(0, limit);
      if (pairs.length > 0) yield { peer, deadline, pairs };
    }
  }

  /** Acceptors with agreed pairs that are in no batch yet. */
  waitingPeers(): Iterable<OperatorId> {
    return this.waiting.keys();
  }

  /** When the oldest of these was ordered. */
  oldestWaiting(peer: OperatorId): UnixMillis | undefined {
    let oldest: UnixMillis | undefined;
    for (const pairs of this.waiting.get(peer)?.values() ?? []) {
      const [pair] = pairs;
      const since = pair === undefined ? undefined : this.sides.get(sideKey(pair, 'first'))?.since;
      if (since !== undefined && (oldest === undefined || since < oldest)) oldest = since;
    }
    return oldest;
  }

  /** Agreed pairs in no batch yet whose deadline is before `time`. */
  waitingBefore(time: UnixSeconds): number {
    let count = 0;
    for (const byDeadline of this.waiting.values()) {
      for (const [deadline, pairs] of byDeadline) if (deadline < time) count += pairs.size;
    }
    return count;
  }

  batchOpened({ batchId, role, peer, batch }: BatchRecord): void {
    this.batches.set(batchKey(batchId, role), {
      batchId,
      role,
      peer,
      sequence: batch.sequence,
      deadline: batch.deadline,
    });
  }

  batchOver(batchId: BatchId, role: Role): void {
    this.batches.delete(batchKey(batchId, role));
  }

  allBatches(): Iterable<OpenBatch> {
    return this.batches.values();
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
      this.sideCreated(side, side.heldAt);
      if (state.state !== 'held') this.sideLeftHeld(side.pair, side.leg);
      onSide(side, state);
    }
    for await (const [key] of store.scan(openBatchTable)) {
      const cut = key.indexOf('!');
      const found = loadBatch(store.newest, key.slice(0, cut) as BatchId, key.slice(cut + 1) as Role);
      if (found !== undefined) this.batchOpened(found.record);
    }
  }
}
