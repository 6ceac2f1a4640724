/** A provider of ethers for commands and scripts, which send from a key once; a node has `RpcReader` and `RpcWriter`. */
import {
  JsonRpcProvider,
  type JsonRpcApiProviderOptions,
  type JsonRpcError,
  type JsonRpcPayload,
  type JsonRpcResult,
  type Networkish,
} from 'ethers';
import { systemClock } from '../engine/clock.ts';
import { RpcAddress } from './address.ts';
import { EndpointFault, exchange, patiently, refusal, type ExchangeOptions } from './exchange.ts';

const mebibyte = 1024 * 1024;
/** A command asks little, but logs of all blocks among it. */
const bounds = { bytes: 64 * mebibyte, marks: 65_536 } as const;
const timeoutMillis = 60_000;

/** User and password of the URL go into a header, and no error names more of it than the host. */
class ConcealingProvider extends JsonRpcProvider {
  readonly #options: ExchangeOptions;

  constructor(address: RpcAddress, network?: Networkish, options?: JsonRpcApiProviderOptions) {
    super(address.url, network, options);
    this.#options = { address, clock: systemClock, timeoutMillis, fetchOver: fetch };
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    const answer = await patiently(systemClock, () => exchange(this.#options, JSON.stringify(payload), bounds));
    let value: unknown;
    try {
      value = JSON.parse(answer.text);
    } catch {
      if (!answer.ok) throw refusal(this.#options, answer, answer.text);
      const words = this.#options.address.conceal(answer.text.slice(0, 1000));
      throw new EndpointFault(this.#options.address.name, `the answer is not JSON: "${words}"`);
    }
    const results = (Array.isArray(value) ? value : [value]) as (JsonRpcResult | JsonRpcError)[];
    return results.map((result) => this.#hidden(result)) as JsonRpcResult[];
  }

  /** An endpoint may repeat what it was asked with. */
  #hidden(result: JsonRpcResult | JsonRpcError): JsonRpcResult | JsonRpcError {
    if (!('error' in result) || typeof result.error.message !== 'string') return result;
    return { ...result, error: { ...result.error, message: this.#options.address.hide(result.error.message) } };
  }
}

export const providerOf = (url: string, network?: Networkish, options?: JsonRpcApiProviderOptions): JsonRpcProvider =>
  new ConcealingProvider(new RpcAddress(url), network, options);
