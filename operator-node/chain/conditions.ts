/** States of the chain that are alarms while they last: an unreadable block, registry or operator's entry. */
import type { Alarms } from '../alarms/alarms.ts';
import type { OperatorEntry } from './chain.ts';
import { maxRegistryAgeMillis, type RegistryStatus } from './peers.ts';
import type { ChainWatcher } from './watcher.ts';

export interface ChainConditions {
  readonly alarms: Pick<Alarms, 'set'>;
  readonly watcher: Pick<ChainWatcher, 'unreadable' | 'status'>;
  readonly registry: RegistryStatus;
  readonly operators: readonly OperatorEntry[];
}

/** At every look at the chain, and by the clock. */
export function watchChain({ alarms, watcher, registry, operators }: ChainConditions): void {
  const { unreadable } = watcher;
  const next = (watcher.status.cursor?.number ?? 0) + 1;
  alarms.set('block-unreadable', unreadable !== undefined, { block: next, detail: unreadable ?? '' });
  const seconds = Math.round(registry.ageMillis / 1000);
  alarms.set('registry-not-read', registry.ageMillis > maxRegistryAgeMillis, {
    seconds,
    detail: registry.trouble ?? '',
  });
  for (const { id, unreadable: fields = [] } of operators) {
    alarms.set('operator-unreadable', fields.length > 0, { operator: id, detail: fields.join(', ') }, `${id}`);
  }
}
