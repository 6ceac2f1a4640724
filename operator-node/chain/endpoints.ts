/**
 * The endpoints of a node together. What a majority of those configured says is taken: one of three may lie about anything,
 * or say nothing, and is outvoted and named. Where no majority says the same, nothing is taken: with two that differ nobody
 * can tell which is wrong. One alone is believed. One that cannot say (it is behind, or has pruned that state) neither
 * agrees nor disagrees. An endpoint is asked nothing before it has shown that it is on the right network, and again after
 * each silence; and nothing at all for as long as it asks for.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import { Disagreements, type Disagreement } from './disagreements.ts';
import type { Endpoint } from './endpoint.ts';
import { Member, type EndpointState, type NetworkCheck } from './member.ts';

export type { Disagreement } from './disagreements.ts';
export type { EndpointState, NetworkCheck } from './member.ts';

export interface EndpointStatus {
  readonly name: string;
  readonly state: EndpointState;
  readonly detail: string;
  /** For how long it has been silent. */
  readonly silentMillis?: number;
  /** The newest question to which it says otherwise than the others. */
  readonly disagrees?: string;
}

/** What an endpoint said: a value, or why it cannot say. `wrong`: whatever the truth is, this is none. */
export type Said<T> = { readonly value: T } | { readonly unknown: string; readonly wrong?: true };

const cannotSay = (method: string): string => `${method}, which the others can answer`;

interface Heard<T> {
  readonly member: Member;
  readonly said: Said<T>;
}

/** How long is waited for the others once enough have answered. */
const graceMillis = 200;
/** A block that far from the majority's newest is a matter to look into, in whatever direction. */
const farBlocks = 64;
/** One that is closer is nearer to being made, and then the others have it after so long. */
const nearBlocks = 3;
const nearMillis = 30_000;
/** Before one counts that differs where answers may differ, and one that never can say what the others can. */
const differing = { times: 3, millis: 30_000 } as const;
const silentOn = { times: 10, millis: 600_000 } as const;

export class Endpoints {
  /** How many must agree. */
  readonly majority: number;
  readonly #members: readonly Member[];
  readonly #clock: Clock;
  readonly #disagreements: Disagreements;
  /** By endpoint and question: a number that no majority has reached yet. */
  readonly #claims = new Map<string, { readonly number: number; readonly since: number }>();

  constructor(endpoints: readonly Endpoint[], check: NetworkCheck, clock: Clock) {
    this.#members = endpoints.map((endpoint) => new Member(endpoint, check, clock));
    this.majority = Math.floor(endpoints.length / 2) + 1;
    this.#clock = clock;
    this.#disagreements = new Disagreements(clock);
  }

  get status(): readonly EndpointStatus[] {
    const disagreements = this.disagreements.toReversed();
    const now = this.#clock.now();
    return this.#members.map(({ name, state, detail, silentSince }) => {
      const disagrees = disagreements.find(({ endpoints }) => endpoints.includes(name))?.about;
      return {
        ...{ name, state, detail },
        ...(silentSince === undefined ? {} : { silentMillis: Math.max(0, now - silentSince) }),
        ...(disagrees === undefined ? {} : { disagrees }),
      };
    });
  }

  get disagreements(): readonly Disagreement[] {
    return this.#disagreements.all;
  }

  /**
   * @throws {TandemError} `network-mismatch` if a majority is on another network, `chain-unavailable` if too few
   * answer.
   */
  async checkAll(): Promise<void> {
    for (const member of this.#members) member.reset();
    const ready = await Promise.all(this.#members.map((member) => member.ready()));
    if (ready.filter(Boolean).length < this.majority) throw this.#tooFew('checking the network');
  }

  /**
   * What each reachable endpoint says, for questions whose answers are not compared; at least one. It is not waited for
   * those that are slower than a majority.
   * @throws {TandemError} `chain-unavailable` or `network-mismatch` when none can say.
   */
  async each<T>(about: string, ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<readonly T[]> {
    const heard = await this.#hear(ask, this.#enoughValues);
    const values = heard.flatMap(({ said }) => ('value' in said ? [said.value] : []));
    if (values.length === 0) throw this.#tooFew(about, heard);
    return values;
  }

  /**
   * Of answers that may differ, the greatest that a majority does not fall short of: one endpoint alone moves it neither up
   * nor down. Where fewer than a majority answer, the least of theirs.
   */
  async ranked<T>(
    about: string,
    ask: (endpoint: Endpoint) => Promise<Said<T>>,
    size: (value: T) => bigint,
  ): Promise<T> {
    const values = [...(await this.each(about, ask))].sort(
      (a, b) => Number(size(b) > size(a)) - Number(size(b) < size(a)),
    );
    const value = values[Math.min(this.majority, values.length) - 1];
    if (value === undefined) throw this.#tooFew(about);
    return value;
  }

  /**
   * Numbers that only grow: those that the endpoints have reached, from the highest that a majority has reached downwards.
   * For one that is slow to answer counts what it said before.
   * @throws {TandemError} `chain-unavailable` when fewer than a majority can say.
   */
  async reached(
    about: string,
    ask: (endpoint: Endpoint) => Promise<Said<number>>,
  ): Promise<readonly [number, ...number[]]> {
    const heard = await this.#hear(async (endpoint) => {
      const said = await ask(endpoint);
      const member = this.#members.find((one) => one.endpoint === endpoint);
      if ('value' in said) member?.reached.set(about, said.value);
      else member?.reached.delete(about);
      return said;
    }, this.#enoughValues);
    const numbers = this.#members
      .filter(({ state }) => state === 'ok')
      .flatMap(({ reached }) => reached.get(about) ?? [])
      .sort((a, b) => b - a);
    const [highest, ...lower] = numbers.slice(this.majority - 1);
    if (highest === undefined) throw this.#tooFew(about, heard);
    this.#compareReached(about, heard, highest);
    return [highest, ...new Set(lower.filter((number) => number < highest))];
  }

  /**
   * The one answer of a majority of those configured. Whoever says otherwise is named, and who can say nothing for long of
   * what this method is for.
   * @throws {TandemError} `chain-unavailable` when no majority says the same.
   */
  async agreed<T>(about: string, ask: (endpoint: Endpoint) => Promise<Said<T>>, method = 'a question'): Promise<T> {
    /** Set below; what comes later is compared with it. */
    const taken: { print?: string } = {};
    const heard = await this.#hear(ask, this.#enoughAlike, ({ member, said }) => {
      if (taken.print !== undefined && 'value' in said && fingerprint(said.value) !== taken.print) {
        this.#disagreements.add(about, member.name);
      }
    });
    const parties = partiesOf(heard);
    const [largest, ...others] = parties;
    if (largest === undefined) throw this.#tooFew(about, heard);
    if (largest.names.length < this.majority) {
      if (others.length === 0) throw this.#tooFew(about, heard);
      const odd = others[0]?.names.length === largest.names.length ? parties : others;
      throw this.#undecided(
        about,
        odd.flatMap(({ names }) => names),
      );
    }
    taken.print = largest.print;
    this.#nameOdd(about, method, heard, others);
    return largest.value;
  }

  /** What a majority says, or undefined: for what may well differ for a while. Who differs for long is named. */
  async common<T>(about: string, ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<T | undefined> {
    const heard = await this.#hear(ask, this.#enoughAlike);
    if (heard.length === 0) throw this.#tooFew(about);
    const most = partiesOf(heard).find(({ names }) => names.length >= this.majority);
    const noneSay = heard.filter(({ said }) => 'unknown' in said).length >= this.majority;
    for (const { member, said } of heard) {
      if ('unknown' in said || (most === undefined && !noneSay)) continue;
      if (most?.names.includes(member.name) === true) this.#disagreements.settle(about, member.name);
      else this.#disagreements.doubt(about, member.name, differing);
    }
    return most?.value;
  }

  #nameOdd<T>(about: string, method: string, heard: readonly Heard<T>[], others: readonly Party<T>[]): void {
    const odd = others.flatMap(({ names }) => names);
    for (const { member, said } of heard) {
      if ('value' in said) this.#disagreements.settle(cannotSay(method), member.name);
      else if (said.wrong === true) odd.push(member.name);
      // For a while this is how one looks that is behind, or has pruned that state.
      else this.#disagreements.doubt(cannotSay(method), member.name, silentOn);
    }
    if (odd.length === 0) this.#disagreements.settled(about);
    else this.#disagreements.note(about, odd);
  }

  /** What an endpoint said before, against what came of it: it may be replaced once, and not each time. */
  keptWord(about: string, name: string, kept: boolean): void {
    if (kept) this.#disagreements.settle(about, name);
    else this.#disagreements.doubt(about, name, differing);
  }

  readonly #enoughValues = (heard: readonly Heard<unknown>[]): boolean =>
    heard.filter(({ said }) => 'value' in said).length >= this.majority;

  /** Or so many that cannot say, or differ, that those who are left make no majority any more. */
  readonly #enoughAlike = (heard: readonly Heard<unknown>[], left: number): boolean => {
    const largest = partiesOf(heard)[0]?.names.length ?? 0;
    return largest >= this.majority || largest + left < this.majority;
  };

  /**
   * Asks those that are awake, and the others as well if that is not enough. Once it is enough, the rest has a moment, and
   * those that were late before have none; `late` gets what they say in the end.
   */
  async #hear<T>(
    ask: (endpoint: Endpoint) => Promise<Said<T>>,
    enough: (heard: readonly Heard<T>[], left: number) => boolean,
    late: (heard: Heard<T>) => void = () => undefined,
  ): Promise<readonly Heard<T>[]> {
    const heard: Heard<T>[] = [];
    const open = new Set<Member>();
    let returned = false;
    const one = async (member: Member): Promise<void> => {
      open.add(member);
      const said = await this.#askOne(member, ask);
      open.delete(member);
      if (returned) member.late -= 1;
      if (said === undefined) return;
      if (returned) late({ member, said });
      else heard.push({ member, said });
    };
    const all = (members: readonly Member[], left: number): Promise<void> =>
      new Promise((resolve) => {
        let cancel: (() => void) | undefined;
        const look = (): void => {
          const isEnough = enough(heard, open.size + left);
          if (open.size === 0 || (isEnough && [...open].every((member) => member.late > 0))) {
            cancel?.();
            resolve();
          } else if (isEnough) cancel ??= this.#clock.after(graceMillis, resolve);
        };
        for (const member of members) void one(member).then(look);
        if (members.length === 0) resolve();
      });
    const may = this.#members.filter(({ paused }) => !paused);
    const resting = may.filter((member) => member.resting);
    await all(
      may.filter((member) => !resting.includes(member)),
      resting.length,
    );
    if (!enough(heard, resting.length)) await all(resting, 0);
    returned = true;
    for (const member of open) member.late += 1;
    const place = ({ member }: Heard<T>): number => this.#members.indexOf(member);
    return heard.sort((a, b) => place(a) - place(b));
  }

  async #askOne<T>(member: Member, ask: (endpoint: Endpoint) => Promise<Said<T>>): Promise<Said<T> | undefined> {
    if (!(await member.ready())) return undefined;
    try {
      const said = await ask(member.endpoint);
      member.answered();
      return said;
    } catch (error) {
      member.failed(error);
      return undefined;
    }
  }

  /** Names those that claim what no majority comes to, or that stay far behind it. */
  #compareReached(about: string, heard: readonly Heard<number>[], highest: number): void {
    const now = this.#clock.now();
    const odd: string[] = [];
    for (const { member, said } of heard) {
      if ('unknown' in said) continue;
      const key = `${member.name} ${about}`;
      const claim = this.#claims.get(key);
      // The others have come to it, or it says so no more.
      if (Math.min(claim?.number ?? said.value, said.value) <= highest + nearBlocks) this.#claims.delete(key);
      else if (claim === undefined) this.#claims.set(key, { number: said.value, since: now });
      const kept = this.#claims.get(key);
      const unfounded = kept !== undefined && hasPassed(this.#clock, kept.since, nearMillis) && kept.since !== now;
      if (unfounded || Math.abs(said.value - highest) > farBlocks) odd.push(member.name);
      else this.#disagreements.settle(about, member.name);
    }
    if (odd.length === 0) return;
    // Of two nobody can tell which is wrong.
    this.#disagreements.note(about, this.#members.length === 2 ? heard.map(({ member }) => member.name) : odd);
  }

  #undecided(about: string, endpoints: readonly string[]): TandemError {
    this.#disagreements.note(about, endpoints);
    return new TandemError(
      'chain-unavailable',
      `The RPC endpoints disagree about ${about}: ${endpoints.join(', ')} against the others, and no ${this.majority} of ${this.#members.length} agree; compare them and remove the one that is wrong`,
      { facts: { about, endpoints } },
    );
  }

  #tooFew(about: string, heard: readonly Heard<unknown>[] = []): TandemError {
    const wrong = this.#members.filter(({ state }) => state === 'wrong-network');
    const reasons = [
      ...this.#members.filter(({ state }) => state !== 'ok').map(({ name, detail }) => `${name}: ${detail}`),
      ...heard.flatMap(({ member, said }) => ('unknown' in said ? [`${member.name}: ${said.unknown}`] : [])),
    ];
    return new TandemError(
      wrong.length >= this.majority ? 'network-mismatch' : 'chain-unavailable',
      `Not enough RPC endpoints for ${about} (${this.majority} of ${this.#members.length} are needed):\n  ${reasons.join('\n  ')}`,
      { facts: { about, endpoints: this.status } },
    );
  }
}

interface Party<T> {
  readonly value: T;
  readonly print: string;
  readonly names: string[];
}

/** Largest first. */
function partiesOf<T>(heard: readonly Heard<T>[]): readonly Party<T>[] {
  const parties = new Map<string, Party<T>>();
  for (const { member, said } of heard) {
    if ('unknown' in said) continue;
    const print = fingerprint(said.value);
    const party = parties.get(print);
    if (party === undefined) parties.set(print, { value: said.value, print, names: [member.name] });
    else party.names.push(member.name);
  }
  return [...parties.values()].sort((a, b) => b.names.length - a.names.length);
}

/** Answers are made by one parser, so equal values have their keys in one order. */
const fingerprint = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
