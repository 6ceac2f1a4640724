/** CANCEL: the first user takes a pair back before the second has accepted. */
import type { Work } from '../engine/engine.ts';
import type { User } from '../users/user.ts';
import { refTable } from './account.ts';
import type { FlowContext } from './context.ts';
import { advance } from './flow.ts';
import { isFinal, loadSide, type PairSide } from './pair.ts';
import { notify } from './tell.ts';

/** True if there was something to cancel: it is given up, or the acceptor is being asked. */
export function cancelPair(flow: FlowContext, work: Work, user: User, ref: string | undefined): boolean {
  const found = ref === undefined ? onlyOpen(flow, work, user) : byRef(work, user, ref);
  if (found === 'several') {
    notify(flow, work, user, 'cancel-which');
    return false;
  }
  if (found === undefined || found.side.role !== 'initiator') {
    notify(flow, work, user, 'cancel-none');
    return false;
  }
  if (isFinal(found.state)) {
    notify(flow, work, user, found.state.state === 'committed' ? 'cancel-too-late' : 'cancel-none', { ref: found.side.ref, to: found.side.otherName });
    return false;
  }
  const before = found.state.state;
  work.journal('order', { cancel: found.side.pair, from: user.number });
  advance(flow, work, found, { type: 'cancel' });
  if (before !== 'held') notify(flow, work, user, 'cancel-asked', { ref: found.side.ref, to: found.side.otherName });
  return true;
}

function byRef(work: Work, user: User, ref: string): PairSide | undefined {
  const named = work.get(refTable, `${user.id}!${ref}`);
  return named === undefined ? undefined : loadSide(work, named.pair, named.leg);
}

function onlyOpen(flow: FlowContext, work: Work, user: User): PairSide | 'several' | undefined {
  const open: PairSide[] = [];
  for (const { pair, leg } of flow.open.sidesOf(user.id)) {
    const found = loadSide(work, pair, leg);
    if (found !== undefined && found.side.role === 'initiator' && !isFinal(found.state) && !found.state.cancelAsked) open.push(found);
  }
  return open.length > 1 ? 'several' : open[0];
}
