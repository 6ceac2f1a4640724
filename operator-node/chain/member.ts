/** One of the endpoints of a node: how it stands, and when it may be asked. */
import { hasPassed, type Clock } from '../engine/clock.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointFault } from './exchange.ts';

export type EndpointState = 'new' | 'ok' | 'silent' | 'wrong-network';

/** Says what is wrong with an endpoint's network, or `undefined`. */
export type NetworkCheck = (endpoint: Endpoint) => Promise<string | undefined>;

/** Waits that grow with each failure in a row, from the first to the last; in milliseconds. */
const growing = (failures: number, first: number, last: number): number => Math.min(last, first * 2 ** (failures - 1));

/** How long it rests while others can answer. */
const restMillis = (failures: number): number => growing(failures, 5_000, 60_000);

/** How long it is asked nothing, even if it is the only one. */
function pauseMillis({ refuses }: Pick<EndpointFault, 'refuses'>, failures: number): number {
  if (refuses === undefined) return growing(failures, 250, 5_000);
  return refuses.retryAfterMillis ?? growing(failures, 1_000, refuses.limit ? 60_000 : 10_000);
}

interface Pause {
  readonly since: number;
  readonly millis: number;
}

export class Member {
  readonly endpoint: Endpoint;
  state: EndpointState = 'new';
  /** Why it is in that state. */
  detail = '';
  /** When it was last in another state than `silent`. */
  silentSince: number | undefined;
  /** Questions to which it is slower than the others, and has not answered yet. */
  late = 0;
  /** The highest number that it last said, by what was asked. */
  readonly reached = new Map<string, number>();
  readonly #clock: Clock;
  readonly #check: NetworkCheck;
  #checking: Promise<boolean> | undefined;
  #failures = 0;
  #pause: Pause | undefined;
  #rest: Pause | undefined;

  constructor(endpoint: Endpoint, check: NetworkCheck, clock: Clock) {
    this.endpoint = endpoint;
    this.#check = check;
    this.#clock = clock;
  }

  get name(): string {
    return this.endpoint.name;
  }

  /** It must not be asked now, even if nobody else can be. */
  get paused(): boolean {
    return this.#lasts(this.#pause);
  }

  /** It need not be asked now, if enough others can be. */
  get resting(): boolean {
    return this.paused || this.#lasts(this.#rest);
  }

  #lasts(pause: Pause | undefined): boolean {
    return pause !== undefined && !hasPassed(this.#clock, pause.since, pause.millis);
  }

  /** As if it had never been asked. */
  reset(): void {
    this.state = 'new';
    this.#rest = undefined;
    this.#pause = undefined;
  }

  /** Whether it has shown that it is on the right network; it is asked if that is not known. */
  ready(): Promise<boolean> {
    if (this.state === 'ok') return Promise.resolve(true);
    this.#checking ??= this.#checkNow().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #checkNow(): Promise<boolean> {
    try {
      const wrong = await this.#check(this.endpoint);
      this.state = wrong === undefined ? 'ok' : 'wrong-network';
      this.silentSince = undefined;
      this.detail = wrong ?? '';
      if (wrong !== undefined) this.#begin(restMillis(1), 250);
    } catch (error) {
      this.failed(error);
    }
    return this.state === 'ok';
  }

  answered(): void {
    this.#failures = 0;
  }

  /** It did not answer, or with something that no code expects: that is its fault, and nobody else's. */
  failed(error: unknown): void {
    // What was asked together fails together: once.
    if (this.state !== 'silent' || !this.paused) {
      this.#failures += 1;
      const pause = error instanceof EndpointFault ? pauseMillis(error, this.#failures) : 250;
      this.#begin(Math.max(restMillis(this.#failures), pause), pause);
    }
    this.state = 'silent';
    this.silentSince ??= this.#clock.now();
    this.detail = error instanceof Error ? error.message : String(error);
  }

  #begin(rest: number, pause: number): void {
    const since = this.#clock.now();
    this.#rest = { since, millis: rest };
    this.#pause = { since, millis: pause };
  }
}
