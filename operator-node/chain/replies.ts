/**
 * What an answer says to each call of a request, as endpoints of all makes give it: with `error: null`, with ids as texts,
 * with errors that have no code, with one error for all calls. Anything else is said precisely.
 */
import type { RpcAddress } from './address.ts';
import { EndpointFault, messageIn } from './exchange.ts';

export type RpcReply =
  | { readonly ok: true; readonly result: unknown }
  /** `code` is undefined where the endpoint gives none. */
  | { readonly ok: false; readonly code: number | undefined; readonly message: string; readonly data: unknown };

export interface Answers {
  readonly replies: ReadonlyMap<number, RpcReply>;
  /** One error for the whole request. */
  readonly refused: (RpcReply & { readonly ok: false }) | undefined;
}

/** @throws {EndpointFault} for what is no JSON-RPC, saying what it is. */
export function readAnswers(address: RpcAddress, text: string, ids: readonly number[]): Answers {
  const reader = new AnswerReader(address);
  const value = reader.json(text);
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const replies = new Map<number, RpcReply>();
  let refused: Answers['refused'];
  for (const item of items) {
    const { id, reply } = reader.item(item);
    // An error without the id of a call, or one error for many calls: it is about the request.
    if (!reply.ok && (id === undefined || (items.length === 1 && ids.length > 1))) refused = reply;
    else if (id === undefined) throw reader.fault('an answer has no id');
    else if (!replies.has(id)) replies.set(id, reply);
  }
  const [only] = ids;
  if (refused !== undefined && ids.length === 1 && only !== undefined && !replies.has(only)) {
    return { replies: new Map([[only, refused]]), refused: undefined };
  }
  return { replies, refused };
}

class AnswerReader {
  readonly #address: RpcAddress;

  constructor(address: RpcAddress) {
    this.#address = address;
  }

  fault(what: string): EndpointFault {
    return new EndpointFault(this.#address.name, what, { smaller: 'now' });
  }

  json(text: string): unknown {
    if (text.trim() === '') throw this.fault('the answer is empty');
    try {
      return JSON.parse(text);
    } catch {
      throw this.fault(`the answer is not JSON: "${this.#address.conceal(text.slice(0, 1000))}"`);
    }
  }

  item(item: unknown): { readonly id: number | undefined; readonly reply: RpcReply } {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw this.fault(`the answer is not JSON-RPC: "${this.#address.conceal(JSON.stringify(item).slice(0, 1000))}"`);
    }
    const { id, result, error } = item as Readonly<Record<string, unknown>>;
    const reply: RpcReply = error === undefined || error === null ? { ok: true, result } : this.#failure(error);
    if (reply.ok && !('result' in item) && !('error' in item) && id === undefined) {
      const words = messageIn(item) ?? JSON.stringify(item).slice(0, 1000);
      throw this.fault(`the answer is not JSON-RPC: "${this.#address.conceal(words)}"`);
    }
    return { id: this.#id(id), reply };
  }

  #failure(error: unknown): RpcReply & { readonly ok: false } {
    const { code, data } = (typeof error === 'object' ? error : {}) as Readonly<Record<string, unknown>>;
    const number = typeof code === 'number' || typeof code === 'string' ? Number(code) : NaN;
    const words = messageIn(error) ?? JSON.stringify(error).slice(0, 1000);
    return {
      ok: false,
      code: Number.isFinite(number) ? number : undefined,
      message: this.#address.conceal(words),
      data,
    };
  }

  #id(id: unknown): number | undefined {
    if (id === undefined || id === null) return undefined;
    if (typeof id === 'number') return id;
    if (typeof id === 'string' && /^\d{1,15}$/.test(id)) return Number(id);
    throw this.fault(
      `an answer has the id ${this.#address.conceal(JSON.stringify(id).slice(0, 100))}, which is none that was asked with`,
    );
  }
}

/** By their words: the codes of limits are used for all sorts of things. */
export const saysTooMuch = ({ message }: { readonly message: string }): boolean =>
  /\bbatch|response (size|too large)|response is too (large|big)|too many (calls|rpc calls)/i.test(message);

export const saysRateLimit = ({
  code,
  message,
}: {
  readonly code: number | undefined;
  readonly message: string;
}): boolean =>
  code === 429 ||
  /rate.?limit|too many requests|throttl|quota|compute units|capacity exceeded|request count exceeded|requests per (second|minute|hour|day|month)/i.test(
    message,
  );
