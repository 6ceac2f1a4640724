/**
 * PDUs of SMPP 3.4 as values, by the codec of the package `smpp`. Texts and times stay octets: what they mean hangs on the
 * SMS centre, and is worked out in `alphabet.ts`, `split.ts` and `receipt.ts`.
 */
import smpp, { type PDU } from 'smpp';

export type Pdu = PDU;

const { types } = smpp;
const int8 = { type: types.int8 };
const cstring = { type: types.cstring };

const messageFields = {
  service_type: cstring,
  source_addr_ton: int8,
  source_addr_npi: int8,
  source_addr: cstring,
  dest_addr_ton: int8,
  dest_addr_npi: int8,
  destination_addr: cstring,
  esm_class: int8,
  protocol_id: int8,
  priority_flag: int8,
  schedule_delivery_time: cstring,
  validity_period: cstring,
  registered_delivery: int8,
  replace_if_present_flag: int8,
  data_coding: int8,
  sm_default_msg_id: int8,
  short_message: { type: types.buffer },
};
// The package's own definitions turn texts and times into values on the way, each by one reading of the standard.
smpp.addCommand('submit_sm', { id: 0x4, params: messageFields });
smpp.addCommand('deliver_sm', { id: 0x5, params: messageFields });
smpp.addTLV('message_payload', { id: 0x0424, type: types.tlv.buffer });

const headerBytes = 16;
/** A message_payload of 64 KiB and everything around it. */
const maxFrameBytes = 70_000;
smpp.PDU.maxLength = maxFrameBytes;

/** Statuses by the names of the standard. */
export const status = {
  ok: 0x00,
  invalidLength: 0x02,
  invalidCommand: 0x03,
  alreadyBound: 0x05,
  systemError: 0x08,
  invalidSource: 0x0a,
  invalidDestination: 0x0b,
  bindFailed: 0x0d,
  queueFull: 0x14,
  throttled: 0x58,
  temporary: 0x64,
  permanent: 0x65,
} as const;

/** `ESME_RTHROTTLED` for 0x58, or the number in hex for one that the standard does not name. */
export function statusName(code: number): string {
  const found = Object.entries(smpp.errors).find(([, value]) => value === code);
  return found === undefined ? `0x${code.toString(16)}` : found[0];
}

/** The octets of a PDU. */
export function encodePdu(command: string, sequence: number, fields: object = {}): Buffer {
  return new smpp.PDU(command, { ...fields, sequence_number: sequence }).toBuffer();
}

/** What answers a request: its own response, or generic_nack to a command that nobody knows. */
export function encodeResponse(to: FrameHeader, code: number, fields: object = {}): Buffer {
  const command = responses.get(to.command_id) ?? 'generic_nack';
  return new smpp.PDU(command, { ...fields, command_status: code, sequence_number: to.sequence_number }).toBuffer();
}

const responses: ReadonlyMap<number, string> = new Map([
  [0x05, 'deliver_sm_resp'],
  [0x103, 'data_sm_resp'],
  [0x15, 'enquire_link_resp'],
  [0x06, 'unbind_resp'],
]);

export interface FrameHeader {
  readonly command_id: number;
  readonly sequence_number: number;
}

export const headerOf = (frame: Buffer): FrameHeader => ({
  command_id: frame.readUInt32BE(4),
  sequence_number: frame.readUInt32BE(12),
});

/** Undefined for a frame whose content does not fit into it, or is no PDU at all. */
export function decodePdu(frame: Buffer): Pdu | undefined {
  try {
    const pdu = new smpp.PDU(frame);
    return isWhole(pdu, frame) ? pdu : undefined;
  } catch {
    return undefined;
  }
}

/** The codec cuts a text whose length says more than is there, and takes a missing end of a string for an end. */
function isWhole(pdu: Pdu, frame: Buffer): boolean {
  if (pdu.command !== 'deliver_sm' && pdu.command !== 'data_sm') return true;
  let offset = headerBytes;
  // Octets before each string: types of numbers, then classes.
  for (const before of pdu.command === 'deliver_sm' ? [0, 2, 2, 3, 0] : [0, 2, 2]) {
    const end = frame.indexOf(0, offset + before);
    if (end === -1) return false;
    offset = end + 1;
  }
  if (pdu.command === 'data_sm') offset += 3;
  else {
    offset += 4;
    if (offset >= frame.length) return false;
    offset += 1 + frame.readUInt8(offset);
  }
  while (offset + 4 <= frame.length) offset += 4 + frame.readUInt16BE(offset + 2);
  return offset === frame.length;
}

/** The stream is no longer SMPP, and nothing says where the next PDU begins. */
export class LengthFault extends Error {}

/** Cuts a stream of octets into PDUs by the length that each begins with. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @throws {LengthFault} for a length that no PDU has; frames before it have been given out */
  *push(piece: Buffer): Generator<Buffer> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes < this.#wanted()) return;
    let rest = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
    try {
      while (rest.length >= 4) {
        const length = rest.readUInt32BE(0);
        if (length < headerBytes || length > maxFrameBytes) throw new LengthFault(`a PDU of ${length} octets`);
        if (rest.length < length) break;
        yield rest.subarray(0, length);
        rest = rest.subarray(length);
      }
    } finally {
      this.#pieces = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
    }
  }

  #wanted(): number {
    const [first] = this.#pieces;
    if (first === undefined || first.length < 4) return 4;
    return Math.min(first.readUInt32BE(0), maxFrameBytes);
  }
}

/** A text on its way: what deliver_sm and data_sm have in common. */
export interface MessagePdu {
  readonly source: Address;
  readonly destination: Address;
  readonly esmClass: number;
  readonly coding: number;
  /** With the user data header, where `esmClass` says that there is one. */
  readonly octets: Buffer;
  readonly sar: { readonly ref: number; readonly total: number; readonly index: number } | undefined;
  readonly receiptedId: string | undefined;
  readonly state: number | undefined;
  readonly userReference: number | undefined;
}

export interface Address {
  readonly ton: number;
  readonly npi: number;
  readonly address: string;
}

const numberIn = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const octetsIn = (value: unknown): Buffer => (Buffer.isBuffer(value) ? value : Buffer.alloc(0));

export function messageOf(pdu: Pdu): MessagePdu {
  const short = octetsIn(pdu['short_message']);
  const ref = numberIn(pdu['sar_msg_ref_num']);
  const total = numberIn(pdu['sar_total_segments']);
  const index = numberIn(pdu['sar_segment_seqnum']);
  const receipted = textIn(pdu['receipted_message_id']);
  return {
    source: addressIn(pdu, 'source_addr', 'source_addr'),
    destination: addressIn(pdu, 'dest_addr', 'destination_addr'),
    esmClass: numberIn(pdu['esm_class']) ?? 0,
    coding: numberIn(pdu['data_coding']) ?? 0,
    octets: short.length > 0 ? short : octetsIn(pdu['message_payload']),
    sar: ref === undefined || total === undefined || index === undefined ? undefined : { ref, total, index },
    receiptedId: receipted === '' ? undefined : receipted,
    state: numberIn(pdu['message_state']),
    userReference: numberIn(pdu['user_message_reference']),
  };
}

const addressIn = (pdu: Pdu, type: string, field: string): Address => ({
  ton: numberIn(pdu[`${type}_ton`]) ?? 0,
  npi: numberIn(pdu[`${type}_npi`]) ?? 0,
  address: textIn(pdu[field]),
});
