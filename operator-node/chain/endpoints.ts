/**
 * The endpoints of a node together. One alone is believed. Of several, a majority of those configured must answer, and all
 * that answer must agree; one that cannot say (it is behind, or has pruned that state) neither agrees nor disagrees.
 * An endpoint is asked nothing before it has shown that it is on the right network, and again after each silence.
 */
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';

export type EndpointState = 'new' | 'ok' | 'silent' | 'wrong-network';

export interface EndpointStatus {
  readonly name: string;
  readonly state: EndpointState;
  readonly detail: string;
}

/** Two answers to one question that has one answer. Kept until the same question is answered alike. */
export interface Disagreement {
  readonly about: string;
  /** Those that are not of the largest party; all, where there is no largest. */
  readonly endpoints: readonly string[];
}

/** What an endpoint said: a value, or why it cannot say. */
export type Said<T> = { readonly value: T } | { readonly unknown: string };

/** Says what is wrong with an endpoint's network, or `undefined`. */
export type NetworkCheck = (endpoint: Endpoint) => Promise<string | undefined>;

interface Member {
  readonly endpoint: Endpoint;
  state: EndpointState;
  detail: string;
  /** Not asked before, while enough others are there: in milliseconds of the clock. */
  resting: number;
}

interface Heard<T> {
  readonly name: string;
  readonly said: Said<T>;
}

const restMillis = 5_000;
const maxDisagreements = 100;

export class Endpoints {
  /** How many must agree. */
  readonly majority: number;
  readonly #members: readonly Member[];
  readonly #check: NetworkCheck;
  readonly #clock: Clock;
  readonly #disagreements = new Map<string, Disagreement>();

  constructor(endpoints: readonly Endpoint[], check: NetworkCheck, clock: Clock) {
    this.#members = endpoints.map((endpoint) => ({ endpoint, state: 'new', detail: '', resting: -Infinity }));
    this.majority = Math.floor(endpoints.length / 2) + 1;
    this.#check = check;
    this.#clock = clock;
  }

  get status(): readonly EndpointStatus[] {
    return this.#members.map(({ endpoint, state, detail }) => ({ name: endpoint.name, state, detail }));
  }

  get disagreements(): readonly Disagreement[] {
    return [...this.#disagreements.values()];
  }

  /** @throws {TandemError} `network-mismatch` if any endpoint is on another network, `chain-unavailable` if too few answer. */
  async checkAll(): Promise<void> {
    for (const member of this.#members) {
      member.state = 'new';
      member.resting = -Infinity;
    }
    const ready = await Promise.all(this.#members.map((member) => this.#ready(member)));
    if (this.#members.some(({ state }) => state === 'wrong-network')) throw this.#tooFew('checking the network');
    if (ready.filter(Boolean).length < this.majority) throw this.#tooFew('checking the network');
  }

  /**
   * What each reachable endpoint says; at least one.
   * @throws {TandemError} `chain-unavailable` or `network-mismatch` when none can say.
   */
  async each<T>(about: string, ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<readonly T[]> {
    const heard = await this.#hear(ask);
    const values = heard.flatMap(({ said }) => ('value' in said ? [said.value] : []));
    if (values.length === 0) throw this.#tooFew(about, heard);
    return values;
  }

  /**
   * The one answer of all that can say, who are a majority.
   * @throws {TandemError} `chain-unavailable` when they disagree or are too few.
   */
  async agreed<T>(about: string, ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<T> {
    const heard = await this.#hear(ask);
    const parties = partiesOf(heard);
    const [largest, second] = parties;
    if (largest === undefined) throw this.#tooFew(about, heard);
    if (second !== undefined) {
      const odd = second.names.length === largest.names.length ? parties : parties.slice(1);
      throw this.#disagree({ about, endpoints: odd.flatMap(({ names }) => names) });
    }
    if (largest.names.length < this.majority) throw this.#tooFew(about, heard);
    this.#disagreements.delete(about);
    return largest.value;
  }

  /** What a majority says, or undefined: for what may well differ for a while. */
  async common<T>(ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<T | undefined> {
    const heard = await this.#hear(ask);
    if (heard.length === 0) throw this.#tooFew('a question');
    return partiesOf(heard).find(({ names }) => names.length >= this.majority)?.value;
  }

  async #hear<T>(ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<readonly Heard<T>[]> {
    const now = this.#clock.now();
    const awake = this.#members.filter(({ resting }) => resting <= now);
    const asked = awake.length >= this.majority ? awake : this.#members;
    const heard = await Promise.all(
      asked.map(async (member): Promise<Heard<T> | undefined> => {
        if (!(await this.#ready(member))) return undefined;
        try {
          return { name: member.endpoint.name, said: await ask(member.endpoint) };
        } catch (error) {
          this.#silence(member, error);
          return undefined;
        }
      }),
    );
    return heard.filter((one) => one !== undefined);
  }

  async #ready(member: Member): Promise<boolean> {
    if (member.state === 'ok') return true;
    try {
      const wrong = await this.#check(member.endpoint);
      member.state = wrong === undefined ? 'ok' : 'wrong-network';
      member.detail = wrong ?? '';
      member.resting = wrong === undefined ? -Infinity : this.#clock.now() + restMillis;
    } catch (error) {
      this.#silence(member, error);
    }
    return member.state === 'ok';
  }

  #silence(member: Member, error: unknown): void {
    if (!(error instanceof TandemError) || error.code !== 'chain-unavailable') throw error;
    member.state = 'silent';
    member.detail = error.message;
    member.resting = this.#clock.now() + restMillis;
  }

  #disagree(found: Disagreement): TandemError {
    this.#disagreements.delete(found.about);
    this.#disagreements.set(found.about, found);
    const oldest = this.#disagreements.keys().next();
    if (this.#disagreements.size > maxDisagreements && oldest.done === false) this.#disagreements.delete(oldest.value);
    return new TandemError(
      'chain-unavailable',
      `The RPC endpoints disagree about ${found.about}: ${found.endpoints.join(', ')} against the others; compare them and remove the one that is wrong`,
      { facts: { ...found } },
    );
  }

  #tooFew(about: string, heard: readonly Heard<unknown>[] = []): TandemError {
    const wrong = this.#members.filter(({ state }) => state === 'wrong-network');
    const reasons = [
      ...this.#members
        .filter(({ state }) => state !== 'ok')
        .map(({ endpoint, detail }) => `${endpoint.name}: ${detail}`),
      ...heard.flatMap(({ name, said }) => ('unknown' in said ? [`${name}: ${said.unknown}`] : [])),
    ];
    return new TandemError(
      wrong.length > 0 ? 'network-mismatch' : 'chain-unavailable',
      `Not enough RPC endpoints for ${about} (${this.majority} of ${this.#members.length} are needed):\n  ${reasons.join('\n  ')}`,
      { facts: { about, endpoints: this.status } },
    );
  }
}

interface Party<T> {
  readonly value: T;
  readonly names: string[];
}

/** Largest first. */
function partiesOf<T>(heard: readonly Heard<T>[]): readonly Party<T>[] {
  const parties = new Map<string, Party<T>>();
  for (const { name, said } of heard) {
    if ('unknown' in said) continue;
    const print = fingerprint(said.value);
    const party = parties.get(print);
    if (party === undefined) parties.set(print, { value: said.value, names: [name] });
    else party.names.push(name);
  }
  return [...parties.values()].sort((a, b) => b.names.length - a.names.length);
}

/** Answers are made by one parser, so equal values have their keys in one order. */
const fingerprint = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
