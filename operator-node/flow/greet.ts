/**
 * Before two operators do anything together they compare what they are and what their assets' minor units mean: an
 * amount is a number, and the exponent that it has on the other side must be the same (protocol §4).
 */
import type { Channel } from '../channel/channel.ts';
import type { Answer, Request } from '../channel/messages.ts';
import { TandemError } from '../errors.ts';
import type { Asset, OperatorId } from '../model/ids.ts';

type Hello = Request<'hello'>;

export class Greetings {
  /** The other side's exponents, by operator. Asked again after a restart. */
  private readonly known = new Map<OperatorId, ReadonlyMap<Asset, number>>();
  private readonly underWay = new Map<OperatorId, Promise<void>>();
  private readonly own: Hello;
  private readonly exponents: ReadonlyMap<Asset, number>;
  private readonly channel: Channel;

  constructor(own: Hello, channel: Channel) {
    this.own = own;
    this.channel = channel;
    this.exponents = new Map(own.assets.map(({ asset, exponent }) => [asset, exponent]));
  }

  /** @throws {TandemError} `peer-unavailable`, or `unprocessable` when the peer is on another network. */
  async ensure(peer: OperatorId): Promise<void> {
    if (peer === this.own.operator || this.known.has(peer)) return;
    let greeting = this.underWay.get(peer);
    if (greeting === undefined) {
      greeting = this.greet(peer).finally(() => this.underWay.delete(peer));
      this.underWay.set(peer, greeting);
    }
    await greeting;
  }

  private async greet(peer: OperatorId): Promise<void> {
    this.take(peer, await this.channel.call(peer, 'hello', this.own));
  }

  private take(peer: OperatorId, hello: Hello): void {
    const { chainId, settlement } = this.own;
    if (hello.operator !== peer || hello.chainId !== chainId || hello.settlement !== settlement) {
      throw new TandemError(
        'unprocessable',
        `Operator ${peer} greets as operator ${hello.operator} of contract ${hello.settlement} on chain ${hello.chainId}; expected contract ${settlement} on chain ${chainId}.`,
      );
    }
    this.known.set(peer, new Map(hello.assets.map(({ asset, exponent }) => [asset, exponent])));
  }

  answer(from: OperatorId, hello: Hello): Answer<'hello'> {
    if (from !== this.own.operator) this.take(from, hello);
    return this.own;
  }

  /** True if both operators know the asset and mean the same by its minor unit. */
  agree(peer: OperatorId, asset: Asset): boolean {
    const exponent = this.exponents.get(asset);
    if (exponent === undefined) return false;
    return peer === this.own.operator || this.known.get(peer)?.get(asset) === exponent;
  }
}
