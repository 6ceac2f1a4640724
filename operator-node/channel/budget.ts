/**
 * What one peer may use up of this node: bytes, time to parse them, refusals. Counted by the operator that the key has
 * proved, over all its connections; before a request has named its operator, by the key. What is beyond is answered 429
 * before it is read, so the flood of one peer costs the others nothing.
 */
import { Bucket, Buckets } from '../engine/bucket.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { ChannelLimits } from './limits.ts';
import type { Method } from './messages.ts';

/** An operator, or a key that has named none. */
export type Party = OperatorId | Hash;
/** What there is none left of. */
export type Spent = 'bytes' | 'parsing' | 'buffer' | `refusals of ${Method | 'no method'}` | Method;

const heavy: ReadonlySet<Method> = new Set<Method>(['hello', 'window', 'compare', 'erased']);
const maxParties = 10_000;

const words = (spent: Spent): string => {
  if (spent === 'bytes') return 'has sent and asked for too many bytes';
  if (spent === 'parsing') return 'has taken too much time to parse';
  if (spent === 'buffer') return 'has too many bytes under way';
  return spent.startsWith('refusals') ? `has had too many ${spent}` : `has sent too many requests of ${spent}`;
};

/** Answered with 429, `Retry-After`, and a connection that closes. */
export class OverBudget extends TandemError {
  readonly spent: Spent;

  constructor(party: Party, spent: Spent, retrySeconds: number) {
    const who = typeof party === 'number' ? `Operator ${party}` : `The key ${party}`;
    super('too-busy', `${who} ${words(spent)}; again in ${retrySeconds} s`, { facts: { party, spent, retrySeconds } });
    this.spent = spent;
  }
}

interface Used {
  readonly bytes: Bucket;
  readonly parsing: Bucket;
  buffered: number;
}

export class PeerBudgets {
  readonly #limits: ChannelLimits;
  readonly #now: () => UnixMillis;
  readonly #used = new Map<OperatorId, Used>();
  /** By party and method. */
  readonly #refusals: Buckets<string>;
  readonly #heavy: Buckets<string>;

  constructor(limits: ChannelLimits, now: () => UnixMillis) {
    this.#limits = limits;
    this.#now = now;
    const { peerRefusalsBurst, peerRefusalsPerSecond, peerHeavyBurst, peerHeavyPerSecond } = limits;
    this.#refusals = new Buckets({ burst: peerRefusalsBurst, perSecond: peerRefusalsPerSecond }, maxParties);
    this.#heavy = new Buckets({ burst: peerHeavyBurst, perSecond: peerHeavyPerSecond }, maxParties);
  }

  /** Before anything of a request is looked at. @throws {OverBudget} */
  assertRefusals(party: Party, method?: Method): void {
    const now = this.#now();
    const bucket = this.#refusals.of(`${party} ${method ?? ''}`, now);
    if (bucket.left(now) >= 1) return;
    throw new OverBudget(party, `refusals of ${method ?? 'no method'}`, bucket.secondsUntil(1, now));
  }

  /** Before a request is read. @throws {OverBudget} */
  admit(peer: OperatorId, method: Method): void {
    this.assertRefusals(peer, method);
    const now = this.#now();
    const { bytes, parsing } = this.#of(peer);
    for (const [spent, bucket] of [
      ['bytes', bytes],
      ['parsing', parsing],
    ] as const) {
      if (bucket.left(now) <= 0) throw new OverBudget(peer, spent, bucket.secondsUntil(0, now));
    }
    if (!heavy.has(method)) return;
    const bucket = this.#heavy.of(`${peer} ${method}`, now);
    if (!bucket.take(1, now)) throw new OverBudget(peer, method, bucket.secondsUntil(1, now));
  }

  refused(party: Party, method?: Method): void {
    const now = this.#now();
    this.#refusals.of(`${party} ${method ?? ''}`, now).charge(1, now);
  }

  moved(peer: OperatorId, bytes: number): void {
    this.#of(peer).bytes.charge(bytes, this.#now());
  }

  /** False: these would be more than its bytes. */
  drops(party: Party | undefined, bytes: number): boolean {
    if (typeof party !== 'number') return false;
    return this.#of(party).bytes.take(bytes, this.#now());
  }

  parsed(peer: OperatorId, millis: number): void {
    this.#of(peer).parsing.charge(millis, this.#now());
  }

  /** A piece of a body is kept, until `release`. @throws {OverBudget} */
  keep(peer: OperatorId, bytes: number): void {
    const used = this.#of(peer);
    if (used.buffered + bytes > this.#limits.peerBufferedBytes) throw new OverBudget(peer, 'buffer', 1);
    used.buffered += bytes;
  }

  release(peer: OperatorId, bytes: number): void {
    this.#of(peer).buffered -= bytes;
  }

  /** Operators are as many as the registry has: none is forgotten. */
  #of(peer: OperatorId): Used {
    let used = this.#used.get(peer);
    if (used === undefined) {
      const now = this.#now();
      const { peerBytesBurst, peerBytesPerSecond, peerParseMillisBurst, peerParseMillisPerSecond } = this.#limits;
      used = {
        bytes: new Bucket({ burst: peerBytesBurst, perSecond: peerBytesPerSecond }, now),
        parsing: new Bucket({ burst: peerParseMillisBurst, perSecond: peerParseMillisPerSecond }, now),
        buffered: 0,
      };
      this.#used.set(peer, used);
    }
    return used;
  }
}
