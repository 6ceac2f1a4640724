/** What happens because time has passed. The clock only schedules; it never ends a pair that is signed (rule 3). */
import type { Leg, PairId } from '../model/ids.ts';
import type { FlowContext } from './context.ts';
import { advance } from './flow.ts';
import { loadSide } from './pair.ts';

const maxAtOnce = 500;

/** Proposals without an answer, and held pairs that no batch came for, after `proposalTimeout`. */
export async function lapseProposals(flow: FlowContext): Promise<void> {
  const before = flow.engine.clock.now() - flow.config.timing.proposalTimeoutSeconds * 1000;
  const due: { readonly pair: PairId; readonly leg: Leg }[] = [];
  for (const side of flow.open.heldBefore(before)) {
    due.push(side);
    if (due.length === maxAtOnce) break;
  }
  if (due.length === 0) return;
  await flow.engine.run((work) => {
    for (const { pair, leg } of due) {
      const found = loadSide(work, pair, leg);
      if (found?.state.state === 'held' && !found.state.agreed) advance(flow, work, found, { type: 'lapsed' });
    }
  });
}
