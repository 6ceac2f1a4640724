/**
 * What a restored initiator's store has in no batch, and no peer has in one (rule 11): it is given up. It may have been given
 * up before, its user told so and the withdrawal lost with the store; put into a batch now, it could be debited after all.
 */
import type { FlowContext } from '../flow/context.ts';
import { advance } from '../flow/flow.ts';
import { loadSide, openSideTable } from '../flow/pair.ts';
import type { PairId } from '../model/ids.ts';
import { noteLost } from './state.ts';

const pairsAtOnce = 500;

export async function giveUpUnbatched(flow: FlowContext): Promise<void> {
  const { engine } = flow;
  const due: PairId[] = [];
  for await (const [key] of engine.store.scan(openSideTable)) {
    const pair = key.slice(0, key.indexOf('!')) as PairId;
    const found = key.endsWith('!first') ? loadSide(engine.newest, pair, 'first') : undefined;
    if (found?.state.state === 'held' && found.state.batch === undefined) due.push(pair);
  }
  for (let start = 0; start < due.length; start += pairsAtOnce) {
    await engine.run((work) => {
      for (const pair of due.slice(start, start + pairsAtOnce)) {
        const found = loadSide(work, pair, 'first');
        if (found?.state.state !== 'held') continue;
        const says = 'ordered before the backup, in no batch then or since: given up, and its user is told';
        noteLost(work, { what: 'pair', id: pair, peer: found.side.peer, says });
        advance(flow, work, found, { type: 'lapsed' });
      }
    });
  }
}
