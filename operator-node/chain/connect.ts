/** The endpoints of one network: what each has to show before it is believed. */
import { keccak256 } from 'ethers';
import type { Clock } from '../engine/clock.ts';
import { pinnedBlockOf, pinnedName, type Network } from '../model/records.ts';
import { Endpoint } from './endpoint.ts';
import { Endpoints, type NetworkCheck, type Said } from './endpoints.ts';
import { EndpointFault } from './exchange.ts';
import { ask, hexNumber, rpcBlock, rpcCount, rpcHex, rpcQuantity } from './wire.ts';

export interface ConnectOptions {
  readonly network: Network;
  readonly urls: readonly string[];
  readonly clock: Clock;
  /** Default 5,000. */
  readonly timeoutMillis?: number;
  readonly fetchOver?: typeof fetch;
}

/** Asks nothing yet. */
export function connect(options: ConnectOptions): Endpoints {
  const { clock, timeoutMillis = 5_000, fetchOver = fetch, urls } = options;
  const endpoints = urls.map((url, at) => new Endpoint({ url, clock, timeoutMillis, fetchOver }, nameOf(urls, at)));
  return new Endpoints(endpoints, networkCheck(options.network), clock);
}

/** The host; where several have the same one, also which of them: a provider may give each key a path of its own. */
function nameOf(urls: readonly string[], at: number): string {
  const hosts = urls.map((url) => new URL(url).host);
  const host = hosts[at] ?? '';
  const before = hosts.slice(0, at).filter((other) => other === host).length;
  return hosts.filter((other) => other === host).length === 1 ? host : `${host} (${before + 1})`;
}

/** Chain id, the pinned block and the code at each address must be those of network.json. */
function networkCheck(network: Network): NetworkCheck {
  const { contracts, codeHashes, chainId, firstBlock } = network;
  const pinned = pinnedBlockOf(network);
  const codes = (['OperatorRegistry', 'PairSettlement', 'AuditLog'] as const).flatMap((name) => {
    const [at, hash] = [contracts[name], codeHashes[name]];
    return at === undefined || hash === undefined ? [] : [{ name, at, hash }];
  });
  return async (endpoint) => {
    const [foundChain, foundPinned, newest, ...foundCodes] = await Promise.all([
      ask(endpoint, 'eth_chainId', [], rpcQuantity),
      ask(endpoint, 'eth_getBlockByNumber', [hexNumber(pinned.number), false], rpcBlock),
      ask(endpoint, 'eth_blockNumber', [], rpcCount),
      ...codes.map(({ at }) => ask(endpoint, 'eth_getCode', [at, 'latest'], rpcHex)),
    ]);
    const known = <T>(said: Said<T>, what: string): T => {
      if ('value' in said) return said.value;
      throw new EndpointFault(endpoint.name, `${what}: ${said.unknown}`);
    };
    const differs = (what: string, found: string, expected: string): string | undefined =>
      found === expected ? undefined : `${what} is ${found}, network.json says ${expected}`;
    const id = known(foundChain, 'its chain id').toString();
    if (id !== chainId) return differs('the chain id', id, chainId);
    const height = known(newest, 'its newest block');
    const { hash } = known(foundPinned, `block ${pinned.number}, which network.json pins`);
    const wrong = differs(`the hash of the ${pinnedName(pinned)}`, hash, pinned.hash);
    if (wrong !== undefined) return wrong;
    for (const [index, { name, hash: expected }] of codes.entries()) {
      const code = known(foundCodes[index] ?? { unknown: 'not asked' }, `the code of ${name}`);
      // One that is still loading the chain is no wrong one.
      if (code === '0x' && height < firstBlock) {
        throw new EndpointFault(
          endpoint.name,
          `it is only at block ${height}, and this network begins at ${firstBlock}`,
        );
      }
      const other = differs(`the code hash of ${name}`, keccak256(code), expected);
      if (other !== undefined) return other;
    }
    return undefined;
  };
}
