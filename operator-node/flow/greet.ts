/**
 * Before two operators do anything together they compare what they are and what their assets' minor units mean: an
 * amount is a number, and the exponent that it has on the other side must be the same (protocol §4). Here they also agree
 * how much they let each other owe: `caps.ts`.
 */
import type { Channel } from '../channel/channel.ts';
import type { Answer, Request } from '../channel/messages.ts';
import { TandemError } from '../errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { Amount, Asset, OperatorId } from '../model/ids.ts';
import type { Caps } from './caps.ts';
import type { FlowContext } from './context.ts';

type Hello = Request<'hello'>;

export class Greetings {
  /** The other side's exponents, by operator. Asked again after a restart. */
  readonly #known = new Map<OperatorId, ReadonlyMap<Asset, number>>();
  readonly #underWay = new Map<OperatorId, Promise<void>>();
  readonly #greeting: (peer: OperatorId) => Hello;
  readonly #own: Hello;
  readonly #exponents: ReadonlyMap<Asset, number>;
  readonly #channel: Channel;
  readonly #engine: Engine;
  readonly #caps: Caps;
  readonly #mayRemember: (peer: OperatorId) => boolean;

  /** `mayRemember`: whether something of that peer may still be written. */
  constructor(
    greeting: (peer: OperatorId) => Hello,
    channel: Channel,
    engine: Engine,
    caps: Caps,
    mayRemember: (peer: OperatorId) => boolean,
  ) {
    this.#greeting = greeting;
    this.#mayRemember = mayRemember;
    // Of what does not depend on the peer.
    this.#own = greeting(0 as OperatorId);
    this.#channel = channel;
    this.#engine = engine;
    this.#caps = caps;
    this.#exponents = new Map(this.#own.assets.map(({ asset, exponent }) => [asset, exponent]));
  }

  /** @throws {TandemError} `peer-unavailable`, or `unprocessable` when the peer is on another network. */
  async ensure(peer: OperatorId): Promise<void> {
    if (peer === this.#own.operator || this.#known.has(peer)) return;
    let greeting = this.#underWay.get(peer);
    if (greeting === undefined) {
      greeting = this.greet(peer).finally(() => this.#underWay.delete(peer));
      this.#underWay.set(peer, greeting);
    }
    await greeting;
  }

  /** Says hello again: what this operator says of itself has changed. */
  async greet(peer: OperatorId): Promise<void> {
    await this.#take(peer, await this.#channel.call(peer, 'hello', this.#greeting(peer)));
  }

  async #take(peer: OperatorId, hello: Hello): Promise<void> {
    const { chainId, settlement } = this.#own;
    if (hello.operator !== peer || hello.chainId !== chainId || hello.settlement !== settlement) {
      throw new TandemError(
        'unprocessable',
        `Operator ${peer} greets as operator ${hello.operator} of contract ${hello.settlement} on chain ${hello.chainId}; expected contract ${settlement} on chain ${chainId}.`,
      );
    }
    if (this.#caps.isNews(peer, hello.caps)) {
      if (!this.#mayRemember(peer)) {
        throw new TandemError('too-busy', `Operator ${peer} has changed its greeting too often.`);
      }
      await this.#engine.run((work) => {
        work.afterwards(this.#caps.hear(work, peer, hello.caps));
        work.emit({ type: 'caps-heard', peer });
      });
    }
    this.#known.set(peer, new Map(hello.assets.map(({ asset, exponent }) => [asset, exponent])));
  }

  async answer(from: OperatorId, hello: Hello): Promise<Answer<'hello'>> {
    if (from !== this.#own.operator) await this.#take(from, hello);
    return this.#greeting(from);
  }

  /** True if both operators know the asset and mean the same by its minor unit. */
  agree(peer: OperatorId, asset: Asset): boolean {
    const exponent = this.#exponents.get(asset);
    if (exponent === undefined) return false;
    return peer === this.#own.operator || this.#known.get(peer)?.get(asset) === exponent;
  }
}

export const greetQueue = 'greet';

export interface GreetItem {
  readonly peer: OperatorId;
}

/** By staff: what this operator lets a peer owe, and owes it at most; in force here at once, and told to the peer. */
export async function changeCap(
  flow: FlowContext,
  peer: OperatorId,
  asset: Asset,
  cap: Amount | undefined,
): Promise<void> {
  await flow.engine.run((work) => {
    work.afterwards(flow.caps.change(work, peer, asset, cap));
    work.journal('staff', { what: 'cap', peer, asset, cap: cap ?? 'none' });
    const item: GreetItem = { peer };
    work.enqueue(greetQueue, String(peer), item);
    work.emit({ type: 'cap-changed', peer, asset });
  });
}

/** Worker of the greet queue: the peer is told until it has answered. */
export async function greetAgain(
  flow: FlowContext,
  group: readonly (readonly [key: string, item: GreetItem])[],
): Promise<void> {
  for (const [key, { peer }] of group) {
    await flow.greetings.greet(peer);
    await flow.engine.run((work) => {
      work.done(greetQueue, key);
    });
  }
}
