/**
 * Windows that are closed by the clock: with each counterparty that the configuration names, once in each period. Periods are
 * counted from 1970 in UTC, so that a day ends at midnight. The operator with the lower id proposes; at the other, nothing
 * follows from the same configuration.
 */
import { TandemError } from '../../errors.ts';
import type { OperatorId, UnixMillis } from '../../model/ids.ts';
import { table } from '../../store/store.ts';
import type { FlowContext } from '../context.ts';
import { closeWindow } from './close.ts';
import { lastWindow } from './window.ts';

/** When a period was last dealt with: first seen, closed, or found to have nothing to close. Key: `<peer>`. */
export const windowScheduleTable = table<UnixMillis>('window-schedule');

/** Called by the clock. What cannot be now is tried again at the next call. */
export async function closeByClock(flow: FlowContext): Promise<void> {
  const { self, auditLog, chainView, open, engine, config } = flow;
  if (auditLog === undefined || !chainView.caughtUp || open.halted) return;
  for (const [id, seconds] of Object.entries(config.settlement.everySeconds)) {
    const peer = Number(id) as OperatorId;
    if (self >= peer) continue;
    const periodOf = (at: UnixMillis): number => Math.floor(at / (seconds * 1000));
    const now = periodOf(engine.clock.now());
    const dealt = engine.newest.get(windowScheduleTable, id);
    if (dealt !== undefined && periodOf(dealt) === now) continue;
    const last = lastWindow(engine.newest, peer);
    // Staff may have closed one in this period.
    const closed = last !== undefined && periodOf(last.opened) === now;
    if (!closed && (last?.state === 'proposed' || last?.state === 'signed')) continue;
    if (closed || dealt === undefined || (await close(flow, peer))) {
      await engine.run((work) => {
        work.put(windowScheduleTable, id, work.now);
      });
    }
  }
}

/** Whether this period is dealt with. */
async function close(flow: FlowContext, peer: OperatorId): Promise<boolean> {
  try {
    await closeWindow(flow, peer, 'clock');
    return true;
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    // Nothing has moved: there is no window of this period.
    if (error.code === 'unprocessable') return true;
    // An operator that is not admitted yet, a chain that is being caught up with: another time.
    if (error.retryable || error.code === 'conflict' || error.code === 'not-found') return false;
    throw error;
  }
}
