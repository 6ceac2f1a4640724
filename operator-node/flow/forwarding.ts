/**
 * How many ordinary messages a peer may pass on, in messages and in bytes: in all, and to one addressee, whom nothing else
 * protects from them. In memory: a restart fills it.
 */
import type { Config } from '../config.ts';
import { Buckets } from '../engine/bucket.ts';
import type { Clock } from '../engine/clock.ts';
import type { Msisdn, OperatorId } from '../model/ids.ts';

/** Pairs of a peer and an addressee that are remembered; the one longest without a message is forgotten first. */
const maxAddressees = 100_000;
const maxPeers = 10_000;
const kib = 1024;

const aMinute = (count: number) => ({ burst: count, perSecond: count / 60 });

export interface NoForwarding {
  /** What there is none left of. */
  readonly spent: 'messages' | 'messages to this number';
  readonly retrySeconds: number;
}

export class ForwardAllowance {
  readonly #clock: Clock;
  readonly #messages: Buckets<OperatorId>;
  readonly #bytes: Buckets<OperatorId>;
  readonly #messagesTo: Buckets<string>;
  readonly #bytesTo: Buckets<string>;

  constructor(config: Config['forward'], clock: Clock) {
    this.#clock = clock;
    this.#messages = new Buckets(aMinute(config.messagesPerMinute), maxPeers);
    this.#bytes = new Buckets(aMinute(config.kibibytesPerMinute * kib), maxPeers);
    this.#messagesTo = new Buckets(aMinute(config.messagesPerMinuteToOne), maxAddressees);
    this.#bytesTo = new Buckets(aMinute(config.kibibytesPerMinuteToOne * kib), maxAddressees);
  }

  /** Takes one message of so many bytes; undefined where it may be passed on, and nothing is taken where not. */
  take(peer: OperatorId, to: Msisdn, bytes: number): NoForwarding | undefined {
    const now = this.#clock.now();
    const wants = [
      { bucket: this.#messages.of(peer, now), count: 1, spent: 'messages' },
      { bucket: this.#bytes.of(peer, now), count: bytes, spent: 'messages' },
      { bucket: this.#messagesTo.of(`${peer} ${to}`, now), count: 1, spent: 'messages to this number' },
      { bucket: this.#bytesTo.of(`${peer} ${to}`, now), count: bytes, spent: 'messages to this number' },
    ] as const;
    for (const { bucket, count, spent } of wants) {
      if (bucket.left(now) < count) return { spent, retrySeconds: bucket.secondsUntil(count, now) };
    }
    for (const { bucket, count } of wants) bucket.charge(count, now);
    return undefined;
  }
}
