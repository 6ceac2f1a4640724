/**
 * Finding a pair from what a caller knows of it. Filters combine. The narrowest of them says which index is walked, newest
 * pair first; the others are looked at side by side. An index is a table of its own, written in the write that opens a side,
 * so a search is as quick after a million pairs as after ten. Without a filter that has an index, pairs are walked by time.
 */
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { loadBatch } from '../flow/batch.ts';
import { loadSide, refSideTable, sideStateTable, userSideTable, type PairSide } from '../flow/pair.ts';
import type { Amount, Asset, BatchId, Leg, Msisdn, OperatorId, PairId, UnixMillis } from '../model/ids.ts';
import type { Range, Table, View } from '../store/store.ts';
import { userByNumber } from '../users/user.ts';

export interface Filters {
  readonly pair?: PairId;
  /** Four characters, upper case, as messages name it. */
  readonly ref?: string;
  /** Of either user, whole. */
  readonly number?: Msisdn;
  /** The last digits of the number of either user. */
  readonly ending?: string;
  readonly batch?: BatchId;
  readonly asset?: Asset;
  /** Minor units. */
  readonly amount?: Amount;
  readonly state?: string;
  readonly peer?: OperatorId;
  readonly service?: string;
  /** In the note or the name of what was bought; upper and lower case alike. */
  readonly text?: string;
  /** When the pair was begun, both included. */
  readonly from?: UnixMillis;
  readonly to?: UnixMillis;
}

export interface Found {
  /** Newest first. */
  readonly sides: readonly PairSide[];
  /** Where to go on; absent where nothing is left. With fewer sides than asked for it was too long a walk for one request. */
  readonly next?: string;
}

/** So many sides are looked at for one request; who wants more asks again. */
const mostLookedAt = 20_000;

interface Walk {
  readonly table: Table<unknown>;
  /** Before the pair in each of its keys. */
  readonly prefix: string;
}

/** Where pairs are walked: by what has an index, else all of them. */
function walkOf(view: View, { ref, number }: Filters): Walk {
  if (ref !== undefined) return { table: refSideTable, prefix: `${ref}!` };
  const user = number === undefined ? undefined : userByNumber(view, number);
  // The number of another operator's user: its pairs are those of this operator's users.
  return user === undefined ? { table: sideStateTable, prefix: '' } : { table: userSideTable, prefix: `${user.id}!` };
}

/** A pair id begins with the milliseconds of its making (UUIDv7). */
const idAt = (at: number): string => {
  const hex = Math.max(0, Math.min(at, 0xffff_ffff_ffff)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
};

function rangeOf({ prefix }: Walk, { from, to }: Filters, after: string | undefined): Range {
  const before = after ?? (to === undefined ? undefined : idAt(to + 1));
  return {
    ...(prefix === '' ? {} : { prefix }),
    ...(from === undefined ? {} : { gte: `${prefix}${idAt(from)}` }),
    ...(before === undefined ? {} : { lt: `${prefix}${before}` }),
    reverse: true,
  };
}

const holds = (wanted: string | number | undefined, found: string | number): boolean =>
  wanted === undefined || wanted === found;

function matches({ side, state }: PairSide, filters: Filters): boolean {
  const { pair, ref, number, ending, batch, asset, amount, peer, service, text, from, to } = filters;
  const numbers = [side.userNumber, side.otherNumber];
  const begun = Number.parseInt(side.pair.slice(0, 8) + side.pair.slice(9, 13), 16);
  return (
    holds(pair, side.pair) &&
    holds(ref, side.ref) &&
    holds(batch, state.batch ?? '') &&
    holds(asset, side.operation.asset) &&
    holds(amount, side.operation.amount) &&
    holds(filters.state, state.state) &&
    holds(peer, side.peer) &&
    holds(service, side.service) &&
    (number === undefined || numbers.includes(number)) &&
    (ending === undefined || numbers.some((each) => each.endsWith(ending))) &&
    (text === undefined || `${side.note}\n${side.item}`.toLowerCase().includes(text.toLowerCase())) &&
    (from === undefined || begun >= from) &&
    (to === undefined || begun <= to)
  );
}

const placeOf = (key: string, { prefix }: Walk): string => key.slice(prefix.length);

const sideAt = (view: View, place: string): PairSide | undefined =>
  loadSide(view, place.slice(0, 36) as PairId, place.slice(37) as Leg);

/** Sides that one look at the store names: of one pair, or of one batch. */
function* named(view: View, { pair, batch }: Filters): Generator<string> {
  const pairs =
    pair === undefined
      ? (['initiator', 'acceptor'] as const).flatMap((role) =>
          batch === undefined ? [] : (loadBatch(view, batch, role)?.record.pairs ?? []),
        )
      : [pair];
  const places = pairs.flatMap((each) => (['first', 'second'] as const).map((leg) => `${each}!${leg}`));
  yield* [...new Set(places)].sort().reverse();
}

async function* walked(
  { store, newest }: Pick<Engine, 'store' | 'newest'>,
  filters: Filters,
  after: string | undefined,
): AsyncGenerator<string> {
  if (filters.pair !== undefined || filters.batch !== undefined) {
    for (const place of named(newest, filters)) if (after === undefined || place < after) yield place;
    return;
  }
  const walk = walkOf(newest, filters);
  for await (const [key] of store.scan(walk.table, rangeOf(walk, filters, after))) yield placeOf(key, walk);
}

const placePattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}!(?:first|second)$/;

/**
 * The newest sides that match every filter, at most `limit` of them; `after` is the `next` of the search before.
 * @throws {TandemError} `bad-request` for an `after` that no search has given
 */
export async function findSides(
  engine: Pick<Engine, 'store' | 'newest'>,
  filters: Filters,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<Found> {
  if (after !== undefined && !placePattern.test(after)) {
    throw new TandemError('bad-request', 'The cursor is of no search: give the one that the last page ended with.');
  }
  const sides: PairSide[] = [];
  let looked = 0;
  let last: string | undefined;
  for await (const place of walked(engine, filters, after)) {
    if (last !== undefined && (sides.length === limit || looked === mostLookedAt)) return { sides, next: last };
    looked += 1;
    last = place;
    const found = sideAt(engine.newest, place);
    if (found !== undefined && matches(found, filters)) sides.push(found);
  }
  return { sides };
}
