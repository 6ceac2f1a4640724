/**
 * One JSON-RPC endpoint over HTTP. Calls that are made together travel as one JSON-RPC batch; connections are kept alive
 * by `fetch`. An endpoint that does not answer in time, or not in JSON-RPC, is unavailable; one that answers with an error
 * has answered.
 */
import { z } from 'zod';
import type { Clock } from '../engine/clock.ts';
import { TandemError } from '../errors.ts';

export type RpcReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly data: unknown };

export interface EndpointOptions {
  readonly url: string;
  readonly clock: Clock;
  /** From the request to the end of the answer. */
  readonly timeoutMillis: number;
  readonly fetchOver: typeof fetch;
}

/** Calls in one HTTP request; common endpoints take 100 to 1,000. */
const maxCallsPerRequest = 100;

const replySchema = z.object({
  id: z.number(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});

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
  readonly #options: EndpointOptions;
  #waiting: Pending[] = [];
  #lastId = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.name = new URL(options.url).host;
  }

  /** @throws {TandemError} `chain-unavailable` when there is no answer, or none that can be understood. */
  call(method: string, params: readonly unknown[]): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      this.#waiting.push({ id: this.#lastId, method, params, resolve, reject });
      // After this turn, so that what is asked together travels together.
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += maxCallsPerRequest) {
      void this.#send(waiting.slice(from, from + maxCallsPerRequest));
    }
  }

  async #send(calls: readonly Pending[]): Promise<void> {
    try {
      const replies = await this.#exchange(calls);
      for (const call of calls) {
        const reply = replies.get(call.id);
        if (reply === undefined) call.reject(this.#unavailable(`no answer to ${call.method} among those that came`));
        else call.resolve(reply);
      }
    } catch (cause) {
      const methods = [...new Set(calls.map(({ method }) => method))].join(', ');
      const fault = cause instanceof TandemError ? cause : this.#unavailable(`${reasonOf(cause)} (${methods})`, cause);
      for (const call of calls) call.reject(fault);
    }
  }

  async #exchange(calls: readonly Pending[]): Promise<ReadonlyMap<number, RpcReply>> {
    const { url, clock, timeoutMillis, fetchOver } = this.#options;
    const bodies = calls.map(({ id, method, params }) => ({ jsonrpc: '2.0', id, method, params }));
    const controller = new AbortController();
    const cancel = clock.after(timeoutMillis, () => {
      controller.abort(this.#unavailable(`no answer within ${timeoutMillis} ms`));
    });
    try {
      const response = await fetchOver(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(bodies.length === 1 ? bodies[0] : bodies),
        signal: controller.signal,
      });
      if (!response.ok) throw this.#unavailable(`answered with HTTP ${response.status}`);
      const answer: unknown = await response.json();
      return this.#understand(Array.isArray(answer) ? answer : [answer]);
    } finally {
      cancel();
    }
  }

  #understand(answers: readonly unknown[]): ReadonlyMap<number, RpcReply> {
    const replies = new Map<number, RpcReply>();
    for (const answer of answers) {
      const parsed = replySchema.safeParse(answer);
      if (!parsed.success) throw this.#unavailable('the answer is not JSON-RPC');
      const { id, result, error } = parsed.data;
      replies.set(
        id,
        error === undefined
          ? { ok: true, result }
          : { ok: false, code: error.code, message: error.message, data: error.data },
      );
    }
    return replies;
  }

  #unavailable(what: string, cause?: unknown): TandemError {
    return new TandemError('chain-unavailable', `RPC endpoint ${this.name}: ${what}`, {
      cause,
      facts: { endpoint: this.name },
    });
  }
}

/** `fetch` hides the reason (`ECONNREFUSED`) in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
