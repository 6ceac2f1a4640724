/**
 * One JSON-RPC endpoint over HTTP. Calls that are made together travel together, as many in one request as the endpoint
 * takes; connections are kept alive by `fetch`. An endpoint that does not answer in time, or not in JSON-RPC, or that asks
 * to be left alone, is unavailable; one that answers a call with an error has answered.
 */
import type { Clock } from '../engine/clock.ts';
import type { TandemError } from '../errors.ts';
import { RpcAddress } from './address.ts';
import { BatchSize } from './batch-size.ts';
import { EndpointFault, exchange, refusal, type Bounds, type ExchangeOptions } from './exchange.ts';
import { readAnswers, saysRateLimit, saysTooMuch, type Answers, type RpcReply } from './replies.ts';

export type { RpcReply } from './replies.ts';

export interface EndpointOptions {
  readonly url: string;
  readonly clock: Clock;
  /** From the request to the end of the answer. */
  readonly timeoutMillis: number;
  readonly fetchOver: typeof fetch;
}

const maxRequestsAtOnce = 4;
const mebibyte = 1024 * 1024;
/** The most bytes of the answer to one request. */
const maxAnswerBytes = 16 * mebibyte;

/** What the answer to a call may be like: a number, or what grows with blocks and contracts. */
const small: Bounds = { bytes: 65_536, marks: 64 };
const large: Bounds = { bytes: 4 * mebibyte, marks: 4096 };
const answersSmall: ReadonlySet<string> = new Set([
  'eth_blockNumber',
  'eth_chainId',
  'eth_estimateGas',
  'eth_gasPrice',
  'eth_getBalance',
  'eth_getTransactionCount',
  'eth_maxPriorityFeePerGas',
  'eth_sendRawTransaction',
]);

interface Pending {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (fault: TandemError) => void;
}

export class Endpoint {
  /** Host and port: the rest of a URL may hold a secret. */
  readonly name: string;
  readonly #exchange: ExchangeOptions;
  readonly #size: BatchSize;
  #waiting: Pending[] = [];
  #scheduled = false;
  #requests = 0;
  #lastId = 0;

  /** `name` where several endpoints have one host. */
  constructor({ url, clock, timeoutMillis, fetchOver }: EndpointOptions, name?: string) {
    const address = new RpcAddress(url, name);
    this.name = address.name;
    this.#exchange = { address, clock, timeoutMillis, fetchOver };
    this.#size = new BatchSize(clock);
  }

  /** @throws {EndpointFault} when there is no answer, or none that can be understood. */
  call(method: string, params: readonly unknown[]): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      this.#waiting.push({ id: this.#lastId, method, params, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // After this turn, so that what is asked together travels together.
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#requests < maxRequestsAtOnce) {
      void this.#send(this.#waiting.splice(0, this.#size.now));
    }
  }

  async #send(calls: readonly Pending[]): Promise<void> {
    this.#requests += 1;
    try {
      this.#settle(calls, await this.#ask(calls));
    } catch (error) {
      this.#failed(calls, error);
    } finally {
      this.#requests -= 1;
      this.#flush();
    }
  }

  async #ask(calls: readonly Pending[]): Promise<Answers> {
    const bodies = calls.map(({ id, method, params }) => ({ jsonrpc: '2.0', id, method, params }));
    const body = JSON.stringify(bodies.length === 1 ? bodies[0] : bodies);
    const { ok, status, headers, text } = await exchange(this.#exchange, body, boundsOf(calls));
    const ids = calls.map(({ id }) => id);
    if (ok) return readAnswers(this.#exchange.address, text, ids);
    // Some give the error of a call an HTTP status as well: an answer all the same, if it is one to this call alone.
    const answers = calls.length === 1 ? answersIn(this.#exchange, text, ids) : undefined;
    if (answers === undefined) throw refusal(this.#exchange, { status, headers }, text);
    return answers;
  }

  #settle(calls: readonly Pending[], { replies, refused }: Answers): void {
    if (refused !== undefined) throw this.#wholeRefused(refused, calls);
    const left: Pending[] = [];
    let limit: EndpointFault | undefined;
    for (const call of calls) {
      const reply = replies.get(call.id);
      if (reply === undefined || (!reply.ok && calls.length > 1 && saysTooMuch(reply))) left.push(call);
      else if (!reply.ok && saysRateLimit(reply)) {
        limit ??= this.#fault(`"${reply.message}"`, { refuses: { limit: true } });
        call.reject(limit);
      } else call.resolve(reply);
    }
    if (left.length === 0) {
      this.#size.worked(calls.length);
      return;
    }
    if (calls.length > 1) {
      this.#again(left, calls.length);
      return;
    }
    const others = [...replies.keys()].join(', ');
    const found = others === '' ? 'the answer is an empty list' : `the answer is to other ids (${others})`;
    for (const call of left) call.reject(this.#fault(`no answer to ${call.method}: ${found}`));
  }

  #wholeRefused(refused: RpcReply & { readonly ok: false }, calls: readonly Pending[]): EndpointFault {
    const limit = saysRateLimit(refused) && !saysTooMuch(refused);
    const said = `answered ${calls.length} calls in one request with "${refused.message}"`;
    return this.#fault(said, limit ? { refuses: { limit } } : { smaller: 'now' });
  }

  #failed(calls: readonly Pending[], error: unknown): void {
    const fault =
      error instanceof EndpointFault ? error : this.#fault('the answer could not be read', { cause: error });
    if (fault.smaller === 'now' && calls.length > 1) {
      this.#again(calls, calls.length);
      return;
    }
    if (fault.smaller === 'now' && this.#size.now === 1) this.#size.innocent();
    else if (fault.smaller === 'next') this.#size.failed(calls.length);
    // What waits would go the same way: it is told at once, and the endpoint is not asked more for nothing.
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of [...calls, ...waiting]) call.reject(fault);
  }

  /** In smaller requests, before what waits. */
  #again(calls: readonly Pending[], asked: number): void {
    this.#size.refused(asked);
    this.#waiting.unshift(...calls);
  }

  #fault(what: string, details: ConstructorParameters<typeof EndpointFault>[2] = {}): EndpointFault {
    return new EndpointFault(this.name, what, details);
  }
}

function boundsOf(calls: readonly Pending[]): Bounds {
  const each = calls.map(({ method }) => (answersSmall.has(method) ? small : large));
  const sum = (of: (bounds: Bounds) => number): number => each.reduce((total, bounds) => total + of(bounds), 0);
  return {
    bytes: Math.min(
      maxAnswerBytes,
      sum(({ bytes }) => bytes),
    ),
    marks: sum(({ marks }) => marks),
  };
}

/** Undefined for what is no error that names the call asked for. */
function answersIn({ address }: ExchangeOptions, text: string, ids: readonly number[]): Answers | undefined {
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    const answers = readAnswers(address, text, ids);
    return ids.some((own) => String(own) === String(id) && answers.replies.get(own)?.ok === false)
      ? answers
      : undefined;
  } catch {
    return undefined;
  }
}
