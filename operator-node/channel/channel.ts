/**
 * The port between operators: request and answer over the secure channel (protocol §6). The same request twice has one
 * effect and one answer. Adapters: `channel/https.ts` (mutual TLS) and `channel/loopback.ts` (on-us pairs).
 */
import type { OperatorId } from '../model/ids.ts';
import type { Answer, Method, Request } from './messages.ts';

export interface Channel {
  /**
   * @throws {TandemError} `peer-unavailable` when there was no answer (whether the peer acted is unknown: ask again);
   *   `too-busy` likewise, to be asked again later; `bad-request` and the like when the peer refused the request itself
   *   (the fact `path` says where its form is wrong: `['proposals', 17, 'note']`); `unprocessable` when its answer is not
   *   of the schema, or is none to this request.
   */
  call<M extends Method>(peer: OperatorId, method: M, request: Request<M>): Promise<Answer<M>>;
  close(): Promise<void>;
}

/** What a node answers its peers; `from` is who the TLS key says it is, checked before anything is read. */
export type PeerHandlers = {
  readonly [M in Method]: (from: OperatorId, request: Request<M>) => Promise<Answer<M>>;
};
