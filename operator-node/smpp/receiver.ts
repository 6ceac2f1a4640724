/**
 * What an SMS centre delivers over one route: receipts to the messages that they are about, texts from phones to the inbox.
 * Nothing is acknowledged before it is durable.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../engine/clock.ts';
import type { Store, Tx } from '../store/store.ts';
import { numberOf } from './smsc-address.ts';
import { alphabetOf, decodeText, plainGsm } from './alphabet.ts';
import type { RouteConfig } from './smpp-config.ts';
import { headerFlag, readHeader, type Concatenation } from './header.ts';
import type { Inbox } from './inbox.ts';
import { join, partialKey, type Piece } from './join.ts';
import type { Fault, SmppMetrics } from './smpp-metrics.ts';
import type { Notices } from './notices.ts';
import { messageOf, status, type MessagePdu, type Pdu } from './pdu.ts';
import { printOf } from './print.ts';
import { receiptOf, type Receipt } from './receipt.ts';
import type { Repetitions } from './repetitions.ts';
import type { Session } from './session.ts';
import { partialTable, type InRecord } from './smpp-tables.ts';

export interface ReceiverParts {
  readonly route: RouteConfig;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: SmppMetrics;
  readonly notices: Notices;
  readonly repetitions: Repetitions;
  readonly inbox: Inbox;
  readonly takeReceipt: (receipt: Receipt, pdu: MessagePdu) => Promise<void>;
  readonly fatal: (error: unknown) => void;
}

/** Messages of which parts are missing. */
const maxPartials = 10_000;

type Refusal = { readonly fault: Fault; readonly detail: string; readonly status: number };
interface Content {
  readonly piece: Piece;
  readonly concatenation: Concatenation | undefined;
}

export class Receiver {
  readonly #parts: ReceiverParts;
  /** Keys of messages that wait for parts. */
  readonly #partials = new Set<string>();

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
  }

  get partials(): number {
    return this.#partials.size;
  }

  loadPartial(key: string): void {
    this.#partials.add(key);
  }

  /** The parts that are still missing count no more: what had come is given up. */
  dropPartial(key: string): void {
    this.#partials.delete(key);
  }

  request(pdu: Pdu, session: Session): void {
    this.#take(pdu, session).catch((error: unknown) => this.#parts.fatal(error));
  }

  async #take(pdu: Pdu, session: Session): Promise<void> {
    const { metrics, route, takeReceipt } = this.#parts;
    const message = messageOf(pdu);
    const receipt = receiptOf(message);
    if (receipt !== undefined) {
      metrics.received(route.name, 'receipt');
      await takeReceipt(receipt, message);
      session.respond(pdu, status.ok);
      return;
    }
    metrics.received(route.name, 'message');
    const content = this.#read(message);
    if ('fault' in content) {
      this.#parts.notices.note(route.name, content.fault, content.detail);
      session.respond(pdu, content.status);
      return;
    }
    await this.#keep(content, pdu, message, session);
  }

  async #keep({ piece, concatenation }: Content, pdu: Pdu, message: MessagePdu, session: Session): Promise<void> {
    const { inbox, repetitions, store } = this.#parts;
    const print = printOf(message);
    const repeated = repetitions.find(print, session, pdu.sequence_number);
    if (repeated !== undefined) {
      this.#parts.notices.note(this.#parts.route.name, 'repeated', `sequence ${pdu.sequence_number}`);
      // What took it the first time may still be on its way to the disk.
      await store.transact(() => {});
      session.respond(pdu, status.ok);
      repetitions.acknowledged(repeated, session);
      return;
    }
    const taken = await store.transact((tx) => {
      const mark = repetitions.take(tx, print, session, pdu.sequence_number);
      const text = concatenation === undefined ? textOf(piece) : this.#join(tx, piece, concatenation);
      return { mark, entry: text === undefined ? undefined : inbox.put(tx, this.#record(piece, text)) };
    });
    session.respond(pdu, status.ok);
    repetitions.acknowledged(taken.mark, session);
    if (taken.entry !== undefined) inbox.add(taken.entry);
  }

  /** The whole text with the last of its parts. */
  #join(tx: Tx, piece: Piece, concatenation: Concatenation): string | undefined {
    const key = partialKey(this.#parts.route.name, piece, concatenation);
    const joined = join(tx, key, piece, concatenation);
    if (joined.kind === 'whole') {
      this.#partials.delete(key);
      return joined.text;
    }
    this.#partials.add(key);
    if (joined.gaveUp) this.#parts.notices.note(this.#parts.route.name, 'parts-missing', 'its number came again');
    return undefined;
  }

  #record({ from, to, at }: Piece, text: string): InRecord {
    return { id: `sms-${randomUUID()}`, route: this.#parts.route.name, from, to, text, at };
  }

  #read(message: MessagePdu): Content | Refusal {
    const { clock, inbox, route } = this.#parts;
    const from = numberOf(message.source, route);
    if (from === undefined)
      return refusal('unknown-address', `source of type ${message.source.ton}`, status.invalidSource);
    const to = numberOf(message.destination, route);
    if (to === undefined) {
      return refusal('unknown-address', `destination of type ${message.destination.ton}`, status.invalidDestination);
    }
    const hasHeader = (message.esmClass & headerFlag) !== 0;
    const plain = { concatenation: sarOf(message), gsm: plainGsm, text: message.octets };
    const data = hasHeader ? readHeader(message.octets) : plain;
    if (data === undefined) return refusal('malformed-pdu', 'a user data header that does not fit', status.permanent);
    const alphabet = alphabetOf(message.coding, route.defaultAlphabet);
    if (decodeText(data.text, alphabet, data.gsm) === undefined) {
      const tables = `national tables ${data.gsm.locking} and ${data.gsm.single}`;
      return refusal('unknown-encoding', `data_coding ${message.coding}, ${tables}`, status.permanent);
    }
    const concatenation = data.concatenation ?? sarOf(message);
    const piece: Piece = { from, to, at: clock.now(), alphabet, gsm: data.gsm, octets: data.text };
    const isFull = inbox.isFull || (concatenation !== undefined && this.#partials.size >= maxPartials);
    if (isFull) return refusal('too-much', 'messages wait for the node, or for their parts', status.queueFull);
    return { piece, concatenation: concatenation?.total === 1 ? undefined : concatenation };
  }

  /** Messages whose missing parts have not come in time. */
  async overdue(): Promise<readonly { readonly key: string; readonly piece: Pick<Piece, 'from' | 'to' | 'at'> }[]> {
    const { clock, route, store } = this.#parts;
    if (this.#partials.size === 0) return [];
    const found: { key: string; piece: Pick<Piece, 'from' | 'to' | 'at'> }[] = [];
    for await (const [key, partial] of store.scan(partialTable, { prefix: `${route.name}!` })) {
      if (clock.now() - partial.at >= route.partsSeconds * 1000) found.push({ key, piece: partial });
    }
    return found;
  }
}

const textOf = ({ octets, alphabet, gsm }: Piece): string => decodeText(octets, alphabet, gsm) ?? '';

const refusal = (fault: Fault, detail: string, code: number): Refusal => ({ fault, detail, status: code });

function sarOf({ sar }: MessagePdu): Concatenation | undefined {
  if (sar === undefined || sar.index === 0 || sar.index > sar.total) return undefined;
  return { kind: 'sar', ...sar };
}
