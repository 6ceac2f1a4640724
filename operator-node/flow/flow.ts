/**
 * THE MAIN PATH. A message on its way, in the order of the files:
 *
 *   receive    a message comes in: pass it on, or look at it
 *   order      what it means: two operations; the first is held, the pair begins
 *   propose    the peer holds the second, or refuses
 *   batches    pairs in batches, both signatures
 *   steps      what is done when something happens to one side of a pair (ask, accept, decline, execute, release …)
 *   answer     the second user's yes or no
 *   submit     batches, decisions and attestations to the chain
 *   blocks     what the chain says, back to the pairs
 *   attest     what was executed, told by the ledger
 *   tell       words to users
 *
 *   cancel, refund, account   what else a user can ask for
 *   recover                   the way back in
 *
 * The whole of a side's life is a table: for each role and state, what each event does, where to, and what is sent
 * (`table-initiator.ts`, `table-acceptor.ts`). A cell that is no step says why. Below is the only way to move a side.
 */
import { assertListed, watched } from '../engine/state-table.ts';
import type { Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { legOf, type Role } from '../model/ids.ts';
import type { FlowContext } from './context.ts';
import { noteImpossible } from './note-fault.ts';
import { loadSide, openSideTable, sideKey, sideStateTable, type PairSide, type SideState } from './pair.ts';
import type { EventOf, NextSide, SideCell, SideEvent, SideEventName } from './side-events.ts';
import { acceptorTable } from './table-acceptor.ts';
import { initiatorTable, type RoleTable } from './table-initiator.ts';

export type SideMachine = Readonly<Record<Role, RoleTable>>;

export const sideMachine: SideMachine = { initiator: initiatorTable, acceptor: acceptorTable };

export type Advance = 'done' | 'ignored' | 'fault';

/** One event of one side: looks the cell up, does what it says, and moves the side to where it went. */
export function advance<T extends SideEventName>(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<T>,
): Advance {
  const { side, state } = found;
  const name: T = event.type;
  const cell: SideCell<T> = flow.machines.side[side.role][state.state][name];
  if ('ignore' in cell) return 'ignored';
  if ('fault' in cell) {
    const { pair, leg, role, peer } = side;
    noteImpossible(work, cell, { peer, pair, leg, role, state: state.state, event: name });
    return 'fault';
  }
  const { sent, ...eye } = watched(work);
  const next = cell.does(flow, eye.work, found, event);
  const decision = isDecided(next) && !isDecided(state) ? ['decision'] : [];
  assertListed(`${side.role} ${state.state} ${name}`, cell, next.state, [...sent, ...decision]);
  move(work, found, next);
  return 'done';
}

const isDecided = ({ state }: Pick<SideState, 'state'>): boolean => state === 'accepted' || state === 'declined';

/** What is not named stays as it was. */
function move(work: Work, { side, state }: PairSide, change: NextSide): void {
  const next: SideState = { ...state, ...change, since: work.now };
  const key = sideKey(side.pair, side.leg);
  work.put(sideStateTable, key, next);
  if (next.told) work.del(openSideTable, key);
  else if (state.told) work.put(openSideTable, key, side.deadline);
}

/** The same, for a side that is known to be there by its role. */
export function advancePair(
  flow: FlowContext,
  work: Work,
  pair: PairSide['side']['pair'],
  role: Role,
  event: SideEvent,
): Advance {
  const found = loadSide(work, pair, legOf(role));
  if (found === undefined) throw new TandemError('internal', `Pair ${pair} is not in this store as ${role}.`);
  return advance(flow, work, found, event);
}
