/**
 * A store is lost and an old snapshot takes its place (protocol §3, rule 11), while the run goes on: the node starts in
 * recovery, its controller rotates its keys, and it has to come back as if nothing had been forgotten. Here is what happens
 * to it and what must have become of every pair in the end; what must always hold, `monitor.ts` watches as ever.
 */
import type { PeerHandlers } from '../../operator-node/channel/channel.ts';
import type { Answer, Method, Request } from '../../operator-node/channel/messages.ts';
import type { AlarmEvent } from '../../operator-node/engine/engine.ts';
import type { SideState } from '../../operator-node/flow/pair.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import type { Recovery } from '../../operator-node/flow/past.ts';
import { SimulatedDisk } from '../../operator-node/store/memory.ts';
import type { Chance } from './random.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export interface RestorePlan {
  readonly operator: OperatorId;
  /** Writes of the operator, counted from the beginning of the orders: after so many the snapshot is taken, … */
  readonly snapshotAt: number;
  /** … and after so many the store is lost. */
  readonly lostAt: number;
  /** From the loss until a process begins on the snapshot, and from then until the keys are rotated. */
  readonly downMillis?: number;
  readonly rotateAfterMillis?: number;
  /** So long after the loss the other operators say that they know of nothing. */
  readonly denyMillis?: number;
  /** An offer that left between snapshot and loss is taken by nobody then, and by the acceptor so long after the loss. */
  readonly lateOfferMillis?: number;
  /** A followed copy: nothing is forgotten, and no recovery is needed. */
  readonly followed?: true;
  /** The keys of a node that has lost nothing are rotated all the same. */
  readonly rotates?: true;
  /** A planted bug: the keys are not rotated, and the node is made to believe that they are. */
  readonly unrotated?: true;
  /** There is no controller's key: the node waits until nothing forgotten can land any more (`maxWindowSeconds`). */
  readonly waits?: true;
  /** While the others deny, they say this in place of the truth; without it, that they know of nothing. */
  readonly lie?: (truth: SealedBatch) => Answer<'sealed'>;
  /** Only this one denies. */
  readonly denier?: OperatorId;
  /** So long after the loss staff goes on without those who deny. */
  readonly withoutMillis?: number;
  /** Records that the restored store does not have: of a user who came after the backup, or is erased. */
  readonly leavesOut?: (key: string, text: string) => boolean;
  /** From the loss on the chain takes nothing out of its pool for so long. */
  readonly stallMillis?: number;
}

export type SealedBatch = Extract<Answer<'sealed'>, { answer: 'batch' }>;

/** What a seed counts as met: a backup that is behind, or a followed copy, in place of a lost store. */
export const restoreNames = ['restored-backup', 'restored-copy'] as const;
export type RestoreName = (typeof restoreNames)[number];

/**
 * One seed in sixteen loses a store in the midst of whatever else goes wrong: one in four of them has a followed copy. The
 * backup is some writes behind, or as old as the accounts.
 */
export function randomRestore(seed: number, operators: readonly OperatorId[], chance: Chance): RestorePlan | undefined {
  if (seed % 16 !== 9) return undefined;
  const snapshotAt = chance.below(250);
  const common = {
    operator: chance.pick(operators),
    snapshotAt,
    lostAt: snapshotAt + chance.pick([1, 2, 5, 15, 40, 100]),
    downMillis: chance.pick([100, 500, 5_000, 40_000]),
  };
  if (chance.happens(0.25)) return { ...common, followed: true };
  return { ...common, rotateAfterMillis: chance.pick([100, 1_500, 10_000]) };
}

/** A side as it was when the store was lost. */
type Sides = ReadonlyMap<string, SideState>;

/** Of what the lost store had signed, and the new one does not know. */
const forgottenOnChain: ReadonlySet<string> = new Set([
  'foreign-journal-head',
  'unknown-statement-on-chain',
  'unknown-discharge-on-chain',
]);

export class Restore {
  readonly plan: RestorePlan;
  readonly #world: World;
  #writes = 0;
  #counting = false;
  #snapshot: SimulatedDisk | undefined;
  #atLoss: Sides = new Map();
  #lost = false;
  #begun = false;
  #denying = false;
  #oldKeys: readonly string[] = [];
  #late: (() => void) | undefined;

  constructor(world: World, plan: RestorePlan) {
    this.#world = world;
    this.plan = plan;
  }

  /** The orders begin. */
  begin(): void {
    this.#counting = true;
    if (this.plan.snapshotAt === 0) this.#take();
  }

  written(operator: OperatorId): void {
    if (!this.#counting || operator !== this.plan.operator || this.#lost) return;
    this.#writes += 1;
    if (this.#writes === this.plan.snapshotAt) this.#take();
    if (this.#writes === this.plan.lostAt) this.force();
  }

  /** The store is lost now, if it has not been. */
  force(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#world.time.after(0, () => {
      this.#lose();
    });
  }

  get done(): boolean {
    return this.#begun && this.#node.serving !== undefined && this.#node.process?.node.recovery.needed === false;
  }

  /**
   * As for every run; but a batch that an acceptor has signed for the lost store, and then denied or signed late, is taken
   * up with the next pair in its lane.
   */
  get quiet(): boolean {
    const { monitor } = this.#world;
    return monitor.quietBut((operator, key) => {
      const record = monitor.batches(operator).get(key);
      if (record?.role !== 'acceptor' || record.peer !== this.plan.operator) return false;
      const { state } = JSON.parse(this.#world.node(operator).disk.peek(`batch-state!${key}`) ?? '{}') as {
        state?: string;
      };
      return state === 'signed';
    });
  }

  /** Another operator may have a batch of the lost store of which it has said nothing. */
  get meetsForgotten(): boolean {
    return this.plan.denyMillis !== undefined || this.plan.lateOfferMillis !== undefined;
  }

  /** Takes the last offer between snapshot and loss off the way; it arrives long after. */
  waylays(from: OperatorId, to: OperatorId, method: Method, request: unknown): boolean {
    const { operator, lateOfferMillis } = this.plan;
    if (lateOfferMillis === undefined || from !== operator || to === operator || method !== 'offer') return false;
    if (this.#snapshot === undefined || this.#lost) return false;
    this.#late = () => {
      this.#world.tell('network', 'delivers an old offer');
      const answerer = this.#world.node(to).serving;
      answerer?.handlers.offer(from, request as Request<'offer'>).catch(() => undefined);
    };
    return true;
  }

  /** What the others answer while they deny. */
  wrap(operator: OperatorId, handlers: PeerHandlers): PeerHandlers {
    const { denyMillis, denier = operator, lie } = this.plan;
    if (operator === this.plan.operator || operator !== denier || denyMillis === undefined) return handlers;
    return {
      ...handlers,
      sealed: async (from, request) => {
        if (!this.#denying) return handlers.sealed(from, request);
        const none = { answer: 'none', sequence: request.sequence } as const;
        if (lie === undefined) return none;
        const truth = await handlers.sealed(from, request);
        return truth.answer === 'none' ? none : lie(truth);
      },
    };
  }

  /** Those whom staff goes on without. */
  get #deniers(): readonly OperatorId[] {
    const { operator, denier } = this.plan;
    return this.#world.operators.filter((other) => other !== operator && other === (denier ?? other));
  }

  /** A batch that the lost store alone had pairs for is refused, as it must be. */
  expects(event: AlarmEvent): boolean {
    if (forgottenOnChain.has(event.what)) return true;
    // It was on its way when the keys were rotated.
    const { signature } = event;
    if (typeof signature === 'string' && this.#oldKeys.some((key) => signature.startsWith(key))) return true;
    return event.what === 'batch-refused' && ['pair-unknown', 'sequence-taken'].includes(String(event.refusal));
  }

  get #node() {
    return this.#world.node(this.plan.operator);
  }

  #take(): void {
    this.#snapshot = this.#node.disk.clone();
    this.#world.tell(this.#node.name, 'is copied', this.#writes);
  }

  #restored(snapshot: SimulatedDisk): SimulatedDisk {
    const { leavesOut } = this.plan;
    if (leavesOut === undefined) return snapshot;
    const disk = new SimulatedDisk();
    for (const op of snapshot.records()) {
      if (op.type === 'put' && !leavesOut(op.key, op.value)) disk.poke(op.key, op.value);
    }
    return disk;
  }

  #lose(): void {
    const { operator, downMillis = 500, rotateAfterMillis = 1_500, denyMillis, followed, stallMillis } = this.plan;
    const world = this.#world;
    const node = this.#node;
    world.fired(followed === true ? 'restored-copy' : 'restored-backup', operator);
    node.keptDown = true;
    node.die('and its store is lost');
    if (this.#snapshot === undefined) this.#take();
    this.#atLoss = new Map(world.monitor.sides(operator));
    if (followed === undefined && this.#snapshot !== undefined) {
      node.disk.become(this.#restored(this.#snapshot));
      // The planted bug: a node that calls no key old believes that its keys are new.
      const oldKeys = this.plan.unrotated === true ? [] : world.keysOf(operator);
      const mark: Recovery = { why: 'restored', at: world.time.now as UnixMillis, oldKeys };
      node.disk.poke('recovery!mark', JSON.stringify(mark));
      world.monitor.restored(operator);
    }
    this.#oldKeys = world.keysOf(operator);
    world.tell(node.name, 'is restored');
    if (denyMillis !== undefined) {
      this.#denying = true;
      world.time.after(denyMillis, () => {
        this.#denying = false;
      });
    }
    if (this.plan.lateOfferMillis !== undefined) {
      world.time.after(this.plan.lateOfferMillis, () => {
        this.#late?.();
      });
    }
    if (stallMillis !== undefined) {
      world.stalled = true;
      world.time.after(stallMillis, () => {
        world.stalled = false;
      });
    }
    if (this.plan.withoutMillis !== undefined) {
      world.time.after(this.plan.withoutMillis, () => {
        node.process?.node.recovery.goWithout(this.#deniers).catch((error: unknown) => {
          world.fault(operator, 'recover --without', error);
        });
      });
    }
    world.time.after(downMillis, () => {
      node.start();
      const keepsKeys = (followed === true && this.plan.rotates !== true) || this.plan.unrotated === true;
      if (keepsKeys || this.plan.waits === true) this.#begun = true;
      else {
        world.time.after(rotateAfterMillis, () => {
          world.rotate(node);
          this.#begun = true;
        });
      }
    });
  }

  /** Once, at the end. */
  check(): void {
    const { operator, followed } = this.plan;
    const { monitor, chain } = this.#world;
    const now = monitor.sides(operator);
    const wrong = (what: string): never => {
      throw new Violation('restore', `operator ${operator}: ${what}`);
    };
    for (const [key, before] of this.#atLoss) {
      const after = now.get(key);
      const said = `${key} was ${before.state} in the lost store and is ${after?.state ?? 'unknown'}`;
      if (followed === true && after === undefined) wrong(said);
      if (after === undefined) continue;
      // On us nobody else has it: it is named.
      const named = this.#node.disk.peek(`lost!pair!${key.slice(0, 36)}`) !== undefined;
      if (named && this.#onUs(key)) continue;
      if (before.state === 'committed' && after.state !== 'committed') wrong(said);
      if (before.state === 'aborted' && after.state !== 'aborted') wrong(said);
    }
    this.#checkPeers(now, wrong);
    for (const [batchId, { initiator, acceptor }] of chain.final.state.headers) {
      for (const [own, role] of [
        [initiator, 'initiator'],
        [acceptor, 'acceptor'],
      ] as const) {
        if (own !== operator || monitor.batches(operator).has(`${batchId}!${role}`)) continue;
        const named = this.#node.disk.peek(`lost!batch!${batchId}`) !== undefined;
        if (!named || initiator !== acceptor) wrong(`does not know batch ${batchId} as ${role}, which is on the chain`);
      }
    }
  }

  #onUs(key: string): boolean {
    const { peer } = JSON.parse(this.#node.disk.peek(`side!${key}`) ?? '{}') as { peer?: OperatorId };
    return peer === this.plan.operator;
  }

  /** What a peer knows of a pair that was in a batch, this operator knows too, and the same of it. */
  #checkPeers(now: Sides, wrong: (what: string) => never): void {
    const { operator } = this.plan;
    for (const peer of this.#world.operators) {
      if (peer === operator) continue;
      for (const [key, theirs] of this.#world.monitor.sides(peer)) {
        const { peer: other } = JSON.parse(this.#world.node(peer).disk.peek(`side!${key}`) ?? '{}') as {
          peer?: OperatorId;
        };
        if (other !== operator) continue;
        const own = now.get(
          key.endsWith('!first') ? key.replace('!first', '!second') : key.replace('!second', '!first'),
        );
        const anchored = theirs.batch !== undefined && this.#world.chain.final.state.headers.has(theirs.batch);
        if (own === undefined && !anchored) continue;
        const said = `of ${key} operator ${peer} says ${theirs.state}, this one ${own?.state ?? 'nothing'}`;
        if (own?.state !== theirs.state && (anchored || theirs.state === 'committed')) wrong(said);
      }
    }
  }
}
