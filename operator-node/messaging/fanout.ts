/** Several gateways as one: taken when all have taken it. Ids make it harmless that one of them gets it again. */
import { TandemError } from '../errors.ts';
import type { MessageGateway, OutboundMessage } from './gateway.ts';

export class FanoutGateway implements MessageGateway {
  readonly name: string;
  readonly #gateways: readonly MessageGateway[];

  /** @throws {TandemError} `config-invalid` for no gateway at all, which would lose every message */
  constructor(gateways: readonly MessageGateway[]) {
    if (gateways.length === 0) {
      throw new TandemError(
        'config-invalid',
        'gateway: neither webhook nor phonesDir is set, so users would receive no messages',
      );
    }
    this.#gateways = gateways;
    this.name = gateways.map((gateway) => gateway.name).join('+');
  }

  /** Rejects with what the first of those that failed said; the others have their messages all the same. */
  async deliver(messages: readonly OutboundMessage[]): Promise<void> {
    const results = await Promise.allSettled(this.#gateways.map((gateway) => gateway.deliver(messages)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.close()));
  }
}
