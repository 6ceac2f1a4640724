/**
 * The devnet's phones: what users' telephones keep, in a folder of its own, so that no operator's store holds a text that
 * only passed through.
 *
 * Keys: `inbox!<number>!<sequence, 12 digits>` → message; `known!<message id>` → its sequence. One sequence for all
 * numbers; a cursor is the sequence of the last message read, in decimal.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { ClassicLevel } from 'classic-level';
import { TandemError } from '../errors.ts';
import type { Msisdn } from '../model/ids.ts';
import type { MessageGateway, OutboundMessage } from './gateway.ts';

const pageMessages = 500;
const inboxKey = (number: Msisdn, sequence: number | string) => `inbox!${number}!${String(sequence).padStart(12, '0')}`;
const knownKey = (id: string) => `known!${id}`;
const lastKey = 'last';

export class Phones implements MessageGateway {
  readonly name = 'phones';
  readonly #db: ClassicLevel<string, string>;
  #last: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(db: ClassicLevel<string, string>, last: number) {
    this.#db = db;
    this.#last = last;
  }

  /** @throws {TandemError} `store-failed` when the folder cannot be opened: another process has it, or it is damaged */
  static async open(folder: string): Promise<Phones> {
    const db = new ClassicLevel<string, string>(folder);
    try {
      // What users are told is for them: LevelDB itself would let everybody on the machine read it.
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (process.platform !== 'win32') chmodSync(folder, 0o700);
      await db.open();
      return new Phones(db, Number((await db.get(lastKey)) ?? 0));
    } catch (cause) {
      throw new TandemError('store-failed', `Cannot open the phones' folder ${folder}: ${reason(cause)}`, { cause });
    }
  }

  /** One synced batch; a message whose id is there already is left as it is. */
  deliver(messages: readonly OutboundMessage[]): Promise<void> {
    const written = this.#writing.then(() => this.#write(messages));
    this.#writing = written.catch(() => {});
    return written;
  }

  /** Messages after `cursor` (`""` from the first), oldest first, at most 500; the cursor to go on with. */
  async messages(
    number: Msisdn,
    cursor: string,
  ): Promise<{ readonly messages: readonly OutboundMessage[]; readonly cursor: string }> {
    if (!/^[0-9]{0,12}$/.test(cursor)) {
      throw new TandemError('bad-request', 'after: must be a cursor from an earlier answer');
    }
    const range = { gt: inboxKey(number, cursor), lt: `inbox!${number}"`, limit: pageMessages };
    const entries = await this.#db.iterator(range).all();
    const last = entries.at(-1)?.[0];
    return {
      messages: entries.map(([, value]) => JSON.parse(value) as OutboundMessage),
      cursor: last === undefined ? cursor : String(Number(last.slice(last.lastIndexOf('!') + 1))),
    };
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#db.close();
  }

  async #write(messages: readonly OutboundMessage[]): Promise<void> {
    const byId = new Map<string, OutboundMessage>();
    for (const message of messages) if (!byId.has(message.id)) byId.set(message.id, message);
    try {
      const ids = [...byId.keys()];
      const known = await this.#db.hasMany(ids.map(knownKey));
      const fresh = ids.flatMap((id, index) => (known[index] === true ? [] : (byId.get(id) ?? [])));
      if (fresh.length === 0) return;
      const batch = this.#db.batch();
      let sequence = this.#last;
      for (const message of fresh) {
        sequence += 1;
        batch.put(inboxKey(message.to, sequence), JSON.stringify(message));
        batch.put(knownKey(message.id), String(sequence));
      }
      batch.put(lastKey, String(sequence));
      await batch.write({ sync: true });
      this.#last = sequence;
    } catch (cause) {
      throw new TandemError('gateway-unavailable', `The phones did not accept the messages: ${reason(cause)}`, {
        cause,
      });
    }
  }
}

const reason = (cause: unknown) =>
  cause instanceof Error ? (cause.cause instanceof Error ? cause.cause : cause).message : String(cause);
