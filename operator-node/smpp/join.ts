/** Parts of messages from phones until all of one are there, whatever order they come in. */
import { decodeText, type Alphabet, type Gsm } from './alphabet.ts';
import type { Concatenation } from './header.ts';
import type { Tx } from '../store/store.ts';
import type { Msisdn, UnixMillis } from '../model/ids.ts';
import { partialTable, type PartialRecord } from './smpp-tables.ts';

export interface Piece {
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly at: UnixMillis;
  readonly alphabet: Alphabet;
  readonly gsm: Gsm;
  readonly octets: Buffer;
}

export const partialKey = (route: string, { from, to }: Piece, { kind, ref, total }: Concatenation): string =>
  `${route}!${from}!${to}!${kind}!${ref}!${total}`;

export type Joined =
  | { readonly kind: 'whole'; readonly text: string }
  /** `gaveUp`: what was there under its number belonged to another message, and is not whole. */
  | { readonly kind: 'waits'; readonly gaveUp: boolean };

/** Puts a part to those before it, in the write that takes it. */
export function join(tx: Tx, key: string, piece: Piece, { index, total }: Concatenation): Joined {
  const octets = piece.octets.toString('base64');
  const before = tx.get(partialTable, key);
  const other = before?.octets[index];
  // Numbers of messages come again after 256: another content under one number is another message.
  const gaveUp =
    before !== undefined && ((other !== undefined && other !== octets) || before.alphabet !== piece.alphabet);
  const all: Readonly<Record<string, string>> = { ...(gaveUp ? {} : before?.octets), [index]: octets };
  if (Object.keys(all).length < total) {
    const { from, to, at, alphabet, gsm } = piece;
    const record: PartialRecord = { from, to, at, total, alphabet, gsm, octets: all };
    tx.put(partialTable, key, record);
    return { kind: 'waits', gaveUp };
  }
  tx.del(partialTable, key);
  const whole = Array.from({ length: total }, (_, at) => Buffer.from(all[at + 1] ?? '', 'base64'));
  return { kind: 'whole', text: decodeText(Buffer.concat(whole), piece.alphabet, piece.gsm) ?? '' };
}
