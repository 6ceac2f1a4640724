/**
 * The gateway's own store: what was taken and is not done with. It is not the node's store, and has none of its tables.
 * Keys that begin with a number are in the order in which things came.
 */
import type { Msisdn, Timestamp, UnixMillis } from '../model/ids.ts';
import type { Table } from '../store/store.ts';
import type { Alphabet, Gsm } from './alphabet.ts';
import type { Outcome } from './receipt.ts';

const named = <V>(name: string): Table<V> => ({ name });

export interface PartRecord {
  /** `sent`: it may be at the centre. `accepted`: the centre has given it an id. */
  readonly state: 'waiting' | 'sent' | 'accepted' | 'done';
  /** Base64, until the centre has it. */
  readonly octets?: string;
  readonly esmClass: number;
  readonly sar?: { readonly ref: number; readonly total: number; readonly index: number };
  /** The centre's. */
  readonly id?: string;
  readonly outcome?: Outcome;
  readonly reason?: string;
}

/** A message to a phone, from the node's POST until its outcome is known. */
export interface OutRecord {
  readonly id: string;
  readonly route: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly coding: number;
  readonly payload: boolean;
  readonly parts: readonly PartRecord[];
  /** A question: it goes before everything else, and asks nothing after its deadline. */
  readonly urgent: boolean;
  readonly takenAt: UnixMillis;
  readonly validUntil: UnixMillis;
  readonly tries: number;
}
/** Key: `<number, 12 digits>`. */
export const outTable = named<OutRecord>('out');

/** What is known of a message by the node's id for it; without an outcome, it is in `out`. */
export interface KnownRecord {
  readonly at: UnixMillis;
  readonly to: Msisdn;
  readonly outcome?: Outcome;
  readonly reason?: string;
}
export const knownTable = named<KnownRecord>('known');

/** An id that the centre gave, of which the outcome is known: a receipt for it is a repetition. Key: `<route>!<canonical id>`. */
export interface EndedRecord {
  readonly at: UnixMillis;
  readonly to: Msisdn;
}
export const endedTable = named<EndedRecord>('ended');

/** A message from a phone, whole, until the node has taken it. */
export interface InRecord {
  /** Under which the node gets it, however often. */
  readonly id: string;
  readonly route: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly text: string;
  readonly at: UnixMillis;
}
/** Key: `<number, 12 digits>`. */
export const inTable = named<InRecord>('in');

/** Parts of a message of which others have not come. */
export interface PartialRecord {
  readonly from: Msisdn;
  readonly to: Msisdn;
  /** When the last of them came. */
  readonly at: UnixMillis;
  readonly total: number;
  readonly alphabet: Alphabet;
  readonly gsm: Gsm;
  /** By number, in base64: half of a character may be in one and half in the next. */
  readonly octets: Readonly<Record<string, string>>;
}
/** Key: `<route>!<from>!<to>!<kind>!<ref>`. */
export const partialTable = named<PartialRecord>('partial');

/** What was taken and of which it is not known that the centre has seen the acknowledgement. */
export interface UnconfirmedRecord {
  readonly route: string;
  /** SHA-256 of all that a repetition has in common with it. */
  readonly print: string;
}
/** Key: `<number, 12 digits>`. */
export const unconfirmedTable = named<UnconfirmedRecord>('unconfirmed');

/** The last number given out, by direction. */
export const counterTable = named<number>('counter');

/** What the node posts. */
export interface OutboundText {
  readonly id: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly text: string;
  readonly at: Timestamp;
  readonly deadline?: Timestamp | undefined;
  readonly priority?: 'question' | undefined;
}

export const numbered = (number: number): string => String(number).padStart(12, '0');
