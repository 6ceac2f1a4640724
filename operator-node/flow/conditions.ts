/** What of this node's state is an alarm while it lasts; looked at by the clock. */
import type { FlowContext } from './context.ts';

export function watchConditions({ alarms, open, room }: FlowContext): void {
  const { short, freeBytes = 0, minFreeBytes } = room;
  alarms.set('disk-nearly-full', short, { freeBytes, minFreeBytes });
  alarms.set('halted', open.halted);
}
