/** The endpoints of one network: what each has to show before it is believed. */
import { keccak256 } from 'ethers';
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';
import type { Network } from '../model/records.ts';
import { Endpoint } from './endpoint.ts';
import { Endpoints, type NetworkCheck } from './endpoints.ts';
import { ask, rpcBlock, rpcHex, rpcQuantity } from './wire.ts';

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
  const { clock, timeoutMillis = 5_000, fetchOver = fetch } = options;
  const endpoints = options.urls.map((url) => new Endpoint({ url, clock, timeoutMillis, fetchOver }));
  return new Endpoints(endpoints, networkCheck(options.network), clock);
}

/** Chain id, genesis hash and the code at each address must be those of network.json. */
export function networkCheck(network: Network): NetworkCheck {
  const { contracts, codeHashes, genesisHash } = network;
  const { AuditLog } = contracts;
  return async (endpoint) => {
    const [chainId, genesis, registryCode, settlementCode, auditLogCode] = await Promise.all([
      ask(endpoint, 'eth_chainId', [], rpcQuantity),
      ask(endpoint, 'eth_getBlockByNumber', ['0x0', false], rpcBlock),
      ask(endpoint, 'eth_getCode', [contracts.OperatorRegistry, 'latest'], rpcHex),
      ask(endpoint, 'eth_getCode', [contracts.PairSettlement, 'latest'], rpcHex),
      AuditLog === undefined ? undefined : ask(endpoint, 'eth_getCode', [AuditLog, 'latest'], rpcHex),
    ]);
    for (const said of [chainId, genesis, registryCode, settlementCode, auditLogCode]) {
      if (said !== undefined && 'unknown' in said)
        throw new TandemError('chain-unavailable', `RPC endpoint ${endpoint.name}: ${said.unknown}`);
    }
    const compare = (what: string, found: string | undefined, expected: string): string | undefined =>
      found === expected ? undefined : `${what} is ${found}, network.json says ${expected}`;
    const value = <T>(said: { readonly value: T } | { readonly unknown: string }): T | undefined =>
      'value' in said ? said.value : undefined;
    return (
      compare('the chain id', value(chainId)?.toString(), network.chainId) ??
      compare('the genesis hash', value(genesis)?.hash, genesisHash) ??
      compare(
        'the code hash of OperatorRegistry',
        keccak256(value(registryCode) ?? '0x'),
        codeHashes.OperatorRegistry,
      ) ??
      compare('the code hash of PairSettlement', keccak256(value(settlementCode) ?? '0x'), codeHashes.PairSettlement) ??
      (auditLogCode === undefined || codeHashes.AuditLog === undefined
        ? undefined
        : compare('the code hash of AuditLog', keccak256(value(auditLogCode) ?? '0x'), codeHashes.AuditLog))
    );
  };
}
