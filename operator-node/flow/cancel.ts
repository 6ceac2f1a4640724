/** CANCEL: the first user takes a pair back before the second has accepted. */
import type { NoticeKey, TextParams } from '../analysis/analysis.ts';
import type { Work } from '../engine/engine.ts';
import type { User } from '../users/user.ts';
import { refsOf, refTable } from './account.ts';
import type { FlowContext } from './context.ts';
import { advance } from './flow.ts';
import { isFinal, loadSide, type PairSide } from './pair.ts';
import { notify } from './tell.ts';

/** True if there was something to cancel: it is given up, or the acceptor is being asked. */
export function cancelPair(flow: FlowContext, work: Work, user: User, ref: string | undefined): boolean {
  const refuse = (notice: NoticeKey, params: TextParams = {}): false => {
    notify(flow, work, user, notice, params);
    return false;
  };
  const candidates = ref === undefined ? openOrders(flow, work, user) : byRef(work, user, ref);
  const [found] = candidates;
  if (found === undefined) return refuse('cancel-none', { ref: ref ?? '' });
  if (candidates.length > 1) return refuse('cancel-which', { refs: refsOf(candidates.map(({ side }) => side)) });
  if (isFinal(found.state)) {
    return refuse(found.state.state === 'committed' ? 'cancel-too-late' : 'cancel-none', { ref: found.side.ref });
  }
  const before = found.state.state;
  work.journal('order', { cancel: found.side.pair, from: user.number }, user.id);
  advance(flow, work, found, { type: 'cancel' });
  if (before !== 'held') notify(flow, work, user, 'cancel-asked', { ref: found.side.ref });
  return true;
}

/** Only what this user ordered: what it was asked is answered, not cancelled. */
function byRef(work: Work, user: User, ref: string): readonly PairSide[] {
  const named = work.get(refTable, `${user.id}!${ref}`);
  const found = named === undefined ? undefined : loadSide(work, named.pair, named.leg);
  return found?.side.role === 'initiator' ? [found] : [];
}

function openOrders(flow: FlowContext, work: Work, user: User): readonly PairSide[] {
  return [...flow.open.sidesOf(user.id)].flatMap(({ pair, leg }) => {
    const found = loadSide(work, pair, leg);
    const cancellable = found?.side.role === 'initiator' && !isFinal(found.state) && !found.state.cancelAsked;
    return cancellable ? [found] : [];
  });
}
