/** The chain's head as the flow asks for it. */
import type { Head } from '../chain/chain.ts';
import type { Clock } from '../engine/clock.ts';
import type { ChainView } from './context.ts';

/** What the watcher has seen of the chain's head, as the flow asks for it. */
export class HeadView implements ChainView {
  #head: Head | undefined;
  #seenAt = 0;
  caughtUp = false;
  readonly #clock: Clock;
  readonly maxGapMillis: number;
  readonly #madeAt: number;

  constructor(clock: Clock, maxGapMillis: number) {
    this.#clock = clock;
    this.maxGapMillis = maxGapMillis;
    this.#madeAt = clock.now();
  }

  see(head: Head, applied: number | undefined): void {
    this.#head = head;
    this.#seenAt = this.#clock.now();
    if (applied !== undefined) this.applied(applied);
  }

  applied(number: number): void {
    if (this.#head !== undefined && number >= this.#head.final.number) this.caughtUp = true;
  }

  /** As last looked. */
  get seen(): Head | undefined {
    return this.#head;
  }

  get headTime(): ChainView['headTime'] {
    return this.#head?.newest.timestamp;
  }

  get finalNumber(): ChainView['finalNumber'] {
    return this.#head?.final.number;
  }

  get finalitySeconds(): number {
    return this.#head === undefined ? 0 : Math.max(0, this.#head.newest.timestamp - this.#head.final.timestamp);
  }

  get ageMillis(): ChainView['ageMillis'] {
    return this.#head === undefined ? undefined : this.#head.ageMillis + (this.#clock.now() - this.#seenAt);
  }

  get stalled(): boolean {
    return this.ageMillis === undefined || this.ageMillis > this.maxGapMillis;
  }

  get standsStill(): boolean {
    return (this.ageMillis ?? this.#clock.now() - this.#madeAt) > this.maxGapMillis;
  }
}
