/** Delivery receipts, as SMS centres write them: as TLVs, as text after SMPP 3.4's appendix B, or as both. */
import type { MessagePdu } from './pdu.ts';

/** What became of a message, as far as the SMS centre says. `accepted`: it tells no more. `unknown`: it told nothing in time. */
export type Outcome = 'delivered' | 'expired' | 'undeliverable' | 'accepted' | 'unknown';

export interface Receipt {
  /** The TLV's first, where there are two. */
  readonly ids: readonly string[];
  /** Undefined while the centre goes on trying. */
  readonly outcome: 'delivered' | 'expired' | 'undeliverable' | undefined;
  /** The centre's word for it, with its error code where it gives one. */
  readonly reason: string;
  readonly userReference: number | undefined;
}

/** esm_class, bits 2 to 5: receipts of the centre, of the phone, and notes on the way. A plain message has none of them. */
const receiptBits = 0x3c;

const outcomes: Readonly<Record<string, Receipt['outcome']>> = {
  DELIVRD: 'delivered',
  EXPIRED: 'expired',
  DELETED: 'undeliverable',
  UNDELIV: 'undeliverable',
  REJECTD: 'undeliverable',
  SKIPPED: 'undeliverable',
};

/** By message_state. */
const stateNames = [
  'SCHEDLD',
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
  'SKIPPED',
];

const textField = (text: string, name: string): string | undefined =>
  new RegExp(`(?:^|\\s)${name}:\\s*(\\S+)`, 'i').exec(text)?.[1];

/** Undefined for a user's message: a phone can send a text that looks like a receipt, and cannot mark it as one. */
export function receiptOf(pdu: MessagePdu): Receipt | undefined {
  const { esmClass, receiptedId, state, octets, userReference } = pdu;
  if ((esmClass & receiptBits) === 0 && receiptedId === undefined) return undefined;
  // Receipts are in ASCII whatever their data_coding says.
  const text = octets.toString('latin1');
  const id = textField(text, 'id');
  const error = textField(text, 'err');
  const word =
    (state === undefined ? undefined : stateNames[state]) ??
    textField(text, 'stat')?.toUpperCase().slice(0, 7) ??
    'UNKNOWN';
  return {
    ids: [...new Set([receiptedId, id].filter((one) => one !== undefined))],
    outcome: outcomes[word],
    reason: error === undefined || /^0*$/.test(error) ? word : `${word} ${error.slice(0, 16)}`,
    userReference,
  };
}

/** How a centre writes in receipts the id that it gave in its answer. */
export type IdForm = 'same' | 'decimal-of-hex' | 'hex-of-decimal';

/** Upper or lower case and leading zeros say nothing. */
export const canonicalId = (id: string): string =>
  id
    .trim()
    .toLowerCase()
    .replace(/^0+(?=.)/, '');

/** The id as it was in the answer, if the receipt writes it in this form; undefined where it cannot be. */
export function idInAnswer(receipted: string, form: IdForm): string | undefined {
  const id = canonicalId(receipted);
  if (form === 'same') return id;
  if (form === 'decimal-of-hex') return /^[0-9]{1,30}$/.test(id) ? BigInt(id).toString(16) : undefined;
  return /^[0-9a-f]{1,30}$/.test(id) ? BigInt(`0x${id}`).toString() : undefined;
}

export const idForms: readonly IdForm[] = ['same', 'decimal-of-hex', 'hex-of-decimal'];

/** Ids below ten look the same in every form, and teach nothing. */
export const tellsForm = (receipted: string): boolean => canonicalId(receipted).length > 1;
