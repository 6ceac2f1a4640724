/**
 * An SMS centre of the tests' own, over real TCP: takes binds and messages, gives receipts in every form, delivers texts from
 * phones until they are acknowledged, and does every fault that it is told to. What it has taken survives its own restart.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { AddressInfo } from 'node:net';
import smpp from 'smpp';
import { decodePdu, encodePdu, FrameReader, type Pdu } from '../../operator-node/smpp/pdu.ts';

export interface Submitted {
  readonly to: string;
  readonly from: string;
  readonly id: string;
  readonly octets: Buffer;
  readonly pdu: Pdu;
}

/** How the centre writes an id in its answer, and in a receipt. */
export type Ids = 'same' | 'hex-decimal' | 'decimal-hex' | 'upper' | 'zeros' | 'tlv' | 'tlv-hex';

export interface SmscOptions {
  ids?: Ids;
  /** Of each message; undefined for no receipt. */
  outcome?: (submitted: Submitted) => string | undefined;
  /** What a bind is answered; 0 takes it. */
  bindStatus?: () => number;
  /** A status for a submit_sm, `lose` to take it and not answer, `drop` to take it and cut the connection, `garble`: an answer that cannot be read. */
  onSubmit?: (pdu: Pdu, count: number) => number | 'lose' | 'drop' | 'garble';
  answerMillis?: number;
  receiptMillis?: number;
  /** The receipt leaves before the answer to its message. */
  receiptFirst?: boolean;
  tls?: TlsOptions;
}

interface Delivery {
  readonly fields: object;
  readonly done: (status: number) => void;
}

const responseBit = 0x80000000;

export class Smsc {
  readonly options: SmscOptions;
  readonly submitted: Submitted[] = [];
  readonly binds: string[] = [];
  /** Receipts and messages that were acknowledged. */
  acknowledged = 0;
  submits = 0;
  windowSeen = 0;
  #open = 0;
  #server: Server | undefined;
  #port = 0;
  #counter = 4096;
  #sequence = 0;
  readonly #sockets = new Set<Socket>();
  readonly #receivers: Socket[] = [];
  /** Waits for an acknowledgement, or for a bind. */
  readonly #queue: Delivery[] = [];
  readonly #sent = new Map<Socket, Map<number, Delivery>>();

  constructor(options: SmscOptions = {}) {
    this.options = options;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    const taken = (socket: Socket): void => this.#serve(socket);
    this.#server = this.options.tls === undefined ? createServer(taken) : createTlsServer(this.options.tls, taken);
    await new Promise<void>((resolve) => this.#server?.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Cuts every connection and listens no more. What it had taken is kept. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** A centre that begins to count anew, as many do. */
  forgetCounters(): void {
    this.#counter = 4096;
    this.#sequence = 0;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Octets as they are, to every connection. */
  raw(octets: Buffer): void {
    for (const socket of this.#sockets) socket.write(octets);
  }

  /** A text from a phone: resolves with the status that it was acknowledged with, after as many tries as that took. */
  deliver(fields: object): Promise<number> {
    return new Promise((done) => {
      this.#queue.push({ fields, done });
      this.#flush();
    });
  }

  #flush(): void {
    const [socket] = this.#receivers;
    if (socket === undefined) return;
    for (const delivery of this.#queue.splice(0)) {
      this.#sequence += 1;
      this.#sent.get(socket)?.set(this.#sequence, delivery);
      socket.write(encodePdu('deliver_sm', this.#sequence, delivery.fields));
    }
  }

  #serve(socket: Socket): void {
    const frames = new FrameReader();
    this.#sockets.add(socket);
    this.#sent.set(socket, new Map());
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const at = this.#receivers.indexOf(socket);
      if (at >= 0) this.#receivers.splice(at, 1);
      // Not acknowledged: again on the next connection.
      this.#queue.unshift(...(this.#sent.get(socket)?.values() ?? []));
      this.#sent.delete(socket);
      this.#flush();
    });
    socket.on('data', (piece: Buffer) => {
      for (const frame of frames.push(piece)) this.#take(socket, decodePdu(frame));
    });
  }

  #take(socket: Socket, pdu: Pdu | undefined): void {
    if (pdu === undefined) return;
    if ((pdu.command_id & responseBit) !== 0) {
      const delivery = this.#sent.get(socket)?.get(pdu.sequence_number);
      if (delivery === undefined || pdu.command === 'enquire_link_resp') return;
      this.#sent.get(socket)?.delete(pdu.sequence_number);
      this.acknowledged += 1;
      delivery.done(pdu.command_status);
      return;
    }
    if (pdu.command.startsWith('bind_')) this.#bind(socket, pdu);
    else if (pdu.command === 'submit_sm') this.#submit(socket, pdu);
    else if (pdu.command === 'enquire_link' || pdu.command === 'unbind') this.#answer(socket, pdu, 0);
  }

  #answer(socket: Socket, to: Pdu, status: number, fields: object = {}): void {
    const answer = new smpp.PDU(`${to.command}_resp`, {
      ...fields,
      command_status: status,
      sequence_number: to.sequence_number,
    });
    socket.write(answer.toBuffer());
  }

  #bind(socket: Socket, pdu: Pdu): void {
    this.binds.push(pdu.command);
    const status = this.options.bindStatus?.() ?? 0;
    this.#answer(socket, pdu, status, { system_id: 'smsc' });
    if (status !== 0 || pdu.command === 'bind_transmitter') return;
    this.#receivers.push(socket);
    setImmediate(() => this.#flush());
  }

  #submit(socket: Socket, pdu: Pdu): void {
    this.submits += 1;
    this.#open += 1;
    this.windowSeen = Math.max(this.windowSeen, this.#open);
    const verdict = this.options.onSubmit?.(pdu, this.submits) ?? 0;
    const answer = (): void => {
      this.#open -= 1;
      if (verdict === 'drop') socket.destroy();
      else if (verdict === 'garble') {
        const garbled = encodePdu('submit_sm_resp', pdu.sequence_number, { message_id: 'x' });
        // qos_time_to_live with one octet of its four.
        socket.write(Buffer.concat([u32(garbled.length + 5), garbled.subarray(4), Buffer.from('0017000401', 'hex')]));
      } else if (verdict !== 'lose') this.#answer(socket, pdu, verdict, { message_id: idInAnswer });
    };
    let idInAnswer = '';
    if (verdict === 0 || typeof verdict === 'string') {
      this.#counter += 1;
      const ids = idsOf(this.options.ids ?? 'same', this.#counter);
      idInAnswer = ids.answer;
      const short = pdu['short_message'] as Buffer;
      const octets = short.length > 0 ? short : ((pdu['message_payload'] as Buffer | undefined) ?? short);
      const submitted = {
        ...{ to: String(pdu['destination_addr']), from: String(pdu['source_addr']), id: idInAnswer, octets, pdu },
      };
      this.submitted.push(submitted);
      const receipt = (): void => this.#receipt(submitted, ids);
      if (this.options.receiptFirst === true) receipt();
      else setTimeout(receipt, (this.options.answerMillis ?? 0) + (this.options.receiptMillis ?? 5));
    }
    const millis = this.options.answerMillis ?? 0;
    if (millis === 0) answer();
    else setTimeout(answer, millis);
  }

  #receipt(submitted: Submitted, ids: IdPair): void {
    const word = this.options.outcome === undefined ? 'DELIVRD' : this.options.outcome(submitted);
    if (word === undefined || (submitted.pdu['registered_delivery'] as number) === 0) return;
    const date = '2611301200';
    const text = `id:${ids.text} sub:001 dlvrd:001 submit date:${date} done date:${date} stat:${word} err:000 text:garbled`;
    void this.deliver({
      ...{ source_addr_ton: 1, source_addr_npi: 1, source_addr: submitted.to, destination_addr: submitted.from },
      ...{ esm_class: 4, short_message: Buffer.from(text) },
      ...(ids.tlv === undefined ? {} : { receipted_message_id: ids.tlv, message_state: states.indexOf(word) }),
    });
  }
}

const states = ['SCHEDLD', 'ENROUTE', 'DELIVRD', 'EXPIRED', 'DELETED', 'UNDELIV', 'ACCEPTD', 'UNKNOWN', 'REJECTD'];

interface IdPair {
  readonly answer: string;
  readonly text: string;
  readonly tlv?: string;
}

function idsOf(form: Ids, number: number): IdPair {
  const [decimal, hex] = [String(number), number.toString(16)];
  switch (form) {
    case 'same':
      return { answer: decimal, text: decimal };
    case 'hex-decimal':
      return { answer: hex, text: decimal };
    case 'decimal-hex':
      return { answer: decimal, text: hex };
    case 'upper':
      return { answer: `ab${hex}`, text: `AB${hex.toUpperCase()}` };
    case 'zeros':
      return { answer: decimal, text: decimal.padStart(10, '0') };
    case 'tlv':
      return { answer: `uuid-${decimal}`, text: '0', tlv: `uuid-${decimal}` };
    case 'tlv-hex':
      return { answer: hex, text: 'nothing', tlv: decimal };
  }
}

export function u32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
