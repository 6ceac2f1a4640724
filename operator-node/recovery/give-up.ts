/**
 * What a restored initiator's store has in no batch, and no peer has in one (rule 11): it is given up. It may have been given
 * up before, its user told so and the withdrawal lost with the store; put into a batch now, it could be debited after all.
 *
 * Where staff went on without a peer, or both sides were of this store, the chain can have a batch that nobody can open: what
 * has the deadline of one with commits in it may have been committed there. Nothing more can be found out here: it is named.
 */
import type { FlowContext } from '../flow/context.ts';
import { advance } from '../flow/flow.ts';
import { loadSide, openSideTable, type Side } from '../flow/pair.ts';
import type { Leg, PairId } from '../model/ids.ts';
import { lostTable, noteLost, type Lost } from '../flow/past.ts';

const pairsAtOnce = 500;
const notSince = 'ordered before the backup, in no batch then or since: given up, and its user is told';

export async function giveUpUnbatched(flow: FlowContext): Promise<void> {
  const { engine } = flow;
  const unopened: Lost[] = [];
  for await (const [, lost] of engine.store.scan(lostTable)) if (lost.committed !== undefined) unopened.push(lost);
  const due: (readonly [PairId, Leg])[] = [];
  for await (const [key] of engine.store.scan(openSideTable)) {
    const [pair, leg] = key.split('!') as [PairId, Leg];
    const found = loadSide(engine.newest, pair, leg);
    if (found?.state.state !== 'held' || found.state.batch !== undefined) continue;
    // The acceptor's lapses by itself.
    if (leg === 'first' || batchOf(found.side, unopened) !== undefined) due.push([pair, leg]);
  }
  for (let start = 0; start < due.length; start += pairsAtOnce) {
    await engine.run((work) => {
      for (const [pair, leg] of due.slice(start, start + pairsAtOnce)) {
        const found = loadSide(work, pair, leg);
        if (found?.state.state !== 'held') continue;
        const { peer } = found.side;
        const batch = batchOf(found.side, unopened);
        if (batch === undefined) noteLost(work, { what: 'pair', id: pair, peer, says: notSince });
        else {
          const says = `it may be one of the ${batch.committed?.pairs ?? 0} pairs that the chain has committed in batch ${batch.id}, which nobody can open: given up here; settle it with operator ${peer} and this operator’s user`;
          const where = batch.batchId === undefined ? {} : { batchId: batch.batchId };
          noteLost(work, { what: 'pair', id: pair, peer, ...where, says });
        }
        // Nobody here knows whether the one of a batch that cannot be opened was paid.
        const notice = batch === undefined ? 'order-failed' : 'order-lost';
        if (leg === 'first') advance(flow, work, found, { type: 'lapsed', notice });
      }
    });
  }
}

/** All pairs of a batch have its deadline. */
const batchOf = ({ peer, role, deadline }: Side, unopened: readonly Lost[]): Lost | undefined =>
  unopened.find((lost) => lost.peer === peer && lost.committed?.role === role && lost.committed.deadline === deadline);
