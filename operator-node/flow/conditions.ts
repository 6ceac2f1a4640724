/** States of this node that are alarms while they last; checked at intervals. */
import type { FlowContext } from './context.ts';

export function watchConditions(flow: FlowContext): void {
  const { alarms, gas, open, room, chainView, peers, self } = flow;
  gas.look(flow);
  const { short, freeBytes = 0, minFreeBytes } = room;
  alarms.set('disk-nearly-full', short, { freeBytes, minFreeBytes });
  alarms.set('halted', open.halted);
  alarms.set('chain-stalled', chainView.standsStill, { seconds: Math.round((chainView.ageMillis ?? 0) / 1000) });
  const own = peers.get(self)?.status ?? 'unknown';
  alarms.set('own-standing', own !== 'active', { operator: self, standing: own }, '');
  for (const { id, status } of peers.all()) {
    if (id === self) continue;
    alarms.set('peer-standing', status !== 'active', { operator: id, standing: status }, String(id));
  }
}
