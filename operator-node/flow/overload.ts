/**
 * The brake. More orders than can be settled would only wait, hold money, and lapse: so where the oldest pair waits too
 * long, new ones are refused until it has become better by half. Each peer apart, as one that does not answer must not
 * stop the orders to the others; what waits for the chain counts for all.
 */
import type { AlarmFacts } from '../alarms/record.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../engine/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { OperatorId, UnixMillis } from '../model/ids.ts';
import type { ChainView } from './context.ts';
import type { OpenWork } from './open.ts';
import { proposeQueue } from './side-events.ts';
import { oldestUnanchored, type Decisions } from './submit.ts';

/** Since when the oldest of each waits; undefined where nothing does. */
export interface Backlog {
  /** Peers to which anything is under way as initiator. */
  readonly peers: () => Iterable<OperatorId>;
  /** Held here and not answered by that peer, or agreed and in no batch. */
  readonly unproposedSince: (peer: OperatorId) => UnixMillis | undefined;
  /** Signed by both and not on the chain, or decided here and not on the chain. */
  readonly unanchoredSince: () => UnixMillis | undefined;
  /** From a block to its finality: so long everything waits. */
  readonly finalitySeconds: () => number;
}

export const backlogOf = (engine: Engine, open: OpenWork, decisions: Decisions, chain: ChainView): Backlog => ({
  peers: () =>
    new Set([...engine.laneNames(proposeQueue)].map((name) => Number(name) as OperatorId)).union(
      new Set(open.waitingPeers()),
    ),
  unproposedSince: (peer) => earlier(engine.oldestIn(proposeQueue, String(peer)), open.oldestWaiting(peer)),
  unanchoredSince: () => oldestUnanchored(engine.newest, open, decisions),
  finalitySeconds: () => chain.finalitySeconds,
});

const earlier = (one: UnixMillis | undefined, other: UnixMillis | undefined): UnixMillis | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;

/** `chain`, or an operator. */
export type Braked = OperatorId | 'chain';

export type SetOverloaded = (active: boolean, facts: AlarmFacts, subject: string) => void;

export class Overload {
  readonly #bounds: Config['overload'];
  readonly #backlog: Backlog;
  readonly #clock: Clock;
  readonly #set: SetOverloaded;
  readonly #braked = new Set<Braked>();
  #oldestUnproposed = 0;
  #oldestUnanchored = 0;

  constructor(bounds: Config['overload'], backlog: Backlog, clock: Clock, set: SetOverloaded) {
    this.#bounds = bounds;
    this.#backlog = backlog;
    this.#clock = clock;
    this.#set = set;
  }

  /** No orders to that peer now. */
  refuses(peer: OperatorId): boolean {
    return this.#braked.has(peer) || this.#braked.has('chain');
  }

  /** What waits for the chain: no orders to anybody, and nothing new of anybody's. */
  get chain(): boolean {
    return this.#braked.has('chain');
  }

  /** For metrics; ages in seconds as of the last look. */
  get status() {
    return {
      braked: [...this.#braked].map(String),
      unproposedSeconds: this.#oldestUnproposed / 1000,
      unanchoredSeconds: this.#oldestUnanchored / 1000,
    };
  }

  /** By the clock. */
  look(): void {
    const { peers, unproposedSince, unanchoredSince, finalitySeconds } = this.#backlog;
    const { unproposedSeconds, unanchoredSeconds } = this.#bounds;
    const seen = new Set<Braked>(['chain']);
    this.#oldestUnproposed = 0;
    for (const peer of peers()) {
      seen.add(peer);
      const age = this.#age(unproposedSince(peer));
      this.#oldestUnproposed = Math.max(this.#oldestUnproposed, age);
      this.#judge(peer, age, unproposedSeconds * 1000);
    }
    for (const braked of this.#braked) if (!seen.has(braked)) this.#judge(braked, 0, 1);
    this.#oldestUnanchored = Math.max(0, this.#age(unanchoredSince()) - finalitySeconds() * 1000);
    this.#judge('chain', this.#oldestUnanchored, unanchoredSeconds * 1000);
  }

  #age(since: UnixMillis | undefined): number {
    return since === undefined ? 0 : Math.max(0, this.#clock.now() - since);
  }

  #judge(subject: Braked, ageMillis: number, boundMillis: number): void {
    const facts = { waitingSeconds: Math.round(ageMillis / 1000), ...(subject === 'chain' ? {} : { peer: subject }) };
    const was = this.#braked.has(subject);
    // Better by half: at the bound itself it would go on and off with every pair.
    const braked = ageMillis >= (was ? boundMillis / 2 : boundMillis);
    if (braked) this.#braked.add(subject);
    else this.#braked.delete(subject);
    if (braked || was) this.#set(braked, facts, String(subject));
  }
}
