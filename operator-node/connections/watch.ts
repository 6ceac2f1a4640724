/**
 * What staff sees of what the two servers refuse: each refusal is counted, the first few of a kind are written, and what goes
 * on is an alarm that names who does it.
 */
import type { Alarms } from '../alarms/alarms.ts';
import type { Metrics } from '../api/metrics.ts';
import type { PeerRegistry } from '../chain/chain.ts';
import type { ChannelEvent } from '../channel/receive.ts';
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { PeerTroubles } from '../flow/troubles.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import type { Cut } from './connections.ts';
import type { LogDigest } from './digest.ts';

export type ServerName = 'channel' | 'api';

interface WatchParts {
  readonly clock: Clock;
  readonly digest: LogDigest;
  readonly metrics: Pick<Metrics, 'incPeerRefusal' | 'incConnectionClosed'>;
  readonly alarms: Pick<Alarms, 'set'>;
  readonly troubles: PeerTroubles;
  readonly peers: Pick<PeerRegistry, 'byPin'>;
}

/** For so long nothing had to be closed: the alarm is over. */
const quietMillis = 120_000;

const addressOf = (remote: string): string => remote.replace(/:[0-9]*$/, '');

export class ServerWatch {
  readonly #parts: WatchParts;
  readonly #crowded = new Map<ServerName, UnixMillis>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** What the channel's server tells. */
  channelEvent(event: ChannelEvent): void {
    const { digest, metrics, troubles } = this.#parts;
    const entry = { level: 'warn', where: 'channel', ...event };
    if (event.type === 'connection-refused') {
      metrics.incConnectionClosed('channel', 'not-trusted');
      digest.note(`${event.type} ${addressOf(event.remote)}`, entry);
    } else if (event.type === 'connection-cut') {
      metrics.incConnectionClosed('channel', 'not-trusted-any-more');
      digest.note(`${event.type} ${event.pin}`, entry);
    } else if (event.type === 'request-refused') {
      const { from, method = 'none', code, spent } = event;
      metrics.incPeerRefusal(from ?? 'unknown', method, code);
      if (spent !== undefined && from !== undefined) troubles.note('peer-over-budget', from, { why: spent });
      digest.note(`${event.type} ${from ?? ''} ${method} ${code}`, entry);
    } else digest.note(`${event.type} ${event.from} ${event.method}`, { ...entry, error: String(event.error) });
  }

  /** A connection had to give way, or was not taken. */
  cut(server: ServerName, { reason, remote, party }: Cut): void {
    const { clock, digest, metrics, alarms, troubles } = this.#parts;
    metrics.incConnectionClosed(server, reason);
    const entry = { level: 'warn', where: server, type: 'connection-closed', reason, remote };
    digest.note(`closed ${server} ${reason} ${addressOf(remote)}`, party === undefined ? entry : { ...entry, party });
    if (reason === 'party-crowded' || reason === 'party-rate') {
      for (const peer of this.#operatorsOf(party)) troubles.note('peer-over-budget', peer, { why: 'connections' });
      return;
    }
    this.#crowded.set(server, clock.now());
    alarms.set('connections-crowded', true, { address: addressOf(remote), why: reason }, server);
  }

  /** By the clock. */
  round(): void {
    const { clock, digest, alarms } = this.#parts;
    digest.flush();
    for (const [server, last] of this.#crowded) {
      if (!hasPassed(clock, last, quietMillis)) continue;
      this.#crowded.delete(server);
      alarms.set('connections-crowded', false, {}, server);
    }
  }

  /** Whoever has the key among its own: one that copies another's answers for it too. */
  #operatorsOf(pin: string | undefined): readonly OperatorId[] {
    return pin === undefined ? [] : this.#parts.peers.byPin(pin as Hash).map(({ id }) => id);
  }
}
