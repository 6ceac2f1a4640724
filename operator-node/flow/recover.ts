/** The way back in: everything a node does next follows from what it has stored (protocol §3, rule 5). */
import type { FlowContext } from './context.ts';
import { sideStateTable, sideTable } from './pair.ts';

/** What is kept in memory is an index of the store: from now on it hears of every committed write. */
export function followStore(flow: FlowContext): void {
  const { engine, open, decisions } = flow;
  open.follow(engine);
  engine.follow(sideStateTable, (key, state) => {
    const side = engine.newest.get(sideTable, key);
    if (side !== undefined && state !== undefined) decisions.sideFound(side, state);
  });
}

/** Rebuilds what is under way from the store, before anything comes in or goes out. */
export async function recover(flow: FlowContext): Promise<void> {
  await flow.open.load(flow.engine.store, (side, state) => {
    flow.decisions.sideFound(side, state);
  });
  await flow.duties.load();
  await flow.caps.load(flow.engine.store);
  await flow.windows.load();
  await flow.requests.load();
  await flow.engine.recover();
}
