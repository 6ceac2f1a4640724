/** Reads the devnet's phones and hands out each message once. */
import type { NodeClient } from '../../operator-node/api/client.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';

interface Phone {
  readonly number: string;
  readonly client: NodeClient;
  cursor: string;
}

const pollMillis = 120;

export class PhoneWatch {
  readonly #phones: Phone[];
  readonly #listener: (message: OutboundMessage) => void;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    phones: readonly { readonly number: string; readonly client: NodeClient }[],
    listener: (message: OutboundMessage) => void,
  ) {
    this.#phones = phones.map((phone) => ({ ...phone, cursor: '' }));
    this.#listener = listener;
  }

  /** Lets all that is there already pass unread. */
  async skip(): Promise<void> {
    await this.#readAll(() => {});
  }

  start(): void {
    this.#timer = setInterval(() => void this.read().catch(() => {}), pollMillis);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  read(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#readAll(this.#listener));
    return this.#reading;
  }

  async #readAll(take: (message: OutboundMessage) => void): Promise<void> {
    for (const phone of this.#phones) {
      for (;;) {
        const { messages, cursor } = await phone.client.phoneMessages({ number: phone.number, after: phone.cursor });
        phone.cursor = cursor;
        for (const message of messages) take(message);
        if (messages.length === 0) break;
      }
    }
  }
}
