/** What a user can ask about itself: what happened lately, what is there; and joining or leaving. */
import type { Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { drawBelow, type Random } from '../engine/clock.ts';
import type { Asset, Leg, PairId, UnixMillis, UserId } from '../model/ids.ts';
import { table, type View } from '../store/store.ts';
import { userTable, type User } from '../users/user.ts';
import type { FlowContext } from './context.ts';
import { loadSide, type Side } from './pair.ts';
import { wasPaid } from './refund.ts';
import { moneyOf, notify } from './tell.ts';

export interface Remembered {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly ref: string;
  readonly at: UnixMillis;
}

/** The user's last committed pairs, newest first. Key: the user's id. */
export const recentTable = table<readonly Remembered[]>('recent');
/** Key: `<userId>!<ref>`. */
export const refTable = table<{ readonly pair: PairId; readonly leg: Leg }>('ref');

const keptRecent = 10;
const shownRecent = 5;

const letters = 'ABCDEFGHJKMNPQRSTUVWXYZ';
const lettersAndDigits = `${letters}23456789`;

const mostDraws = 1000;

/** True where the ref means nothing to the user any more: its pair is over, and not among the last ones. */
function isFree(view: View, user: UserId, ref: string): boolean {
  const named = view.get(refTable, `${user}!${ref}`);
  if (named === undefined) return true;
  const recent = view.get(recentTable, user) ?? [];
  return !recent.some((entry) => entry.ref === ref) && loadSide(view, named.pair, named.leg)?.state.told !== false;
}

/**
 * Four characters that begin with a letter, so that they are no amount and no code, and have a digit, so that they are no
 * word; unlike any other of this user that is in use. There are 405,352: a seller's run out, and then go round.
 */
export function newRef(view: View, random: Random, user: UserId): string {
  for (let draw = 0; draw < mostDraws; draw += 1) {
    let ref = letters.charAt(drawBelow(letters.length, random));
    while (ref.length < 4) ref += lettersAndDigits.charAt(drawBelow(lettersAndDigits.length, random));
    if (/[2-9]/.test(ref) && isFree(view, user, ref)) return ref;
  }
  throw new TandemError('too-busy', `User ${user} has too many open pairs: almost no free references are left.`);
}

export function remember(work: Work, { user, pair, leg, ref }: Side): void {
  const recent = work.get(recentTable, user) ?? [];
  work.put(recentTable, user, [{ pair, leg, ref, at: work.now }, ...recent].slice(0, keptRecent));
}

export function tellBalance(flow: FlowContext, work: Work, user: User): void {
  const accounts = flow.accounts.balances(work, user.id).map(({ asset, balance, held }) =>
    flow.analysis.notice('balance-account', user.language, {
      money: { asset, amount: balance },
      ...(held === '0' ? {} : { held: { asset, amount: held } }),
    }),
  );
  notify(flow, work, user, 'balance', { accounts: accounts.join(', ') });
}

export function tellHistory(
  flow: FlowContext,
  work: Work,
  user: User,
  sideOf: (entry: Remembered) => Side | undefined,
): void {
  const lines: string[] = [];
  for (const entry of work.get(recentTable, user.id) ?? []) {
    const side = sideOf(entry);
    if (side === undefined) continue;
    const { otherName: name, note, ref } = side;
    const key = wasPaid(side) ? 'history-in' : 'history-out';
    lines.push(flow.analysis.notice(key, user.language, { money: moneyOf(side), name, note, ref }));
    if (lines.length === shownRecent) break;
  }
  if (lines.length === 0) notify(flow, work, user, 'history-empty');
  else notify(flow, work, user, 'history', { entries: lines.join('\n') });
}

export function join(flow: FlowContext, work: Work, before: User): void {
  const user = work.get(userTable, before.id) ?? before;
  if (!user.joined) work.put(userTable, user.id, { ...user, joined: true });
  notify(flow, work, user, user.joined ? 'already-joined' : 'joined');
}

/** Open pairs of the user go on to their end; nothing new is looked at. */
export function leave(flow: FlowContext, work: Work, before: User): void {
  const user = work.get(userTable, before.id) ?? before;
  work.put(userTable, user.id, { ...user, joined: false });
  notify(flow, work, user, 'left');
}

/** `K7QX, M2AB`: what a user can choose from. */
export const refsOf = (sides: readonly Side[]): string => sides.map(({ ref }) => ref).join(', ');

export const mainAsset = (user: User): Asset => {
  const [asset] = user.assets;
  if (asset === undefined) throw new RangeError(`user ${user.number} has no account`);
  return asset;
};
