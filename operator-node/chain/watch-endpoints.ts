/** Alarms about RPC endpoints: which of them contradicts the others, is silent, or serves another chain. */
import type { Alarms } from '../alarms/alarms.ts';
import type { EndpointStatus } from './endpoints.ts';

/** A restart of an endpoint, or a wait that it asked for, is nothing to call somebody for. */
const silentMillis = 60_000;

/** By the clock. */
export function watchEndpoints(alarms: Pick<Alarms, 'set'>, endpoints: readonly EndpointStatus[]): void {
  for (const { name: endpoint, state, detail, disagrees, silentMillis: silent = 0 } of endpoints) {
    alarms.set('endpoint-disagrees', disagrees !== undefined, { endpoint, detail: disagrees ?? '' }, endpoint);
    alarms.set('endpoint-silent', state === 'silent' && silent >= silentMillis, { endpoint, detail }, endpoint);
    alarms.set('endpoint-wrong-network', state === 'wrong-network', { endpoint, detail }, endpoint);
  }
}

/** In sentences, for `tandem doctor`. */
export function endpointFindings(endpoints: readonly EndpointStatus[]): readonly string[] {
  return endpoints.flatMap(({ name, state, detail, disagrees }) => [
    ...(disagrees === undefined ? [] : [`RPC endpoint ${name} says otherwise than the others about ${disagrees}`]),
    ...(state === 'silent' ? [`RPC endpoint ${name} does not answer: ${detail}`] : []),
    ...(state === 'wrong-network' ? [`RPC endpoint ${name} is on another network: ${detail}`] : []),
  ]);
}
