/** How many parts may go to an SMS centre now: its window, its rate, and what it says when both are too much. */
import type { Clock } from '../engine/clock.ts';

const firstPauseMillis = 1_000;
const longestPauseMillis = 30_000;

export class Pace {
  readonly #clock: Clock;
  readonly #window: number;
  readonly #perSecond: number;
  readonly #wake: () => void;
  #limit: number;
  #inFlight = 0;
  #pausedUntil = 0;
  #pause = firstPauseMillis;
  #answered = 0;
  #tokens: number;
  #filledAt: number;
  #waking = false;

  /** @param wake called when there may be room again that no answer has made */
  constructor(
    clock: Clock,
    { window, perSecond }: { readonly window: number; readonly perSecond: number },
    wake: () => void,
  ) {
    this.#clock = clock;
    this.#window = window;
    this.#limit = window;
    this.#perSecond = perSecond;
    this.#tokens = Math.max(1, perSecond / 10);
    this.#filledAt = clock.now();
    this.#wake = wake;
  }

  room(): number {
    const now = this.#clock.now();
    if (now < this.#pausedUntil) {
      this.#wakeAfter(this.#pausedUntil - now);
      return 0;
    }
    const free = this.#limit - this.#inFlight;
    if (this.#perSecond === 0 || free <= 0) return free;
    const most = Math.max(1, this.#perSecond / 10);
    this.#tokens = Math.min(most, this.#tokens + (Math.max(0, now - this.#filledAt) * this.#perSecond) / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) this.#wakeAfter(((1 - this.#tokens) * 1000) / this.#perSecond);
    return Math.min(free, Math.floor(this.#tokens));
  }

  begin(parts: number): void {
    this.#inFlight += parts;
    this.#tokens -= this.#perSecond === 0 ? 0 : parts;
  }

  /** One part has its answer, or will have none. */
  end(result: 'taken' | 'throttled' | 'other'): void {
    this.#inFlight -= 1;
    if (result === 'throttled') this.#throttle();
    if (result !== 'taken') return;
    this.#pause = firstPauseMillis;
    this.#answered += 1;
    if (this.#limit < this.#window && this.#answered >= this.#limit) {
      this.#limit += 1;
      this.#answered = 0;
    }
  }

  /** All that were on their way are refused alike: that is one word of the centre, and not many. */
  #throttle(): void {
    const now = this.#clock.now();
    if (now < this.#pausedUntil) return;
    this.#pausedUntil = now + this.#pause;
    this.#pause = Math.min(2 * this.#pause, longestPauseMillis);
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#answered = 0;
  }

  #wakeAfter(millis: number): void {
    if (this.#waking) return;
    this.#waking = true;
    this.#clock.after(Math.ceil(millis), () => {
      this.#waking = false;
      this.#wake();
    });
  }
}
