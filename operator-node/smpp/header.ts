/** The user data header of an SMS (3GPP TS 23.040, 9.2.3.24): what is before the text where the esm_class says so. */
import type { Gsm } from './alphabet.ts';

const concat8 = 0x00;
const concat16 = 0x08;
const singleShift = 0x24;
const lockingShift = 0x25;

/** esm_class: the text begins with a header. */
export const headerFlag = 0x40;

export interface Concatenation {
  /** Which kind of number `ref` is: those of different kinds have nothing to do with each other. */
  readonly kind: 'udh8' | 'udh16' | 'sar';
  readonly ref: number;
  readonly total: number;
  /** From 1. */
  readonly index: number;
}

export interface UserData {
  readonly concatenation: Concatenation | undefined;
  readonly gsm: Gsm;
  readonly text: Buffer;
}

/** Undefined for a header that does not fit into the octets. */
export function readHeader(octets: Buffer): UserData | undefined {
  const end = 1 + (octets[0] ?? 0);
  if (octets.length === 0 || end > octets.length) return undefined;
  let concatenation: Concatenation | undefined;
  let locking = 0;
  let single = 0;
  for (let offset = 1; offset < end;) {
    const [id, length] = [octets[offset], octets[offset + 1]];
    if (id === undefined || length === undefined || offset + 2 + length > end) return undefined;
    const value = octets.subarray(offset + 2, offset + 2 + length);
    if (id === concat8 || id === concat16) concatenation = concatenationOf(id, value);
    else if (id === singleShift) single = value[0] ?? 0;
    else if (id === lockingShift) locking = value[0] ?? 0;
    offset += 2 + length;
  }
  return { concatenation, gsm: { locking, single }, text: octets.subarray(end) };
}

/** A number that cannot be one of so many is ignored, as the standard says. */
function concatenationOf(id: number, value: Buffer): Concatenation | undefined {
  const wide = id === concat16;
  if (value.length !== (wide ? 4 : 3)) return undefined;
  const [total = 0, index = 0] = value.subarray(-2);
  if (index === 0 || index > total) return undefined;
  return { kind: wide ? 'udh16' : 'udh8', ref: wide ? value.readUInt16BE(0) : value.readUInt8(0), total, index };
}

/** The header with its own length, or nothing where nothing has to be said. */
export function writeHeader({ locking, single }: Gsm, concatenation: Concatenation | undefined): Buffer {
  const elements: number[] = [];
  if (concatenation !== undefined) {
    const { kind, ref, total, index } = concatenation;
    if (kind === 'udh8') elements.push(concat8, 3, ref & 0xff, total, index);
    if (kind === 'udh16') elements.push(concat16, 4, (ref >> 8) & 0xff, ref & 0xff, total, index);
  }
  if (single !== 0) elements.push(singleShift, 1, single);
  if (locking !== 0) elements.push(lockingShift, 1, locking);
  return elements.length === 0 ? Buffer.alloc(0) : Buffer.from([elements.length, ...elements]);
}
