/**
 * What users were asked and said, and what staff did, in one chain of entries (protocol §7). An entry commits to its
 * payload by a salted digest, so payloads can be sealed or erased and the chain still recomputes:
 *
 *   payloadDigest = SHA-256(salt || UTF-8(JSON of payload))
 *   hash          = SHA-256(UTF-8("tandem/journal/1") || 0x00 || previous hash || UTF-8(JSON [sequence, at, kind, payloadDigest]))
 */
import { hash } from 'node:crypto';
import type { UnixMillis } from '../model/ids.ts';
import { table, type Tx } from '../store/store.ts';
import type { Random } from './clock.ts';

export type JournalKind =
  'order' | 'question' | 'answer' | 'confirmation' | 'receipt' | 'disclosure' | 'staff' | 'fault';

export interface JournalEntry {
  readonly sequence: number;
  readonly at: UnixMillis;
  readonly kind: JournalKind;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Hex. */
  readonly salt: string;
  /** Hex of the entry before; 64 zeros for the first. */
  readonly previous: string;
  readonly hash: string;
}

export interface JournalHead {
  readonly sequence: number;
  readonly hash: string;
}

/** Key: the sequence, 12 digits. */
export const journalTable = table<JournalEntry>('journal');
/** Key: `head`. */
export const journalHeadTable = table<JournalHead>('journal-head');

const emptyHead: JournalHead = { sequence: 0, hash: '0'.repeat(64) };
const prefix = Buffer.from('tandem/journal/1\0');

export function entryHash(entry: Omit<JournalEntry, 'hash'>): string {
  const payload = Buffer.concat([Buffer.from(entry.salt, 'hex'), Buffer.from(JSON.stringify(entry.payload))]);
  const payloadDigest = hash('sha256', payload, 'hex');
  return hash(
    'sha256',
    Buffer.concat([
      prefix,
      Buffer.from(entry.previous, 'hex'),
      Buffer.from(JSON.stringify([entry.sequence, entry.at, entry.kind, payloadDigest])),
    ]),
    'hex',
  );
}

export function appendJournal(
  tx: Tx,
  now: UnixMillis,
  random: Random,
  kind: JournalKind,
  payload: Readonly<Record<string, unknown>>,
): void {
  const head = tx.get(journalHeadTable, 'head') ?? emptyHead;
  const body = {
    sequence: head.sequence + 1,
    at: now,
    kind,
    payload,
    salt: Buffer.from(random.bytes(16)).toString('hex'),
    previous: head.hash,
  };
  const entry = { ...body, hash: entryHash(body) };
  tx.put(journalTable, String(entry.sequence).padStart(12, '0'), entry);
  tx.put(journalHeadTable, 'head', { sequence: entry.sequence, hash: entry.hash });
}
