/** Peers as this node reaches them: over a private line of its own where it has one, else where the registry says. */
import type { OperatorEntry, PeerRegistry } from '../chain/chain.ts';
import type { OperatorId } from '../model/ids.ts';

/** `routes`: endpoints by operator id. Keys and standing are the registry's as ever. */
export function withRoutes(peers: PeerRegistry, routes: Readonly<Record<string, string>>): PeerRegistry {
  if (Object.keys(routes).length === 0) return peers;
  const routed = (entry: OperatorEntry): OperatorEntry => {
    const endpoint = routes[String(entry.id)];
    return endpoint === undefined ? entry : { ...entry, endpoint };
  };
  return {
    get: (id: OperatorId) => {
      const entry = peers.get(id);
      return entry === undefined ? undefined : routed(entry);
    },
    byPin: (pin) => peers.byPin(pin).map(routed),
    all: () => peers.all().map(routed),
    onChange: (listener) => {
      peers.onChange(listener);
    },
    refresh: () => peers.refresh(),
  };
}
