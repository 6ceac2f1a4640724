/** One connection to an SMS centre after its bind: requests with their answers, what it asks, and whether it is still there. */
import type { Socket } from 'node:net';
import type { Clock } from '../engine/clock.ts';
import {
  decodePdu,
  encodePdu,
  encodeResponse,
  FrameReader,
  headerOf,
  LengthFault,
  status,
  type FrameHeader,
  type Pdu,
} from './pdu.ts';

/** The answer will not come: the connection is over. Whether the centre has acted on the request is not known. */
class SessionEnded extends Error {}

export interface SessionTimes {
  /** For an answer. */
  readonly responseMillis: number;
  /** Without a word of the centre, it is asked whether it is there. */
  readonly enquireMillis: number;
}

export interface SessionHandlers {
  /** deliver_sm or data_sm; what it is answered comes by `respond`, when it is durable. */
  request(pdu: Pdu, session: Session): void;
  /** A PDU that could not be read, or is none that a gateway answers. */
  fault(kind: 'malformed-pdu' | 'unknown-command' | 'unasked-response', detail: string): void;
}

interface Waiting {
  readonly since: number;
  readonly resolve: (pdu: Pdu) => void;
  readonly reject: (error: SessionEnded) => void;
}

/** Requests of the centre that are not answered: beyond it nothing is read. */
const maxUnanswered = 500;
/** What the centre does not read of what it is told. */
const maxUnsentBytes = 4 * 1024 * 1024;
const lastSequence = 0x7fffffff;
const responseBit = 0x80000000;

export class Session {
  /** Why it ended. */
  readonly ended: Promise<string>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #times: SessionTimes;
  readonly #handlers: SessionHandlers;
  readonly #frames = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  readonly #stopTicking: () => void;
  #end: (reason: string) => void = () => {};
  #over = false;
  #sequence = 0;
  #unanswered = 0;
  #heard: number;
  #asked = false;
  #unwritten: Buffer[] = [];

  /** Over a connected socket, before the bind. */
  constructor(socket: Socket, clock: Clock, times: SessionTimes, handlers: SessionHandlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.#times = times;
    this.#handlers = handlers;
    this.#heard = clock.now();
    this.ended = new Promise((resolve) => (this.#end = resolve));
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => this.#read(piece));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#finish(error.code ?? error.message));
    socket.on('close', () => this.#finish('the centre has closed the connection'));
    this.#stopTicking = this.#tick();
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** @throws {SessionEnded} */
  request(command: string, fields: object = {}): Promise<Pdu> {
    if (this.#over) return Promise.reject(new SessionEnded('the connection is over'));
    this.#sequence = this.#sequence === lastSequence ? 1 : this.#sequence + 1;
    const sequence = this.#sequence;
    return new Promise((resolve, reject) => {
      this.#waiting.set(sequence, { since: this.#clock.now(), resolve, reject });
      this.#write(encodePdu(command, sequence, fields));
    });
  }

  respond(to: FrameHeader, code: number, fields: object = {}): void {
    this.#unanswered -= 1;
    if (this.#unanswered < maxUnanswered / 2) this.#socket.resume();
    this.#write(encodeResponse(to, code, fields));
  }

  /** Resolves when the centre has read everything that was written before: what is sent after it is answered after it. */
  async fence(): Promise<void> {
    await this.request('enquire_link');
  }

  /** Says goodbye, and does not wait long for an answer. */
  async unbind(millis: number): Promise<void> {
    if (this.#over) return;
    const stop = this.#clock.after(millis, () => this.#finish('unbound'));
    await this.request('unbind').catch(() => {});
    stop();
    this.#finish('unbound');
  }

  end(reason: string): void {
    this.#finish(reason);
  }

  /** What is written in one moment leaves as one piece. */
  #write(octets: Buffer): void {
    if (this.#over) return;
    if (this.#unwritten.length === 0) process.nextTick(() => this.#flush());
    this.#unwritten.push(octets);
  }

  #flush(): void {
    const [only, ...others] = this.#unwritten;
    if (only === undefined || this.#socket.destroyed) return;
    this.#unwritten = [];
    this.#socket.write(others.length === 0 ? only : Buffer.concat([only, ...others]));
    if (this.#socket.writableLength > maxUnsentBytes) this.#finish('the centre does not read what it is told');
  }

  #read(piece: Buffer): void {
    this.#heard = this.#clock.now();
    try {
      for (const frame of this.#frames.push(piece)) {
        if (this.#over) return;
        this.#take(frame);
      }
    } catch (error) {
      if (!(error instanceof LengthFault)) throw error;
      this.#handlers.fault('malformed-pdu', error.message);
      this.#write(encodeResponse({ command_id: 0, sequence_number: 0 }, status.invalidLength));
      this.#finish(`the centre has sent ${error.message}: where the next one begins is not known`);
    }
  }

  #take(frame: Buffer): void {
    const header = headerOf(frame);
    const isResponse = (header.command_id & responseBit) !== 0;
    const pdu = decodePdu(frame);
    if (pdu !== undefined) {
      if (isResponse) this.#answered(pdu);
      else this.#asks(pdu);
      return;
    }
    this.#handlers.fault('malformed-pdu', `command 0x${header.command_id.toString(16)}, ${frame.length} octets`);
    if (isResponse) this.#giveUp(header.sequence_number);
    else this.#write(encodeResponse(header, status.permanent));
  }

  /** An answer that cannot be read says as much as one that was lost. */
  #giveUp(sequence: number): void {
    const waiting = this.#waiting.get(sequence);
    this.#waiting.delete(sequence);
    waiting?.reject(new SessionEnded('its answer could not be read'));
  }

  #answered(pdu: Pdu): void {
    const waiting = this.#waiting.get(pdu.sequence_number);
    if (waiting === undefined) {
      this.#handlers.fault('unasked-response', `${pdu.command} ${pdu.sequence_number}`);
      return;
    }
    this.#waiting.delete(pdu.sequence_number);
    waiting.resolve(pdu);
  }

  #asks(pdu: Pdu): void {
    switch (pdu.command) {
      case 'deliver_sm':
      case 'data_sm':
        this.#unanswered += 1;
        if (this.#unanswered >= maxUnanswered) this.#socket.pause();
        this.#handlers.request(pdu, this);
        return;
      case 'enquire_link':
        this.#write(encodeResponse(pdu, status.ok));
        return;
      case 'unbind':
        this.#write(encodeResponse(pdu, status.ok));
        this.#finish('the centre has unbound');
        return;
      case 'alert_notification':
        return;
      default:
        this.#handlers.fault('unknown-command', `command 0x${pdu.command_id.toString(16)}`);
        this.#write(encodeResponse({ ...headerOfPdu(pdu), command_id: 0 }, status.invalidCommand));
    }
  }

  /** Looks after answers that are late, and after a centre that is silent. */
  #tick(): () => void {
    const every = Math.max(10, Math.min(this.#times.responseMillis, this.#times.enquireMillis, 2_000) / 4);
    let stop = (): void => {};
    const look = (): void => {
      if (this.#over) return;
      const now = this.#clock.now();
      const [oldest] = this.#waiting.values();
      if (oldest !== undefined && now - oldest.since > this.#times.responseMillis) {
        this.#finish(`no answer within ${this.#times.responseMillis / 1000} s`);
        return;
      }
      if (!this.#asked && now - this.#heard > this.#times.enquireMillis) {
        this.#asked = true;
        void this.fence()
          .catch(() => {})
          .finally(() => (this.#asked = false));
      }
      stop = this.#clock.after(every, look);
    };
    stop = this.#clock.after(every, look);
    return () => {
      stop();
    };
  }

  #finish(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTicking();
    // What was written still leaves; nothing is waited for.
    this.#flush();
    this.#socket.end();
    this.#clock.after(1_000, () => this.#socket.destroy());
    for (const { reject } of this.#waiting.values()) reject(new SessionEnded(reason));
    this.#waiting.clear();
    this.#end(reason);
  }
}

const headerOfPdu = ({ command_id, sequence_number }: Pdu): FrameHeader => ({ command_id, sequence_number });
