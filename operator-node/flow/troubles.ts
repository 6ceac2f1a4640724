/**
 * What peers do that is refused, as staff sees it: one alarm a peer and kind, which is over when it has not happened for a
 * while. Each single refusal is counted (`/metrics`), and is no alarm of its own: that would be the peer's to ring.
 */
import type { AlarmFacts } from '../alarms/record.ts';
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { OperatorId, UnixMillis } from '../model/ids.ts';

export type PeerTrouble = 'peer-over-budget' | 'peer-foreign-number';
interface Facts {
  /** What it wanted too much of, or where it spoke for others. */
  readonly why: string;
}

/** Told again and again while it lasts, and once when it is over. */
export type SetTrouble = (code: PeerTrouble, active: boolean, facts: AlarmFacts, subject: string) => void;

const quietMillis = 120_000;

export class PeerTroubles {
  readonly #clock: Clock;
  readonly #set: SetTrouble;
  /** By code and peer. */
  readonly #active = new Map<string, { readonly code: PeerTrouble; readonly peer: OperatorId; last: UnixMillis }>();

  constructor(clock: Clock, set: SetTrouble) {
    this.#clock = clock;
    this.#set = set;
  }

  note(code: PeerTrouble, peer: OperatorId, facts: Facts): void {
    const key = `${code} ${peer}`;
    const last = this.#clock.now();
    const known = this.#active.get(key);
    if (known === undefined) this.#active.set(key, { code, peer, last });
    else known.last = last;
    this.#set(code, true, { peer, ...facts }, String(peer));
  }

  /** By the clock. */
  round(): void {
    for (const [key, { code, peer, last }] of this.#active) {
      if (!hasPassed(this.#clock, last, quietMillis)) continue;
      this.#active.delete(key);
      this.#set(code, false, { peer }, String(peer));
    }
  }
}
