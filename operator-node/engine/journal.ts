/**
 * What users were asked and said, and what staff did, in one chain of entries (protocol §7). An entry commits to its
 * payload by a salted digest. Payload and salt of an entry about a user are sealed at rest under that user's key; when it
 * is erased they are gone, and the chain, which is over digests, still recomputes:
 *
 *   payloadDigest = SHA-256(salt || UTF-8(JSON of payload))
 *   hash          = SHA-256(UTF-8("tandem/journal/1") || 0x00 || previous hash || UTF-8(JSON [sequence, at, kind, payloadDigest]))
 */
import { hash } from 'node:crypto';
import { TandemError } from '../errors.ts';
import type { UnixMillis, UserId } from '../model/ids.ts';
import { kindOfEntry } from '../store/personal.ts';
import { table, type Store, type Tx, type View } from '../store/store.ts';
import { touch } from '../store/activity.ts';
import type { Random } from './clock.ts';

export type JournalKind =
  'order' | 'question' | 'answer' | 'confirmation' | 'receipt' | 'disclosure' | 'erasure' | 'staff' | 'fault';

export interface JournalEntry {
  readonly sequence: number;
  readonly at: UnixMillis;
  readonly kind: JournalKind;
  /** The user whom it is about, and whose key seals it. */
  readonly user?: UserId;
  /** Absent where it is erased, and with it the salt: a digest with its salt could be tried against guesses. */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Hex. */
  readonly salt?: string;
  /** Hex. */
  readonly payloadDigest: string;
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

/** Up to here the chain was recomputed and found whole. Key: `head`. */
export const journalVerifiedTable = table<JournalHead>('journal-verified');

const keyOf = (sequence: number): string => String(sequence).padStart(12, '0');

const emptyHead: JournalHead = { sequence: 0, hash: '0'.repeat(64) };
const prefix = Buffer.from('tandem/journal/1\0');

/** An entry that can be shown: nothing of it is erased. */
export type OpenEntry = JournalEntry & Required<Pick<JournalEntry, 'payload' | 'salt'>>;

export const isReadable = (entry: JournalEntry): entry is OpenEntry =>
  entry.payload !== undefined && entry.salt !== undefined;

const digestOf = (salt: string, payload: Readonly<Record<string, unknown>>): string =>
  hash('sha256', Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from(JSON.stringify(payload))]), 'hex');

function entryHash({
  sequence,
  at,
  kind,
  payloadDigest,
  previous,
}: Omit<JournalEntry, 'hash' | 'payload' | 'salt'>): string {
  const told = Buffer.from(JSON.stringify([sequence, at, kind, payloadDigest]));
  return hash('sha256', Buffer.concat([prefix, Buffer.from(previous, 'hex'), told]), 'hex');
}

/** As it was written: its hash is of its digest, and its payload, where there is one, has that digest. */
export const isWhole = (entry: JournalEntry): boolean =>
  entryHash(entry) === entry.hash &&
  (!isReadable(entry) || digestOf(entry.salt, entry.payload) === entry.payloadDigest);

/** @param about the user whom the payload is about: its key seals it */
export function appendJournal(
  tx: Tx,
  now: UnixMillis,
  random: Random,
  kind: JournalKind,
  payload: Readonly<Record<string, unknown>>,
  about?: UserId,
): void {
  const head = tx.get(journalHeadTable, 'head') ?? emptyHead;
  const salt = Buffer.from(random.bytes(16)).toString('hex');
  const body = {
    sequence: head.sequence + 1,
    at: now,
    kind,
    ...(about === undefined ? {} : { user: about }),
    payload,
    salt,
    payloadDigest: digestOf(salt, payload),
    previous: head.hash,
  };
  const entry = { ...body, hash: entryHash(body) };
  tx.put(journalTable, keyOf(entry.sequence), entry);
  tx.put(journalHeadTable, 'head', { sequence: entry.sequence, hash: entry.hash });
  if (about !== undefined) touch(tx, about, kindOfEntry(kind), now);
}

/** The newest head, durable or not; of an empty journal the one before the first entry. */
export const journalHead = (view: View): JournalHead => view.get(journalHeadTable, 'head') ?? emptyHead;

export const journalEntry = (view: View, sequence: number): JournalEntry | undefined =>
  view.get(journalTable, keyOf(sequence));

/** The number of the first entry that is not earlier than `at`; by halves, since entries come in the order of time. */
export function firstEntryFrom(view: View, at: number): number {
  let [low, high] = [1, journalHead(view).sequence + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((journalEntry(view, middle)?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Entries from that number on, as far as they are on disk. */
export async function* scanJournal(store: Store, from: number): AsyncGenerator<JournalEntry> {
  for await (const [, entry] of store.scan(journalTable, { gte: keyOf(from) })) yield entry;
}

export interface JournalChecked {
  /** As far as the chain is whole. */
  readonly to: JournalHead;
  readonly entries: number;
  /** What is wrong at the first place that is; undefined where nothing is. */
  readonly fault?: string;
}

export interface JournalRange {
  /** A head that is known to be whole; the empty journal unless given. */
  readonly from?: JournalHead;
  /** Entries to look at; all of them unless given. The end of the journal is compared only when it is reached. */
  readonly limit?: number;
}

/** Recomputes the chain: sequence without a gap, each hash, each hash of the one before, and the head. */
export async function verifyJournal(
  store: Store,
  { from = emptyHead, limit = Infinity }: JournalRange = {},
): Promise<JournalChecked> {
  const head = store.newest.get(journalHeadTable, 'head') ?? emptyHead;
  // What is looked through below is what is on disk, and the head may be on its way there.
  await store.transact(() => undefined);
  let to = from;
  let entries = 0;
  const stop = (fault: string): JournalChecked => ({ to, entries, fault });
  if (from.sequence > 0) {
    const known = store.newest.get(journalTable, keyOf(from.sequence));
    if (known?.hash !== from.hash) return stop(`Entry ${from.sequence} is not the one that was verified before`);
  }
  for await (const [key, entry] of store.scan(journalTable, { gte: keyOf(from.sequence + 1) })) {
    if (entries >= limit) return { to, entries };
    const expected = to.sequence + 1;
    if (key !== keyOf(expected) || entry.sequence !== expected) {
      return stop(`Entry ${expected} is missing: ${entry.sequence} follows ${to.sequence}`);
    }
    if (entry.previous !== to.hash) return stop(`Entry ${expected} follows another entry than ${to.sequence}`);
    if (!isWhole(entry)) return stop(`Entry ${expected} is not as it was written`);
    to = { sequence: expected, hash: entry.hash };
    entries += 1;
  }
  if (to.sequence < head.sequence) return stop(`The journal ends at ${to.sequence}; its head is ${head.sequence}`);
  // A journal that grows while it is read is compared when it stands still.
  if (to.sequence === head.sequence && to.hash !== head.hash) return stop(`The head is not entry ${head.sequence}`);
  return { to, entries };
}

/** Entries that a start looks at: some 0.3 s. */
const entriesAtStart = 20_000;

/**
 * The end of the journal, before anything else is done with the store: what is after the last verified entry, at most
 * `limit` entries. @throws {TandemError} `store-damaged`
 */
export async function checkJournalEnd(store: Store, limit: number = entriesAtStart): Promise<JournalChecked> {
  const head = store.newest.get(journalHeadTable, 'head') ?? emptyHead;
  const verified = store.newest.get(journalVerifiedTable, 'head') ?? emptyHead;
  const short = head.sequence - verified.sequence <= limit;
  const sequence = short ? verified.sequence : head.sequence - limit;
  const before = short ? verified : store.newest.get(journalTable, keyOf(sequence));
  const checked =
    before === undefined
      ? { to: verified, entries: 0, fault: `Entry ${sequence} is missing` }
      : await verifyJournal(store, { from: { sequence, hash: before.hash } });
  if (checked.fault !== undefined) throw damagedJournal(checked.fault);
  if (short && checked.entries > 0) await markVerified(store, checked.to);
  return checked;
}

/** The next stretch, so that a start never has much to look at; called now and then. @throws {TandemError} `store-damaged` */
export async function checkJournalFurther(store: Store, limit: number): Promise<JournalChecked> {
  const from = store.newest.get(journalVerifiedTable, 'head') ?? emptyHead;
  const checked = await verifyJournal(store, { from, limit });
  if (checked.fault !== undefined) throw damagedJournal(checked.fault);
  if (checked.entries > 0) await markVerified(store, checked.to);
  return checked;
}

const markVerified = (store: Store, to: JournalHead): Promise<void> =>
  store.transact((tx) => {
    tx.put(journalVerifiedTable, 'head', to);
  });

const damagedJournal = (fault: string): TandemError =>
  new TandemError(
    'store-damaged',
    `The journal is damaged: ${fault}. Run tandem doctor for the rest; then tandem restore, or tandem recover, as docs/operations.md says.`,
    { facts: { fault } },
  );
