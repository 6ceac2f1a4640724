/** The way back in: everything a node does next follows from what it has stored (protocol §3, rule 5). */
import type { FlowContext } from './context.ts';

/** Rebuilds what is under way from the store, before anything comes in or goes out. */
export async function recover(flow: FlowContext): Promise<void> {
  await flow.open.load(flow.engine.store, (side, state) => {
    if (side.role === 'initiator' && state.state === 'held' && state.agreed) {
      flow.open.sideLeftHeld(side.pair, side.leg);
      flow.open.waits(side.peer, side.deadline, side.pair);
    }
    flow.submitter.sideFound(side, state);
  });
  await flow.submitter.load(flow);
  await flow.caps.load(flow.engine.store);
  await flow.windows.load(flow);
  await flow.requests.load(flow);
  await flow.engine.recover();
}
